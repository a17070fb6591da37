"""MFA devices of a user: enrolled, resynchronised and removed.

A virtual device exists from the moment that AWS makes its seed, and blocks its name until it is
deleted. So whatever ends an enrolment early deletes the device; where that cannot be done, it is
named with the command for it.
"""

from __future__ import annotations

import shlex
import time

from mfakit.errors import ExchangeError, MFAKitError, ProfileError, UsageError
from mfakit.exchange import STEP_SECONDS
from mfakit.exchange.aws import DENIED
from mfakit.exchange.iam import IAM, Device, find_devices
from mfakit.language import translate
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from mfakit.exchange.source import Source

    class Asker(Protocol):
        """Asks for codes, as ``Terminal`` does."""

        def ask_code(self, question: str) -> str:
            """Ask until the answer has the form of a code; return it."""

        def say(self, text: str) -> object:
            """Show a message."""

        def count_down(self, seconds: float, what: str, *, may_skip: bool = False) -> None:
            """Wait, and show how much time is left."""


_TRIES = 3
_MOST_NAMES = 100
_MOST_DEVICES = 8  # "IAM User Guide", IAM and STS quotas
_LONGEST_NAME = 226  # "IAM API Reference", CreateVirtualMFADevice
_SIGNS = "_+=,.@-"
_CLOCK = "the usual cause is the phone's clock: let the phone set its time by itself"
IN_CONSOLE = (
    "in the AWS console: your name at the top right, Security credentials, Assign MFA device"
)


class Made(Value):
    """A device that was just made.

    Args:
        serial_number: its ARN.
        seed: the secret of its codes, in base32.
    """

    serial_number: str
    seed: str

    @property
    def uri(self) -> str:
        """What the QR code contains, and authenticator apps read: it holds the seed."""
        return otpauth_uri(self.serial_number, self.seed)


def otpauth_uri(serial_number: str, seed: str) -> str:
    """Return the URI that authenticator apps read.

    Its form is the one of Google Authenticator's wiki, Key URI Format. A prefix of the label would
    make the QR code one row longer, so the issuer is a parameter alone.
    """
    from urllib.parse import quote

    parts = serial_number.split(":")
    label = quote(f"{_name(serial_number)}@{parts[4]}", safe="@")
    return f"otpauth://totp/{label}?secret={seed}&issuer=AWS"


def check_device_name(name: str) -> str:
    """Return a device's name; raise UsageError if IAM would refuse its form."""
    letters = all(one.isascii() and (one.isalnum() or one in _SIGNS) for one in name)
    if not letters or not 1 <= len(name) <= _LONGEST_NAME:
        raise UsageError(
            f"{name!r} cannot be the name of an MFA device",
            f"take at most {_LONGEST_NAME} letters, digits and characters of {_SIGNS}",
        )
    return name


def ask_two_codes(asker: Asker, serial_number: str) -> tuple[str, str]:
    """Ask for two codes that follow each other.

    The phone's clock may be off, so its next code may come before the countdown ends.
    """
    first = asker.ask_code(translate("MFA code for {device}: ", device=serial_number))
    while True:
        left = STEP_SECONDS - time.time() % STEP_SECONDS
        asker.count_down(left, translate("the next code"), may_skip=True)
        second = asker.ask_code(translate("next MFA code for {device}: ", device=serial_number))
        if second != first:
            return first, second
        asker.say(translate("that is the same code; wait until the device shows another"))


