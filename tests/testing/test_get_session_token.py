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


def test_a_code_becomes_a_session(clients: Any, alice: User, device: Device) -> None:
    """A code gives a key of its own that starts ASIA, with a token, for twelve hours."""
    sts = clients.of(alice, "sts")
    asked = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    given = sts.get_session_token(**asked)["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA")
    left = given["Expiration"] - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
    session = boto3.Session(*(given[k] for k in ("AccessKeyId", "SecretAccessKey", "SessionToken")))
    who = clients.of(session, "sts", region_name="us-east-1").get_caller_identity()
    assert (who["Arn"], who["Account"]) == (alice.arn, "123456789012")


def test_a_session_may_call_iam(clients: Any, alice: User, device: Device) -> None:
    """A session made with MFA may call IAM, as the user."""
    session = clients.exchange(alice, device)
    assert clients.of(session, "iam").get_user()["User"]["UserName"] == "alice"


def test_a_code_serves_once(clients: Any, alice: User, device: Device, refusal: Refusal) -> None:
    """A code that was used is refused like a wrong one."""
    sts = clients.of(alice, "sts")
    asked = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    sts.get_session_token(**asked)
    expected = (403, "AccessDenied", INVALID)
    assert refusal(sts.get_session_token, **asked) == expected
    asked["TokenCode"] = wrong_code(device)
    assert refusal(sts.get_session_token, **asked) == expected


def test_a_device_serves_only_its_user(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """A device of another user, and one that does not exist, cannot be validated."""
    sts = clients.of(aws.create_user("bob"), "sts")
    for serial in (device.serial_number, device.serial_number + "x"):
        got = refusal(sts.get_session_token, SerialNumber=serial, TokenCode=device.code())
        assert got == (403, "AccessDenied", UNABLE)


def test_the_tenth_verification_is_refused(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """When nine verifications are spent, the right code fails too; code() waits it out."""
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
def test_serial_and_code_go_together(
    clients: Any, alice: User, device: Device, refusal: Refusal, given: str
) -> None:
    """Only one of serial number and code is refused."""
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
def test_a_code_is_six_digits(
    clients: Any, alice: User, device: Device, refusal: Refusal, code: str, complaints: list[str]
) -> None:
    """What is not six digits is refused by its form, each constraint on its own."""
    sts = clients.of(alice, "sts")
    got = refusal(sts.get_session_token, SerialNumber=device.serial_number, TokenCode=code)
    count = "1 validation error" if len(complaints) == 1 else f"{len(complaints)} validation errors"
    each = (f"Value '{code}' at 'tokenCode' failed to satisfy constraint: {c}" for c in complaints)
    assert got == (400, "ValidationError", f"{count} detected: {'; '.join(each)}")


def test_the_longest_duration(clients: Any, alice: User, refusal: Refusal) -> None:
    """A user's session lasts 36 hours at most."""
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
def test_root_gets_an_hour_at_most(
    clients: Any, aws: AWSSimulator, asked: dict[str, int], got: int
) -> None:
    """What root asks beyond an hour becomes an hour, not an error."""
    given = clients.of(aws.root, "sts").get_session_token(**asked)["Credentials"]
    left = (given["Expiration"] - datetime.now(UTC)).total_seconds()
    assert got - 60 < left <= got


def test_a_session_gets_no_session(
    clients: Any, alice: User, device: Device, refusal: Refusal
) -> None:
    """GetSessionToken and GetFederationToken cannot be called with session credentials."""
    for session in (clients.exchange(alice, device), clients.exchange(alice)):
        sts = clients.of(session, "sts")
        text = "Cannot call GetSessionToken with session credentials"
        assert refusal(sts.get_session_token) == (403, "AccessDenied", text)
        text = "Cannot call GetFederationToken with session credentials"
        assert refusal(sts.get_federation_token, Name="alice") == (403, "AccessDenied", text)


def test_a_session_without_mfa_may_not_call_iam(
    clients: Any, alice: User, refusal: Refusal
) -> None:
    """A session made without MFA may call S3 and GetCallerIdentity, but not IAM."""
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
def test_a_session_ends(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal,
    service: str, operation: str, status: int, code: str, text: str | None,
) -> None:  # fmt: skip
    """After its time a session is refused, by each service in its own words."""
    session = clients.exchange(alice, device, DurationSeconds=900)
    call = getattr(clients.of(session, service), operation)
    aws.clock.advance(seconds=895)
    call()
    aws.clock.advance(seconds=6)
    usual = "The security token included in the request is expired"
    assert refusal(call) == (status, code, text or usual)


def test_what_is_not_known_says_so(clients: Any, alice: User, refusal: Refusal) -> None:
    """A call of STS that the simulator does not know is refused, never passed."""
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    sts = clients.of(alice, "sts")
    if not hasattr(sts, "assume_root"):
        pytest.skip("this boto3 is older than the call")
    got = refusal(sts.assume_root, TargetPrincipal="123456789012", TaskPolicyArn=task)
    assert got[:2] == (501, "NotSupportedBySimulator")


def test_the_root_user_is_known(clients: Any, aws: AWSSimulator) -> None:
    """The bootstrap key is the account's root user."""
    who = clients.of(aws.root, "sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::123456789012:root"
    assert who["UserId"] == who["Account"] == "123456789012"


def test_root_logs_in_with_a_device(clients: Any, aws: AWSSimulator) -> None:
    """The root user's device has the name that AWS gives it."""
    device = aws.root.enable_virtual_mfa()
    assert device.serial_number == "arn:aws:iam::123456789012:mfa/root-account-mfa-device"
    assert clients.of(clients.exchange(aws.root, device), "iam").list_users()["Users"] == []


def test_codes_never_run_out(clients: Any, aws: AWSSimulator, alice: User, device: Device) -> None:
    """Every code that is handed out serves, and the clock moves when there is none left."""
    before = aws.clock.now()
    for _ in range(12):
        clients.exchange(alice, device)
    assert aws.clock.now() > before


def test_secrets_are_not_shown(aws: AWSSimulator, alice: User, device: Device) -> None:
    """No repr shows a secret, a token or a seed."""
    shown = f"{aws!r} {alice!r} {device!r} {device._device!r} {alice._key!r}"
    assert alice.secret_access_key not in shown
    assert device.seed not in shown
    assert aws.control_token not in shown


def test_without_policies_roles_are_there_for_all() -> None:
    """With policies switched off, any role that exists may be assumed, and a code still counts."""
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
