"""What a call has to be allowed: actions, and the resources that it is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mfakit.testing.actions import Place
from mfakit.testing.demands import demands_of
from mfakit.testing.errors import AWSError
from mfakit.testing.models import Call, models_of
from mfakit.testing.wire import Request

PLACE = Place("aws", "eu-west-1", "123456789012")
IAM = "arn:aws:iam::123456789012"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function"
BUCKET = "arn:aws:s3:::pail"
ROLE = "worker"
ROLE_ARN = f"{IAM}:role/r"
PROFILE_ARN = f"{IAM}:instance-profile/team/{ROLE}"
FIREHOSE = {"ExtendedS3DestinationConfiguration": {"RoleARN": ROLE_ARN, "BucketARN": BUCKET}}
DETAILS = {"AwsLambdaFunction": {"Role": ROLE_ARN}}
FINDING = {"Findings": [{"Resources": [{"Id": "f", "Details": DETAILS}]}]}
# What stands in a variable of that name is not a role of the function.
ENVIRONMENT = {"FunctionName": "f", "Environment": {"Variables": {"Role": ROLE_ARN}}}


def demands(
    service: str,
    operation: str,
    given: dict[str, str] | None = None,
    body: bytes = b"",
    headers: tuple[tuple[str, str], ...] = (),
) -> list[tuple[str | None, str | None]]:
    def find_arn(kind: str, name: str) -> str:
        return f"{IAM}:{kind}/team/{name or 'me'}"

    def find_roles(kind: str, name: str) -> tuple[str, ...]:
        """There is one role, and one instance profile, which holds it."""
        return (f"{IAM}:role/team/{ROLE}",) if name == ROLE else ()

    model = next(model for model in models_of(service) if model.has(operation))
    protocol = "query" if service in ("iam", "sts") else model.protocol
    call = Call(service, operation, protocol, given or {}, model=model)
    request = Request("POST", "https://aws.test/", headers, body)
    found = demands_of(call, request, PLACE, find_arn, find_roles)
    return [(d.action, d.resource) for d in found]


@pytest.mark.parametrize(
    ("operation", "given", "resource"),
    [
        ("GetUser", {}, f"{IAM}:user/team/me"),
        ("GetUser", {"UserName": "bob"}, f"{IAM}:user/team/bob"),
        ("CreateUser", {"UserName": "bob"}, f"{IAM}:user/bob"),
        ("CreateUser", {"UserName": "bob", "Path": "/a/"}, f"{IAM}:user/a/bob"),
        ("ListUsers", {}, f"{IAM}:user/"),
        ("ListRoles", {"PathPrefix": "/a/"}, f"{IAM}:role/a/"),
        ("AddUserToGroup", {"UserName": "bob", "GroupName": "g"}, f"{IAM}:group/team/g"),
        ("AttachUserPolicy", {"UserName": "bob", "PolicyArn": "p"}, f"{IAM}:user/team/bob"),
        ("PutRolePolicy", {"RoleName": "r", "PolicyName": "p"}, f"{IAM}:role/team/r"),
        ("CreatePolicy", {"PolicyName": "p"}, f"{IAM}:policy/p"),
        ("GetPolicy", {"PolicyArn": f"{IAM}:policy/p"}, f"{IAM}:policy/p"),
        ("CreateVirtualMFADevice", {"VirtualMFADeviceName": "d"}, f"{IAM}:mfa/d"),
        ("DeleteVirtualMFADevice", {"SerialNumber": f"{IAM}:mfa/d"}, f"{IAM}:mfa/d"),
        ("DeactivateMFADevice", {"SerialNumber": f"{IAM}:mfa/d"}, f"{IAM}:user/team/me"),
        ("GetAccountSummary", {}, "*"),
        ("DeleteInstanceProfile", {"InstanceProfileName": "i"}, None),
        ("GetAccessKeyLastUsed", {"AccessKeyId": "AKIA"}, None),
    ],
)
def test_a_call_of_iam_is_about_what_it_names_or_the_callers_user(
    operation: str, given: dict[str, str], resource: str | None
) -> None:
    assert demands("iam", operation, given) == [(f"iam:{operation}", resource)]


def test_parameters_that_an_operation_of_iam_lacks_are_ignored() -> None:
    given = {"UserName": "bob", "GroupName": "mine"}
    assert demands("iam", "DeleteUser", given) == [("iam:DeleteUser", f"{IAM}:user/team/bob")]


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({"NewUserName": "carol"}, "user/team/carol"),
        ({"NewPath": "/a/"}, "user/a/bob"),
        ({"NewPath": "/", "NewUserName": "carol"}, "user/carol"),
        ({}, "user/team/bob"),
    ],
)
def test_renaming_a_user_asks_for_the_old_and_the_new_arn(
    given: dict[str, str], becomes: str
) -> None:
    found = demands("iam", "UpdateUser", {"UserName": "bob"} | given)
    assert [resource for _, resource in found] == [f"{IAM}:user/team/bob", f"{IAM}:{becomes}"]


@pytest.mark.parametrize(
    ("operation", "given", "resource"),
    [
        ("AssumeRole", {"RoleArn": f"{IAM}:role/r"}, f"{IAM}:role/r"),
        ("GetFederationToken", {"Name": "f"}, "arn:aws:sts::123456789012:federated-user/f"),
        ("GetAccessKeyInfo", {"AccessKeyId": "AKIA"}, "*"),
    ],
)
def test_a_call_of_sts_is_about_a_role_a_federated_user_or_nothing(
    operation: str, given: dict[str, str], resource: str
) -> None:
    assert demands("sts", operation, given) == [(f"sts:{operation}", resource)]


@pytest.mark.parametrize(
    ("operation", "given", "headers", "expected"),
    [
        ("ListBuckets", {}, (), [("ListAllMyBuckets", "arn:aws:s3:::*")]),
        ("ListObjectsV2", {"Bucket": "pail"}, (), [("ListBucket", BUCKET)]),
        ("GetObject", {"Bucket": "pail", "Key": "a/b"}, (), [("GetObject", f"{BUCKET}/a/b")]),
        (
            "GetObject",
            {"Bucket": "pail", "Key": "k", "versionId": "1"},
            (),
            [("GetObjectVersion", f"{BUCKET}/k")],
        ),
        (
            "PutObject",
            {"Bucket": "pail", "Key": "k"},
            (("x-amz-tagging", "a=b"),),
            [("PutObject", f"{BUCKET}/k"), ("PutObjectTagging", f"{BUCKET}/k")],
        ),
        (
            "CopyObject",
            {"Bucket": "pail", "Key": "k"},
            (("x-amz-copy-source", "/other/a%20b?versionId=1"),),
            [("PutObject", f"{BUCKET}/k"), ("GetObjectVersion", "arn:aws:s3:::other/a b")],
        ),
        (
            "UploadPartCopy",
            {"Bucket": "pail", "Key": "k"},
            (("x-amz-copy-source", "other/k"),),
            [("PutObject", f"{BUCKET}/k"), ("GetObject", "arn:aws:s3:::other/k")],
        ),
        ("GetObject", {"Bucket": "arn:aws:s3:::x", "Key": "k"}, (), [("GetObject", None)]),
    ],
)
def test_a_call_of_s3_is_about_a_bucket_an_object_and_a_copied_one(
    operation: str, given: dict[str, str], headers: Any, expected: Any
) -> None:
    found = demands("s3", operation, given, headers=headers)
    assert found == [(f"s3:{action}", resource) for action, resource in expected]


def test_a_deletion_asks_for_each_object_and_version() -> None:
    body = (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object>'
        b"<Object><Key>b</Key><VersionId>1</VersionId></Object><Quiet>true</Quiet></Delete>"
    )
    assert demands("s3", "DeleteObjects", {"Bucket": "pail"}, body) == [
        ("s3:DeleteObject", f"{BUCKET}/a"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/b"),
    ]


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("GetItem", {"TableName": "t"}, [("GetItem", f"{TABLE}/t")]),
        ("GetItem", {"TableName": f"{TABLE}/t"}, [("GetItem", f"{TABLE}/t")]),
        ("Query", {"TableName": "t", "IndexName": "i"}, [("Query", f"{TABLE}/t/index/i")]),
        (
            "BatchWriteItem",
            {"RequestItems": {"t": [], "u": []}},
            [("BatchWriteItem", f"{TABLE}/t"), ("BatchWriteItem", f"{TABLE}/u")],
        ),
        (
            "TransactGetItems",
            {"TransactItems": [{"Get": {"TableName": "t"}}, {"Get": {"TableName": "u"}}]},
            [("GetItem", f"{TABLE}/t"), ("GetItem", f"{TABLE}/u")],
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"ConditionCheck": {"TableName": "t"}}]},
            [("ConditionCheckItem", f"{TABLE}/t")],
        ),
        ("TagResource", {"ResourceArn": f"{TABLE}/t"}, [("TagResource", f"{TABLE}/t")]),
        ("ListTables", {}, [("ListTables", f"{TABLE}/*")]),
        ("DescribeLimits", {}, [("DescribeLimits", "*")]),
        ("ExecuteStatement", {"Statement": 'select * from "t"'}, [("PartiQLSelect", None)]),
        ("BatchGetItem", {"RequestItems": {}}, [("BatchGetItem", None)]),
        ("TransactGetItems", {"TransactItems": ["x"]}, [("TransactGetItems", None)]),
        (
            "TagResource",
            {"TableName": "mine", "ResourceArn": f"{TABLE}/t"},
            [("TagResource", f"{TABLE}/t")],
        ),
        ("RestoreTableFromBackup", {"BackupArn": "x"}, [("RestoreTableFromBackup", None)]),
    ],
)
def test_a_call_of_dynamodb_is_about_each_table_and_index(
    operation: str, body: dict[str, Any], expected: Any
) -> None:
    found = demands("dynamodb", operation, body=json.dumps(body).encode())
    assert found == [(f"dynamodb:{action}", resource) for action, resource in expected]


@pytest.mark.parametrize(
    ("operation", "given", "body", "resource"),
    [
        ("Invoke", {"FunctionName": "f"}, {}, f"{FUNCTION}:f"),
        ("Invoke", {"FunctionName": "f", "Qualifier": "live"}, {}, f"{FUNCTION}:f:live"),
        ("Invoke", {"FunctionName": f"{FUNCTION}:f"}, {}, f"{FUNCTION}:f"),
        ("Invoke", {"FunctionName": "123456789012:function:f"}, {}, f"{FUNCTION}:f"),
        ("CreateFunction", {}, {"FunctionName": "f"}, f"{FUNCTION}:f"),
        ("ListFunctions", {}, {}, "*"),
        (
            "GetLayerVersion",
            {"LayerName": "l", "VersionNumber": "2"},
            {},
            "arn:aws:lambda:eu-west-1:123456789012:layer:l:2",
        ),
        (
            "GetEventSourceMapping",
            {"UUID": "u"},
            {},
            "arn:aws:lambda:eu-west-1:123456789012:event-source-mapping:u",
        ),
        ("CreateEventSourceMapping", {}, {"FunctionName": "f"}, None),
        (
            "DeleteEventSourceMapping",
            {"UUID": "u", "FunctionName": "mine"},
            {},
            "arn:aws:lambda:eu-west-1:123456789012:event-source-mapping:u",
        ),
    ],
)
def test_a_call_of_lambda_is_about_functions_layers_and_mappings(
    operation: str, given: dict[str, str], body: dict[str, Any], resource: str | None
) -> None:
    action = "lambda:InvokeFunction" if operation == "Invoke" else f"lambda:{operation}"
    found = demands("lambda", operation, given, json.dumps(body).encode())
    assert found == [(action, resource)]


@pytest.mark.parametrize(
    ("service", "operation", "given", "body", "passed"),
    [
        ("lambda", "CreateFunction", {}, {"FunctionName": "f", "Role": ROLE_ARN}, ["r"]),
        ("firehose", "CreateDeliveryStream", {}, FIREHOSE, ["r"]),
        ("states", "CreateStateMachine", {}, {"roleArn": ROLE_ARN}, ["r"]),
        (
            *("ecs", "RegisterTaskDefinition", {}),
            {"taskRoleArn": ROLE, "executionRoleArn": ROLE_ARN},
            ["team/worker", "r"],
        ),
        ("glue", "CreateJob", {}, {"Name": "j", "Role": ROLE, "Command": {}}, ["team/worker"]),
        ("events", "PutTargets", {}, {"Targets": [{"Id": "1", "RoleArn": ROLE_ARN}]}, ["r"]),
        ("scheduler", "CreateSchedule", {"Name": "s"}, {"Target": {"RoleArn": ROLE_ARN}}, ["r"]),
        ("cognito-identity", "SetIdentityPoolRoles", {}, {"Roles": {"a": ROLE_ARN}}, ["r"]),
        ("apigateway", "PutIntegration", {"restApiId": "a"}, {"credentials": ROLE_ARN}, ["r"]),
        ("elasticmapreduce", "RunJobFlow", {}, {"JobFlowRole": ROLE}, ["team/worker"]),
        ("redshift", "CreateCluster", {"IamRoles.IamRoleArn.1": ROLE_ARN}, {}, ["r"]),
        ("rds", "CreateDBInstance", {"DomainIAMRoleName": ROLE}, {}, ["team/worker"]),
        ("securityhub", "BatchImportFindings", {}, FINDING, []),
        ("ec2", "RunInstances", {"IamInstanceProfile.Name": ROLE}, {}, ["team/worker"]),
        ("ec2", "RunInstances", {"IamInstanceProfile.Arn": PROFILE_ARN}, {}, ["team/worker"]),
        ("cloudformation", "DescribeStacks", {"RoleARN": ROLE_ARN}, {}, []),
        ("sns", "SetTopicAttributes", {"AttributeValue": ROLE_ARN}, {}, ["r"]),
        ("iam", "AddRoleToInstanceProfile", {"RoleName": ROLE}, {}, ["team/worker"]),
        ("glue", "CreateJob", {}, {"Role": "nobody"}, []),
        ("lambda", "CreateFunction", {}, ENVIRONMENT, []),
        ("redshift", "ModifyClusterIamRoles", {"RemoveIamRoles.IamRoleArn.1": ROLE_ARN}, {}, []),
        ("sts", "AssumeRole", {"RoleArn": ROLE_ARN}, {}, []),
    ],
)
def test_handing_a_role_to_a_service_asks_for_pass_role(
    service: str, operation: str, given: dict[str, str], body: dict[str, Any], passed: list[str]
) -> None:
    found = demands(service, operation, given, json.dumps(body).encode())
    expected = [("iam:PassRole", f"{IAM}:role/{name}") for name in passed]
    assert [each for each in found if each[0] == "iam:PassRole"] == expected


def test_a_replication_of_a_bucket_asks_for_pass_role() -> None:
    body = f"<ReplicationConfiguration><Role>{ROLE_ARN}</Role></ReplicationConfiguration>".encode()
    found = demands("s3", "PutBucketReplication", {"Bucket": "pail"}, body)
    assert found == [
        ("s3:PutReplicationConfiguration", BUCKET),
        ("iam:PassRole", ROLE_ARN),
    ]


@pytest.mark.parametrize(
    ("name", "qualifier", "code"),
    [
        ("arn:aws:lambda:us-east-1:123456789012:function:f", "", "ResourceNotFoundException"),
        ("arn:aws:lambda:eu-west-1:999999999999:function:f", "", "ResourceNotFoundException"),
        ("999999999999:function:f", "", "ResourceNotFoundException"),
        (f"{FUNCTION}:f:function:g", "", "ValidationException"),
        ("f:function:g", "", "ValidationException"),
        ("f:1", "2", "InvalidParameterValueException"),
    ],
)
def test_a_function_of_another_region_or_account_is_refused(
    name: str, qualifier: str, code: str
) -> None:
    """moto would take one of the same name in the region of the call."""
    given = {"FunctionName": name, "Qualifier": qualifier}
    with pytest.raises(AWSError) as caught:
        demands("lambda", "GetFunction", given)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateFunction", {"FunctionName": "f", "Code": {"S3Bucket": "pail", "S3Key": "k"}}),
        ("PublishLayerVersion", {"Content": {"S3Bucket": "pail", "S3Key": "k"}}),
        ("UpdateFunctionCode", {"S3Bucket": "pail", "S3Key": "k"}),
    ],
)
def test_code_in_s3_asks_for_reading_it(operation: str, body: dict[str, Any]) -> None:
    given = {"FunctionName": "f", "LayerName": "l"}
    found = demands("lambda", operation, given, json.dumps(body).encode())
    assert found[1:] == [("s3:GetObject", f"{BUCKET}/k")]


def test_exporting_and_importing_a_table_ask_for_writing_and_reading_s3() -> None:
    body = json.dumps({"TableArn": f"{TABLE}/t", "S3Bucket": "pail", "S3Prefix": "p"}).encode()
    found = demands("dynamodb", "ExportTableToPointInTime", body=body)
    assert found[1:] == [("s3:PutObject", f"{BUCKET}/p/AWSDynamoDB/")]
    body = json.dumps({"S3BucketSource": {"S3Bucket": "pail", "S3KeyPrefix": "p"}}).encode()
    assert demands("dynamodb", "ImportTable", body=body)[1:] == [("s3:GetObject", f"{BUCKET}/p")]


def test_the_resource_of_other_services_is_not_known() -> None:
    assert demands("sqs", "SendMessage", {"QueueUrl": "q"}) == [("sqs:SendMessage", None)]
