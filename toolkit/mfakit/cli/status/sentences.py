"""Sessions in the words of a person: for screen readers, pipes, simple terminals, and the table.

Control characters are escaped.
"""

from __future__ import annotations

from mfakit.cli.output import escape
from mfakit.state import EXPIRED, EXPIRING, UNKNOWN, VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from mfakit.expiry.status import SessionStatus
    from mfakit.profiles.record import SessionRecord


NO_SESSION = "There is no session of yours; mfakit login gets one."
_PLACES = {
    "cli-cache": "role cache of the AWS CLI",
    "sso-cache": "SSO cache of the AWS CLI",
    "login-cache": "login cache of the AWS CLI",
}
_UNITS = ((86400, "d", "day"), (3600, "h", "hour"), (60, "min", "minute"), (1, "s", "second"))
_MINUTE = 60
_DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def name(status: SessionStatus) -> str:
    """Return the name of the profile that a session is kept in."""
    return escape(status.profile)


def place(source: str) -> str:
    """Name the place that a session is kept in."""
    return _PLACES.get(source, source.replace("-", " "))


def identity(record: SessionRecord | None) -> str:
    """Return whose a session is, as far as its record knows; "" if it does not."""
    if record is None:
        return ""
    if record.role_arn:
        return f"role {_last_of(record.role_arn)}"
    if record.arn:
        return "root user" if record.arn.endswith(":root") else f"user {_last_of(record.arn)}"
    return f"device {_last_of(record.serial_number)}" if record.serial_number else ""


def account(record: SessionRecord | None) -> str:
    """Name the account of a session; nothing if it is not known."""
    return f"account {escape(record.account)}" if record and record.account else ""


def stand_in(record: SessionRecord | None) -> str:
    """Name what made a session if it was not AWS but, say, a simulator; else nothing."""
    from mfakit.exchange.source import is_of_aws

    url = record.endpoint_url if record else None
    return "" if url is None or is_of_aws(url) else escape(url)


def say_duration(seconds: float, *, in_full: bool = False) -> str:
    """Return a duration in its two largest units, rounded down: ``3 h 12 min``.

    Seconds are said only where there is not even a minute.

    Args:
        seconds: the duration.
        in_full: say ``3 hours 12 minutes``.
    """
    left = int(abs(seconds))
    if left >= _MINUTE:
        left -= left % _MINUTE
    parts: list[str] = []
    for unit, short, full in _UNITS:
        count, left = divmod(left, unit)
        if count or (unit == 1 and not parts):
            parts.append(f"{count} {_plural(full, count) if in_full else short}")
    return " ".join(parts[:2])


def say_moment(
    moment: datetime, now: datetime, zone: tzinfo | None = None, *, in_full: bool = False
) -> str:
    """Return a time by the local clock and calendar: ``tomorrow 09:10``.

    Args:
        moment: the time.
        now: the present.
        zone: the time zone; by default that of this machine.
        in_full: say ``tomorrow at 09:10``.
    """
    try:
        there, here = moment.astimezone(zone), now.astimezone(zone)
    except (OverflowError, ValueError, OSError):  # at the edges of the calendar
        there, here = moment, now
    year = "" if there.year == here.year else f" {there.year}"
    day = _DAYS.get((there.date() - here.date()).days)
    day = day or f"{there:%a} {there.day} {there:%b}{year}"
    return f"{day} at {there:%H:%M}" if in_full else f"{day} {there:%H:%M}"


def say_end(
    status: SessionStatus, now: datetime, zone: tzinfo | None = None, *, in_full: bool = False
) -> str:
    """Return when a session ends or ended: ``ends in 3 h 12 min, today 18:10``."""
    if status.expiration is None or status.seconds_left is None:
        return "its end is not recorded"
    duration = say_duration(status.seconds_left, in_full=in_full)
    when = f"ended {duration} ago" if status.state == EXPIRED else f"ends in {duration}"
    return f"{when}, {say_moment(status.expiration, now, zone, in_full=in_full)}"


def _plural(unit: str, count: int) -> str:
    return unit if count == 1 else f"{unit}s"


def _last_of(arn: str) -> str:
    return escape(arn.rpartition("/")[2])


_STATES = {
    VALID: "valid, it",
    EXPIRING: "due for renewal, it",
    EXPIRED: "expired, it",
    UNKNOWN: "unknown whether valid,",
}


def as_lines(
    statuses: list[SessionStatus], now: datetime, zone: tzinfo | None = None
) -> Iterator[str]:
    """Yield a line for each session; those of other tools come last.

    Args:
        statuses: the sessions.
        now: the time that they were looked at.
        zone: the time zone to tell times in; by default that of this machine.
    """
    if not any(status.counts for status in statuses):
        yield NO_SESSION
    for status in sorted(statuses, key=lambda status: not status.counts):
        yield as_line(status, now, zone)


def as_line(status: SessionStatus, now: datetime, zone: tzinfo | None = None) -> str:
    """Return how a session stands, whose it is as far as that is known, and where it is kept."""
    end = say_end(status, now, zone, in_full=True)
    where = f"kept in the {place(status.source)}"
    if not status.counts:
        where += ", by another tool that renews it itself"
    record = status.record
    whose = " in ".join(filter(None, [identity(record), account(record)]))
    made_by = stand_in(record)
    facts = filter(None, [whose and f"of {whose}", made_by and f"made by {made_by}", where])
    return f"{name(status)}: {_STATES[status.state]} {end}. It is {', '.join(facts)}."
