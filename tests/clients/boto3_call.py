"""Make one call with boto3, in a process of its own: boto3_call.py SERVICE OPERATION PARAMETERS."""

import json
import sys

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

service, operation, parameters = sys.argv[1:]
try:
    call = getattr(boto3.client(service), xform_name(operation))
    answer = call(**json.loads(parameters))
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode()
except ClientError as error:
    told = error.response["Error"]
    answer = {"Error": [told["Code"], told["Message"]]}
json.dump(answer, sys.stdout, default=str)
