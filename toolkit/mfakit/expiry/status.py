"""How a session stands, as a value that the commands print and other programs read."""

from __future__ import annotations

from mfakit.expiry.rule import judge
from mfakit.profiles.record import read_record
from mfakit.profiles.sessions import find_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.record import SessionRecord


class SessionStatus:
    """How a session stands at one moment.

    Args:
        profile: where it is kept; for what has no profile, the name that its place gives it.
        source: the kind of that place: ``credentials-file``, ``session-cache``, ``environment``,
            ``cli-cache``, ``sso-cache`` or ``login-cache``; ``json`` if it is kept nowhere, but
            stands in the answer of STS.
        state: ``valid``, ``expiring``, ``expired`` or ``unknown``.
        expiration: when it ends; None if that is not known.
        seconds_left: until then, negative when it is past; None if that is not known.
        access_key_id: the id of its key; None if it has none, or that is not known.
        record: how it came to be, if mfakit made it.
        counts: whether it has a say in how all of them stand. Other tools' caches have none
            unless asked for: their owners renew what is in there, and never clean up.
    """

    __slots__ = (
        "access_key_id",
        "counts",
        "expiration",
        "profile",
        "record",
        "seconds_left",
        "source",
        "state",
    )

    def __init__(
        self,
        profile: str,
        source: str,
        state: str,
        expiration: datetime | None,
        seconds_left: int | None,
        *,
        access_key_id: str | None = None,
        record: SessionRecord | None = None,
        counts: bool = True,
    ) -> None:
        self.profile = profile
        self.source = source
        self.state = state
        self.expiration = expiration
        self.seconds_left = seconds_left
        self.access_key_id = access_key_id
        self.record = record
        self.counts = counts

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
    key = session.access_key_id
    record = read_record(files.credentials_path, profile, key)
    return status_of(profile, place, session.expiration, now, warn, key, record)


def status_of(
    profile: str,
    source: str,
    expiration: datetime | None,
    now: datetime,
    warn: float | None = None,
    access_key_id: str | None = None,
    record: SessionRecord | None = None,
    *,
    counts: bool = True,
) -> SessionStatus:
    """Judge a session by when it ends, and by the record of when it was made."""
    state = judge(expiration, now, record.made_at if record else None, warn)
    left = None if expiration is None else int((expiration - now).total_seconds() // 1)
    return SessionStatus(
        profile,
        source,
        state,
        expiration,
        left,
        access_key_id=access_key_id,
        record=record,
        counts=counts,
    )
