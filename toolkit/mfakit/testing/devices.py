"""Virtual MFA devices: how they live, how AWS verifies their codes, and by which clock.

pyotp computes the codes. Times are in seconds since 1970.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyotp

from mfakit.testing.errors import AWSError, access_denied, no_such_entity
from mfakit.testing.keys import ID_ALPHABET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.keys import Identity


STEP = 30
WINDOW = 2
PAIR_BEHIND = 998
PAIR_AHEAD = 1000
BUDGET = 9
BUDGET_PERIOD = 180
HANDED_OUT_AT_LEAST = 5.0
SEED_LENGTH = 64
DEVICES_OF_A_USER = 8
TAGS_OF_A_DEVICE = 50
TOO_MANY_TAGS = "The number of tags has reached the maximum limit."
INVALID_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
UNABLE_TO_VALIDATE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial"
    " number is valid and associated with this user."
)
# Three brackets recorded on one day: 7.07 to 7.76 s, 7.49 to 9.19 s, 5.77 to 7.55 s.
PROPAGATION_SECONDS = {"instant": 0.0, "aws": 7.0}
NEW_KEY_SECONDS = {"instant": 0.0, "aws": 10.0}  # AWS was seen to take 10 to 15


@dataclass(eq=False)
class VirtualDevice:
    """A virtual MFA device, its owner, and the token that generates its codes."""

    serial_number: str
    seed: str = field(repr=False)
    tags: dict[str, str] = field(default_factory=dict)
    owner: Identity | None = None
    enabled_at: float = 0.0
    token: Token = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.token = Token(self.seed)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Add at most fifty tags, which replace those whose keys differ in case alone."""
        given = {key.lower() for key in tags}
        kept = {key: value for key, value in self.tags.items() if key.lower() not in given}
        if len(kept) + len(tags) > TAGS_OF_A_DEVICE:
            raise AWSError(409, "LimitExceeded", TOO_MANY_TAGS)
        self.tags = kept | dict(tags)

    def untag(self, key: str) -> None:
        """Remove the tag of that key, in any case, if there is one."""
        self.tags = {name: v for name, v in self.tags.items() if name.lower() != key.lower()}


