"""How AWS verifies the codes of an MFA device. The codes themselves are pyotp's business."""

from __future__ import annotations

import math

import pyotp

STEP = 30
WINDOW = 2
PAIR_BEHIND = 998
PAIR_AHEAD = 1000
BUDGET = 9
BUDGET_PERIOD = 180
HANDED_OUT_AT_LEAST = 5.0


class Token:
    """A device's seed, and which of its codes have served.

    A counter is the number of the thirty-second step that a code belongs to. Time is seconds
    since 1970. A code serves within two steps of the device's own time, once, in any order.

    Attributes:
        drift: how many steps the device's own time is ahead.
    """

    def __init__(self, seed: str) -> None:
        self._codes = pyotp.TOTP(seed)
        self.drift = 0
        self._used: set[int] = set()
        self._handed_out: set[int] = set()
        self._last_pair = -math.inf

    def __repr__(self) -> str:
        return f"Token(drift={self.drift})"

    def code(self, counter: int) -> str:
        """Return the code of a step."""
        return self._codes.generate_otp(counter)

    def verify(self, code: str, at: float, drift: int | None = None) -> bool:
        """Tell whether the code serves now, and if so, use it up.

        Args:
            code: the code.
            at: the time.
            drift: by how many steps the verifier thinks the device is ahead, if it may be behind
                what the last pair told.
        """
        for counter in self._valid(at, self.drift if drift is None else drift):
            if counter not in self._used and self.code(counter) == code:
                self._used.add(counter)
                return True
        return False

    def accept_pair(self, first: str, second: str, at: float) -> bool:
        """Tell whether two consecutive codes prove the seed, and if so, take over their time.

        Both have to be newer than the pair accepted before. They still serve for a session.
        """
        middle = self._counter(at)
        for counter in _nearest(middle, PAIR_BEHIND, PAIR_AHEAD):
            newer = counter - 1 > self._last_pair
            if newer and self.code(counter) == second and self.code(counter - 1) == first:
                self._last_pair = counter
                self.drift += counter - middle
                return True
        return False

    def hand_out(self, at: float) -> tuple[str, float] | None:
        """Return a code that serves now and was never handed out, and for how many seconds.

        None: every code that serves now was handed out or used; the next step brings one.
        """
        for counter in sorted(self._valid(at, self.drift), key=self._preference(at)):
            seconds = (counter - self.drift + WINDOW + 1) * STEP - at
            taken = counter in self._used or counter in self._handed_out
            if not taken and seconds >= HANDED_OUT_AT_LEAST:
                self._handed_out.add(counter)
                return self.code(counter), seconds
        return None

    def current_pair(self, at: float) -> tuple[str, str]:
        """Return the codes of the step before and of this one."""
        counter = self._counter(at)
        return self.code(counter - 1), self.code(counter)

    def _counter(self, at: float) -> int:
        return int(at // STEP) + self.drift

    def _valid(self, at: float, drift: int) -> range:
        counter = int(at // STEP) + drift
        return range(counter - WINDOW, counter + WINDOW + 1)

    def _preference(self, at: float) -> _Preference:
        return _Preference(self._counter(at))


class _Preference:
    """Orders the steps: this one, those to come, those gone by."""

    def __init__(self, current: int) -> None:
        self._current = current

    def __call__(self, counter: int) -> tuple[bool, int]:
        return counter < self._current, abs(counter - self._current)


class Budget:
    """Nine verifications for each device in each three minutes, counted from midnight UTC.

    It is kept by ARN: deleting a device and creating it anew does not refill it.
    """

    def __init__(self) -> None:
        self._spent: dict[str, tuple[int, int]] = {}

    def spend(self, serial_number: str, at: float) -> bool:
        """Count one verification; False if none is left."""
        period, count = self._count(serial_number, at)
        if count >= BUDGET:
            return False
        self._spent[serial_number] = (period, count + 1)
        return True

    def seconds_until_refill(self, serial_number: str, at: float) -> float:
        """Return how long to wait for a verification to be possible; 0 if one is now."""
        period, count = self._count(serial_number, at)
        return (period + 1) * BUDGET_PERIOD - at if count >= BUDGET else 0.0

    def reset(self, serial_number: str | None = None) -> None:
        """Forget what was spent on a device, or on all of them; AWS has nothing like it."""
        if serial_number is None:
            self._spent.clear()
        else:
            self._spent.pop(serial_number, None)

    def _count(self, serial_number: str, at: float) -> tuple[int, int]:
        period = int(at // BUDGET_PERIOD)
        last, count = self._spent.get(serial_number, (period, 0))
        return period, count if last == period else 0


def seconds_to_next_step(at: float) -> float:
    """Return how long it takes until another code begins to serve."""
    return STEP - at % STEP


def _nearest(middle: int, behind: int, ahead: int) -> list[int]:
    return sorted(range(middle - behind, middle + ahead + 1), key=lambda c: abs(c - middle))
