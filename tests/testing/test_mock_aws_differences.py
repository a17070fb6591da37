"""Where `mock_aws` answers otherwise than moto, since AWS does; the documentation lists each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mfakit.testing import AWSSimulator, SimulatorError, mock_aws

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ACCOUNT = "123456789012"


@pytest.fixture
def aws() -> Iterator[AWSSimulator]:
    with mock_aws() as simulator:
        yield simulator


@pytest.fixture
def sts(aws: AWSSimulator) -> Any:
    return boto3.client("sts", REGION)


def trust(**condition: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        **({"Condition": condition} if condition else {}),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_an_invented_code_is_refused_in_words_that_name_a_device(sts: Any) -> None:
    asked = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/alice", "TokenCode": "123456"}
    with pytest.raises(ClientError, match=r"AccessDenied.*enable_virtual_mfa\(\)"):
        sts.get_session_token(**asked)
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    with pytest.raises(ClientError, match=r"AccessDenied.*enable_virtual_mfa\(\)"):
        sts.assume_role(RoleArn=role, RoleSessionName="me", **asked)


def test_a_key_of_awss_form_that_nobody_issued_is_refused_in_words(aws: AWSSimulator) -> None:
    sts: Any = boto3.client(
        "sts",
        REGION,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    with pytest.raises(ClientError, match=r"InvalidClientTokenId.*create_access_key.*testing"):
        sts.get_caller_identity()


def test_a_wrong_secret_of_an_issued_key_is_refused(aws: AWSSimulator) -> None:
    alice = aws.create_user("alice")
    session = boto3.Session(alice.access_key_id, "x" * 40, region_name=REGION)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        session.client("sts").get_caller_identity()


def test_an_inactive_key_is_refused(aws: AWSSimulator) -> None:
    alice = aws.create_user("alice")
    iam: Any = boto3.client("iam", REGION)
    key = {"UserName": "alice", "AccessKeyId": alice.access_key_id}
    iam.update_access_key(Status="Inactive", **key)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        alice.session().client("sts").get_caller_identity()


def test_a_missing_role_is_refused_in_words_that_name_create_role(sts: Any) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied.*no such role.*CreateRole"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/missing", RoleSessionName="me")


def test_a_trust_policy_that_requires_mfa_refuses_the_administrator(sts: Any) -> None:
    iam: Any = boto3.client("iam", REGION)
    policy = trust(Bool={"aws:MultiFactorAuthPresent": "true"})
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=role, RoleSessionName="me")


def test_a_session_without_mfa_may_not_call_iam(sts: Any) -> None:
    given = sts.get_session_token()["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    iam: Any = boto3.Session(*keys, region_name=REGION).client("iam")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        iam.list_users()


def test_a_session_ends(aws: AWSSimulator, sts: Any) -> None:
    given = sts.get_session_token(DurationSeconds=900)["Credentials"]
    keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    aws.clock.advance(minutes=16)
    with pytest.raises(ClientError, match="ExpiredToken"):
        boto3.Session(*keys, region_name=REGION).client("sts").get_caller_identity()


def test_users_may_do_what_their_policies_allow(aws: AWSSimulator) -> None:
    iam: Any = boto3.client("iam", REGION)
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
    s3: Any = session.client("s3")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_buckets()
    arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    assert s3.list_buckets()["Buckets"] == []


def test_a_user_assumes_a_role_of_another_account_if_policies_allow_it(aws: AWSSimulator) -> None:
    role = "arn:aws:iam::111122223333:role/any"
    alice: Any = aws.create_user("alice").session().client("sts")
    assert alice.assume_role(RoleArn=role, RoleSessionName="me")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    bob = aws.create_user("bob", policy={"Version": "2012-10-17", "Statement": statement})
    sts: Any = bob.session().client("sts")
    with pytest.raises(ClientError, match=r"AccessDenied.*sts:AssumeRole"):
        sts.assume_role(RoleArn=role, RoleSessionName="me")


def test_motos_control_host_is_refused(aws: AWSSimulator) -> None:
    import requests

    with pytest.raises(SimulatorError, match="does not know the host motoapi"):
        requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)


def test_a_session_needs_its_token(aws: AWSSimulator, sts: Any) -> None:
    role = "arn:aws:iam::111122223333:role/any"
    given = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], region_name=REGION)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        session.client("sts").get_caller_identity()


def test_a_path_needs_its_slashes_and_a_boundary_its_policy(aws: AWSSimulator) -> None:
    iam: Any = boto3.client("iam", REGION)
    with pytest.raises(ClientError, match=r"ValidationError.*begin and end with /"):
        iam.create_user(UserName="alice", Path="staff")
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    with pytest.raises(ClientError, match="does not exist or is not attachable"):
        iam.create_role(
            RoleName="worker", AssumeRolePolicyDocument=trust(), PermissionsBoundary=boundary
        )


def test_a_form_that_is_put_to_a_link_is_kept_as_it_came(aws: AWSSimulator) -> None:
    import requests

    s3: Any = boto3.client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    link = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "k"})
    requests.put(link, files={"file": b"content"}, timeout=5)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read().startswith(b"--")


def test_an_example_key_is_of_the_account_that_its_id_holds(sts: Any) -> None:
    found = sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")
    assert found["Account"] == "581039954779"
