"""Sessions as sentences, a line for each: for screen readers, pipes and simple terminals."""

from __future__ import annotations

from mfakit.cli.status.words import NO_SESSION, account, identity, name, place, say_end, stand_in
from mfakit.expiry.rule import EXPIRED, EXPIRING, UNKNOWN, VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from mfakit.expiry.status import SessionStatus

_STATES = {
    VALID: "valid, it",
    EXPIRING: "due for renewal, it",
    EXPIRED: "expired, it",
    UNKNOWN: "unknown whether valid,",
}


def as_lines(
    statuses: list[SessionStatus], now: datetime, zone: tzinfo | None = None
) -> Iterator[str]:
    """Tell of each session in a line; those of other tools come last.

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
    """Tell of one session: how it stands, whose it is as far as that is known, where it is kept."""
    end = say_end(status, now, zone, in_full=True)
    where = f"kept in the {place(status.source)}"
    if not status.counts:
        where += ", by another tool that renews it itself"
    record = status.record
    whose = " in ".join(filter(None, [identity(record), account(record)]))
    made_by = stand_in(record)
    facts = filter(None, [whose and f"of {whose}", made_by and f"made by {made_by}", where])
    return f"{name(status)}: {_STATES[status.state]} {end}. It is {', '.join(facts)}."
