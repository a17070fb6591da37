"""Spending codes: each is sent once, and a refusal is explained as far as it can be known."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from mfakit import debug
from mfakit.errors import (
    CodeLostError,
    CodeRefusedError,
    ExchangeError,
    MFAKitError,
    NotSentError,
)
from mfakit.exchange.attempts import Attempts
from mfakit.exchange.code import STEP_SECONDS
from mfakit.exchange.device import account_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.exchange.plan import Plan
    from mfakit.exchange.sts import STS
    from mfakit.session import SessionCredentials

_TRIES = 3
_SENDINGS = 4
_SENDING_SECONDS = 20
_FIRST_PAUSE_SECONDS = 0.5


def spend_code(plan: Plan, sts: STS) -> SessionCredentials:
    """Exchange a code for a session; after a refusal, the next one.

    A person is asked again at once if the code may have been mistyped, else when the device shows
    another. A command is run again in the next half minute, since until then it would print the
    same code. A code that was given is the only one.

    Raises:
        CodeRefusedError, CodeLostError: the last code was no good either.
        ExchangeError: AWS refused for another reason, or could not be reached.
    """
    assert plan.serial_number is not None
    codes = plan.codes()
    codes.check()
    if plan.source.likely_account not in (None, account_of(plan.serial_number)):
        sts.begin()
        _check_account(plan, sts)  # which takes a while, and so is not asked of all
    if plan.may_ask:
        plan.asker.when_asked = sts.begin  # not before: loading would slow the question down
    else:
        sts.begin()
    attempts = Attempts(plan.files.credentials_path, plan.serial_number)
    for number in range(1, _TRIES + 1):
        code = codes.get()
        _check_account(plan, sts)
        now = datetime.now(UTC)
        known = attempts.was_sent(code, now)
        debug.event("try {}: a code{}", number, ", which was sent before" if known else "")
        attempts.remember(code, now)
        try:
            return _send(plan, sts, code)
        except NotSentError:
            attempts.forget(now)
            raise
        except (CodeRefusedError, CodeLostError) as error:
            told = _explained(error, known, attempts)
            if not codes.may_try_again or number == _TRIES:
                raise told from None
            plan.asker.say(f"{told.message}; {told.hint}")
            if known or not plan.may_ask or isinstance(error, CodeLostError):
                left = STEP_SECONDS - time.time() % STEP_SECONDS
                plan.asker.count_down(left, "the next code")
    raise AssertionError("the last try returns or raises")


def _send(plan: Plan, sts: STS, code: str) -> SessionCredentials:
    """Send the code; again only if it certainly did not arrive, or AWS did not look at it."""
    import random

    pause = _FIRST_PAUSE_SECONDS
    end = time.monotonic() + _SENDING_SECONDS
    for sending in range(1, _SENDINGS + 1):
        try:
            if plan.role:
                return sts.assume_role(plan.role, code)
            assert plan.duration is not None
            return sts.get_session_token(code, plan.duration)
        except NotSentError:
            if sending == _SENDINGS or time.monotonic() > end:
                raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause *= 2
    raise AssertionError("the last sending returns or raises")


def _explained(
    error: CodeRefusedError | CodeLostError, known: bool, attempts: Attempts
) -> MFAKitError:
    left = attempts.tries_left(datetime.now(UTC))
    tries = f"at most {left} tries are left before AWS makes you wait three minutes"
    if isinstance(error, CodeLostError):
        return CodeLostError(f"{error.message}; the code counts as used", error.hint)
    if known:
        return CodeRefusedError(
            f"AWS refused the code: it was used before{error.clock}",
            f"wait for the next code; {tries}",
        )
    return CodeRefusedError(
        f"AWS refused the code: it is wrong, or was used before elsewhere{error.clock}",
        f"type the one that the device shows now; {tries}",
    )


def _check_account(plan: Plan, sts: STS) -> None:
    """Refuse to send a code to an account that its device is not of.

    Who the keys belong to is asked while the person types, since the question takes a while. If
    AWS does not tell, the exchange itself will show it.
    """
    named, account = account_of(plan.serial_number), sts.account
    if named and account and named != account:
        raise ExchangeError(
            f"the device {plan.serial_number} is of another account than the keys of"
            f" {plan.source.origin}, which are of {account}; the code was not used",
            "name a device of that account, or other keys: --source-profile",
        )
