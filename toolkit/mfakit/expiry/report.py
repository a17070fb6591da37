"""What `check` says of sessions: for people, for programs, for monitoring."""

from __future__ import annotations

from mfakit.moments import format_age, format_duration, format_timestamp
from mfakit.session import UNKNOWN, warn_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from mfakit.expiry import SessionStatus
    from mfakit.keys import KeyAge
    from mfakit.session import State

_METRIC = "mfakit_session_expiration_timestamp_seconds"
_KEY_METRIC = "mfakit_access_key_created_timestamp_seconds"
_SUCCESS_METRIC = "mfakit_check_last_success_timestamp_seconds"
# What the monitoring plugins call the exit codes (Monitoring Plugins Development Guidelines).
_NAGIOS_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


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
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "".join(f"{line}\n" for line in lines)


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese letters take two each."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        2 if east_asian_width(letter) in "WF" else 1 for letter in text if not combining(letter)
    )


def key_lines(ages: list[KeyAge], now: datetime, seconds: float) -> str:
    """Return a line for each key that is old, or whose predecessor should be deleted."""
    import shlex

    lines = []
    for age in ages:
        if age.is_old(now, seconds):
            profile = shlex.quote(age.profile)
            cure = f"mfakit keys rotate --source-profile {profile}"
            if age.delete_at is not None and age.delete_at <= now:
                cure = "mfakit keys, which deletes the key before it"
            lines.append(
                f"the access key of profile {age.profile} is {old_since(age, now)}: {cure}"
            )
    return "".join(f"{line}\n" for line in lines)


def old_since(age: KeyAge, now: datetime) -> str:
    """Return ``120d old``, or how long a key is known if AWS was not asked when it was made."""
    since = age.created_at or age.known_since
    if since is None:
        return "of unknown age"
    old = f"{format_age(since, now)} old"
    return old if age.created_at else f"at least {old}"


def as_json(
    statuses: list[SessionStatus],
    now: datetime,
    ages: list[KeyAge] | None = None,
    seconds: float = 0,
) -> str:
    """Return the statuses as one JSON document, with the keys if they were asked for."""
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
    report: dict[str, object] = {
        "checked_at": format_timestamp(now),
        "worst": worst(statuses),
        "sessions": sessions,
    }
    if ages is not None:
        report["keys"] = [
            {
                "profile": age.profile,
                "access_key_id": age.place.access_key_id,
                "store": age.place.kind,
                "created_at": age.created_at and format_timestamp(age.created_at),
                "old": age.is_old(now, seconds),
            }
            for age in ages
        ]
    return json.dumps(report, indent=2) + "\n"


def as_nagios(
    statuses: list[SessionStatus], code: int, warn: float | None, escape: Callable[[str], str]
) -> str:
    """Return the worst session first in one line, and the seconds that are left as data.

    Args:
        statuses: the sessions.
        code: the exit code.
        warn: seconds before the end from which a session is due, in place of the rule.
        escape: makes control characters visible.
    """
    order = sorted(statuses, key=lambda status: status.state.rank, reverse=True)
    told = "; ".join(f"{escape(s.profile)} {s.state}, {_when(s)}" for s in order)
    data = " ".join(_nagios_data(status, warn, escape) for status in order if status.expiration)
    # a bar would begin the data
    return f"MFAKIT {_NAGIOS_WORDS[code]}: {told.replace('|', '/')}{' | ' if data else ''}{data}\n"


def _nagios_data(status: SessionStatus, warn: float | None, escape: Callable[[str], str]) -> str:
    assert status.expiration is not None
    made_at = status.record.made_at if status.record else None
    due = int(warn_seconds(status.expiration, made_at) if warn is None else warn)
    label = escape(status.profile).replace("'", "''").replace("=", "_").replace("|", "/")
    return f"'{label}'={status.seconds_left}s;{due}:;0:"


def as_openmetrics(
    statuses: list[SessionStatus],
    ages: list[KeyAge] | None = None,
    success: tuple[datetime, str] | None = None,
) -> str:
    """Return the ends of the sessions that count, and when keys were made, as OpenMetrics.

    Args:
        statuses: how the sessions stand.
        ages: the ages of keys, if they are asked for.
        success: when the check last read the sessions, and the one profile that it read; "" for
            all. None if it could not read them.

    The parser of Prometheus' older text format, node_exporter's for one, reads it just as well.
    An end that is not known is NaN: the session is there, but no alert could tell when it is due.
    (OpenMetrics 1.0, "Gauge" and "Label".)
    """
    lines = [
        f"# HELP {_METRIC} When the session ends, in seconds since 1970; NaN if that is not known.",
        f"# TYPE {_METRIC} gauge",
        f"# UNIT {_METRIC} seconds",
        *(_sample(status) for status in statuses if status.counts),
        *_key_samples(ages),
        *_success_sample(success),
        "# EOF",
    ]
    return "".join(f"{line}\n" for line in lines)


def _key_samples(ages: list[KeyAge] | None) -> list[str]:
    if ages is None:
        return []
    return [
        f"# HELP {_KEY_METRIC} When the long-term access key was made, in seconds since 1970.",
        f"# TYPE {_KEY_METRIC} gauge",
        f"# UNIT {_KEY_METRIC} seconds",
        *(
            f'{_KEY_METRIC}{{profile="{_label(age.profile)}"}} {int(age.created_at.timestamp())}'
            for age in ages
            if age.created_at
        ),
    ]


def _success_sample(success: tuple[datetime, str] | None) -> list[str]:
    if success is None:
        return []
    moment, profile = success
    labels = f'{{profile="{_label(profile)}"}}' if profile else ""
    return [
        f"# HELP {_SUCCESS_METRIC} When the check last looked at the sessions, whatever it found.",
        f"# TYPE {_SUCCESS_METRIC} gauge",
        f"# UNIT {_SUCCESS_METRIC} seconds",
        f"{_SUCCESS_METRIC}{labels} {int(moment.timestamp())}",
    ]


def _sample(status: SessionStatus) -> str:
    end = "NaN" if status.expiration is None else int(status.expiration.timestamp() // 1)
    return f'{_METRIC}{{profile="{_label(status.profile)}",source="{status.source}"}} {end}'


def _label(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return text.encode("utf-8", "backslashreplace").decode()


def _when(status: SessionStatus) -> str:
    if status.expiration is None:
        return status.fault or "when it ends is not known"
    return f"{ends_in(status)} ({format_timestamp(status.expiration)})"


def ends_in(status: SessionStatus, duration: Callable[[float], str] = format_duration) -> str:
    """Return ``ends in 12m`` or ``ended 3h ago`` for a session whose end is known."""
    return status.state.end.format(duration(status.seconds_left or 0))
