"""Spending codes: each is sent once, and a refusal is explained as far as possible.

AWS has the same answer for a used code and a wrong one, and accepts nine tries in each three
minutes of the UTC clock. So hashes of the codes that were sent recently are kept in a file.
"""

from __future__ import annotations

import time
from contextlib import suppress

from mfakit import debug
from mfakit.errors import (
    CodeLostError,
    CodeRefusedError,
    ExchangeError,
    FileError,
    MFAKitError,
    NotSentError,
)
from mfakit.exchange.aws import asking_aws, make_client
from mfakit.exchange.iam import account_of
from mfakit.moments import utc_now
from mfakit.profiles.own_files import OwnFile
from mfakit.session import SessionCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from datetime import datetime, timedelta
    from typing import Any

    from mfakit.exchange import Codes
    from mfakit.exchange.recipe import Recipe, Role
    from mfakit.exchange.source import Source

    Attempt = tuple[float, str, str, bool]  # when, a salt, the code's hash, whether it was refused

TRIES = 9
PERIOD_SECONDS = 180
_TRIES = 3
_SENDINGS = 4
_IDENTITY_SECONDS = 3.0  # for the identity lookup, while the user types
_SENDING_SECONDS = 20
_FIRST_PAUSE_SECONDS = 0.5
_CLOCK_HINT = "if that is refused too, let the phone set its clock by itself"


def spend_code(recipe: Recipe, codes: Codes, sts: STS, credentials_path: str) -> SessionCredentials:
    """Exchange a code for a session; after a refusal, try the next code.

    The user is asked again immediately if the code may have been mistyped, else when the device
    shows another. A command runs again in the next half minute, since until then it would print
    the same code. A code from the command line is the only one.

    Raises:
        CodeRefusedError, CodeLostError: the last code was refused or lost too.
        ExchangeError: AWS refused for another reason, or could not be reached.
    """
    serial_number = recipe.serial_number
    assert serial_number is not None
    codes.check()
    if recipe.source.likely_account != account_of(serial_number):
        sts.begin()
        _check_account(recipe, sts)  # it takes a while, so it is not done for all keys
    codes.when_asked(sts.begin)
    attempts = Attempts(credentials_path, serial_number)
    for number in range(1, _TRIES + 1):
        code = codes.get(serial_number)
        _check_account(recipe, sts)
        now = utc_now()
        known = attempts.was_used(code, now)
        debug.event("try {}: a code{}", number, ", which was sent before" if known else "")
        attempts.remember(code, now)
        try:
            return _send(recipe, sts, code)
        except NotSentError:
            attempts.forget(now)
            raise
        except (CodeRefusedError, CodeLostError) as error:
            if isinstance(error, CodeRefusedError) and not known:
                attempts.refuse(now)
            told = _explained(error, known, attempts)
            if not codes.may_try_again or number == _TRIES:
                raise told from None
            is_used = known or isinstance(error, CodeLostError)
            codes.report(f"{told.message}; {told.hint}", is_used=is_used)
    raise AssertionError("the last try returns or raises")


def _send(recipe: Recipe, sts: STS, code: str) -> SessionCredentials:
    """Send the code; repeat that only if AWS certainly has not checked it."""
    import random

    pause = _FIRST_PAUSE_SECONDS
    end = time.monotonic() + _SENDING_SECONDS
    for sending in range(1, _SENDINGS + 1):
        try:
            return sts.get_session(recipe.role, recipe.duration, code)
        except NotSentError:
            if sending == _SENDINGS or time.monotonic() > end:
                raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause *= 2
    raise AssertionError("the last sending returns or raises")


def _explained(
    error: CodeRefusedError | CodeLostError, known: bool, attempts: Attempts
) -> MFAKitError:
    left = attempts.tries_left(utc_now())
    tries = f"at most {left} tries are left before AWS makes you wait three minutes"
    if isinstance(error, CodeLostError):
        return CodeLostError(f"{error.message}; the code counts as used", error.hint)
    if known:
        return CodeRefusedError(
            f"AWS refused the code: it was used before{error.clock}",
            f"wait for the next code; {tries}",
        )
    hint = f"type the one that the device shows now; {tries}"
    if attempts.refused(utc_now()) > 1:
        hint += f"; {_CLOCK_HINT}"
    return CodeRefusedError(
        f"AWS refused the code: it is wrong, or was used before elsewhere{error.clock}", hint
    )


def _check_account(recipe: Recipe, sts: STS) -> None:
    """Refuse to send a code to another account than its device's.

    The account of the keys is looked up while the user types, since that takes a while. If the
    lookup fails, the exchange itself shows what is wrong.
    """
    named, account = account_of(recipe.serial_number), sts.account
    if named and account and named != account:
        device = f"{recipe.serial_number}{recipe.device_place}"
        raise ExchangeError(
            f"the device {device} is of another account than the keys of {recipe.source.origin},"
            f" which are of {account}; the code was not used",
            "name a device of that account, which mfakit devices shows: --serial-number ARN; or"
            " other keys with --source-profile",
        )


