"""A session in a word or two, for prompts and status bars: it runs at every prompt."""

from __future__ import annotations

from mfakit.cli.output import escape, show
from mfakit.durations import format_duration
from mfakit.errors import NOT_FOUND, ProfileError, SessionNotFoundError
from mfakit.expiry.rule import EXPIRED, EXPIRING
from mfakit.expiry.status import check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mfakit.expiry.status import SessionStatus

_MINUTE = 60


def show_short(
    profile: str | None, warn: float | None, environ: Mapping[str, str], now: datetime
) -> int:
    """Print the session that other commands would use; where there is none, print nothing.

    Returns:
        The exit code.
    """
    files = AWSFiles(environ)
    try:
        status = check_session(session_profile(profile, environ, files), files, now, warn)
    except (SessionNotFoundError, ProfileError):
        return NOT_FOUND  # a complaint would stand at every prompt
    show(as_short(status) + "\n")
    return 0


def as_short(status: SessionStatus) -> str:
    """Give ``mfa 3h12m``, ``mfa 12m!`` when it is due, ``mfa expired``, ``mfa ?``."""
    return f"{escape(status.profile)} {_left(status)}"


def _left(status: SessionStatus) -> str:
    if status.seconds_left is None:
        return "?"
    if status.state == EXPIRED:
        return EXPIRED
    left = status.seconds_left
    duration = format_duration(left - left % _MINUTE if left >= _MINUTE else left)
    return duration + "!" if status.state == EXPIRING else duration
