"""Local time as another place has it, for tests of what reads or writes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def local_time(zone: str) -> Iterator[str]:
    """Set the local time zone of this process and of those that it starts."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            yield zone
    finally:
        time.tzset()
