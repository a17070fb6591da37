"""Timing two functions in turns, so that a busy machine slows both down."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Row:
    """A line of the table: what each way takes, what was asked and allowed.

    The two ways are measured in milliseconds, or in what ``measured_in`` says.
    """

    name: str
    plain: float
    ours: float
    figure: float
    budget: float
    unit: str
    measured_in: str = "ms"

    @property
    def within_budget(self) -> bool:
        """Whether it is fast enough."""
        return self.figure <= self.budget


def ratio(name: str, plain: float, ours: float, budget: float) -> Row:
    """Compare two times, in seconds, by how many times longer the second is."""
    return Row(name, plain * 1000, ours * 1000, ours / plain, budget, "x")


def difference(name: str, plain: float, ours: float, budget_ms: float) -> Row:
    """Compare two times, in seconds, by how much longer the second is."""
    return Row(name, plain * 1000, ours * 1000, (ours - plain) * 1000, budget_ms, "ms more")


def seconds(act: Callable[[], object]) -> float:
    """Return how long something takes.

    It is the processor's time in this thread, which other programs on the machine do not stretch.
    """
    start = thread_time()
    act()
    return thread_time() - start


def elapsed(act: Callable[[], object]) -> float:
    """Return how long something takes in real time, other processes included."""
    start = perf_counter()
    act()
    return perf_counter() - start


def in_turns(
    plain: Callable[[], object],
    ours: Callable[[], object],
    rounds: int,
    clock: Callable[[Callable[[], object]], float] = seconds,
) -> tuple[float, float]:
    """Return the median time of each in seconds, after one round that does not count."""
    plain(), ours()
    times = [(clock(plain), clock(ours)) for _ in range(rounds)]
    return median(t for t, _ in times), median(t for _, t in times)
