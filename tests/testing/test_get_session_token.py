"""GetSessionToken, and what its sessions may call, through real clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import Device, User

    Refusal = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.pythons

UNABLE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial"
    " number is valid and associated with this user."
)
INVALID = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
BOTH = (
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
)
UNKNOWN = "The security token included in the request is invalid."
PATTERN = r"Member must satisfy regular expression pattern: [\d]*"


def wrong_code(device: Device) -> str:
    """Return a code that the device shows at no time near."""
    step = int(datetime.now(UTC).timestamp() // 30)
    near = {device._device.token.code(step + steps) for steps in range(-5, 6)}
    return next(code for code in ("000000", "000001", "000002") if code not in near)


def test_a_code_gives_a_session_of_twelve_hours(clients: Any, alice: User, device: Device) -> None:
    """It has a key of its own that starts with ASIA, and a token."""
    sts = clients.of(alice, "sts")
    asked = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    given = sts.get_session_token(**asked)["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA")
    left = given["Expiration"] - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
    session = boto3.Session(*(given[k] for k in ("AccessKeyId", "SecretAccessKey", "SessionToken")))
    who = clients.of(session, "sts", region_name="us-east-1").get_caller_identity()
    assert (who["Arn"], who["Account"]) == (alice.arn, "123456789012")


def test_a_session_with_mfa_may_call_iam_as_the_user(
    clients: Any, alice: User, device: Device
) -> None:
    session = clients.exchange(alice, device)
    assert clients.of(session, "iam").get_user()["User"]["UserName"] == "alice"


def test_a_used_code_is_refused_like_a_wrong_one(
    clients: Any, alice: User, device: Device, refusal: Refusal
) -> None:
    sts = clients.of(alice, "sts")
    asked = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    sts.get_session_token(**asked)
    expected = (403, "AccessDenied", INVALID)
    assert refusal(sts.get_session_token, **asked) == expected
    asked["TokenCode"] = wrong_code(device)
    assert refusal(sts.get_session_token, **asked) == expected


def test_a_device_of_another_user_cannot_be_validated(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    sts = clients.of(aws.create_user("bob"), "sts")
    for serial in (device.serial_number, device.serial_number + "x"):
        got = refusal(sts.get_session_token, SerialNumber=serial, TokenCode=device.code())
        assert got == (403, "AccessDenied", UNABLE)


def test_the_tenth_verification_is_refused(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """The right code is refused too; code() waits until there are verifications again."""
    sts = clients.of(alice, "sts")
    aws.clock.advance(seconds=180 - aws.clock.timestamp() % 180)
    wrong = {"SerialNumber": device.serial_number, "TokenCode": "000000"}
    code, _ = device.next_code()
    for _ in range(9):
        assert refusal(sts.get_session_token, **wrong)[1] == "AccessDenied"
    right = {"SerialNumber": device.serial_number, "TokenCode": code}
    assert refusal(sts.get_session_token, **right) == (403, "AccessDenied", UNABLE)
    clients.exchange(alice, device)


@pytest.mark.parametrize("given", ["SerialNumber", "TokenCode"])
def test_serial_number_or_code_alone_is_refused(
    clients: Any, alice: User, device: Device, refusal: Refusal, given: str
) -> None:
    asked = {"SerialNumber": device.serial_number, "TokenCode": "123456"}
    sts = clients.of(alice, "sts")
    got = refusal(sts.get_session_token, **{given: asked[given]})
    assert got == (403, "AccessDenied", BOTH)


@pytest.mark.parametrize(
    ("code", "complaints"),
    [
        ("1234567", ["Member must have length less than or equal to 6"]),
        ("12345a", [PATTERN]),
        ("12345-7", ["Member must have length less than or equal to 6", PATTERN]),
    ],
)
def test_a_code_that_is_not_six_digits_is_refused_by_its_form(
    clients: Any, alice: User, device: Device, refusal: Refusal, code: str, complaints: list[str]
) -> None:
    sts = clients.of(alice, "sts")
    got = refusal(sts.get_session_token, SerialNumber=device.serial_number, TokenCode=code)
    count = "1 validation error" if len(complaints) == 1 else f"{len(complaints)} validation errors"
    each = (f"Value '{code}' at 'tokenCode' failed to satisfy constraint: {c}" for c in complaints)
    assert got == (400, "ValidationError", f"{count} detected: {'; '.join(each)}")


def test_a_users_session_lasts_at_most_36_hours(
    clients: Any, alice: User, refusal: Refusal
) -> None:
    sts = clients.of(alice, "sts")
    assert sts.get_session_token(DurationSeconds=129600)
    assert refusal(sts.get_session_token, DurationSeconds=129601) == (
        400,
        "ValidationError",
        "1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy"
        " constraint: Member must have value less than or equal to 129600",
    )


@pytest.mark.parametrize(
    ("asked", "got"),
    [({}, 3600), ({"DurationSeconds": 7200}, 3600), ({"DurationSeconds": 900}, 900)],
)
def test_a_root_session_is_cut_to_an_hour(
    clients: Any, aws: AWSSimulator, asked: dict[str, int], got: int
) -> None:
    given = clients.of(aws.root, "sts").get_session_token(**asked)["Credentials"]
    left = (given["Expiration"] - datetime.now(UTC)).total_seconds()
    assert got - 60 < left <= got


def test_a_session_cannot_call_get_session_or_federation_token(
    clients: Any, alice: User, device: Device, refusal: Refusal
) -> None:
    for session in (clients.exchange(alice, device), clients.exchange(alice)):
        sts = clients.of(session, "sts")
        text = "Cannot call GetSessionToken with session credentials"
        assert refusal(sts.get_session_token) == (403, "AccessDenied", text)
        text = "Cannot call GetFederationToken with session credentials"
        assert refusal(sts.get_federation_token, Name="alice") == (403, "AccessDenied", text)


def test_a_session_without_mfa_may_not_call_iam(
    clients: Any, alice: User, refusal: Refusal
) -> None:
    """It may call S3 and GetCallerIdentity."""
    session = clients.exchange(alice)
    assert clients.of(session, "s3").list_buckets()["Buckets"] == []
    assert clients.of(session, "sts").get_caller_identity()["Arn"] == alice.arn
    got = refusal(clients.of(session, "iam").list_users)
    assert got == (403, "InvalidClientTokenId", UNKNOWN)


@pytest.mark.parametrize(
    ("service", "operation", "status", "code", "text"),
    [
        ("sts", "get_caller_identity", 403, "ExpiredToken", None),
        ("iam", "list_users", 403, "ExpiredToken", None),
        ("s3", "list_buckets", 400, "ExpiredToken", "The provided token has expired."),
        ("dynamodb", "list_tables", 400, "ExpiredTokenException", None),
        ("ec2", "describe_vpcs", 400, "RequestExpired", None),
    ],
)
def test_an_expired_session_is_refused_in_the_words_of_each_service(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal,
    service: str, operation: str, status: int, code: str, text: str | None,
) -> None:  # fmt: skip
    session = clients.exchange(alice, device, DurationSeconds=900)
    call = getattr(clients.of(session, service), operation)
    aws.clock.advance(seconds=895)
    call()
    aws.clock.advance(seconds=6)
    usual = "The security token included in the request is expired"
    assert refusal(call) == (status, code, text or usual)


def test_an_unknown_call_of_sts_is_not_supported(
    clients: Any, alice: User, refusal: Refusal
) -> None:
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    sts = clients.of(alice, "sts")
    if not hasattr(sts, "assume_root"):
        pytest.skip("this boto3 is older than the call")
    got = refusal(sts.assume_root, TargetPrincipal="123456789012", TaskPolicyArn=task)
    assert got[:2] == (501, "NotSupportedBySimulator")


def test_the_first_key_is_the_root_users(clients: Any, aws: AWSSimulator) -> None:
    who = clients.of(aws.root, "sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::123456789012:root"
    assert who["UserId"] == who["Account"] == "123456789012"


def test_the_root_users_device_has_awss_name_and_works(clients: Any, aws: AWSSimulator) -> None:
    device = aws.root.enable_virtual_mfa()
    assert device.serial_number == "arn:aws:iam::123456789012:mfa/root-account-mfa-device"
    assert clients.of(clients.exchange(aws.root, device), "iam").list_users()["Users"] == []


def test_every_code_that_is_handed_out_is_valid(
    clients: Any, aws: AWSSimulator, alice: User, device: Device
) -> None:
    """The clock moves if there is none left."""
    before = aws.clock.now()
    for _ in range(12):
        clients.exchange(alice, device)
    assert aws.clock.now() > before


def test_no_repr_shows_a_secret(aws: AWSSimulator, alice: User, device: Device) -> None:
    shown = f"{aws!r} {alice!r} {device!r} {device._device!r} {alice._key!r}"
    assert alice.secret_access_key not in shown
    assert device.seed not in shown
    assert aws.control_token not in shown


def test_without_policies_any_role_may_be_assumed() -> None:
    """The code is still checked."""
    with AWSSimulator(enforce_policies=False) as aws:
        alice, trust = aws.create_user("alice"), '{"Version": "2012-10-17", "Statement": []}'
        device = alice.enable_virtual_mfa()
        iam: Any = aws.root.session().client("iam")
        iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust)
        sts: Any = alice.session().client("sts")
        asked = {"RoleArn": "arn:aws:iam::123456789012:role/role", "RoleSessionName": "work"}
        sts.assume_role(**asked, SerialNumber=device.serial_number, TokenCode=device.code())
        wrong = {"SerialNumber": device.serial_number, "TokenCode": wrong_code(device)}
        with pytest.raises(sts.exceptions.ClientError, match="invalid MFA one time pass code"):
            sts.assume_role(**asked, **wrong)
        with pytest.raises(sts.exceptions.ClientError, match="not authorized"):
            sts.assume_role(**asked | {"RoleArn": asked["RoleArn"] + "s"})
