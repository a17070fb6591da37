"""moto is not disturbed: with policies off, services answer as they do without the simulator."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from moto import mock_aws

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Step = tuple[str, dict[str, Any]]

pytestmark = pytest.mark.long

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
)


def packed(code: str) -> bytes:
    """Return a zip file with a Lambda function's code, the same at every call."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), code)
    return packed.getvalue()


S3: list[Step] = [
    ("create_bucket", {"Bucket": "b"}),
    ("create_bucket", {"Bucket": "bucket"}),
    ("list_buckets", {}),
    ("put_object", {"Bucket": "bucket", "Key": "a/b c+d", "Body": b"x" * 70_000}),
    ("put_object", {"Bucket": "bucket", "Key": "é", "Body": b"", "ContentType": "text/plain"}),
    ("put_object", {"Bucket": "nowhere", "Key": "k", "Body": b""}),
    ("head_object", {"Bucket": "bucket", "Key": "a/b c+d"}),
    ("head_object", {"Bucket": "bucket", "Key": "none"}),
    ("get_object", {"Bucket": "bucket", "Key": "a/b c+d", "Range": "bytes=1-9"}),
    ("get_object", {"Bucket": "bucket", "Key": "none"}),
    ("copy_object", {"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/a/b c+d"}),
    ("list_objects_v2", {"Bucket": "bucket", "Prefix": "a/", "Delimiter": "/"}),
    ("list_objects", {"Bucket": "bucket", "EncodingType": "url"}),
    (
        "put_bucket_tagging",
        {"Bucket": "bucket", "Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}},
    ),
    ("get_bucket_tagging", {"Bucket": "bucket"}),
    ("get_bucket_policy", {"Bucket": "bucket"}),
    (
        "put_bucket_versioning",
        {"Bucket": "bucket", "VersioningConfiguration": {"Status": "Enabled"}},
    ),
    ("put_object", {"Bucket": "bucket", "Key": "é", "Body": b"second"}),
    ("list_object_versions", {"Bucket": "bucket", "Prefix": "é"}),
    ("get_bucket_location", {"Bucket": "bucket"}),
    ("get_bucket_acl", {"Bucket": "bucket"}),
    (
        "delete_objects",
        {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "copy"}, {"Key": "none"}]}},
    ),
    ("delete_object", {"Bucket": "bucket", "Key": "é"}),
    ("delete_bucket", {"Bucket": "bucket"}),
    ("delete_bucket", {"Bucket": "b"}),
]
IAM: list[Step] = [
    ("create_user", {"UserName": "bob", "Path": "/team/", "Tags": [{"Key": "k", "Value": "v"}]}),
    ("create_user", {"UserName": "bob"}),
    ("get_user", {"UserName": "bob"}),
    ("get_user", {"UserName": "nobody"}),
    ("list_users", {"PathPrefix": "/team/"}),
    ("create_group", {"GroupName": "team"}),
    ("add_user_to_group", {"GroupName": "team", "UserName": "bob"}),
    ("list_groups_for_user", {"UserName": "bob"}),
    ("create_policy", {"PolicyName": "p", "PolicyDocument": POLICY}),
    ("create_policy", {"PolicyName": "p", "PolicyDocument": "{"}),
    (
        "attach_user_policy",
        {"UserName": "bob", "PolicyArn": "arn:aws:iam::123456789012:policy/p"},
    ),
    ("list_attached_user_policies", {"UserName": "bob"}),
    ("put_user_policy", {"UserName": "bob", "PolicyName": "own", "PolicyDocument": POLICY}),
    ("get_user_policy", {"UserName": "bob", "PolicyName": "own"}),
    ("create_role", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}),
    ("get_role", {"RoleName": "r"}),
    ("list_roles", {}),
    ("create_access_key", {"UserName": "bob"}),
    ("list_access_keys", {"UserName": "bob"}),
    ("create_login_profile", {"UserName": "bob", "Password": "Passw0rd!"}),
    ("create_account_alias", {"AccountAlias": "alias"}),
    ("list_account_aliases", {}),
    ("create_instance_profile", {"InstanceProfileName": "i"}),
    ("remove_user_from_group", {"GroupName": "team", "UserName": "bob"}),
    ("update_user", {"UserName": "bob", "NewUserName": "rob"}),
    ("get_user", {"UserName": "rob"}),
    ("delete_role", {"RoleName": "r"}),
    ("delete_group", {"GroupName": "team"}),
]
ITEM = {"id": {"S": "1"}, "n": {"N": "2"}, "b": {"B": b"\x00\xff"}}
TABLE = {
    "TableName": "t",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
DYNAMODB: list[Step] = [
    ("create_table", TABLE),
    ("create_table", TABLE),
    ("list_tables", {}),
    ("describe_table", {"TableName": "t"}),
    ("describe_table", {"TableName": "none"}),
    ("put_item", {"TableName": "t", "Item": ITEM, "ReturnConsumedCapacity": "TOTAL"}),
    ("put_item", {"TableName": "t", "Item": {"n": {"N": "1"}}}),
    ("put_item", {"TableName": "none", "Item": ITEM}),
    ("get_item", {"TableName": "t", "Key": {"id": {"S": "1"}}}),
    ("get_item", {"TableName": "t", "Key": {"id": {"S": "2"}}}),
    (
        "put_item",
        {"TableName": "t", "Item": ITEM, "ConditionExpression": "attribute_not_exists(id)"},
    ),
    (
        "update_item",
        {
            "TableName": "t",
            "Key": {"id": {"S": "1"}},
            "UpdateExpression": "SET n = n + :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
            "ReturnValues": "ALL_NEW",
        },
    ),
    (
        "query",
        {
            "TableName": "t",
            "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": {"S": "1"}},
        },
    ),
    ("scan", {"TableName": "t"}),
    (
        "batch_write_item",
        {"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in "345"]}},
    ),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [{"id": {"S": "3"}}]}}}),
    ("transact_get_items", {"TransactItems": [{"Get": {"TableName": "t", "Key": ITEM}}]}),
    ("describe_time_to_live", {"TableName": "t"}),
    ("list_tags_of_resource", {"ResourceArn": "arn:aws:dynamodb:us-east-1:123456789012:table/t"}),
    ("delete_item", {"TableName": "t", "Key": {"id": {"S": "3"}}, "ReturnValues": "ALL_OLD"}),
    ("scan", {"TableName": "t", "Select": "COUNT"}),
    ("describe_limits", {}),
    ("delete_table", {"TableName": "t"}),
    ("delete_table", {"TableName": "t"}),
    ("list_tables", {}),
]
EC2: list[Step] = [
    ("describe_regions", {"RegionNames": ["eu-west-1"]}),
    ("describe_availability_zones", {}),
    ("create_vpc", {"CidrBlock": "10.0.0.0/16"}),
    ("create_vpc", {"CidrBlock": "nonsense"}),
    ("describe_vpcs", {"Filters": [{"Name": "is-default", "Values": ["true"]}]}),
    ("describe_subnets", {}),
    ("create_security_group", {"GroupName": "g", "Description": "d"}),
    ("create_security_group", {"GroupName": "g", "Description": "d"}),
    (
        "authorize_security_group_ingress",
        {
            "GroupName": "g",
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "CidrIp": "10.0.0.0/8",
        },
    ),
    ("describe_security_groups", {"GroupNames": ["g"]}),
    ("delete_security_group", {"GroupName": "g"}),
    ("create_volume", {"AvailabilityZone": "us-east-1a", "Size": 8}),
    ("describe_volumes", {}),
    ("describe_volumes", {"VolumeIds": ["vol-00000000"]}),
    ("allocate_address", {"Domain": "vpc"}),
    ("describe_instances", {}),
    ("describe_instances", {"InstanceIds": ["i-00000000"]}),
    ("terminate_instances", {"InstanceIds": ["i-00000000"]}),
    ("create_internet_gateway", {}),
    ("describe_internet_gateways", {}),
    ("describe_route_tables", {}),
    ("describe_network_acls", {}),
    ("describe_instance_types", {"InstanceTypes": ["t3.micro"]}),
    ("describe_tags", {}),
    ("describe_key_pairs", {}),
]
FUNCTION = {
    "FunctionName": "f",
    "Runtime": "python3.12",
    "Role": "arn:aws:iam::123456789012:role/r",
    "Handler": "index.handler",
    "Code": {"ZipFile": packed("def handler(event, context): return event")},
}
LAMBDA: list[Step] = [
    ("create_function", FUNCTION | {"Environment": {"Variables": {"k": "é"}}}),
    ("create_function", FUNCTION),
    ("list_functions", {}),
    ("get_function_configuration", {"FunctionName": "f"}),
    ("get_function_configuration", {"FunctionName": "none"}),
    ("get_function", {"FunctionName": "f"}),
    ("update_function_configuration", {"FunctionName": "f", "Timeout": 9, "MemorySize": 256}),
    ("update_function_code", {"FunctionName": "f", "ZipFile": packed("second = 2")}),
    ("publish_version", {"FunctionName": "f"}),
    ("list_versions_by_function", {"FunctionName": "f"}),
    ("create_alias", {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}),
    ("get_alias", {"FunctionName": "f", "Name": "live"}),
    ("get_alias", {"FunctionName": "f", "Name": "none"}),
    ("list_aliases", {"FunctionName": "f"}),
    (
        "add_permission",
        {
            "FunctionName": "f",
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
        },
    ),
    ("get_policy", {"FunctionName": "f"}),
    ("remove_permission", {"FunctionName": "f", "StatementId": "s"}),
    (
        "tag_resource",
        {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Tags": {"k": "v"}},
    ),
    ("list_tags", {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}),
    ("put_function_concurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 3}),
    ("get_function_concurrency", {"FunctionName": "f"}),
    (
        "publish_layer_version",
        {"LayerName": "l", "Content": {"ZipFile": packed("layer = 1")}},
    ),
    ("list_layers", {}),
    ("list_event_source_mappings", {}),
    ("delete_function", {"FunctionName": "f"}),
    ("delete_function", {"FunctionName": "f"}),
]
SERVICES = {"s3": S3, "iam": IAM, "dynamodb": DYNAMODB, "ec2": EC2, "lambda": LAMBDA}
RANDOM = re.compile(
    r"(?<=-)[0-9a-f]{8}(?:[0-9a-f]{9})?\b"  # vpc-0123abcd
    r"|(?<=\bAKIA)[A-Z0-9]{16}\b"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\d[T ][0-9:.]+"
)
UNTOLD = (
    "message",  # botocore makes it of an element that moto alone writes; Message says the same
    *("RequestId", "HostId", "HTTPHeaders", "SecretAccessKey", "PublicIp"),
    *("UserId", "GroupId", "RoleId", "PolicyId", "InstanceProfileId"),
)


def comparable(value: Any) -> Any:
    """Return an answer without what differs from run to run: ids, dates, secrets."""
    if isinstance(value, dict):
        return {k: comparable(v) for k, v in value.items() if k not in UNTOLD}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, StreamingBody):
        return value.read()
    if isinstance(value, datetime):
        return "a date"
    return RANDOM.sub("*", value) if isinstance(value, str) else value


def answers(client: Any, steps: Iterable[Step]) -> list[Any]:
    """Make the calls one after the other; a refusal is an answer too."""
    told = []
    for operation, parameters in steps:
        try:
            answer = getattr(client, operation)(**parameters)
        except ClientError as error:
            answer = error.response
        told.append((operation, comparable(answer)))
    return told


def plain(service: str) -> list[Any]:
    with mock_aws():
        return answers(boto3.client(service, region_name="us-east-1"), SERVICES[service])


def in_process(service: str) -> list[Any]:
    with AWSSimulator(enforce_policies=False) as aws:
        return answers(aws.root.session().client(service), SERVICES[service])


def over_http(service: str) -> list[Any]:
    with AWSSimulator(enforce_policies=False) as aws, aws.serve() as url:
        return answers(aws.root.session().client(service, endpoint_url=url), SERVICES[service])


@pytest.mark.parametrize("way", [in_process, over_http])
@pytest.mark.parametrize("service", SERVICES)
def test_services_answer_as_without_the_simulator(
    service: str, way: Callable[[str], list[Any]]
) -> None:
    """Other services answer each call, refusals too, as plain moto answers it."""
    assert len(SERVICES[service]) >= 25
    for ours, moto in zip(way(service), plain(service), strict=True):
        assert ours == moto


@pytest.mark.parametrize("service", SERVICES)
def test_the_compared_calls_include_successes_and_refusals(service: str) -> None:
    statuses = {answer["ResponseMetadata"]["HTTPStatusCode"] for _, answer in plain(service)}
    assert {200} < statuses
    assert max(statuses) < 500


def test_mock_aws_works_and_is_empty_after_the_simulator() -> None:
    with AWSSimulator(enforce_policies=False) as aws:
        aws.root.session().client("s3").create_bucket(Bucket="bucket")
    with mock_aws():
        assert boto3.client("s3", region_name="us-east-1").list_buckets()["Buckets"] == []
