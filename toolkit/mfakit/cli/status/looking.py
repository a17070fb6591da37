"""What there is to show."""

from __future__ import annotations

from mfakit.errors import SessionNotFoundError
from mfakit.expiry.inventory import check_all
from mfakit.expiry.status import check_session
from mfakit.profiles.aws_files import AWSFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mfakit.expiry.status import SessionStatus


def look(
    profile: str | None, environ: Mapping[str, str], now: datetime, warn: float | None
) -> list[SessionStatus]:
    """Look at every session on this machine, or at those of one profile.

    Args:
        profile: the profile, if only one is asked for.
        environ: the environment.
        now: the time to judge by.
        warn: seconds before its end from which a session is due, in place of the rule.

    Raises:
        SessionNotFoundError: there is none.
        FileError: the credentials file cannot be read.
    """
    files = AWSFiles(environ)
    found = check_all(files, environ, now, warn)
    if profile is not None:
        # what is wrong with a profile that shows no session is told by a look at it alone
        return [status for status in found if status.profile == profile] or [
            check_session(profile, files, now, warn)
        ]
    if not found:
        raise SessionNotFoundError(
            "there is no session on this machine", "mfakit login, which asks for a code"
        )
    return found
