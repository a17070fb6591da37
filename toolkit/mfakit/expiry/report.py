"""What `check` says of sessions: for people, for programs, for monitoring."""

from __future__ import annotations

from mfakit.moments import format_duration, format_timestamp
from mfakit.state import EXPIRED, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from mfakit.expiry.status import SessionStatus
    from mfakit.state import State

_METRIC = "mfakit_session_expiration_timestamp_seconds"


def worst(statuses: Iterable[SessionStatus]) -> State:
    """Return the worst state of the sessions that count; ``unknown`` if none does."""
    states = (status.state for status in statuses if status.counts)
    return max(states, key=lambda state: state.rank, default=UNKNOWN)


def as_text(statuses: list[SessionStatus], escape: Callable[[str], str]) -> str:
    """Return a line for each session that says how it stands, with names escaped."""
    if len(statuses) == 1:
        status = statuses[0]
        return f"{escape(status.profile)}: {status.state}, {_when(status)}\n"
    rows = [(escape(s.profile), s.source, s.state, _when(s)) for s in statuses]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "".join(f"{line}\n" for line in lines)


def as_json(statuses: list[SessionStatus], now: datetime) -> str:
    """Return the statuses as one JSON document."""
    import json

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
    report = {"checked_at": format_timestamp(now), "worst": worst(statuses), "sessions": sessions}
    return json.dumps(report, indent=2) + "\n"


def as_openmetrics(statuses: list[SessionStatus]) -> str:
    """Return the ends of the sessions that count as an OpenMetrics exposition.

    The parser of Prometheus' older text format, node_exporter's for one, reads it just as well.
    An end that is not known is NaN: the session is there, but no alert could tell when it is due.
    (OpenMetrics 1.0, "Gauge" and "Label".)
    """
    lines = [
        f"# HELP {_METRIC} When the session ends, in seconds since 1970; NaN if that is not known.",
        f"# TYPE {_METRIC} gauge",
        f"# UNIT {_METRIC} seconds",
        *(_sample(status) for status in statuses if status.counts),
        "# EOF",
    ]
    return "".join(f"{line}\n" for line in lines)


def _sample(status: SessionStatus) -> str:
    end = "NaN" if status.expiration is None else int(status.expiration.timestamp() // 1)
    return f'{_METRIC}{{profile="{_label(status.profile)}",source="{status.source}"}} {end}'


def _label(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return text.encode("utf-8", "backslashreplace").decode()


def _when(status: SessionStatus) -> str:
    if status.expiration is None:
        return "when it ends is not recorded"
    return f"{ends_in(status)} ({format_timestamp(status.expiration)})"


def ends_in(status: SessionStatus, duration: Callable[[float], str] = format_duration) -> str:
    """Return ``ends in 12m`` or ``ended 3h ago`` for a session whose end is known."""
    left = duration(status.seconds_left or 0)
    return f"ended {left} ago" if status.state == EXPIRED else f"ends in {left}"
