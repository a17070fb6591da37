"""Durations as people write them: ``900``, ``15m``, ``12h``, ``1h30m``."""

from __future__ import annotations

from mfakit.errors import UsageError

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