class Devices:
    """All MFA devices of the account.

    Args:
        prefix: of serial numbers, such as ``arn:aws:iam::123456789012:mfa``.
        clock: the time that codes are verified by.
        propagation: ``instant``, or ``aws``: STS learns of changes in IAM seven seconds later.
    """

    def __init__(self, prefix: str, clock: Clock, propagation: str = "instant") -> None:
        self._prefix = prefix
        self._clock = clock
        self._sts = Propagation(propagation)
        self._devices: dict[str, VirtualDevice] = {}
        self.budget = Budget()

    def create(self, name: str, path: str = "/", seed: str | None = None) -> VirtualDevice:
        """Create a device without an owner."""
        serial_number = f"{self._prefix}{path}{name}"
        if serial_number in self._devices:
            raise AWSError(409, "EntityAlreadyExists", "MFA device already exists.")
        if seed is not None and not re.fullmatch(f"[{ID_ALPHABET}]{{16,}}", seed):
            raise ValueError("a seed is at least sixteen characters of base32")
        device = VirtualDevice(serial_number, seed or new_seed())
        self._devices[serial_number] = device
        return device

    def enable(self, user: Identity, serial_number: str, first: str, second: str) -> None:
        """Assign a device to a user, who has to send two consecutive codes of it."""
        device = self.get(serial_number)
        if device.owner is user:
            already = f"MFA Device for user {user.name} already exists."
            raise AWSError(409, "EntityAlreadyExists", already)
        if device.owner is not None:
            raise AWSError(409, "EntityAlreadyExists", "MFA Device is already in use.")
        if len(self.of(user)) >= DEVICES_OF_A_USER:
            exceeded = f"Cannot exceed quota for MFADevicesPerUser: {DEVICES_OF_A_USER}"
            raise AWSError(409, "LimitExceeded", exceeded)
        self._accept_pair(device, first, second)
        device.owner, device.enabled_at = user, self._clock.timestamp()
        self._tell_sts(device)

    def resync(self, user: Identity, serial_number: str, first: str, second: str) -> None:
        """Adopt the time of a device that runs fast or slow."""
        device = self._owned(user, serial_number)
        self._accept_pair(device, first, second)
        self._tell_sts(device)

    def deactivate(self, user: Identity, serial_number: str) -> None:
        """Take a device from its user; it can be enabled again."""
        device = self._owned(user, serial_number)
        device.owner = None
        self._tell_sts(device)

    def delete(self, serial_number: str) -> None:
        """Delete a device without an owner."""
        if self.get(serial_number).owner is not None:
            conflict = "MFA VirtualDevice in use. Must deactivate first."
            raise AWSError(409, "DeleteConflict", conflict)
        del self._devices[serial_number]

    def get(self, serial_number: str) -> VirtualDevice:
        """Return the device, or refuse as IAM does."""
        device = self._devices.get(serial_number)
        if device is None:
            raise no_such_entity(f"MFA Device with serial number {serial_number} does not exist.")
        return device

    def of(self, user: Identity) -> list[VirtualDevice]:
        """Return the devices of a user, by serial number."""
        return [device for device in self.all() if device.owner is user]

    def all(self) -> list[VirtualDevice]:
        """Return every device, by serial number."""
        return [self._devices[serial] for serial in sorted(self._devices)]

    def verify(self, user: Identity, serial_number: str, code: str) -> None:
        """Use up a code for a session of the user, or refuse as STS does."""
        at = self._clock.timestamp()
        known = self._sts.assignment(serial_number, at)
        owned = known is not None and known.owner is user
        if known is None or not owned or not self.budget.spend(serial_number, at):
            raise access_denied(UNABLE_TO_VALIDATE)
        if not known.token.verify(code, at, known.drift):
            raise access_denied(INVALID_CODE)

    def _tell_sts(self, device: VirtualDevice) -> None:
        owner, token = device.owner, device.token
        assignment = None if owner is None else Assignment(owner, token, token.drift)
        self._sts.announce(device.serial_number, assignment, self._clock.timestamp())

    def _owned(self, user: Identity, serial_number: str) -> VirtualDevice:
        device = self.get(serial_number)
        if device.owner is not user:
            raise no_such_entity("MFA Device invalid for user.")
        return device

    def _accept_pair(self, device: VirtualDevice, first: str, second: str) -> None:
        if not device.token.accept_pair(first, second, self._clock.timestamp()):
            invalid = "Authentication code for device is not valid."
            raise AWSError(403, "InvalidAuthenticationCode", invalid)


