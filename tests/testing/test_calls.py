"""The record of calls: what was called, by whom, and what it answered."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from mfakit.testing import AWSSimulator, CallRecord, SimulatorError

if TYPE_CHECKING:
    from mfakit.testing import Device, User

pytestmark = pytest.mark.pythons

ONE_TRY = Config(retries={"total_max_attempts": 1})


def session(key_id: str, secret: str, token: str | None = None) -> boto3.Session:
    return boto3.Session(key_id, secret, token, region_name="us-east-1")


def test_a_record_has_time_call_caller_and_answer(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    assert aws.calls == []
    aws.clock.advance(hours=5)
    clients.of(alice, "sts").get_caller_identity()
    (record,) = aws.calls
    assert abs(record.time - datetime.now(UTC) - timedelta(hours=5)) < timedelta(seconds=10)
    assert record == CallRecord(
        time=record.time,
        service="sts",
        operation="GetCallerIdentity",
        caller=alice.arn,
        access_key_id=alice.access_key_id,
        credentials="long-term key",
        status=200,
        error=None,
    )


def test_a_record_has_the_kind_and_the_owner_of_the_credentials(
    clients: Any, aws: AWSSimulator, alice: User, device: Device
) -> None:
    clients.of(clients.exchange(alice), "s3").list_buckets()
    clients.of(clients.exchange(alice, device), "s3").list_buckets()
    assert [(c.operation, c.credentials, c.caller) for c in aws.calls] == [
        ("GetSessionToken", "long-term key", alice.arn),
        ("ListBuckets", "session", alice.arn),
        ("GetSessionToken", "long-term key", alice.arn),
        ("ListBuckets", "MFA session", alice.arn),
    ]


def test_sessions_of_roles_and_federated_users_are_recorded_by_their_own_arn(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": alice.arn}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = aws.root.session().client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = clients.of(alice, "sts")
    got = [
        sts.assume_role(RoleArn=role, RoleSessionName="deploy"),
        sts.get_federation_token(Name="bob"),
    ]
    for given in (answer["Credentials"] for answer in got):
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        clients.of(session(*keys), "sts").get_caller_identity()
    account = aws.account_id
    assert [(c.credentials, c.caller) for c in aws.calls[-2:]] == [
        ("role session", f"arn:aws:sts::{account}:assumed-role/r/deploy"),
        ("federated session", f"arn:aws:sts::{account}:federated-user/bob"),
    ]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "status", "error"),
    [
        ("sts", "get_session_token", {"TokenCode": "123456"}, 403, "AccessDenied"),
        ("iam", "get_user", {"UserName": "nobody"}, 404, "NoSuchEntity"),
        ("s3", "list_objects_v2", {"Bucket": "nowhere"}, 404, "NoSuchBucket"),
        ("dynamodb", "describe_table", {"TableName": "none"}, 400, "ResourceNotFoundException"),
        ("lambda", "get_function", {"FunctionName": "f"}, 404, "ResourceNotFoundException"),
        ("ec2", "describe_vpcs", {"VpcIds": ["vpc-0"]}, 400, "InvalidVpcID.NotFound"),
    ],
)
def test_a_record_names_the_error_in_every_protocol(
    clients: Any,
    aws: AWSSimulator,
    alice: User,
    service: str,
    operation: str,
    parameters: dict[str, Any],
    status: int,
    error: str,
) -> None:
    client = clients.of(alice, service, config=ONE_TRY)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    (record,) = aws.calls
    assert (record.service, record.status, record.error) == (service, status, error)
    assert caught.value.response["Error"]["Code"] == error


def test_a_call_with_an_unknown_key_has_no_caller(aws: AWSSimulator, alice: User) -> None:
    """The id of the key is recorded."""
    sts: Any = session("AKIAAAAAAAAAAAAAAAAA", "secret").client("sts", config=ONE_TRY)
    with pytest.raises(ClientError):
        sts.get_caller_identity()
    requests.get("https://bucket.s3.amazonaws.com/key", timeout=5)
    unknown, unsigned = aws.calls
    assert (unknown.caller, unknown.credentials) == (None, None)
    assert (unknown.access_key_id, unknown.error) == (
        "AKIAAAAAAAAAAAAAAAAA",
        "InvalidClientTokenId",
    )
    assert (unsigned.caller, unsigned.access_key_id) == (None, None)
    assert (unsigned.service, unsigned.operation, unsigned.status) == ("s3", "GetObject", 403)


def test_the_caller_is_recorded_even_if_the_call_deleted_its_key(
    aws: AWSSimulator, alice: User
) -> None:
    iam: Any = alice.session().client("iam")
    iam.delete_access_key(UserName="alice", AccessKeyId=alice.access_key_id)
    assert [(c.operation, c.caller) for c in aws.calls] == [("DeleteAccessKey", alice.arn)]


def test_a_call_that_raises_is_recorded_without_a_status(aws: AWSSimulator, alice: User) -> None:
    client: Any = alice.session().client("cloudsearch", config=ONE_TRY)
    with pytest.raises(SimulatorError):
        client.list_domain_names()
    assert [(c.operation, c.status) for c in aws.calls] == [("ListDomainNames", None)]


def test_records_cannot_be_changed(aws: AWSSimulator, alice: User) -> None:
    alice.session().client("sts").get_caller_identity()
    with pytest.raises(dataclasses.FrozenInstanceError):
        aws.calls[0].status = 500  # type: ignore[misc]
    aws.calls.clear()
    assert len(aws.calls) == 1


def test_calls_of_all_threads_are_recorded(clients: Any, aws: AWSSimulator, alice: User) -> None:
    """Others read the records meanwhile."""
    sts = clients.of(alice, "sts")

    def call(_: int) -> int:
        sts.get_caller_identity()
        return len(aws.calls)

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(call, range(80)))
    assert len(aws.calls) == 80 == max(seen)
    assert {c.caller for c in aws.calls} == {alice.arn}


def test_preparations_of_a_test_are_not_recorded(aws: AWSSimulator) -> None:
    aws.create_user("bob").enable_virtual_mfa()
    assert aws.calls == []


def test_no_secret_is_recorded(clients: Any, aws: AWSSimulator, alice: User) -> None:
    """No secret, seed, code or token is in the repr of anything, whatever was called."""
    device = alice.enable_virtual_mfa()
    secrets = [alice.secret_access_key, aws.root.secret_access_key, aws.control_token, device.seed]
    iam = clients.of(alice, "iam", config=ONE_TRY)
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    other = iam.create_virtual_mfa_device(VirtualMFADeviceName="other")["VirtualMFADevice"]
    code = device.code()
    codes = {"SerialNumber": device.serial_number, "TokenCode": code}
    got = clients.of(alice, "sts").get_session_token(**codes)["Credentials"]
    with_mfa = session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    s3 = clients.of(with_mfa, "s3")
    s3.create_bucket(Bucket="bucket")
    requests.get(s3.generate_presigned_url("list_buckets"), timeout=5)
    secrets += [made["SecretAccessKey"], other["Base32StringSeed"].decode(), code]
    secrets += [got["SecretAccessKey"], got["SessionToken"]]
    mixed_up = clients.of(session(alice.secret_access_key, "x"), "sts", config=ONE_TRY)
    with pytest.raises(ClientError):
        mixed_up.get_caller_identity()
    aws.fail_next("*", message="for the repr of what is left")
    told = "\n".join(map(repr, [aws, alice, device, aws.root, *aws.calls, *aws.faults_left]))
    assert len(aws.calls) == 6
    assert [secret for secret in secrets if secret in told] == []
