"""What STS knows of MFA devices: all that IAM did to them, at once or some seconds later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfakit.testing.keys import Identity
    from mfakit.testing.totp import Token

# Three brackets recorded on one day: 7.07 to 7.76 s, 7.49 to 9.19 s, 5.77 to 7.55 s.
AWS_SECONDS = 7.0
SECONDS = {"instant": 0.0, "aws": AWS_SECONDS}


@dataclass(frozen=True)
class Assignment:
    """That a device is a user's, and how many steps its time is off."""

    owner: Identity
    token: Token
    drift: int


class Propagation:
    """Keeps what STS knows behind what IAM knows, as recorded exchanges with AWS show it.

    Args:
        kind: ``instant``, or ``aws``: seven seconds of the simulator's time.

    Raises:
        ValueError: it is neither.
    """

    def __init__(self, kind: str) -> None:
        if kind not in SECONDS:
            raise ValueError(f"propagation is one of {', '.join(SECONDS)}, not {kind!r}")
        self._seconds = SECONDS[kind]
        self._known: dict[str, Assignment | None] = {}
        self._coming: list[tuple[float, str, Assignment | None]] = []

    def announce(self, serial_number: str, assignment: Assignment | None, at: float) -> None:
        """Let STS know of a device that is a user's from now on, or nobody's."""
        self._coming.append((at + self._seconds, serial_number, assignment))
        self._arrive(at)

    def assignment(self, serial_number: str, at: float) -> Assignment | None:
        """Return whose device it is, as far as STS knows; None: nobody's."""
        self._arrive(at)
        return self._known.get(serial_number)

    def _arrive(self, at: float) -> None:
        # A clock that was moved back leaves none further off than when it was announced.
        latest = at + self._seconds
        self._coming = [(min(due, latest), serial, known) for due, serial, known in self._coming]
        # In the order in which they were made, so that none overtakes another.
        while self._coming and self._coming[0][0] <= at:
            _, serial_number, assignment = self._coming.pop(0)
            self._known[serial_number] = assignment
