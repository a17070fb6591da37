"""Whatever a call does besides what its name says has to be allowed too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.testing.conftest import refused_with

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator

UNTIL = "2999-01-01T00:00:00Z"
EVERYONE = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
TEMPLATE = {
    "Resources": {"Evil": {"Type": "AWS::IAM::User", "Properties": {"UserName": "evil"}}},
}


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def deny(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {**allow(*actions, resource=resource), "Effect": "Deny"}


def session(aws: AWSSimulator, *statements: dict[str, Any]) -> boto3.Session:
    name = f"user-{len(aws.calls)}"
    return aws.create_user(name, {"Version": "2012-10-17", "Statement": statements}).session()


def is_done(call: Any, **parameters: Any) -> bool:
    """Whether a call is carried out; any refusal has to be by policies."""
    try:
        call(**parameters)
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith("AccessDenied"):
            raise
        return False
    return True


@pytest.mark.parametrize("denied", [(), (deny("iam:*"),)])
def test_creating_a_stack_asks_for_everything(
    aws: AWSSimulator, denied: tuple[dict[str, Any], ...]
) -> None:
    """A stack creates whatever its template says with the permissions of the caller."""
    pytest.importorskip("openapi_spec_validator")
    template = json.dumps(TEMPLATE)
    allowed = allow("*") if denied else allow("cloudformation:*")
    client: Any = session(aws, allowed, *denied).client("cloudformation")
    made = {"StackName": "stack", "TemplateBody": template}
    assert refused_with(client.create_stack, **made)[:2] == (501, "NotSupportedBySimulator")
    change = {**made, "ChangeSetName": "change", "ChangeSetType": "CREATE"}
    assert refused_with(client.create_change_set, **change)[0] == 501
    assert client.describe_stacks()["Stacks"] == []
    users = aws.root.session().client("iam").list_users()["Users"]
    assert "evil" not in [user["UserName"] for user in users]
    assert is_done(session(aws, allow("*")).client("cloudformation").create_stack, **made)


def test_a_template_in_s3_asks_for_everything(aws: AWSSimulator, s3: Any) -> None:
    """Its URL does not say which object it is."""
    s3.put_object(Bucket="bucket", Key="t", Body=json.dumps(TEMPLATE).encode())
    client: Any = session(aws, allow("cloudformation:*")).client("cloudformation")
    url = "https://bucket.s3.amazonaws.com/t"
    assert refused_with(client.get_template_summary, TemplateURL=url)[0] == 501


def test_tagging_by_the_tagging_service_asks_for_everything(aws: AWSSimulator, s3: Any) -> None:
    pytest.importorskip("pyparsing")
    client: Any = session(aws, allow("tag:*")).client("resourcegroupstaggingapi")
    given = {"ResourceARNList": ["arn:aws:s3:::bucket"], "Tags": {"a": "b"}}
    assert refused_with(client.tag_resources, **given)[0] == 501
    assert client.get_resources()["ResourceTagMappingList"] == []


def test_a_parameter_that_is_a_secret_asks_for_get_secret_value(aws: AWSSimulator) -> None:
    root: Any = aws.root.session()
    root.client("secretsmanager").create_secret(Name="s", SecretString="hidden")
    name = "/aws/reference/secretsmanager/s"
    for with_secrets in (False, True):
        actions = ("ssm:*", "secretsmanager:GetSecretValue") if with_secrets else ("ssm:*",)
        client: Any = session(aws, allow(*actions)).client("ssm")
        assert is_done(client.get_parameter, Name=name, WithDecryption=True) is with_secrets
        assert is_done(client.get_parameters, Names=[name], WithDecryption=True) is with_secrets


TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "firehose.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}


@pytest.fixture
def role(aws: AWSSimulator) -> str:
    """The ARN of a role, which is in an instance profile of the same name."""
    iam: Any = aws.root.session().client("iam")
    made = iam.create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName="role")
    iam.add_role_to_instance_profile(InstanceProfileName="role", RoleName="role")
    return str(made["Role"]["Arn"])


def test_creating_a_delivery_stream_asks_for_pass_role(
    aws: AWSSimulator, s3: Any, role: str
) -> None:
    """A stream writes with its role, so its creator could otherwise do whatever the role may."""
    target = {"RoleARN": role, "BucketARN": "arn:aws:s3:::bucket"}
    made = {"DeliveryStreamName": "stream", "ExtendedS3DestinationConfiguration": target}
    client: Any = session(aws, allow("firehose:*")).client("firehose")
    status, code, text = refused_with(client.create_delivery_stream, **made)
    assert (status, code) == (400, "AccessDeniedException")
    assert f"is not authorized to perform: iam:PassRole on resource: {role} because" in text
    may = session(aws, allow("firehose:*"), allow("iam:PassRole", resource=role))
    assert is_done(may.client("firehose").create_delivery_stream, **made)


def test_running_an_instance_with_a_profile_asks_for_pass_role(
    aws: AWSSimulator, role: str
) -> None:
    ec2: Any = aws.root.session().client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    run = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "IamInstanceProfile": {"Name": "role"}}
    client: Any = session(aws, allow("ec2:*")).client("ec2")
    status, code, text = refused_with(client.run_instances, **run)
    assert (status, code) == (403, "UnauthorizedOperation")
    assert "iam:PassRole" in text
    may: Any = session(aws, allow("ec2:*"), allow("iam:PassRole", resource=role)).client("ec2")
    assert is_done(may.run_instances, **run)


def test_adding_a_role_to_an_instance_profile_asks_for_pass_role(
    aws: AWSSimulator, role: str
) -> None:
    aws.root.session().client("iam").create_instance_profile(InstanceProfileName="other")
    given = {"InstanceProfileName": "other", "RoleName": "role"}
    adding = allow("iam:AddRoleToInstanceProfile")
    client: Any = session(aws, adding).client("iam")
    text = refused_with(client.add_role_to_instance_profile, **given)[2]
    assert f"is not authorized to perform: iam:PassRole on resource: {role} because" in text
    may: Any = session(aws, adding, allow("iam:PassRole")).client("iam")
    assert is_done(may.add_role_to_instance_profile, **given)


@pytest.mark.parametrize(
    ("principal", "done"), [("states.amazonaws.com", True), ("lambda.amazonaws.com", False)]
)
def test_passed_to_service_is_the_service_that_gets_the_role(
    aws: AWSSimulator, role: str, principal: str, done: bool
) -> None:
    to_one = {"StringEquals": {"iam:PassedToService": principal}}
    passing = {**allow("iam:PassRole", resource=role), "Condition": to_one}
    client: Any = session(aws, allow("states:*"), passing).client("stepfunctions")
    definition = json.dumps({"StartAt": "s", "States": {"s": {"Type": "Succeed"}}})
    made = {"name": "machine", "definition": definition, "roleArn": role}
    assert is_done(client.create_state_machine, **made) is done


def test_a_condition_on_an_unknown_passed_to_service_is_not_supported(
    aws: AWSSimulator, role: str
) -> None:
    to_one = {"StringEquals": {"iam:PassedToService": "logs.us-east-1.amazonaws.com"}}
    passing = {**allow("iam:PassRole", resource=role), "Condition": to_one}
    client: Any = session(aws, allow("logs:*"), passing).client("logs")
    given = {"destinationName": "d", "targetArn": "arn:aws:kinesis:us-east-1:1:s", "roleArn": role}
    status, code, text = refused_with(client.put_destination, **given)
    assert (status, code) == (501, "NotSupportedBySimulator")
    assert "iam:PassedToService" in text


def test_select_and_attributes_of_an_object_ask_for_get_object(aws: AWSSimulator, s3: Any) -> None:
    client: Any = session(aws, allow("s3:*"), deny("s3:GetObject")).client("s3")
    assert not is_done(
        client.select_object_content,
        Bucket="bucket",
        Key="key",
        ExpressionType="SQL",
        Expression="select * from s3object",
        InputSerialization={"CSV": {}},
        OutputSerialization={"JSON": {}},
    )
    assert not is_done(
        client.get_object_attributes, Bucket="bucket", Key="key", ObjectAttributes=["ETag"]
    )


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ({"ACL": "public-read"}, "s3:PutObjectAcl"),
        ({"GrantRead": EVERYONE}, "s3:PutObjectAcl"),
        ({"Tagging": "a=b"}, "s3:PutObjectTagging"),
    ],
)
def test_headers_of_put_object_ask_for_the_actions_that_set_them(
    aws: AWSSimulator, s3: Any, given: dict[str, str], action: str
) -> None:
    put = {"Bucket": "bucket", "Key": "new", **given}
    assert not is_done(session(aws, allow("s3:PutObject")).client("s3").put_object, **put)
    assert is_done(session(aws, allow("s3:PutObject", action)).client("s3").put_object, **put)


@pytest.mark.parametrize(
    ("given", "actions"),
    [
        ({"ACL": "public-read"}, ["s3:PutBucketAcl"]),
        ({"GrantRead": EVERYONE}, ["s3:PutBucketAcl"]),
        ({"ObjectOwnership": "ObjectWriter"}, ["s3:PutBucketOwnershipControls"]),
        (
            {"ObjectLockEnabledForBucket": True},
            ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"],
        ),
    ],
)
def test_headers_of_create_bucket_ask_for_the_actions_that_set_them(
    aws: AWSSimulator, given: dict[str, Any], actions: list[str]
) -> None:
    made = {"Bucket": "made", **given}
    assert not is_done(session(aws, allow("s3:CreateBucket")).client("s3").create_bucket, **made)
    may = session(aws, allow("s3:CreateBucket", *actions)).client("s3")
    assert is_done(may.create_bucket, **made)


def test_bypassing_a_retention_asks_for_its_own_permission(aws: AWSSimulator, s3: Any) -> None:
    """Otherwise a locked version cannot be deleted, alone or with others."""
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    locked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": UNTIL}
    version = s3.put_object(Bucket="locked", Key="key", **locked)["VersionId"]
    deleting = allow("s3:DeleteObject", "s3:DeleteObjectVersion")
    client: Any = session(aws, deleting).client("s3")
    one = {"Bucket": "locked", "Key": "key", "VersionId": version}
    assert not is_done(client.delete_object, **one, BypassGovernanceRetention=True)
    several = {"Objects": [{"Key": "key", "VersionId": version}]}
    together = {"Bucket": "locked", "Delete": several, "BypassGovernanceRetention": True}
    assert client.delete_objects(**together)["Errors"][0]["Code"] == "AccessDenied"
    s3.head_object(**one)
    may: Any = session(aws, deleting, allow("s3:BypassGovernanceRetention")).client("s3")
    assert [each["Key"] for each in may.delete_objects(**together)["Deleted"]] == ["key"]


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("get_bucket_accelerate_configuration", "s3:GetAccelerateConfiguration"),
        ("list_bucket_inventory_configurations", "s3:GetInventoryConfiguration"),
        ("delete_bucket_ownership_controls", "s3:PutBucketOwnershipControls"),
    ],
)
def test_operations_are_judged_by_their_names_in_policies(
    aws: AWSSimulator, s3: Any, operation: str, action: str
) -> None:
    client: Any = session(aws, allow("s3:*"), deny(action)).client("s3")
    assert not is_done(getattr(client, operation), Bucket="bucket")


def test_a_session_whose_key_is_gone_can_call_about_its_own_user(aws: AWSSimulator) -> None:
    alice = aws.create_user("alice")
    device = alice.enable_virtual_mfa()
    sts: Any = alice.session().client("sts")
    codes = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    given = sts.get_session_token(**codes)["Credentials"]
    root: Any = aws.root.session().client("iam")
    root.delete_access_key(UserName="alice", AccessKeyId=alice.access_key_id)
    key = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    iam: Any = boto3.Session(*key, region_name="us-east-1").client("iam")
    assert iam.list_access_keys()["AccessKeyMetadata"] == []
    assert iam.create_access_key()["AccessKey"]["UserName"] == "alice"


def test_the_root_user_has_to_name_a_user(aws: AWSSimulator) -> None:
    root: Any = aws.root.session().client("iam")
    assert refused_with(root.create_access_key)[0] == 501


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_another_partition_does_not_know_the_account(
    aws: AWSSimulator, s3: Any, region: str
) -> None:
    """Otherwise a denial by ARN could be passed by in another partition."""
    may = session(aws, allow("*"), deny("*", resource="arn:aws:s3:::bucket/*"))
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        may.client("s3", region_name=region).get_object(Bucket="bucket", Key="key")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        may.client("iam", region_name=region).create_user(UserName="evil")


def test_a_partiql_batch_asks_for_the_action_of_each_statement(aws: AWSSimulator) -> None:
    client: Any = session(aws, allow("dynamodb:*"), deny("dynamodb:PartiQLDelete")).client(
        "dynamodb"
    )
    statements = [{"Statement": "delete from t where p = 'a'"}]
    assert not is_done(client.batch_execute_statement, Statements=statements)
    assert not is_done(client.execute_transaction, TransactStatements=statements)
    hidden = "/* */ delete from t where p = 'a'"
    assert refused_with(client.execute_statement, Statement=hidden)[0] == 501


def test_a_bucket_policy_denies_calls_of_s3_control_too(aws: AWSSimulator, s3: Any) -> None:
    arn = "arn:aws:s3:::bucket"
    denied = {**deny("s3:*", resource=arn), "Principal": "*"}
    s3.put_bucket_policy(
        Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": denied})
    )
    client: Any = session(aws, allow("s3:*")).client("s3control")
    tags = {"Tags": [{"Key": "a", "Value": "b"}]}
    assert not is_done(client.tag_resource, AccountId=aws.account_id, ResourceArn=arn, **tags)


def test_the_accounts_public_access_block_has_its_own_action(aws: AWSSimulator) -> None:
    action = "s3:PutAccountPublicAccessBlock"
    block = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
    client: Any = session(aws, allow("s3:*"), deny(action)).client("s3control")
    assert not is_done(client.put_public_access_block, AccountId=aws.account_id, **block)
    may: Any = session(aws, allow(action)).client("s3control")
    assert is_done(may.put_public_access_block, AccountId=aws.account_id, **block)
