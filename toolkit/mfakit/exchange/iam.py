"""Calls of IAM, signed by a long-term key or, where IAM wants MFA, a session; and MFA devices."""

from __future__ import annotations

import os

from mfakit.errors import ExchangeError, ProfileError, UsageError
from mfakit.exchange.aws import DENIED, SERVER_ERROR, asking_aws, make_client
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mfakit.exchange.source import Source

UNREAD_SERIAL = "AWS_MFA_SERIAL"  # aws-vault reads it
_NAME_IT = "name it: --serial-number arn:aws:iam::ACCOUNT:mfa/NAME, or mfa_serial in the AWS config"
# The limits of STS, from its service model.
_SHORTEST, _LONGEST = 9, 256
_SIGNS = frozenset("_+=/:,.@-")
_ACCOUNT_DIGITS = 12
_REFUSED = (*DENIED, "InvalidClientTokenId")


class IAM:
    """IAM, as the user of some credentials.

    Args:
        signer: the long-term credentials that sign, until a session does.
        log_in: returns a session's credentials if IAM denies a call to the long-term key; None if
            the user can have no session.

    Attributes:
        signer: the credentials that sign now.
        was_refused: whether AWS answered the last call, and so did nothing.
    """

    def __init__(self, signer: Source, log_in: Callable[[], Source] | None) -> None:
        self.signer = signer
        self._log_in = log_in
        self._clients: dict[tuple[str, bool], Any] = {}
        self.was_refused = False

    def call(self, operation: str, *, once: bool = False, **parameters: Any) -> Any:
        """Call IAM; with a session of the user's if the long-term key is denied.

        Args:
            operation: botocore's name of the operation.
            once: whether it must not be sent again when its answer is lost.
            **parameters: of the call.

        Raises:
            ExchangeError: AWS refused, or could not be reached.
        """
        from botocore.exceptions import ClientError

        self.was_refused = False
        try:
            return getattr(self._client(once=once), operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            self.was_refused = _did_nothing(error)
            if code not in DENIED or self.signer.is_session or self._log_in is None:
                with asking_aws(self.signer):
                    raise
        except Exception:
            with asking_aws(self.signer):
                raise
        self.sign_with_session()
        self.was_refused = False
        with asking_aws(self.signer):
            try:
                return getattr(self._client(once=once), operation)(**parameters)
            except ClientError as error:
                self.was_refused = _did_nothing(error)
                raise

    def sign_with_session(self) -> None:
        """Sign with a session of the user's from now on, if there can be one."""
        if self._log_in is not None and not self.signer.is_session:
            self.signer = self._log_in()

    def without_session(self) -> IAM:
        """Return the same, for a user who can have no session."""
        return IAM(self.signer, None)

    def user_arn(self, purpose: str) -> str:
        """Return the ARN of the IAM user, whose name is its last part.

        Args:
            purpose: what a user is needed for, for the error.

        Raises:
            ProfileError: the credentials are not those of an IAM user.
        """
        with asking_aws(self.signer):
            client = make_client("sts", self.signer, retries=True)
            arn: str = client.get_caller_identity()["Arn"]
        if ":user/" not in arn:
            raise ProfileError(
                f"{arn} is no IAM user, {purpose}",
                "a root user should have no key at all: delete it in the console",
            )
        return arn

    def _client(self, *, once: bool) -> Any:
        key = self.signer.access_key_id, once
        if key not in self._clients:
            self._clients[key] = make_client("iam", self.signer, retries=not once)
        return self._clients[key]


def _did_nothing(refusal: Any) -> bool:
    """Whether AWS refused a call, and did not fail at it."""
    status: int = refusal.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return 0 < status < SERVER_ERROR


class Device(Value):
    """An MFA device of the source's user.

    Args:
        serial_number: its ARN, or the number on a hardware token.
        is_guess: whether it was derived from the user's name, as IAM did not list devices.
    """

    serial_number: str
    is_guess: bool = False

    @property
    def kind(self) -> str:
        """``virtual``, ``hardware``, or ``security key``."""
        if ":u2f/" in self.serial_number:
            return "security key"
        return "virtual" if self.serial_number.startswith("arn:") else "hardware"

    @property
    def is_usable(self) -> bool:
        """Whether its codes can get a session, which those of security keys cannot."""
        return self.kind != "security key"


def check_serial_number(text: str) -> str:
    """Return a serial number whose form is valid.

    Raises:
        UsageError: AWS would refuse its form, or it is the ARN of a user or a security key.
    """
    if not _has_form(text):
        hint, joined = f"{_NAME_IT}; mfakit devices shows yours", "".join(text.split())
        if " #" in text or " ;" in text:
            hint = "put the comment into a line of its own: here, it belongs to the value"
        elif joined != text and _has_form(joined) and (joined[:4] == "arn:" or joined.isalnum()):
            hint = f"perhaps {joined}, without blanks"
        raise UsageError(f"{text!r} is no serial number of an MFA device", hint)
    meant = meant_serial_number(text)
    if text.startswith("arn:") and not is_arn(text):
        raise UsageError(
            f"{text} is no ARN: it lacks a part, or twelve digits for the account",
            f"perhaps {meant}" if meant else f"{_NAME_IT}; mfakit devices shows yours",
        )
    if text.endswith((":mfa", ":mfa/")):
        raise UsageError(
            f"{text} lacks the device's name, which follows :mfa/",
            f"{_NAME_IT}; mfakit devices shows yours",
        )
    if ":user/" in text:
        raise UsageError(
            f"{text} is a user; the device's serial number has :mfa/ in it",
            f"perhaps this is yours: --serial-number {meant}; see mfakit devices",
        )
    if ":u2f/" in text:
        raise UsageError(
            f"{text} is a security key or passkey, which AWS takes no code from",
            "name another device of yours, which mfakit devices shows: --serial-number ARN; or add"
            " an authenticator app in the AWS console",
        )
    return text


def meant_serial_number(text: str) -> str | None:
    """Return the device that the ARN of a user, or one without its empty part, may stand for."""
    if not _has_form(text):
        return None
    if text.startswith("arn:") and not is_arn(text):
        parts = text.split(":")
        completed = ":".join([*parts[:3], "", *parts[3:]])
        return completed if is_arn(completed) else None
    account, is_user, name = text.partition(":user/")
    return f"{account}:mfa/{name.rpartition('/')[2]}" if is_user else None  # without its path


def is_arn(text: str) -> bool:
    """Whether a text has the form of an ARN of IAM, such as that of a device or a role."""
    parts = text.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[2:4] != ["iam", ""]:
        return False
    return len(parts[4]) == _ACCOUNT_DIGITS and parts[4].isdecimal() and parts[5] != ""


def _has_form(text: str) -> bool:
    """Whether STS accepts its form; without re, which takes longer to load than all else here."""
    letters = (letter.isascii() and (letter.isalnum() or letter in _SIGNS) for letter in text)
    return _SHORTEST <= len(text) <= _LONGEST and all(letters)


def account_of(serial_number: str | None) -> str | None:
    """Return the account in a serial number; None if it has none, as those of hardware."""
    parts = (serial_number or "").split(":")
    return parts[4] if len(parts) > 4 else None


def find_devices(source: Source) -> list[Device]:
    """Return the MFA devices of the source's user.

    If IAM does not let the user list them, the usual name of a virtual device is derived from the
    user's name, which STS reports to every user.

    Raises:
        ExchangeError: AWS did not answer, or refused for another reason.
    """
    with asking_aws(source):
        from botocore.exceptions import ClientError

        client = make_client("iam", source, retries=True)
        try:
            found = client.list_mfa_devices()["MFADevices"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _REFUSED:
                raise
            return [_guess(source)]
    return [Device(device["SerialNumber"]) for device in found]


def only_device(devices: list[Device]) -> Device:
    """Return the one device whose codes can be used.

    Raises:
        ExchangeError: there is none, or several.
    """
    usable = [device for device in devices if device.is_usable]
    if len(usable) == 1:
        return usable[0]
    if usable:
        names = ", ".join(device.serial_number for device in usable)
        raise ExchangeError(f"there are several MFA devices: {names}", unread_device() or _NAME_IT)
    if devices:
        raise ExchangeError(
            "the user has only security keys or passkeys, which AWS takes no code from",
            "add an authenticator app as a second device in the AWS console",
        )
    raise ExchangeError("the user has no MFA device", "add one: mfakit devices add")


def unread_device() -> str:
    """Return how to use the device that aws-vault's variable names; "" if it names none."""
    import shlex

    if not (named := os.environ.get(UNREAD_SERIAL)):
        return ""
    return f"{UNREAD_SERIAL} is not read: export MFAKIT_SERIAL_NUMBER={shlex.quote(named)}"


def _guess(source: Source) -> Device:
    arn = make_client("sts", source, retries=True).get_caller_identity()["Arn"]
    head, _, name = arn.partition(":user/")
    if name:
        return Device(f"{head}:mfa/{name.rpartition('/')[2]}", is_guess=True)
    if arn.endswith(":root"):
        return Device(f"{arn.removesuffix(':root')}:mfa/root-account-mfa-device", is_guess=True)
    raise ExchangeError(f"{arn} is no user, and has no MFA device of its own", _NAME_IT)
