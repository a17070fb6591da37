"""The exchange as one call: a code for a session, nothing kept."""

from __future__ import annotations

import os
from datetime import timedelta

from mfakit.durations import parse_duration
from mfakit.errors import UsageError
from mfakit.exchange.code import check_code
from mfakit.exchange.device import check_serial_number
from mfakit.exchange.role import role_parameters
from mfakit.exchange.source import find_source
from mfakit.exchange.sts import STS
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import DEFAULT_SESSION_PROFILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.exchange.source import Source
    from mfakit.session import SessionCredentials

DEFAULT_DURATION = timedelta(hours=12)
_SHORTEST = timedelta(minutes=15)
_LONGEST = timedelta(hours=36)
_LONGEST_ROLE = timedelta(hours=12)
_LONGEST_CHAINED_ROLE = timedelta(hours=1)


def get_session_token(
    *,
    serial_number: str,
    token_code: str,
    duration: timedelta = DEFAULT_DURATION,
    source_profile: str | None = None,
) -> SessionCredentials:
    """Exchange a code for a session.

    Args:
        serial_number: the MFA device.
        token_code: the six digits that it shows; spaces are fine.
        duration: 15 minutes to 36 hours, by default 12; for the root user AWS makes one hour of
            what is longer.
        source_profile: the profile that holds the long-term credentials; by default the one
            that the profile ``mfa`` names, else the environment if it holds some, else
            ``default``.

    Returns:
        The session. A code works once, whether the session is kept or not.

    Raises:
        UsageError: the serial number, the code or the duration is none that AWS takes.
        ProfileError: there are no long-term credentials.
        CodeRefusedError: AWS did not accept the code.
        ExchangeError: AWS refused for another reason, or could not be reached.
        FileError: an AWS file cannot be read.
    """
    code = check_code(token_code)
    check_duration(duration)
    serial = check_serial_number(serial_number)
    source = find_source(source_profile, DEFAULT_SESSION_PROFILE, AWSFiles(os.environ), os.environ)
    return STS(source, serial).get_session_token(code, duration)


def assume_role(
    *,
    role_arn: str,
    serial_number: str | None = None,
    token_code: str | None = None,
    role_session_name: str = "mfakit",
    duration: timedelta | None = None,
    source_profile: str | None = None,
) -> SessionCredentials:
    """Exchange a code for a session of a role; or a live MFA session, without a code.

    Args:
        role_arn: the role.
        serial_number: the MFA device; goes with the code.
        token_code: the six digits; None if the source profile holds an MFA session.
        role_session_name: what the session is called in the role's account.
        duration: 15 minutes to 12 hours, to one hour from an MFA session; by default AWS's own,
            one hour.
        source_profile: as for ``get_session_token``; it may hold an MFA session.

    Raises:
        MFAKitError: as ``get_session_token`` raises it.
    """
    if (serial_number is None) != (token_code is None):
        raise UsageError("a code and its device's serial number go together", "give both")
    code = None if token_code is None else check_code(token_code)
    serial = None if serial_number is None else check_serial_number(serial_number)
    files = AWSFiles(os.environ)
    source = find_source(
        source_profile, DEFAULT_SESSION_PROFILE, files, os.environ, may_be_session=True
    )
    if duration is not None:
        check_role_duration(duration, chained=source.is_session)
    if source.is_session and code is not None:
        raise code_beside_session(source)
    return STS(source, serial).assume_role(
        role_parameters(role_arn, role_session_name, duration), code
    )


def code_beside_session(source: Source) -> UsageError:
    """Return the error for a code that was given although the source already is an MFA session."""
    return UsageError(
        f"{source.origin} holds a session, beside which no code is sent",
        "leave the code out, or name long-term keys: --source-profile default",
    )


def check_duration(duration: timedelta) -> None:
    """Refuse a duration that AWS would refuse, before a code is spent on it.

    Raises:
        UsageError: it is shorter than 15 minutes or longer than 36 hours.
    """
    _check_between(duration, _LONGEST, "AWS gives 900 s (15m) to 129600 s (36h)")


def read_session_duration(text: str) -> timedelta:
    """Read how long a session is to last, as people write it.

    Raises:
        UsageError: it is no duration, or none that AWS gives.
    """
    duration = timedelta(seconds=parse_duration(text))
    check_duration(duration)
    return duration


def check_role_duration(duration: timedelta, *, chained: bool) -> None:
    """Refuse a duration that no role's session can have, before a code is spent on it.

    Raises:
        UsageError: it is shorter than 15 minutes, longer than 12 hours; or, from another session,
            longer than the one hour that AWS gives then.
    """
    if chained:
        why = "a role assumed from a session lasts one hour at most; give a code for a longer one"
        _check_between(duration, _LONGEST_CHAINED_ROLE, why)
    else:
        _check_between(duration, _LONGEST_ROLE, "a role's session lasts 15m to 12h at most")


def _check_between(duration: timedelta, longest: timedelta, why: str) -> None:
    if not _SHORTEST <= duration <= longest:
        raise UsageError(f"a session cannot last {int(duration.total_seconds())} s", why)
