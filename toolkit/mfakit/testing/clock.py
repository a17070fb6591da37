"""The simulator's clock: the real one plus an offset, and the skew that makes clients late."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """What time it is for the simulator.

    Codes and expiry follow `timestamp`: real time plus an offset that tests move. Signatures and
    the ``Date`` header follow `wire_timestamp`: real time plus a skew. Clients sign by their own
    clock, so moving the offset never makes one of them late; only the skew does.

    Args:
        real_time: seconds since 1970; passed in so that a test can hold it still.
    """

    def __init__(self, real_time: Callable[[], float] = time.time) -> None:
        self._real_time = real_time
        self._offset = 0.0
        self._skew = 0.0

    def now(self) -> datetime:
        """Return the simulator's time, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def timestamp(self) -> float:
        """Return the simulator's time, in seconds since 1970."""
        return self._real_time() + self._offset

    def wire_timestamp(self) -> float:
        """Return the time that signatures are judged by, in seconds since 1970."""
        return self._real_time() + self._skew

    def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move codes and expiry into the future; negative values move them back.

        Raises:
            ValueError: that would leave the calendar.
        """
        try:
            offset = self._offset + _seconds(hours, minutes, seconds)
            datetime.fromtimestamp(self._real_time() + offset, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueError("the clock cannot be moved that far") from None
        self._offset = offset

    def skew(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Set how far AWS's clock is ahead of the clients' clocks; no argument: not at all."""
        self._skew = _seconds(hours, minutes, seconds)


def _seconds(hours: float, minutes: float, seconds: float) -> float:
    return timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds()
