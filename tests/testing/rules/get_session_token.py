"""GetSessionToken, and what each kind of credentials may call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.testing.rules.rule import (
    INVALID_CODE,
    INVALID_TOKEN,
    ONE_MISSING,
    UNABLE_TO_VALIDATE,
    Rule,
    at_least,
    at_most,
    like,
    no_longer,
    no_shorter,
    validation_error,
)
from tests.testing.rules.scene import ALLOW_ALL, Scene, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

SERIAL = r"[\w+=/:,.@-]*"
CODE = r"[\d]*"
MISMATCH = (
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method. Consult the service documentation for details.",
)
EXPIRED = "The security token included in the request is expired"
TIME = r"\d{8}T\d{6}Z"


def asks(**asked: Any) -> Callable[[Scene], Any]:
    """Call with alice's key."""
    return lambda scene: scene.sts.get_session_token(**asked)


def lasts(who: str, **asked: Any) -> Callable[[Scene], int]:
    """Return the seconds that a session lasts."""

    def play(scene: Scene) -> int:
        user = scene.aws.root if who == "root" else scene.alice
        return scene.seconds_left(scene.client(user, "sts").get_session_token(**asked))

    return play


def code_of(**asked: str) -> Callable[[Scene], Any]:
    """Call with a code of alice's device, or what is given in its place."""
    return lambda scene: scene.sts.get_session_token(**(scene.mfa() | asked))


def used_before(scene: Scene) -> None:
    code = scene.code()
    scene.login(code)
    scene.login(code)


def device_of_another(scene: Scene) -> None:
    scene.client(scene.bob, "sts").get_session_token(**scene.mfa())


def budget_spent(scene: Scene) -> None:
    scene.start_window()
    scene.spend([scene.wrong_code()] * 9)
    scene.login(scene.code())


def enabled_seconds_ago(scene: Scene) -> None:
    scene.where(propagation="aws")
    serial, seed = scene.new_device()
    user = scene.alice.name
    scene.iam.enable_mfa_device(UserName=user, SerialNumber=serial, **scene.pair(0, seed))
    scene.aws.clock.advance(seconds=5)
    scene.login(scene.code(0, seed), serial)


def with_session(operation: str, kind: str, **asked: Any) -> Callable[[Scene], Any]:
    """Call an operation of STS with a session of that kind."""
    return lambda scene: getattr(scene.client(getattr(scene, kind)(), "sts"), operation)(**asked)


def with_key(change: Callable[[str, str], tuple[str, str]]) -> Callable[[Scene], Any]:
    """Call with alice's key, changed."""

    def play(scene: Scene) -> None:
        key = change(scene.alice.access_key_id, scene.alice.secret_access_key)
        scene.client((*key, None), "sts").get_session_token()

    return play


def with_skew(minutes: float) -> Callable[[Scene], Any]:
    """Call with a clock that is off."""

    def play(scene: Scene) -> None:
        scene.sts.get_caller_identity()
        scene.aws.clock.skew(minutes=minutes)
        scene.sts.get_session_token()

    return play


def throttled(scene: Scene) -> None:
    scene.aws.fail_next("GetSessionToken", code="Throttling")
    scene.sts.get_session_token()


def after_its_end(service: str, operation: str, **asked: Any) -> Callable[[Scene], Any]:
    """Call with a session that has ended, and that served a second before."""

    def play(scene: Scene) -> None:
        session = scene.mfa_session(DurationSeconds=900)
        scene.aws.clock.advance(seconds=898)
        scene.client(session, "sts").get_caller_identity()
        scene.aws.clock.advance(seconds=3)
        getattr(scene.client(session, service), operation)(**asked)

    return play


def calls(kind: str, service: str, operation: str, **asked: Any) -> Callable[[Scene], str]:
    """Return a rule that a session of that kind may call an operation."""

    def play(scene: Scene) -> str:
        getattr(scene.client(getattr(scene, kind)(), service), operation)(**asked)
        return "answered"

    return play


