"""Points in time as the credentials file, the environment and other tools' files hold them."""

from __future__ import annotations

from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
