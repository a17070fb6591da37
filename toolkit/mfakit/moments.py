"""Points in time and durations: read as people and other tools write them, and written."""

from __future__ import annotations

from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import UTC, datetime, timedelta
else:
    # before Python 3.12 the module datetime first loads all that this one has, written in Python
    try:
        from _datetime import datetime, timedelta, timezone
    except ImportError:
        from datetime import datetime, timedelta, timezone
    UTC = timezone.utc  # noqa: UP017

__all__ = [
    "AS_EARLIER",
    "AS_LOCAL",
    "AS_UTC",
    "format_age",
    "format_duration",
    "format_timestamp",
    "parse_duration",
    "parse_timestamp",
    "timedelta",
    "utc_now",
]
# What a time without a zone is to the tool that wrote it; the earlier of both, if that is unknown.
AS_UTC = "UTC"
AS_LOCAL = "local"
AS_EARLIER = "earlier"


def parse_timestamp(text: str, naive: str = AS_EARLIER) -> datetime | None:
    """Read an expiration as any tool writes it.

    Args:
        text: ISO 8601, of which RFC 3339 is a part; ``UTC`` may stand for its ``Z``, as early
            versions of the AWS CLI had it.
        naive: what a time without a zone is. Where it can be more than one point in time, the
            earliest is taken: a session is never said to last longer than it does.

    Returns:
        The time in UTC, or None if the text is no time.
    """
    text = text.strip().upper()
    if text.endswith("UTC"):
        text = text[:-3].rstrip() + "Z"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        return min(_readings(moment, naive))
    except (ValueError, OverflowError, OSError):
        return None


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


def format_timestamp(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC, in whole seconds: ``2026-11-22T18:00:00Z``."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _readings(moment: datetime, naive: str) -> Iterator[datetime]:
    """Return all moments that a time without a zone may mean.

    When clocks are set back, an hour of local time comes twice; when they are set forward, one is
    left out. Then the two folds differ.
    """
    if naive != AS_LOCAL:
        yield moment.replace(tzinfo=UTC)
    if naive != AS_UTC:
        yield moment.replace(fold=0).astimezone(UTC)
        yield moment.replace(fold=1).astimezone(UTC)


_DURATION = r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?"
_UNITS = (86400, 3600, 60, 1)
_LONGEST_SECONDS = 100 * 365 * 86400  # far beyond any session, and within what datetime can add


def parse_duration(text: str) -> int:
    """Read a duration.

    Args:
        text: seconds (``900``) or days, hours, minutes and seconds, in that order (``1h30m``).

    Returns:
        Seconds, 0 or more.

    Raises:
        UsageError: the text is no duration.
    """
    import re

    match = re.fullmatch(_DURATION, text.strip(), re.ASCII)
    if match is None or not text.strip():
        raise UsageError(
            f"not a duration: {text!r}", "write it as 900 (seconds), 15m, 12h or 1h30m"
        )
    seconds = sum(int(c or 0) * unit for c, unit in zip(match.groups(), _UNITS, strict=True))
    if seconds > _LONGEST_SECONDS:
        raise UsageError(f"too long a duration: {text!r}", "a session lasts 36 hours at most")
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, rounded down: ``11h59m``, ``4m5s``, ``0s``."""
    left = int(abs(seconds))
    parts = []
    for unit, name in zip(_UNITS, "dhms", strict=True):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts[:2]) or "0s"


def format_age(since: datetime, now: datetime) -> str:
    """Return how long ago a time was, in its largest unit: ``120d``, ``3h``."""
    seconds = max(0, int((now - since).total_seconds()))
    unit = next((unit for unit in _UNITS if seconds >= unit), 1)
    return format_duration(seconds - seconds % unit)
