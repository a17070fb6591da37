"""The exchange itself: one code for one session."""

from __future__ import annotations

import os
from datetime import timedelta

from mfakit.errors import UsageError
from mfakit.exchange.client import make_client
from mfakit.exchange.code import check_code
from mfakit.exchange.device import check_serial_number
from mfakit.exchange.refusals import asking_aws
from mfakit.exchange.source import Source, find_source
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import DEFAULT_SESSION_PROFILE
from mfakit.session import SessionCredentials

DEFAULT_DURATION = timedelta(hours=12)
_SHORTEST = timedelta(minutes=15)
_LONGEST = timedelta(hours=36)


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
        duration: 15 minutes to 36 hours; for the root user AWS makes one hour of what is longer.
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
    files = AWSFiles(os.environ)
    source = find_source(source_profile, DEFAULT_SESSION_PROFILE, files, os.environ)
    serial_number, token_code = check_serial_number(serial_number), check_code(token_code)
    return exchange(source, serial_number, token_code, duration)


def exchange(
    source: Source, serial_number: str, token_code: str, duration: timedelta
) -> SessionCredentials:
    """Send the code, once. Raises as ``get_session_token`` does."""
    check_duration(duration)
    with asking_aws(source, serial_number):
        client = make_client("sts", source, retries=False, serial_number=serial_number)
        given = client.get_session_token(
            SerialNumber=serial_number,
            TokenCode=token_code,
            DurationSeconds=int(duration.total_seconds()),
        )["Credentials"]
        parts = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        return SessionCredentials(*parts, given["Expiration"])


def check_duration(duration: timedelta) -> None:
    """Refuse a duration that AWS would refuse, before a code is spent on it.

    Raises:
        UsageError: it is shorter than 15 minutes or longer than 36 hours.
    """
    if not _SHORTEST <= duration <= _LONGEST:
        raise UsageError(
            f"a session cannot last {int(duration.total_seconds())} s",
            "AWS gives 900 s (15m) to 129600 s (36h)",
        )
