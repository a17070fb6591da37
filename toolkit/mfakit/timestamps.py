"""Points in time as the credentials file holds them."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_timestamp(text: str) -> datetime | None:
    """Read an expiration as any tool writes it.

    A time without a zone is UTC to the tools that write it so (aws-mfa) and local time to others
    (awsume). Which of them wrote it cannot be seen, so the earlier of the two is taken: a session
    is never said to last longer than it does.

    Returns:
        The time in UTC, or None if the text is no time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        return min(moment.replace(tzinfo=UTC), moment.astimezone(UTC))
    except (ValueError, OverflowError, OSError):
        return None


def format_timestamp(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC, in whole seconds: ``2026-11-22T18:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