class UserDevices:
    """The MFA devices of a user.

    Args:
        source: the long-term credentials.
        log_in: returns a session's credentials where IAM wants MFA.
        note: called with messages for the user.
        user: another user, for an administrator; None for the credentials' own.

    Attributes:
        user: the user's name.
        whose: the option that names another user on mfakit's command line.
    """

    def __init__(
        self,
        source: Source,
        log_in: Callable[[], Source],
        note: Callable[[str], object],
        user: str | None = None,
    ) -> None:
        self._iam = IAM(source, log_in)
        self._note = note
        self._unanswered: str | None = None  # the device of a call whose answer has not come
        self._own = user is None
        head, _, path = self._iam.user_arn("who can have MFA devices here").partition(":user/")
        self._prefix = f"{head}:mfa/"
        self.user = user or path.rpartition("/")[2]
        self.whose = "" if user is None else f" --user {shlex.quote(user)}"

    def listed(self, name: str | None = None) -> list[Device]:
        """Return the user's devices; where IAM denies that, one that is only a guess.

        Args:
            name: the device that is wanted, which the guess is then; None for the user's own name.

        Raises:
            ExchangeError: AWS refused; for another user also if it denied it and there is no name.
        """
        guess = Device(self.serial_number(name), is_guess=True)
        if self._own:
            own = find_devices(self._iam.signer)
            return [guess] if any(one.is_guess for one in own) else own
        try:
            found = self._iam.call("list_mfa_devices", UserName=self.user)["MFADevices"]
        except ExchangeError as error:
            if name is None or not _is(error, *DENIED):
                raise
            return [guess]
        return [Device(one["SerialNumber"]) for one in found]

    def serial_number(self, name: str | None) -> str:
        """Return the serial number of a virtual device; by default of the user's own name."""
        return name if name and name.startswith("arn:") else f"{self._prefix}{name or self.user}"

    def unused(self) -> list[str]:
        """Return the virtual devices that are named after the user and are nobody's."""
        iam, found = self._iam.without_session(), list[str]()
        more: dict[str, Any] = {}
        while True:
            page = iam.call("list_virtual_mfa_devices", AssignmentStatus="Unassigned", **more)
            found += [one["SerialNumber"] for one in page["VirtualMFADevices"]]
            if not page.get("IsTruncated"):
                return [one for one in found if self._is_own_name(one)]
            more = {"Marker": page["Marker"]}

    def add(self, name: str | None, deliver: Callable[[Made], object], asker: Asker) -> str:
        """Make a virtual device, and enable it with two codes of the app that has its seed.

        Args:
            name: the device's name; None for the user's own, or the next that is free.
            deliver: shows the seed to the user, or hands it to a program.
            asker: asks for the codes.

        Returns:
            The device's serial number.

        Raises:
            ProfileError: the user has that device already, only security keys, or as many devices
                as AWS allows.
            ExchangeError: AWS refused; the device does not exist then, or was named.
        """
        present = self.listed()
        names = {_name(one.serial_number) for one in present if not one.is_guess}
        if name is not None and name in names:
            raise ProfileError(
                f"the user {self.user} has a device {name} already",
                f"take another name: mfakit devices add {shlex.quote(f'{self.user}-phone')}",
            )
        if present and not any(one.is_usable for one in present):
            raise ProfileError(
                "AWS lets who has a device add another only with MFA, and security keys and"
                " passkeys give no codes",
                f"add an authenticator app {IN_CONSOLE}",
            )
        if len(present) >= _MOST_DEVICES:
            raise ProfileError(
                f"the user {self.user} has {len(present)} MFA devices, and AWS allows no more",
                "remove one first: mfakit devices remove NAME",
            )
        if present and not present[0].is_guess:
            self._iam.sign_with_session()
        elif not present:
            self._iam = self._iam.without_session()
        made = self._make(name or self.user, names)
        try:
            deliver(made)
            self._enable(made.serial_number, asker)
        except BaseException:
            self._delete_or_name(made.serial_number)
            raise
        return made.serial_number

    def resync(self, serial_number: str, asker: Asker) -> None:
        """Let AWS adopt the time of a device, by two codes that follow each other.

        Raises:
            ExchangeError: AWS refused.
        """
        for left in reversed(range(_TRIES)):
            codes = ask_two_codes(asker, serial_number)
            if self._takes("resync_mfa_device", serial_number, codes, asker, left):
                return

    def remove(self, serial_number: str) -> None:
        """Take a device from its user, and delete it if it is a virtual one.

        Raises:
            ExchangeError: AWS refused.
        """
        try:
            self._iam.call("deactivate_mfa_device", UserName=self.user, SerialNumber=serial_number)
        except ExchangeError as error:  # it was sent again, since its answer was lost
            if not _is(error, "NoSuchEntity") or self._has(serial_number, if_denied=True):
                raise
        except (KeyboardInterrupt, SystemExit):
            again = f"mfakit devices remove {shlex.quote(serial_number)}{self.whose}"
            self._note(f"the device {serial_number} may be nobody's now; try again: {again}")
            raise
        if Device(serial_number).kind == "virtual":
            self._delete_or_name(serial_number)

    def remove_unused(self, name: str, *, may_log_in: bool = True) -> str | None:
        """Delete a virtual device that is nobody's.

        Args:
            name: its name or serial number.
            may_log_in: whether a session may be asked for, where IAM denies it to the key.

        Returns:
            Its serial number; None if it is somebody's, or there is none of that name.

        Raises:
            ExchangeError: AWS refused for another reason.
        """
        serial_number = self.serial_number(name)
        iam = self._iam if may_log_in else self._iam.without_session()
        try:
            iam.call("delete_virtual_mfa_device", SerialNumber=serial_number)
        except ExchangeError as error:
            denied = () if may_log_in else DENIED
            if not _is(error, "NoSuchEntity", "DeleteConflict", "ValidationError", *denied):
                raise
            return None
        return serial_number

    def _make(self, wanted: str, names: set[str]) -> Made:
        """Make a device of the wanted name, or of the next that is free."""
        for number in range(1, _MOST_NAMES):
            name = wanted if number == 1 else f"{wanted}-{number}"
            serial_number = f"{self._prefix}{name}"
            if name in names:
                continue
            for _ in range(2):
                try:
                    return self._create(name)
                except ExchangeError as error:
                    if not _is(error, "EntityAlreadyExists"):
                        raise
                if not self._is_own_name(serial_number) or not self._clear(serial_number):
                    break
        raise ExchangeError(f"all names from {wanted} on are taken", "name the device yourself")

    def _create(self, name: str) -> Made:
        serial_number = f"{self._prefix}{name}"
        try:
            answer = self._iam.call(
                "create_virtual_mfa_device", once=True, VirtualMFADeviceName=name
            )
        except ExchangeError as error:
            if _is(error, "AccessDenied") and not self._is_own_name(serial_number):
                error.hint = (
                    "policies often allow only names that begin with yours:"
                    f" mfakit devices add {shlex.quote(f'{self.user}-{name}')}"
                )
            if not error.message.startswith("AWS answered"):
                self._delete_or_name(serial_number)  # the answer may be lost
            raise
        except BaseException:
            self._delete_or_name(serial_number)
            raise
        device = answer["VirtualMFADevice"]
        return Made(device["SerialNumber"], device["Base32StringSeed"].decode("ascii"))

    def _clear(self, serial_number: str) -> bool:
        """Delete what an enrolment that was cut off has left; return whether it is gone."""
        try:
            self._iam.call("delete_virtual_mfa_device", SerialNumber=serial_number)
        except ExchangeError as error:
            if not _is(error, "DeleteConflict"):  # somebody has it
                self._name_orphan(serial_number)
            return False
        self._note(f"deleted the device {serial_number}, which was nobody's")
        return True

    def _enable(self, serial_number: str, asker: Asker) -> None:
        for left in reversed(range(_TRIES)):
            codes = ask_two_codes(asker, serial_number)
            try:
                if self._takes("enable_mfa_device", serial_number, codes, asker, left):
                    return
            except ExchangeError as error:
                if error.message.startswith("AWS answered"):
                    raise
                if not self._has(serial_number):  # the answer may have been lost alone
                    raise
                return

    def _takes(
        self, operation: str, serial_number: str, codes: tuple[str, str], asker: Asker, left: int
    ) -> bool:
        """Send two codes; return whether AWS takes them, and raise if no tries are left."""
        given = {"AuthenticationCode1": codes[0], "AuthenticationCode2": codes[1]}
        self._unanswered = serial_number
        try:
            self._iam.call(
                operation, once=True, UserName=self.user, SerialNumber=serial_number, **given
            )
            self._unanswered = None
        except ExchangeError as error:
            if error.message.startswith("AWS answered"):
                self._unanswered = None
            if not _is(error, "InvalidAuthenticationCode"):
                raise
            refused = "AWS refused the codes: two that follow each other are wanted"
            if left == 0:
                raise ExchangeError(refused, f"{_CLOCK}; then try again") from None
            asker.say(f"{refused}; {_CLOCK}")
            return False
        return True

    def _has(self, serial_number: str, *, if_denied: bool = False) -> bool:
        """Whether the user has a device; `if_denied` is the answer where IAM denies the list."""
        try:
            found = self.listed(serial_number)
        except MFAKitError:
            return False
        if any(one.is_guess for one in found):
            return if_denied
        return any(one.serial_number == serial_number for one in found)

    def _delete_or_name(self, serial_number: str) -> None:
        """Delete a device that nobody has, or name it if that is not possible."""
        try:
            self._iam.call("delete_virtual_mfa_device", SerialNumber=serial_number)
        except MFAKitError as error:
            if _is(error, "DeleteConflict"):
                self._note(f"the device {serial_number} is enabled: log in, mfakit login")
            elif not _is(error, "NoSuchEntity"):
                self._name_orphan(serial_number)
        except BaseException:  # interrupted again, while AWS took its time
            self._name_orphan(serial_number)
            raise

    def _name_orphan(self, serial_number: str) -> None:
        name = shlex.quote(serial_number)
        if serial_number == self._unanswered:
            self._note(
                f"the device {serial_number} may be enabled, since AWS did not answer: keep it in"
                f" your app until mfakit devices{self.whose}, which names it, says that it is not"
            )
            return
        self._note(
            f"the device {serial_number} is nobody's, and could not be deleted; try again: mfakit"
            f" devices remove {name}; or let an administrator: aws iam delete-virtual-mfa-device"
            f" --serial-number {name}"
        )

    def _is_own_name(self, serial_number: str) -> bool:
        """Whether `policy require-mfa` counts a device as the user's own."""
        name = _name(serial_number)
        return name == self.user or name.startswith(f"{self.user}-")


def _name(serial_number: str) -> str:
    return serial_number.rpartition("/")[2]


def _is(error: MFAKitError, *codes: str) -> bool:
    return error.message.startswith(tuple(f"AWS answered {code}:" for code in codes))
