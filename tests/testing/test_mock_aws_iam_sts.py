"""What suites on moto check of STS and IAM, with one changed import.

Each is written anew; where `mock_aws` departs from moto, `test_mock_aws_differences.py` says how.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mfakit.testing import mock_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "123456789012"
REGION = "us-east-1"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
    }
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


@pytest.fixture(autouse=True)
def _mocked() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def iam(_mocked: None) -> Any:
    return boto3.client("iam", REGION)


@pytest.fixture
def sts(_mocked: None) -> Any:
    return boto3.client("sts", REGION)


def code(call: Callable[..., Any], **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])  # type: ignore[typeddict-item]


# STS


def test_caller_identity_without_keys(sts: Any) -> None:
    found = sts.get_caller_identity()
    assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:user/moto"
    assert (found["UserId"], found["Account"]) == ("AKIAIOSFODNN7EXAMPLE", ACCOUNT)


@pytest.mark.parametrize("key_id", ["testing", "FOOBARKEY", "mock_key", "AKIATEST", "x"])
def test_any_invented_key_works(key_id: str) -> None:
    sts: Any = boto3.client(
        "sts", REGION, aws_access_key_id=key_id, aws_secret_access_key="x", aws_session_token="y"
    )
    assert sts.get_caller_identity()["Account"] == ACCOUNT


@pytest.mark.parametrize(
    ("region", "part"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_caller_identity_in_other_partitions(region: str, part: str) -> None:
    arn = boto3.client("sts", region).get_caller_identity()["Arn"]
    assert arn == f"arn:{part}:sts::{ACCOUNT}:user/moto"


@pytest.mark.parametrize("region", ["eu-west-1", "ap-southeast-2", "cn-north-1"])
def test_caller_identity_of_a_user_in_any_region(region: str) -> None:
    iam: Any = boto3.client("iam", region)
    user = iam.create_user(UserName="alice")["User"]
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    sts: Any = boto3.client(
        "sts",
        region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    found = sts.get_caller_identity()
    assert (found["Arn"], found["UserId"]) == (user["Arn"], user["UserId"])


def test_session_token(sts: Any) -> None:
    given = sts.get_session_token(DurationSeconds=900)["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA")
    left = given["Expiration"] - datetime.now(UTC)
    assert timedelta(seconds=890) < left < timedelta(seconds=910)


def test_a_session_token_is_the_administrators(sts: Any) -> None:
    given = sts.get_session_token()["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    session = boto3.Session(*keys, region_name=REGION)
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":user/moto")
    s3: Any = session.client("s3")
    s3.create_bucket(Bucket="bucket")


def test_federation_token(sts: Any) -> None:
    made = sts.get_federation_token(Name="Bob", DurationSeconds=900, Policy=POLICY)
    assert made["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
    assert made["FederatedUser"]["FederatedUserId"] == f"{ACCOUNT}:Bob"
    assert made["Credentials"]["SessionToken"]


def test_assume_role(iam: Any, sts: Any) -> None:
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)["Role"]
    made = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=900)
    assert made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/me"
    assert made["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:me"
    given = made["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA")
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    mine: Any = boto3.Session(*keys, region_name=REGION).client("sts")
    assert mine.get_caller_identity()["UserId"] == f"{role['RoleId']}:me"


def test_assume_role_with_external_id_tags_and_session_policy(iam: Any, sts: Any) -> None:
    trust = json.loads(TRUST)
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    assert sts.assume_role(
        RoleArn=role["Arn"],
        RoleSessionName="me",
        ExternalId="1234",
        Policy=POLICY,
        Tags=[{"Key": "team", "Value": "blue"}],
    )["Credentials"]


@pytest.mark.parametrize("seconds", [43201, 129600])
def test_assume_role_with_a_wrong_duration(sts: Any, seconds: int) -> None:
    asked = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "RoleSessionName": "me"}
    assert code(sts.assume_role, DurationSeconds=seconds, **asked) == "ValidationError"


@pytest.mark.parametrize("name", ["s", "x" * 65])
def test_assume_role_with_a_wrong_session_name(sts: Any, name: str) -> None:
    arn = "arn:aws:iam::111122223333:role/r"
    with pytest.raises(Exception, match=r"(?i)rolesessionname"):
        sts.assume_role(RoleArn=arn, RoleSessionName=name)


def test_assume_role_of_another_account(sts: Any) -> None:
    made = sts.assume_role(RoleArn="arn:aws:iam::111122223333:role/any", RoleSessionName="me")
    given = made["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    there = boto3.Session(*keys, region_name=REGION)
    assert there.client("sts").get_caller_identity()["Account"] == "111122223333"
    s3: Any = there.client("s3")
    s3.create_bucket(Bucket="theirs")
    mine: Any = boto3.client("s3", REGION)
    assert mine.list_buckets()["Buckets"] == []
    table: Any = there.client("dynamodb")
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    defined = [{"AttributeName": "id", "AttributeType": "S"}]
    arn = table.create_table(
        TableName="t",
        KeySchema=schema,
        AttributeDefinitions=defined,
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]["TableArn"]
    assert arn.split(":")[4] == "111122223333"


def test_roles_of_other_accounts_chain(sts: Any) -> None:
    session = boto3.Session("testing", "testing", region_name=REGION)
    for account in ("111122223333", "444455556666"):
        role = f"arn:aws:iam::{account}:role/any"
        made = session.client("sts").assume_role(RoleArn=role, RoleSessionName="me")
        given = made["Credentials"]
        keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        session = boto3.Session(*keys, region_name=REGION)
        assert session.client("sts").get_caller_identity()["Account"] == account


def test_a_role_that_was_made_in_another_account_is_judged_by_its_trust(sts: Any) -> None:
    arn = "arn:aws:iam::111122223333:role/any"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    there: Any = boto3.Session(*keys, region_name=REGION).client("iam")
    there.create_role(RoleName="open", AssumeRolePolicyDocument=TRUST)
    closed = TRUST.replace(ACCOUNT, "444455556666")
    there.create_role(RoleName="closed", AssumeRolePolicyDocument=closed)
    arn = "arn:aws:iam::111122223333:role/"
    assert sts.assume_role(RoleArn=f"{arn}open", RoleSessionName="me")
    assert code(sts.assume_role, RoleArn=f"{arn}closed", RoleSessionName="me") == "AccessDenied"


def test_assume_role_with_web_identity_and_its_session() -> None:
    sts: Any = boto3.client("sts", REGION)
    arn = f"arn:aws:iam::{ACCOUNT}:role/web"
    boto3.client("iam", REGION).create_role(RoleName="web", AssumeRolePolicyDocument=TRUST)
    made = sts.assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="me", WebIdentityToken="token", DurationSeconds=900
    )
    given = made["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    mine: Any = boto3.Session(*keys, region_name=REGION).client("sts")
    assert mine.get_caller_identity()["Arn"].endswith(":assumed-role/web/me")


def test_access_key_info(iam: Any, sts: Any) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == ACCOUNT


# IAM: users


def test_users(iam: Any) -> None:
    made = iam.create_user(UserName="alice", Path="/staff/")["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/alice"
    assert made["UserId"].startswith("AIDA")
    assert iam.get_user(UserName="alice")["User"]["Path"] == "/staff/"
    assert [each["UserName"] for each in iam.list_users(PathPrefix="/staff/")["Users"]] == ["alice"]
    assert code(iam.create_user, UserName="alice") == "EntityAlreadyExists"
    iam.update_user(UserName="alice", NewUserName="carol", NewPath="/")
    assert code(iam.get_user, UserName="alice") == "NoSuchEntity"
    iam.delete_user(UserName="carol")
    assert code(iam.delete_user, UserName="carol") == "NoSuchEntity"


def test_get_user_without_a_name(iam: Any) -> None:
    assert iam.get_user()["User"]["UserName"] == "default_user"


def test_get_user_without_a_name_of_a_user(iam: Any) -> None:
    iam.create_user(UserName="alice")
    every = POLICY.replace("s3:ListBucket", "*")
    iam.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=every)
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    mine: Any = boto3.client(
        "iam",
        REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    assert mine.get_user()["User"]["UserName"] == "alice"


def test_user_tags(iam: Any) -> None:
    iam.create_user(UserName="alice", Tags=[{"Key": "team", "Value": "blue"}])
    iam.tag_user(UserName="alice", Tags=[{"Key": "floor", "Value": "2"}])
    iam.untag_user(UserName="alice", TagKeys=["team"])
    assert iam.list_user_tags(UserName="alice")["Tags"] == [{"Key": "floor", "Value": "2"}]


def test_user_policies(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=POLICY)
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == ["p"]
    found = iam.get_user_policy(UserName="alice", PolicyName="p")["PolicyDocument"]
    assert found == json.loads(POLICY)
    iam.delete_user_policy(UserName="alice", PolicyName="p")
    assert code(iam.get_user_policy, UserName="alice", PolicyName="p") == "NoSuchEntity"


def test_login_profiles(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_login_profile(UserName="alice", Password="Passw0rd!Passw0rd")
    assert iam.get_login_profile(UserName="alice")["LoginProfile"]["UserName"] == "alice"
    # moto 5.0 has a text in place of the code
    again = code(iam.create_login_profile, UserName="alice", Password="x")
    assert "already" in again.lower()
    iam.update_login_profile(UserName="alice", Password="other", PasswordResetRequired=True)
    iam.delete_login_profile(UserName="alice")
    assert code(iam.get_login_profile, UserName="alice") == "NoSuchEntity"


def test_a_user_is_deleted_after_its_belongings(iam: Any) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    assert code(iam.delete_user, UserName="alice") == "DeleteConflict"
    iam.delete_access_key(UserName="alice", AccessKeyId=key)
    iam.delete_user(UserName="alice")


# IAM: access keys


def test_access_keys(iam: Any) -> None:
    iam.create_user(UserName="alice")
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    assert re.fullmatch("AKIA[A-Z0-9]{16}", made["AccessKeyId"])
    assert len(made["SecretAccessKey"]) == 40
    assert made["Status"] == "Active"
    listed = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert [each["AccessKeyId"] for each in listed] == [made["AccessKeyId"]]
    iam.update_access_key(UserName="alice", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    assert iam.list_access_keys(UserName="alice")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    used = iam.get_access_key_last_used(AccessKeyId=made["AccessKeyId"])
    assert used["UserName"] == "alice"
    iam.create_access_key(UserName="alice")
    assert code(iam.create_access_key, UserName="alice") == "LimitExceeded"


def test_an_access_key_of_nobody(iam: Any) -> None:
    assert code(iam.create_access_key, UserName="nobody") == "NoSuchEntity"
    iam.create_user(UserName="alice")
    gone = {"UserName": "alice", "AccessKeyId": "AKIA" + "A" * 16}
    assert code(iam.delete_access_key, **gone) == "NoSuchEntity"


# IAM: groups


def test_groups(iam: Any) -> None:
    iam.create_group(GroupName="staff", Path="/some/")
    assert "already" in code(iam.create_group, GroupName="staff").lower()  # as for login profiles
    iam.create_user(UserName="alice")
    iam.add_user_to_group(GroupName="staff", UserName="alice")
    assert iam.get_group(GroupName="staff")["Users"][0]["UserName"] == "alice"
    assert iam.list_groups_for_user(UserName="alice")["Groups"][0]["GroupName"] == "staff"
    iam.remove_user_from_group(GroupName="staff", UserName="alice")
    iam.update_group(GroupName="staff", NewGroupName="people")
    iam.delete_group(GroupName="people")
    assert iam.list_groups()["Groups"] == []


def test_group_policies(iam: Any) -> None:
    iam.create_group(GroupName="staff")
    iam.put_group_policy(GroupName="staff", PolicyName="p", PolicyDocument=POLICY)
    assert iam.list_group_policies(GroupName="staff")["PolicyNames"] == ["p"]
    assert iam.get_group_policy(GroupName="staff", PolicyName="p")["PolicyName"] == "p"
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="staff", PolicyArn=arn)
    attached = iam.list_attached_group_policies(GroupName="staff")["AttachedPolicies"]
    assert attached == [{"PolicyName": "managed", "PolicyArn": arn}]
    iam.detach_group_policy(GroupName="staff", PolicyArn=arn)
    assert code(iam.detach_group_policy, GroupName="staff", PolicyArn=arn) == "NoSuchEntity"


# IAM: roles


def test_roles(iam: Any) -> None:
    made = iam.create_role(
        RoleName="worker",
        Path="/jobs/",
        AssumeRolePolicyDocument=TRUST,
        Description="works",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "blue"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/jobs/worker"
    assert made["RoleId"].startswith("AROA")
    found = iam.get_role(RoleName="worker")["Role"]
    assert found["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (found["Description"], found["MaxSessionDuration"]) == ("works", 7200)
    assert found["Tags"] == [{"Key": "team", "Value": "blue"}]
    iam.update_role(RoleName="worker", Description="rests", MaxSessionDuration=3600)
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=TRUST)
    assert [each["RoleName"] for each in iam.list_roles()["Roles"]] == ["worker"]
    iam.delete_role(RoleName="worker")
    assert code(iam.get_role, RoleName="worker") == "NoSuchEntity"


def test_role_policies(iam: Any) -> None:
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=POLICY)
    assert iam.get_role_policy(RoleName="worker", PolicyName="p")["PolicyName"] == "p"
    assert code(iam.delete_role, RoleName="worker") == "DeleteConflict"
    iam.delete_role_policy(RoleName="worker", PolicyName="p")
    arn = iam.create_policy(PolicyName="managed", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert attached[0]["PolicyArn"] == arn
    iam.detach_role_policy(RoleName="worker", PolicyArn=arn)
    iam.delete_role(RoleName="worker")


def test_instance_profiles(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="machine")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="worker")
    found = iam.get_instance_profile(InstanceProfileName="machine")["InstanceProfile"]
    assert [role["RoleName"] for role in found["Roles"]] == ["worker"]
    listed = iam.list_instance_profiles_for_role(RoleName="worker")["InstanceProfiles"]
    assert listed[0]["InstanceProfileName"] == "machine"
    iam.remove_role_from_instance_profile(InstanceProfileName="machine", RoleName="worker")
    iam.delete_instance_profile(InstanceProfileName="machine")


def test_service_linked_roles(iam: Any) -> None:
    made = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")["Role"]
    assert made["RoleName"].startswith("AWSServiceRoleFor")


def test_permissions_boundaries(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="limit", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    found = iam.get_role(RoleName="worker")["Role"]["PermissionsBoundary"]
    assert found["PermissionsBoundaryArn"] == arn
    iam.delete_role_permissions_boundary(RoleName="worker")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="worker")["Role"]


# IAM: managed policies


def test_policies(iam: Any) -> None:
    made = iam.create_policy(PolicyName="mine", PolicyDocument=POLICY, Path="/p/")["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/p/mine"
    assert made["DefaultVersionId"] == "v1"
    again = {"PolicyName": "mine", "PolicyDocument": POLICY, "Path": "/p/"}
    assert code(iam.create_policy, **again) == "EntityAlreadyExists"
    second = iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=POLICY)
    assert second["PolicyVersion"]["VersionId"] == "v2"
    iam.set_default_policy_version(PolicyArn=made["Arn"], VersionId="v2")
    versions = iam.list_policy_versions(PolicyArn=made["Arn"])["Versions"]
    assert {each["VersionId"]: each["IsDefaultVersion"] for each in versions} == {
        "v1": False,
        "v2": True,
    }
    iam.delete_policy_version(PolicyArn=made["Arn"], VersionId="v1")
    iam.delete_policy(PolicyArn=made["Arn"])
    assert code(iam.get_policy, PolicyArn=made["Arn"]) == "NoSuchEntity"


def test_at_most_five_versions(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="mine", PolicyDocument=POLICY)["Policy"]["Arn"]
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY)
    asked = {"PolicyArn": arn, "PolicyDocument": POLICY}
    assert code(iam.create_policy_version, **asked) == "LimitExceeded"


@pytest.mark.parametrize(
    "document",
    [
        "not json",
        "{}",
        json.dumps({"Version": "2012-10-17", "Statement": []}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Maybe", "Action": "*"}]}),
    ],
)
def test_malformed_policies(iam: Any, document: str) -> None:
    asked = {"PolicyName": "bad", "PolicyDocument": document}
    assert code(iam.create_policy, **asked) == "MalformedPolicyDocument"


def test_attached_policies_of_users(iam: Any) -> None:
    iam.create_user(UserName="alice")
    arn = iam.create_policy(PolicyName="mine", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert entities["PolicyUsers"][0]["UserName"] == "alice"
    iam.detach_user_policy(UserName="alice", PolicyArn=arn)
    assert iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"] == []


def test_awss_own_policies_can_be_attached(iam: Any) -> None:
    iam.create_user(UserName="alice")
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    attached = iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AdministratorAccess", "PolicyArn": arn}]


# IAM: the account


def test_account_aliases(iam: Any) -> None:
    iam.create_account_alias(AccountAlias="mine")
    assert iam.list_account_aliases()["AccountAliases"] == ["mine"]
    iam.delete_account_alias(AccountAlias="mine")
    assert iam.list_account_aliases()["AccountAliases"] == []


def test_account_password_policy(iam: Any) -> None:
    assert code(iam.get_account_password_policy) == "NoSuchEntity"
    iam.update_account_password_policy(MinimumPasswordLength=12)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 12
    iam.delete_account_password_policy()


def test_account_summary(iam: Any) -> None:
    iam.create_user(UserName="alice")
    assert iam.get_account_summary()["SummaryMap"]["Users"] == 1


def test_credential_report(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_access_key(UserName="alice")
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    while iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    assert b"alice" in iam.get_credential_report()["Content"]


def test_account_authorization_details(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
    found = iam.get_account_authorization_details(Filter=["Role", "User"])
    assert [each["RoleName"] for each in found["RoleDetailList"]] == ["worker"]
    assert [each["UserName"] for each in found["UserDetailList"]] == ["alice"]


def test_identity_providers(iam: Any) -> None:
    made = iam.create_open_id_connect_provider(
        Url="https://example.com", ThumbprintList=["a" * 40], ClientIDList=["client"]
    )
    arn = made["OpenIDConnectProviderArn"]
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Url"] == "example.com"
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    saml = iam.create_saml_provider(Name="idp", SAMLMetadataDocument="a" * 1024)["SAMLProviderArn"]
    assert iam.list_saml_providers()["SAMLProviderList"][0]["Arn"] == saml


def test_server_certificates(iam: Any) -> None:
    iam.upload_server_certificate(
        ServerCertificateName="cert", CertificateBody="body", PrivateKey="key"
    )
    listed = iam.list_server_certificates()["ServerCertificateMetadataList"]
    assert listed[0]["ServerCertificateName"] == "cert"
    iam.delete_server_certificate(ServerCertificateName="cert")


def test_ssh_public_keys(iam: Any) -> None:
    iam.create_user(UserName="alice")
    body = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ alice"
    made = iam.upload_ssh_public_key(UserName="alice", SSHPublicKeyBody=body)["SSHPublicKey"]
    assert made["Status"] == "Active"
    listed = iam.list_ssh_public_keys(UserName="alice")["SSHPublicKeys"]
    assert [each["SSHPublicKeyId"] for each in listed] == [made["SSHPublicKeyId"]]


# IAM: devices


def test_virtual_devices(iam: Any) -> None:
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    assert made["SerialNumber"] == f"arn:aws:iam::{ACCOUNT}:mfa/phone"
    assert made["Base32StringSeed"]
    assert made["QRCodePNG"]
    again = {"VirtualMFADeviceName": "phone"}
    assert code(iam.create_virtual_mfa_device, **again) == "EntityAlreadyExists"
    assert len(iam.list_virtual_mfa_devices()["VirtualMFADevices"]) == 1
    iam.delete_virtual_mfa_device(SerialNumber=made["SerialNumber"])
    gone = {"SerialNumber": made["SerialNumber"]}
    assert code(iam.delete_virtual_mfa_device, **gone) == "NoSuchEntity"


# Others


def test_lists_in_pages(iam: Any) -> None:
    for number in range(5):
        iam.create_user(UserName=f"user-{number}")
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    assert sum(len(page["Users"]) for page in pages) == 5


def test_resources_of_boto3() -> None:
    resource: Any = boto3.resource("iam", REGION)
    alice = resource.create_user(UserName="alice")
    assert alice.arn.endswith(":user/alice")
    alice.delete()
    bucket: Any = boto3.resource("s3", REGION).create_bucket(Bucket="bucket")
    bucket.put_object(Key="k", Body=b"x")
    assert [each.key for each in bucket.objects.all()] == ["k"]


@pytest.mark.parametrize("service", ["sqs", "sns", "ec2", "logs", "ssm", "secretsmanager", "kms"])
def test_other_services_answer_the_administrator(service: str) -> None:
    client: Any = boto3.client(service, "eu-west-1")
    listing = {
        "sqs": "list_queues",
        "sns": "list_topics",
        "ec2": "describe_vpcs",
        "logs": "describe_log_groups",
        "ssm": "describe_parameters",
        "secretsmanager": "list_secrets",
        "kms": "list_keys",
    }
    assert getattr(client, listing[service])()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_old_signatures_of_invented_keys_are_not_judged() -> None:
    from botocore.config import Config

    s3: Any = boto3.client("s3", REGION, config=Config(signature_version="s3"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x", Metadata={"m": "1"})
    assert s3.head_object(Bucket="bucket", Key="k")["Metadata"] == {"m": "1"}


def test_unsigned_calls_are_answered_as_moto_does() -> None:
    identities: Any = boto3.client("cognito-identity", REGION)
    pool = identities.create_identity_pool(
        IdentityPoolName="pool", AllowUnauthenticatedIdentities=True
    )["IdentityPoolId"]
    assert identities.get_id(IdentityPoolId=pool)["IdentityId"].startswith(REGION)


# Where moto's own tests found this simulator wrong


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-isob-east-1", "aws-iso-b"), ("us-gov-east-1", "aws-us-gov"), ("cn-north-1", "aws-cn")],
)
def test_roles_and_buckets_of_every_partition(region: str, partition: str) -> None:
    iam: Any = boto3.client("iam", region)
    trust = TRUST.replace("arn:aws:", f"arn:{partition}:")
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts: Any = boto3.client("sts", region)
    assert sts.get_caller_identity()["Arn"].startswith(f"arn:{partition}:")
    given = sts.assume_role(RoleArn=role, RoleSessionName="me")["AssumedRoleUser"]["Arn"]
    assert given == f"arn:{partition}:sts::{ACCOUNT}:assumed-role/worker/me"
    s3: Any = boto3.client("s3", region)
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["k"]


def test_a_role_of_no_partition_is_refused(sts: Any) -> None:
    role = f"arn:nowhere:iam::{ACCOUNT}:role/worker"
    assert code(sts.assume_role, RoleArn=role, RoleSessionName="me") == "AccessDenied"


def test_a_trust_policy_that_is_no_json_stops_only_who_assumes_the_role(iam: Any, sts: Any) -> None:
    made = iam.create_role(RoleName="worker", AssumeRolePolicyDocument="some policy")["Role"]
    own = iam.create_policy(PolicyName="own", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.delete_policy(PolicyArn=own)
    with pytest.raises(ClientError, match="policy of role worker is not JSON"):
        sts.assume_role(RoleArn=made["Arn"], RoleSessionName="me")


def test_a_missing_group_is_named_when_it_is_deleted(iam: Any) -> None:
    with pytest.raises(ClientError, match="The group with name missing cannot be found"):
        iam.delete_group(GroupName="missing")


def test_motos_own_switch_of_policies_changes_nothing(iam: Any) -> None:
    from moto.core import set_initial_no_auth_action_count

    with mock_aws() as aws:
        alice = aws.create_user("alice")

        @set_initial_no_auth_action_count(0)
        def call() -> None:
            assert alice.session().client("iam").list_users()["Users"]
            assert iam.list_users()["Users"]

        call()


def test_what_moto_does_not_know_is_raised_as_moto_does() -> None:
    ec2: Any = boto3.client("ec2", REGION)
    with pytest.raises(NotImplementedError, match="invented"):
        ec2.describe_subnets(Filters=[{"Name": "invented", "Values": ["x"]}])


def test_further_hosts_of_s3_are_answered_as_moto_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_CUSTOM_ENDPOINTS", "https://s3.example.internal")
    with mock_aws():
        s3: Any = boto3.client("s3", REGION, endpoint_url="https://s3.example.internal")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"x")
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"x"
