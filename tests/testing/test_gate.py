"""The gate in front of moto: keys, signatures, policies, and what reaches moto at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.config import Config
from moto import mock_aws

from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator, SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import User

    Refusal = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.pythons

UNKNOWN = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method. Consult the service documentation for details."
)
ONE_TRY = Config(retries={"total_max_attempts": 1})


def with_key(key_id: str, secret: str, token: str | None = None) -> boto3.Session:
    return boto3.Session(key_id, secret, token, region_name="us-east-1")


def test_an_unknown_key_is_refused(clients: Any, refusal: Refusal) -> None:
    session = with_key("AKIAAAAAAAAAAAAAAAAA", "no-secret")
    got = refusal(clients.of(session, "sts").get_caller_identity)
    assert got == (403, "InvalidClientTokenId", UNKNOWN)


@pytest.mark.parametrize(
    ("service", "operation", "status", "code"),
    [
        ("s3", "list_buckets", 403, "SignatureDoesNotMatch"),
        ("dynamodb", "list_tables", 400, "InvalidSignatureException"),
        ("lambda", "list_functions", 403, "InvalidSignatureException"),
        ("ec2", "describe_vpcs", 401, "AuthFailure"),
        ("iam", "list_users", 403, "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused_in_the_words_of_each_service(
    clients: Any,
    alice: User,
    refusal: Refusal,
    service: str,
    operation: str,
    status: int,
    code: str,
) -> None:
    session = with_key(alice.access_key_id, "wrong")
    got = refusal(getattr(clients.of(session, service), operation))
    assert got[:2] == (status, code)
    if service == "iam":
        assert got[2] == MISMATCH


def test_a_session_without_its_own_token_is_refused(
    clients: Any, alice: User, refusal: Refusal
) -> None:
    given = clients.exchange(alice).get_credentials()
    for token in (None, given.token + "x", "other"):
        session = with_key(given.access_key, given.secret_key, token)
        got = refusal(clients.of(session, "sts").get_caller_identity)
        assert got == (403, "InvalidClientTokenId", UNKNOWN)


@pytest.mark.parametrize(
    ("minutes", "text"), [(20, "Signature expired: "), (-20, "Signature not yet current: ")]
)
def test_a_skew_of_more_than_fifteen_minutes_is_refused(
    clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal, minutes: int, text: str
) -> None:
    sts = clients.of(alice, "sts", config=ONE_TRY)
    aws.clock.skew(minutes=minutes)
    status, code, got = refusal(sts.get_caller_identity)
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert got.startswith(text)
    assert got.endswith(" 15 min.)")
    aws.clock.skew(minutes=minutes / 2)
    sts.get_caller_identity()


def test_moving_the_clock_makes_no_client_late(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    """Signatures are verified by real time."""
    sts = clients.of(alice, "sts")
    aws.clock.advance(hours=1000)
    sts.get_caller_identity()
    aws.clock.advance(hours=-2000)
    sts.get_caller_identity()


def test_a_key_works_from_its_creation_until_it_is_inactive_or_deleted(
    clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal
) -> None:
    iam = clients.of(aws.root, "iam")
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    sts = clients.of(with_key(made["AccessKeyId"], made["SecretAccessKey"]), "sts")
    assert sts.get_caller_identity()["Arn"] == alice.arn
    key = {"UserName": "alice", "AccessKeyId": made["AccessKeyId"]}
    iam.update_access_key(**key, Status="Inactive")
    assert refusal(sts.get_caller_identity)[1] == "InvalidClientTokenId"
    iam.update_access_key(**key, Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(**key)
    assert refusal(sts.get_caller_identity)[1] == "InvalidClientTokenId"


def test_the_keys_of_a_renamed_user_keep_working(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    clients.of(aws.root, "iam").update_user(UserName="alice", NewUserName="eve")
    who = clients.of(alice, "sts").get_caller_identity()
    assert who["Arn"] == alice.arn == "arn:aws:iam::123456789012:user/eve"


def test_keys_and_sessions_end_with_their_user(
    clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal
) -> None:
    iam, session = clients.of(aws.root, "iam"), clients.exchange(alice)
    iam.delete_access_key(UserName="alice", AccessKeyId=alice.access_key_id)
    sts = clients.of(session, "sts")
    sts.get_caller_identity()
    iam.delete_user_policy(UserName="alice", PolicyName="simulated")
    iam.delete_user(UserName="alice")
    assert refusal(sts.get_caller_identity)[1] == "InvalidClientTokenId"


def test_the_path_is_part_of_a_users_arn_in_policies(
    clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal
) -> None:
    clients.of(aws.root, "iam").create_user(UserName="eve", Path="/team/")
    deny = {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:iam::*:user/team/*"}
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow, deny]}
    iam = clients.of(aws.create_user("bob", policy=policy), "iam")
    iam.get_user(UserName="alice")
    text = "iam:GetUser on resource: user eve with an explicit deny"
    assert text in refusal(iam.get_user, UserName="eve")[2]


ONLY_EC2 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}],
}
NO_IAM = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"},
    ],
}


def test_a_refusal_names_caller_action_resource_and_reason(
    clients: Any, aws: AWSSimulator, refusal: Refusal
) -> None:
    """GetCallerIdentity is never denied."""
    user = aws.create_user("bob", policy=NO_IAM)
    clients.of(user, "s3").create_bucket(Bucket="bucket")
    assert refusal(clients.of(user, "iam").list_users) == (
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: iam:ListUsers on"
        " resource: arn:aws:iam::123456789012:user/ because no identity-based policy allows the"
        " iam:ListUsers action",
    )
    assert refusal(clients.of(user, "s3").delete_bucket, Bucket="bucket") == (
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: s3:DeleteBucket on"
        ' resource: "arn:aws:s3:::bucket" with an explicit deny in an identity-based policy',
    )
    clients.of(user, "sts").get_caller_identity()
    clients.of(user, "sts").get_session_token()


@pytest.mark.parametrize(
    ("service", "operation", "status", "code"),
    [
        ("iam", "list_users", 403, "AccessDenied"),
        ("s3", "list_buckets", 403, "AccessDenied"),
        ("dynamodb", "list_tables", 400, "AccessDeniedException"),
        ("lambda", "list_functions", 403, "AccessDeniedException"),
        ("ec2", "describe_vpcs", 403, "UnauthorizedOperation"),
    ],
)
def test_a_policy_that_requires_mfa_allows_sessions_with_mfa_only(
    clients: Any,
    aws: AWSSimulator,
    refusal: Refusal,
    service: str,
    operation: str,
    status: int,
    code: str,
) -> None:
    user = aws.create_user("bob", policy=REQUIRE_MFA_POLICY)
    device = user.enable_virtual_mfa()
    assert refusal(getattr(clients.of(user, service), operation))[:2] == (status, code)
    getattr(clients.of(clients.exchange(user, device), service), operation)()
    if service != "iam":
        without = clients.exchange(user)
        assert refusal(getattr(clients.of(without, service), operation))[:2] == (status, code)


def test_policies_of_groups_and_managed_policies_count_at_once(
    clients: Any, aws: AWSSimulator, refusal: Refusal
) -> None:
    user = aws.create_user("bob", policy=ONLY_EC2)
    root, s3 = clients.of(aws.root, "iam"), clients.of(user, "s3")
    assert refusal(s3.list_buckets)[1] == "AccessDenied"
    document = (
        '{"Version": "2012-10-17",'
        ' "Statement": {"Effect": "EFFECT", "Action": "s3:*", "Resource": "*"}}'
    )
    allow, deny = document.replace("EFFECT", "Allow"), document.replace("EFFECT", "Deny")
    root.create_group(GroupName="readers")
    root.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=allow)
    root.add_user_to_group(GroupName="readers", UserName="bob")
    s3.list_buckets()
    arn = root.create_policy(PolicyName="none", PolicyDocument=deny)["Policy"]["Arn"]
    root.attach_user_policy(UserName="bob", PolicyArn=arn)
    assert "explicit deny" in refusal(s3.list_buckets)[2]


def test_a_policy_that_cannot_be_judged_is_refused_by_name(
    clients: Any, aws: AWSSimulator, refusal: Refusal
) -> None:
    odd = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    odd["Condition"] = {"NumericLessThan": {"aws:Unheard": "1"}}  # type: ignore[assignment]
    user = aws.create_user("bob", policy={"Version": "2012-10-17", "Statement": [odd]})
    status, code, text = refusal(clients.of(user, "s3").list_buckets)
    assert (status, code) == (501, "NotSupportedBySimulator")
    assert "aws:Unheard" in text
    assert "enforce_policies=False" in text


def test_policies_can_be_switched_off() -> None:
    """Signatures are still verified."""
    with AWSSimulator(enforce_policies=False) as aws:
        user = aws.create_user("bob", policy=ONLY_EC2)
        assert user.session().client("iam").list_users()["Users"]


def test_objects_are_stored_as_with_plain_moto(clients: Any, alice: User) -> None:
    """Odd keys, large multipart bodies, metadata and ranges are among them."""
    s3 = clients.of(alice, "s3")
    s3.create_bucket(Bucket="bucket")
    body = os.urandom(6 << 20)
    for key in ("a b+c&d=é/../e", "plain", "x/y//z%20", "~t*'()"):
        s3.put_object(Bucket="bucket", Key=key, Body=body[:100], Metadata={"my_key": "v"})
        got = s3.get_object(Bucket="bucket", Key=key)
        assert (got["Body"].read(), got["Metadata"]) == (body[:100], {"my_key": "v"})
        assert s3.head_object(Bucket="bucket", Key=key)["ContentLength"] == 100
    upload = s3.create_multipart_upload(Bucket="bucket", Key="big")["UploadId"]
    part = {"Bucket": "bucket", "Key": "big", "UploadId": upload}
    tags = [s3.upload_part(**part, PartNumber=n, Body=body)["ETag"] for n in (1, 2)]
    parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="bucket", Key="big")["Body"].read() == body + body


def test_a_presigned_link_works_until_it_is_changed(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    s3 = clients.of(alice, "s3", config=Config(signature_version="s3v4"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"content")
    link = s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "k"}, ExpiresIn=60)
    assert requests.get(link, timeout=5).content == b"content"
    changed = requests.get(link.replace("Expires=60", "Expires=61"), timeout=5)
    assert (changed.status_code, "SignatureDoesNotMatch" in changed.text) == (403, True)
    assert requests.get(link.split("?")[0], timeout=5).status_code == 403
    aws.clock.skew(minutes=2)
    late = requests.get(link, timeout=5)
    assert (late.status_code, "Request has expired" in late.text) == (403, True)


def test_clients_in_several_threads_do_not_disturb_each_other(clients: Any, alice: User) -> None:
    sts, s3 = clients.of(alice, "sts"), clients.of(alice, "s3")

    def work(number: int) -> str:
        s3.create_bucket(Bucket=f"bucket-{number}")
        return str(sts.get_caller_identity()["Arn"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(40))) == {alice.arn}
    assert len(s3.list_buckets()["Buckets"]) == 40


def test_a_client_made_before_the_simulator_is_answered_by_it() -> None:
    """Afterwards moto answers it."""
    early = with_key("AKIAAAAAAAAAAAAAAAAA", "no-secret").client("sts")
    with AWSSimulator(), pytest.raises(early.exceptions.ClientError, match="InvalidClientTokenId"):
        early.get_caller_identity()
    with mock_aws():
        late = with_key("AKIAAAAAAAAAAAAAAAAA", "no-secret").client("sts")
        assert late.get_caller_identity()["Account"] == "123456789012"


def test_unknown_hosts_of_aws_and_motos_own_pages_are_errors(
    aws: AWSSimulator, alice: User
) -> None:
    for host in ("http://example.com", "http://motoapi.amazonaws.com", "https://x.amazonaws.com"):
        client: Any = alice.session().client("s3", endpoint_url=host)
        with pytest.raises(SimulatorError, match="does not know the host"):
            client.list_buckets()
    with pytest.raises(SimulatorError, match="does not know the host"):
        requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)


def test_there_is_no_metadata_service(aws: AWSSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    assert boto3.Session(region_name="us-east-1").get_credentials() is None


def test_a_call_signed_for_another_service_is_refused(aws: AWSSimulator, alice: User) -> None:
    client: Any = alice.session().client("sts", endpoint_url="https://iam.amazonaws.com")
    with pytest.raises(client.exceptions.ClientError, match="scoped to correct service"):
        client.get_caller_identity()


def test_a_second_simulator_is_refused(aws: AWSSimulator) -> None:
    with pytest.raises(SimulatorError, match="active in this process already"), AWSSimulator():
        pass


def test_a_simulator_inside_mock_aws_is_refused() -> None:
    with mock_aws(), pytest.raises(SimulatorError, match="mock_aws is active"), AWSSimulator():
        pass
    with AWSSimulator():
        pass


def test_the_environment_is_unchanged() -> None:
    before = dict(os.environ)
    with AWSSimulator():
        assert dict(os.environ) == before


def test_an_account_that_was_not_started_says_so() -> None:
    with pytest.raises(SimulatorError, match="not active"):
        AWSSimulator().create_user("alice")


@pytest.mark.parametrize(
    ("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")]
)
def test_arns_are_those_of_the_partition(region: str, partition: str) -> None:
    with AWSSimulator(account_id="999988887777", region=region) as aws:
        alice = aws.create_user("alice")
        device = alice.enable_virtual_mfa()
        assert alice.arn == f"arn:{partition}:iam::999988887777:user/alice"
        assert device.serial_number == f"arn:{partition}:iam::999988887777:mfa/alice"
        sts: Any = alice.session().client("sts")
        sts.get_session_token(SerialNumber=device.serial_number, TokenCode=device.code())
        assert sts.get_caller_identity()["Arn"] == alice.arn
        iam: Any = alice.session().client("iam")
        assert iam.list_users()["Users"][0]["Arn"] == alice.arn