class Attempts:
    """The codes that this machine has sent for one device.

    Args:
        credentials_path: the credentials file, beside which mfakit's own files are.
        serial_number: the device.
    """

    def __init__(self, credentials_path: str, serial_number: str) -> None:
        self._file = OwnFile.of(credentials_path, "attempts", serial_number)

    def was_used(self, code: str, now: datetime) -> bool:
        """Whether AWS took the code in the last three minutes, or may have taken it."""
        return any(
            not is_refused and kept == _hash(salt, code)
            for _, salt, kept, is_refused in self._lately(now)
        )

    def refused(self, now: datetime) -> int:
        """Return how many codes AWS refused in the last three minutes that were not used."""
        return sum(is_refused for _, _, _, is_refused in self._lately(now))

    def tries_left(self, now: datetime) -> int:
        """Return how many tries are left at most: other machines may have sent codes too."""
        began = now.timestamp() // PERIOD_SECONDS * PERIOD_SECONDS
        return max(0, TRIES - sum(attempt[0] >= began for attempt in self._read()))

    def remember(self, code: str, now: datetime) -> None:
        """Write down that the code is being sent; a file that cannot be written is no error."""
        import os

        salt = os.urandom(8).hex()
        self._write([*self._lately(now), (now.timestamp(), salt, _hash(salt, code), False)])

    def refuse(self, now: datetime) -> None:
        """Write down that AWS refused the code of that moment, and so has not used it."""
        self._write([(*one[:3], one[3] or one[0] == now.timestamp()) for one in self._read()])

    def forget(self, now: datetime) -> None:
        """Remove the code of that moment, which AWS has not checked."""
        self._write([attempt for attempt in self._read() if attempt[0] != now.timestamp()])

    def _lately(self, now: datetime) -> list[Attempt]:
        since = now.timestamp() - PERIOD_SECONDS
        return [attempt for attempt in self._read() if attempt[0] >= since]

    def _write(self, attempts: list[Attempt]) -> None:
        import json

        with suppress(FileError):
            self._file.replace(json.dumps(attempts) + "\n")

    def _read(self) -> list[Attempt]:
        import json

        try:
            return [
                (float(at), str(salt), str(kept), True in refused)
                for at, salt, kept, *refused in json.loads(self._file.read() or "[]")
            ]
        except (ValueError, TypeError, OSError):
            return []


def _hash(salt: str, code: str) -> str:
    from hashlib import sha256

    return sha256(f"{salt}{code}".encode()).hexdigest()


class STS:
    """STS with the source's credentials. Each call is sent once, since it may carry a code.

    Args:
        source: the credentials that sign.
        serial_number: the device whose codes are sent; it also names the partition.
    """

    def __init__(self, source: Source, serial_number: str | None) -> None:
        self._source = source
        self._serial_number = serial_number
        self._client: Any = None
        self._role_arn: str | None = None
        self._identity: dict[str, Any] = {}
        self._error: BaseException | None = None
        self._loaded: threading.Event | None = None
        self._identified: threading.Event | None = None
        self._asked_at = 0.0

    def begin(self) -> None:
        """Start loading botocore and looking up the identity, unless that has started."""
        # In Python 3.13.0, threads that import it concurrently may get an empty one (gh-125245).
        import collections.abc  # noqa: F401
        import threading

        if self._loaded is None:
            self._loaded, self._identified = threading.Event(), threading.Event()
            waiting = self._loaded, self._identified
            threading.Thread(target=self._prepare, args=waiting, daemon=True).start()

    @property
    def account(self) -> str | None:
        """The account of the source's keys, if AWS answered in time."""
        return self._known_identity().get("Account")

    @property
    def arn(self) -> str | None:
        """The ARN of the role's session, else that of the source's keys if AWS answered."""
        return self._role_arn or self._known_identity().get("Arn")

    def get_session(
        self, role: Role | None, duration: timedelta | None, token_code: str | None = None
    ) -> SessionCredentials:
        """Get a session of the user or of a role; raise as `asking_aws` does.

        Args:
            role: the role; None for the user's own session.
            duration: how long it lasts; None, for a role, leaves it to AWS.
            token_code: the code; a role's session needs none if its source is an MFA session.
        """
        code = {"SerialNumber": self._serial_number, "TokenCode": token_code} if token_code else {}
        with asking_aws(self._source, self._serial_number if token_code else None):
            if role is not None:
                answer = self._ready().assume_role(**role.parameters(duration), **code)
                self._role_arn = answer.get("AssumedRoleUser", {}).get("Arn")
            else:
                assert duration is not None
                seconds = int(duration.total_seconds())
                answer = self._ready().get_session_token(DurationSeconds=seconds, **code)
            return _session(answer)

    def _prepare(self, loaded: threading.Event, identified: threading.Event) -> None:
        """Load botocore, then look up the identity, which must not delay the exchange."""
        try:
            self._make()
        except BaseException as error:
            self._error = error
        self._asked_at = time.monotonic()
        loaded.set()
        with suppress(Exception):  # the exchange itself reports better what is wrong
            self._identity = self._client.get_caller_identity()
        identified.set()

    def _make(self) -> None:
        self._client = make_client(
            "sts", self._source, retries=False, serial_number=self._serial_number
        )

    def _known_identity(self) -> dict[str, Any]:
        """Return the identity, for which AWS has three seconds from the time of the call."""
        if self._loaded is not None and self._identified is not None:
            self._loaded.wait()
            left = self._asked_at + _IDENTITY_SECONDS - time.monotonic()
            self._identified.wait(max(0, left))
        return self._identity

    def _ready(self) -> Any:
        if self._loaded is not None:
            self._loaded.wait()
        elif self._client is None:
            self._make()
        if self._error is not None:
            raise self._error
        return self._client


def _session(answer: dict[str, Any]) -> SessionCredentials:
    given = answer["Credentials"]
    parts = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    return SessionCredentials(*parts, given["Expiration"])
