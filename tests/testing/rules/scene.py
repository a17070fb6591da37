"""What the table of rules plays in: an account, its people, and clients that check nothing."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import pyotp
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.testing.conftest import shared_session

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from mfakit.testing import Device, User

ACCOUNT = "123456789012"
STEP = 30
WINDOW = 180
# Values have to reach the server, and a refusal is to be told of at once.
UNCHECKED = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
)
ALLOW_ALL: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    """Return a policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Scene:
    """An account in which alice has a device and bob has none.

    The account begins when it is first asked for, so that a rule may say which one it wants.
    """

    def __init__(self, *, over_http: bool) -> None:
        self._over_http = over_http
        self._options: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def where(self, **options: Any) -> None:
        """Ask for an account with those options."""
        assert "aws" not in self.__dict__
        self._options = options

    @cached_property
    def aws(self) -> AWSSimulator:
        aws = self._stack.enter_context(AWSSimulator(**self._options))
        # Far from the end of a step and of a window, so that real time does not matter.
        aws.clock.advance(seconds=WINDOW - aws.clock.timestamp() % WINDOW + 1)
        return aws

    @cached_property
    def _endpoint_url(self) -> str | None:
        return self._stack.enter_context(self.aws.serve()) if self._over_http else None

    @cached_property
    def alice(self) -> User:
        return self.aws.create_user("alice")

    @cached_property
    def bob(self) -> User:
        return self.aws.create_user("bob")

    @cached_property
    def device(self) -> Device:
        return self.alice.enable_virtual_mfa()

    @property
    def serial(self) -> str:
        return self.device.serial_number

    def client(self, credentials: User | tuple[str | None, ...], service: str) -> Any:
        """Return a client with the key of a user, or with id, secret and token."""
        if not isinstance(credentials, tuple):
            credentials = (credentials.access_key_id, credentials.secret_access_key, None)
        key_id, secret, token = credentials
        return shared_session().client(
            service,
            region_name=self.aws.region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=UNCHECKED,
        )

    @cached_property
    def sts(self) -> Any:
        """STS as alice calls it."""
        return self.client(self.alice, "sts")

    @cached_property
    def iam(self) -> Any:
        """IAM as the root user calls it."""
        return self.client(self.aws.root, "iam")

    def session(self, user: User | None = None, **asked: Any) -> tuple[str, str, str]:
        """Return the session that GetSessionToken gives, by default to alice without MFA."""
        sts = self.client(user or self.alice, "sts")
        return keys_of(sts.get_session_token(**asked))

    def mfa_session(self, **asked: Any) -> tuple[str, str, str]:
        """Return a session of alice with MFA."""
        return self.session(None, **self.mfa(), **asked)

    def mfa(self) -> dict[str, str]:
        """Return serial number and a fresh code of alice's device."""
        return {"SerialNumber": self.serial, "TokenCode": self.device.code()}

    def role(self, name: str = "role", *, trust: Any = None, longest: int = 3600) -> str:
        """Make a role that may do all, trusted to all of the account; return its ARN."""
        given = trust or [trusting(f"arn:aws:iam::{ACCOUNT}:root")]
        made = self.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=document(*given), MaxSessionDuration=longest
        )
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(ALLOW_ALL))
        return str(made["Role"]["Arn"])

    def role_session(self, *, role: str = "", **asked: Any) -> tuple[str, str, str]:
        """Return a session of a role that alice assumed."""
        return keys_of(self.assume(role or self.role(), **asked))

    def assume(self, role: str, credentials: Any = None, **asked: Any) -> Any:
        """Assume a role, by default with alice's key."""
        sts = self.client(credentials or self.alice, "sts")
        return sts.assume_role(RoleArn=role, **({"RoleSessionName": "work"} | asked))

    def code(self, steps: int = 0, seed: str | None = None) -> str:
        """Return a code, so many steps from now."""
        at = self.aws.clock.timestamp() + steps * STEP
        return pyotp.TOTP(seed or self.device.seed).at(int(at))

    def pair(self, steps: int = 0, seed: str | None = None) -> dict[str, str]:
        """Return two consecutive codes, the second so many steps from now."""
        return {
            "AuthenticationCode1": self.code(steps - 1, seed),
            "AuthenticationCode2": self.code(steps, seed),
        }

    def wrong_code(self) -> str:
        """Return a code that alice's device shows at no time near."""
        near = {self.code(steps) for steps in range(-10, 11)}
        return next(code for n in range(30) if (code := f"{n:06}") not in near)

    def start_window(self) -> None:
        """Move to where a window of three minutes begins."""
        self.aws.clock.advance(seconds=WINDOW - self.aws.clock.timestamp() % WINDOW)

    def login(self, code: str, serial: str = "") -> Any:
        """Exchange a code of alice's."""
        return self.sts.get_session_token(SerialNumber=serial or self.serial, TokenCode=code)

    def spend(self, codes: list[str]) -> list[str]:
        """Exchange codes one by one, whether they serve or not; return what came of each."""
        return [outcome(self.login, code=code) for code in codes]

    def new_device(self, name: str = "new") -> tuple[str, str]:
        """Create a device that nobody has; return serial number and seed."""
        made = self.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        return made["SerialNumber"], made["Base32StringSeed"].decode()

    def seconds_left(self, answer: Any) -> int:
        """Return how long a session lasts from now, to the nearest half minute."""
        ends: float = answer["Credentials"]["Expiration"].timestamp()
        left = ends - self.aws.clock.timestamp()
        return round(left / STEP) * STEP


def trusting(principal: str, **more: Any) -> dict[str, Any]:
    """Return a statement of a trust policy."""
    named = {"AWS": principal}
    return {"Effect": "Allow", "Principal": named, "Action": "sts:AssumeRole", **more}


def keys_of(answer: Any) -> tuple[str, str, str]:
    """Return id, secret and token from an answer of STS."""
    given = answer["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


def outcome(call: Any, **parameters: Any) -> str:
    """Return ``ok``, or what a refusal says in short."""
    try:
        call(**parameters)
    except ClientError as error:
        text = error.response["Error"].get("Message", "")
        return "invalid" if "invalid MFA one time pass code" in text else text
    return "ok"
