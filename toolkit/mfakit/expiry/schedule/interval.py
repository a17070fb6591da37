"""How often the check is run: intervals that divide an hour or a day, as calendars want them."""

from __future__ import annotations

from mfakit.durations import format_duration, parse_duration
from mfakit.errors import UsageError

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

INTERVALS = (
    *(_MINUTE * count for count in range(1, 60) if 60 % count == 0),
    *(_HOUR * count for count in range(1, 24) if 24 % count == 0),
    _DAY,
)


def parse_interval(text: str) -> int:
    """Read how often the check is to run.

    cron and systemd count anew with each hour and each day. What does not divide those would come
    at odd moments (``*/7`` runs at :56 and at :00); so it is refused for every scheduler alike.

    Args:
        text: a duration, such as ``5m``.

    Returns:
        Seconds, from a minute to a day.

    Raises:
        UsageError: it is no duration, or divides neither an hour into minutes nor a day into hours.
    """
    seconds = parse_duration(text)
    if seconds in INTERVALS:
        return seconds
    nearest = min(INTERVALS, key=lambda known: abs(known - seconds))
    raise UsageError(
        f"cron cannot express every {text}: it is no whole part of an hour or a day in minutes",
        f"the nearest that works is --every {format_duration(nearest)}",
    )


def cron_fields(seconds: int) -> str:
    """Write an interval as the five fields of a crontab line."""
    if seconds < _HOUR:
        return f"{_every(seconds // _MINUTE)} * * * *"
    return f"0 {_every(seconds // _HOUR)} * * *" if seconds < _DAY else "0 0 * * *"


def calendar_event(seconds: int) -> str:
    """Write an interval as systemd's ``OnCalendar``."""
    if seconds < _HOUR:
        return f"*-*-* *:0/{seconds // _MINUTE}:00"
    return f"*-*-* 0/{seconds // _HOUR}:00:00" if seconds < _DAY else "*-*-* 00:00:00"


def _every(count: int) -> str:
    return "*" if count == 1 else f"*/{count}"
