"""How a session stands, as a value that the commands print and other programs read."""

from __future__ import annotations

from mfakit.durations import format_duration
from mfakit.expiry.rule import EXPIRED, EXPIRING, UNKNOWN, VALID, judge
from mfakit.profiles.record import read_record
from mfakit.profiles.sessions import find_session
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.profiles.aws_files import AWSFiles

# The convention of monitoring plugins: 0 fine, 1 warning, 2 critical, 3 unknown.
EXIT_CODES = {VALID: 0, EXPIRING: 1, EXPIRED: 2, UNKNOWN: 3}


class SessionStatus:
    """How a session stands at one moment.

    Args:
        profile: where it is kept.
        source: the kind of that place: ``credentials-file`` or ``session-cache``.
        state: ``valid``, ``expiring``, ``expired`` or ``unknown``.
        expiration: when it ends; None if that is not known.
        seconds_left: until then, negative when it is past; None if that is not known.
    """

    __slots__ = ("expiration", "profile", "seconds_left", "source", "state")

    def __init__(
        self,
        profile: str,
        source: str,
        state: str,
        expiration: datetime | None,
        seconds_left: int | None,
    ) -> None:
        self.profile = profile
        self.source = source
        self.state = state
        self.expiration = expiration
        self.seconds_left = seconds_left

    def __repr__(self) -> str:
        return f"SessionStatus({self.profile!r}, {self.source!r}, {self.state!r})"


def check_session(
    profile: str, files: AWSFiles, now: datetime, warn: float | None = None
) -> SessionStatus:
    """Look at the session of one profile.

    Args:
        profile: the session profile.
        files: the AWS files.
        now: the time to judge by.
        warn: seconds before the end from which it is due, in place of the rule.

    Raises:
        SessionNotFoundError: the profile holds no session.
        FileError: the credentials file cannot be read.
    """
    session, place = find_session(profile, files)
    record = read_record(files.credentials_path, profile, session.access_key_id)
    state = judge(session.expiration, now, record.made_at if record else None, warn)
    end = session.expiration
    left = None if end is None else int((end - now).total_seconds() // 1)
    return SessionStatus(profile, place, state, end, left)


def as_text(status: SessionStatus) -> str:
    """Say in one line how a session stands."""
    if status.expiration is None or status.seconds_left is None:
        return f"{status.profile}: {UNKNOWN}, when it ends is not recorded"
    moment = format_timestamp(status.expiration)
    duration = format_duration(status.seconds_left)
    when = f"ended {duration} ago" if status.state == EXPIRED else f"ends in {duration}"
    return f"{status.profile}: {status.state}, {when} ({moment})"


def as_json(statuses: list[SessionStatus], now: datetime) -> str:
    """Give the statuses as one JSON document."""
    import json

    worst = max((status.state for status in statuses), key=EXIT_CODES.__getitem__, default=UNKNOWN)
    sessions = [
        {
            "profile": status.profile,
            "source": status.source,
            "state": status.state,
            "expiration": status.expiration and format_timestamp(status.expiration),
            "seconds_left": status.seconds_left,
        }
        for status in statuses
    ]
    report = {"checked_at": format_timestamp(now), "worst": worst, "sessions": sessions}
    return json.dumps(report, indent=2)