def new_seed() -> str:
    """Return a fresh seed: 64 base32 characters."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(SEED_LENGTH))


class Token:
    """A device's seed, and which of its codes are used up.

    A counter is the number of the thirty-second step that a code belongs to. A code is valid within
    two steps of the device's own time, once, in any order.

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
        """Whether the code is valid now; if so, use it up.

        The verifier may assume another drift, if it does not know yet of the last pair.
        """
        for counter in self._valid(at, self.drift if drift is None else drift):
            if counter not in self._used and self.code(counter) == code:
                self._used.add(counter)
                return True
        return False

    def accept_pair(self, first: str, second: str, at: float) -> bool:
        """Whether two consecutive codes prove the seed; if so, adopt their time.

        Both have to be newer than the pair accepted before. They remain valid for a session.
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
        """Return a valid code that was never handed out, and for how many seconds it is valid.

        None: every valid code was handed out or used; the next step brings one.
        """
        current = self._counter(at)
        # First the code of this step, then those to come, then those gone by.
        preferred = sorted(
            self._valid(at, self.drift), key=lambda c: (c < current, abs(c - current))
        )
        for counter in preferred:
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


class Budget:
    """Nine verifications per device in each period of three minutes, counted from midnight UTC.

    It is kept by ARN: deleting a device and creating it again does not refill it.
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
        """Return how long to wait until a verification is possible; 0 if one is now."""
        period, count = self._count(serial_number, at)
        return (period + 1) * BUDGET_PERIOD - at if count >= BUDGET else 0.0

    def reset(self, serial_number: str | None = None) -> None:
        """Refill the budget of a device, or of all devices; AWS has no such call."""
        if serial_number is None:
            self._spent.clear()
        else:
            self._spent.pop(serial_number, None)

    def _count(self, serial_number: str, at: float) -> tuple[int, int]:
        period = int(at // BUDGET_PERIOD)
        last, count = self._spent.get(serial_number, (period, 0))
        return period, count if last == period else 0


def seconds_to_next_step(at: float) -> float:
    """Return how long it takes until another code becomes valid."""
    return STEP - at % STEP


def _nearest(middle: int, behind: int, ahead: int) -> list[int]:
    return sorted(range(middle - behind, middle + ahead + 1), key=lambda c: abs(c - middle))


@dataclass(frozen=True)
class Assignment:
    """A device's owner, and how many steps its time is off, as STS knows it."""

    owner: Identity
    token: Token
    drift: int


class Propagation:
    """Delays what STS knows of devices, as recorded exchanges with AWS show it."""

    def __init__(self, kind: str) -> None:
        if kind not in PROPAGATION_SECONDS:
            raise ValueError(
                f"propagation is one of {', '.join(PROPAGATION_SECONDS)}, not {kind!r}"
            )
        self._seconds = PROPAGATION_SECONDS[kind]
        self._known: dict[str, Assignment | None] = {}
        self._coming: list[tuple[float, str, Assignment | None]] = []

    def announce(self, serial_number: str, assignment: Assignment | None, at: float) -> None:
        """Announce the new assignment of a device, None: nobody's, to STS."""
        self._coming.append((at + self._seconds, serial_number, assignment))
        self._arrive(at)

    def assignment(self, serial_number: str, at: float) -> Assignment | None:
        """Return the assignment of a device as STS knows it; None: nobody's."""
        self._arrive(at)
        return self._known.get(serial_number)

    def _arrive(self, at: float) -> None:
        # If the clock was moved back, no announcement is due later than if it were made now.
        latest = at + self._seconds
        self._coming = [(min(due, latest), serial, known) for due, serial, known in self._coming]
        # They arrive in the order in which they were made.
        while self._coming and self._coming[0][0] <= at:
            _, serial_number, assignment = self._coming.pop(0)
            self._known[serial_number] = assignment


class Clock:
    """The simulator's time.

    Codes and expiry follow `timestamp`: real time plus an offset that tests move. Signatures and
    the ``Date`` header follow `wire_timestamp`: real time plus a skew. Clients sign by their own
    clock, so moving the offset never makes one of them late; only the skew does.

    Args:
        real_time: returns the real time in seconds since 1970; a test can hold it still. By default
            it is ``time.time``, as it is when the clock is read: freezegun replaces it.
    """

    def __init__(self, real_time: Callable[[], float] | None = None) -> None:
        self._real_time = real_time or (lambda: time.time())  # noqa: PLW0108  # looked up late
        self._offset = 0.0
        self._skew = 0.0

    @property
    def offset(self) -> float:
        """By how many seconds the simulator's time is ahead of the real one."""
        return self._offset

    def now(self) -> datetime:
        """Return the simulator's time, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def timestamp(self) -> float:
        """Return the simulator's time, in seconds since 1970."""
        return self._real_time() + self._offset

    def wire_timestamp(self) -> float:
        """Return the time that signatures are verified by, in seconds since 1970."""
        return self._real_time() + self._skew

    def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move codes and expiry into the future; negative values move them back.

        Raises:
            ValueError: the new time would be outside the calendar.
        """
        try:
            offset = self._offset + _seconds(hours, minutes, seconds)
            datetime.fromtimestamp(self._real_time() + offset, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueError("the clock cannot be moved that far") from None
        self._offset = offset

    def skew(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Set how far AWS's clock is ahead of the clients' clocks; by default not at all."""
        self._skew = _seconds(hours, minutes, seconds)


def _seconds(hours: float, minutes: float, seconds: float) -> float:
    return timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds()
