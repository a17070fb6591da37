"""The one rule that says when a session is due for renewal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

VALID = "valid"
EXPIRING = "expiring"
EXPIRED = "expired"
UNKNOWN = "unknown"

_WARN_SECONDS = 30 * 60
_WARN_PART_OF_LIFE = 4
_PROCESS_WARN_SECONDS = 16 * 60


def warn_seconds(expiration: datetime, made_at: datetime | None) -> float:
    """Return how long before its end a session is due: 30 minutes, or a quarter of a shorter life.

    Args:
        expiration: when the session ends.
        made_at: when it was made; None if that is not known, which counts as long ago.

    Returns:
        Seconds.
    """
    if made_at is None:
        return _WARN_SECONDS
    life = (expiration - made_at).total_seconds()
    return max(0.0, min(_WARN_SECONDS, life / _WARN_PART_OF_LIFE))


def process_warn_seconds(expiration: datetime, made_at: datetime | None) -> float:
    """Return how long before its end `credential-process` renews a session.

    SDKs ask anew when 15 minutes are left, and at each call after that; so what they get then has
    to last longer, where the session is long enough for that.

    Returns:
        Seconds.
    """
    life = None if made_at is None else (expiration - made_at).total_seconds()
    if life is None or life >= 2 * _PROCESS_WARN_SECONDS:
        return _PROCESS_WARN_SECONDS
    return warn_seconds(expiration, made_at)


def judge(
    expiration: datetime | None,
    now: datetime,
    made_at: datetime | None = None,
    warn: float | None = None,
) -> str:
    """Judge a session by its expiration.

    Args:
        expiration: when it ends; None if that is not known.
        now: the time to judge by.
        made_at: when it was made, if that is known.
        warn: seconds before the end from which it is due, in place of the rule.

    Returns:
        ``valid``, ``expiring`` (due for renewal), ``expired`` or ``unknown``.
    """
    if expiration is None:
        return UNKNOWN
    left = (expiration - now).total_seconds()
    if left <= 0:
        return EXPIRED
    if warn is None:
        warn = warn_seconds(expiration, made_at)
    return EXPIRING if left < warn else VALID