def denied_everything(scene: Scene) -> str:
    deny = {"Version": "2012-10-17", "Statement": [ALLOW_ALL | {"Effect": "Deny"}]}
    scene.client(scene.aws.create_user("eve", policy=deny), "sts").get_session_token()
    return "answered"


def assumes(scene: Scene) -> str:
    session = keys_of(scene.assume(scene.role(), scene.session()))
    return str(scene.client(session, "sts").get_caller_identity()["Arn"])


def refused_like(text: str) -> re.Pattern[str]:
    return re.compile(text.replace("TIME", TIME))


REFUSED_WITH_SESSION = "Cannot call {} with session credentials"
LONG_SERIAL = "arn:aws:iam::123456789012:mfa/" + "x" * 227

RULES = [
    Rule("a wrong code", lambda s: s.login(s.wrong_code()), INVALID_CODE),
    Rule("a code that was used before", used_before, INVALID_CODE),
    Rule("a device of another user", device_of_another, UNABLE_TO_VALIDATE),
    Rule("an unknown device", code_of(SerialNumber="GAHT12345678"), UNABLE_TO_VALIDATE),
    Rule("the budget is spent", budget_spent, UNABLE_TO_VALIDATE),
    Rule("enabled seconds ago", enabled_seconds_ago, UNABLE_TO_VALIDATE),
    Rule(
        "a FIDO device",
        code_of(SerialNumber="arn:aws:iam::123456789012:u2f/user/alice/key-ABCDEFGH"),
        UNABLE_TO_VALIDATE,
    ),
    Rule("only the serial", lambda s: asks(SerialNumber=s.serial)(s), ONE_MISSING),
    Rule("only the code", asks(TokenCode="123456"), ONE_MISSING),
    Rule(
        "a code of seven digits",
        code_of(TokenCode="1234567"),
        validation_error(("1234567", "tokenCode", no_longer(6))),
    ),
    Rule(
        "a code that is too long and no number",
        code_of(TokenCode="123 456"),
        validation_error(
            ("123 456", "tokenCode", no_longer(6)), ("123 456", "tokenCode", like(CODE))
        ),
    ),
    Rule(
        "an empty code",
        code_of(TokenCode=""),
        validation_error(("", "tokenCode", no_shorter(6))),
    ),
    Rule(
        "digits that are not ASCII",
        code_of(TokenCode="١٢٣٤٥٦"),
        validation_error(("١٢٣٤٥٦", "tokenCode", like(CODE))),
    ),
    Rule(
        "a serial that is too short",
        code_of(SerialNumber="12345678"),
        validation_error(("12345678", "serialNumber", no_shorter(9))),
    ),
    Rule(
        "a serial that is too long",
        code_of(SerialNumber=LONG_SERIAL),
        validation_error((LONG_SERIAL, "serialNumber", no_longer(256))),
    ),
    Rule(
        "a serial with a space",
        code_of(SerialNumber="GAHT 12345678"),
        validation_error(("GAHT 12345678", "serialNumber", like(SERIAL))),
    ),
    Rule(
        "a duration that is too short",
        asks(DurationSeconds=600),
        validation_error(("600", "durationSeconds", at_least(900))),
    ),
    Rule(
        "a duration that is too long",
        asks(DurationSeconds=129601),
        validation_error(("129601", "durationSeconds", at_most(129600))),
    ),
    Rule("a duration with a plus", lasts("alice", DurationSeconds="+900"), 900),
    *(
        Rule(
            f"a duration that is no number of 32 bits: {text!r}",
            asks(DurationSeconds=text),
            (400, "MalformedInput", "DurationSeconds is not a number"),
        )
        for text in ("2147483648", "-2147483649", "900.0", "", "nine", "٩٠٠")
    ),
    Rule(
        "the largest number of 32 bits as a duration",
        asks(DurationSeconds=2147483647),
        validation_error(("2147483647", "durationSeconds", at_most(129600))),
    ),
    Rule("the usual duration", lasts("alice"), 43200),
    Rule("the shortest duration", lasts("alice", DurationSeconds=900), 900),
    Rule("the longest duration", lasts("alice", DurationSeconds=129600), 129600),
    Rule("the root user's usual duration", lasts("root"), 3600),
    Rule("the root user's shortest duration", lasts("root", DurationSeconds=900), 900),
    Rule("more than the root user's longest", lasts("root", DurationSeconds=129600), 3600),
    Rule(
        "less than the root user's shortest",
        lasts("root", DurationSeconds=899),
        validation_error(("899", "durationSeconds", at_least(900))),
    ),
    Rule("a user whom policies deny everything", denied_everything, "answered"),
    *(
        Rule(
            f"{operation} with a {kind.replace('_', ' ')}",
            with_session(operation, kind, **asked),
            (403, "AccessDenied", REFUSED_WITH_SESSION.format(name)),
        )
        for operation, name, asked in (
            ("get_session_token", "GetSessionToken", {}),
            ("get_federation_token", "GetFederationToken", {"Name": "alice"}),
        )
        for kind in ("session", "mfa_session", "role_session")
    ),
    Rule("an unknown key", with_key(lambda _, s: ("AKIAAAAAAAAAAAAAAAAA", s)), INVALID_TOKEN),
    Rule("a wrong secret", with_key(lambda k, _: (k, "wrong")), MISMATCH),
    Rule(
        "a clock that is late",
        with_skew(16),
        (
            403,
            "SignatureDoesNotMatch",
            refused_like(
                r"Signature expired: TIME is now earlier than TIME \(TIME - 15 min\.\)",
            ),
        ),
    ),
    Rule(
        "a clock that is ahead",
        with_skew(-16),
        (
            403,
            "SignatureDoesNotMatch",
            refused_like(
                r"Signature not yet current: TIME is still later than TIME \(TIME \+ 15 min\.\)",
            ),
        ),
    ),
    Rule("throttled", throttled, (400, "Throttling", "Rate exceeded")),
    *(
        Rule(
            f"{service} with a session that has ended",
            after_its_end(service, operation, **asked),
            (status, code, text),
        )
        for service, operation, asked, status, code, text in (
            ("sts", "get_caller_identity", {}, 403, "ExpiredToken", EXPIRED),
            ("iam", "list_users", {}, 403, "ExpiredToken", EXPIRED),
            ("s3", "list_buckets", {}, 400, "ExpiredToken", "The provided token has expired."),
            ("dynamodb", "list_tables", {}, 400, "ExpiredTokenException", EXPIRED),
            ("ec2", "describe_vpcs", {}, 400, "RequestExpired", EXPIRED),
        )
    ),
    Rule("IAM without MFA", calls("session", "iam", "list_users"), INVALID_TOKEN),
    Rule("IAM's GetUser without MFA", calls("session", "iam", "get_user"), INVALID_TOKEN),
    Rule(
        "another call of STS without MFA",
        calls("session", "sts", "get_access_key_info", AccessKeyId="AKIAAAAAAAAAAAAAAAAA"),
        INVALID_TOKEN,
    ),
    Rule("AssumeRole without MFA", assumes, "arn:aws:sts::123456789012:assumed-role/role/work"),
    *(
        Rule(
            f"{service}'s {operation} with a {kind.replace('_', ' ')}",
            calls(kind, service, operation),
            "answered",
        )
        for kind, service, operation in (
            ("session", "sts", "get_caller_identity"),
            ("session", "s3", "list_buckets"),
            ("session", "ec2", "describe_vpcs"),
            ("session", "dynamodb", "list_tables"),
            ("mfa_session", "iam", "list_users"),
            ("mfa_session", "sts", "get_caller_identity"),
            ("mfa_session", "s3", "list_buckets"),
            ("role_session", "iam", "list_users"),
        )
    ),
]
