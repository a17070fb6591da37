"""Virtual MFA devices and their life: created, enabled, used, deactivated, deleted."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfakit.testing.errors import AWSError, access_denied, no_such_entity
from mfakit.testing.keys import ID_ALPHABET
from mfakit.testing.propagation import Assignment, Propagation
from mfakit.testing.totp import Budget, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.clock import Clock
    from mfakit.testing.keys import Identity

SEED_LENGTH = 64
DEVICES_OF_A_USER = 8
TAGS_OF_A_DEVICE = 50
TOO_MANY_TAGS = "The number of tags has reached the maximum limit."


@dataclass(eq=False)
class VirtualDevice:
    """A virtual MFA device: whose it is, and what makes its codes."""

    serial_number: str
    seed: str = field(repr=False)
    tags: dict[str, str] = field(default_factory=dict)
    owner: Identity | None = None
    enabled_at: float = 0.0
    token: Token = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.token = Token(self.seed)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Add tags, in place of those whose keys differ in case alone.

        Raises:
            AWSError: it would have more than fifty.
        """
        given = {key.lower() for key in tags}
        kept = {key: value for key, value in self.tags.items() if key.lower() not in given}
        if len(kept) + len(tags) > TAGS_OF_A_DEVICE:
            raise AWSError(409, "LimitExceeded", TOO_MANY_TAGS)
        self.tags = kept | dict(tags)

    def untag(self, key: str) -> None:
        """Take a tag away, if there is one of that key in any case."""
        self.tags = {name: v for name, v in self.tags.items() if name.lower() != key.lower()}


class Devices:
    """All MFA devices of the account.

    Args:
        prefix: what serial numbers begin with, such as ``arn:aws:iam::123456789012:mfa``.
        clock: what codes are judged by.
        propagation: when STS knows what IAM did: ``instant``, or ``aws``.
    """

    def __init__(self, prefix: str, clock: Clock, propagation: str = "instant") -> None:
        self._prefix = prefix
        self._clock = clock
        self._sts = Propagation(propagation)
        self._devices: dict[str, VirtualDevice] = {}
        self.budget = Budget()

    def create(self, name: str, path: str = "/", seed: str | None = None) -> VirtualDevice:
        """Make a device that nobody uses yet."""
        serial_number = f"{self._prefix}{path}{name}"
        if serial_number in self._devices:
            raise AWSError(409, "EntityAlreadyExists", "MFA device already exists.")
        if seed is not None and not re.fullmatch(f"[{ID_ALPHABET}]{{16,}}", seed):
            raise ValueError("a seed is at least sixteen characters of base32")
        device = VirtualDevice(serial_number, seed or new_seed())
        self._devices[serial_number] = device
        return device

    def enable(self, user: Identity, serial_number: str, first: str, second: str) -> None:
        """Give a device to a user, who proves by two consecutive codes to have it."""
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
        """Take over the time of a device that runs fast or slow."""
        device = self._owned(user, serial_number)
        self._accept_pair(device, first, second)
        self._tell_sts(device)

    def deactivate(self, user: Identity, serial_number: str) -> None:
        """Take a device away from its user; it can be enabled again."""
        device = self._owned(user, serial_number)
        device.owner = None
        self._tell_sts(device)

    def delete(self, serial_number: str) -> None:
        """Destroy a device that nobody uses."""
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
        if known is None or known.owner is not user:
            raise _unable_to_validate()
        if not self.budget.spend(serial_number, at):
            raise _unable_to_validate()
        if not known.token.verify(code, at, known.drift):
            raise access_denied(
                "MultiFactorAuthentication failed with invalid MFA one time pass code. "
            )

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


def _unable_to_validate() -> AWSError:
    return access_denied(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA"
        " serial number is valid and associated with this user."
    )
