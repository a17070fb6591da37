"""The simulator's people, and the devices in their hands."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mfakit.testing.errors import AWSError, SimulatorError
from mfakit.testing.totp import seconds_to_next_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from mfakit.testing.devices import VirtualDevice
    from mfakit.testing.keys import LongTermKey
    from mfakit.testing.simulator import AWSSimulator

# Keeps a rounded float from ending just before the moment that was waited for.
MOMENT = 0.001


class User:
    """A user of the simulator, with an access key. ``repr`` shows no secret."""

    def __init__(self, simulator: AWSSimulator, name: str, key: LongTermKey) -> None:
        self.name = name
        self._simulator = simulator
        self._key = key

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, access_key_id={self.access_key_id!r})"

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return self._key.owner.arn

    @property
    def access_key_id(self) -> str:
        """The id of the long-term key."""
        return self._key.access_key_id

    @property
    def secret_access_key(self) -> str:
        """The secret of the long-term key."""
        return self._key.secret_access_key

    def session(self, region_name: str | None = None) -> boto3.Session:
        """Return a boto3 session with the user's long-term key."""
        import boto3

        return boto3.Session(
            self.access_key_id,
            self.secret_access_key,
            region_name=region_name or self._simulator.region,
        )

    def enable_virtual_mfa(self, name: str | None = None, *, seed: str | None = None) -> Device:
        """Give the user a virtual MFA device, ready for use.

        Args:
            name: the device's name; the user's own by default.
            seed: what its codes are made of, in base32; else a new one.

        Raises:
            SimulatorError: IAM would refuse.
            ValueError: the seed is not base32.
        """
        default = "root-account-mfa-device" if self._key.owner.is_root else self.name
        simulator = self._simulator
        with simulator._gate.lock, as_simulator_error():
            device = simulator._devices.create(name or default, seed=seed)
            pair = device.token.current_pair(simulator.clock.timestamp())
            simulator._devices.enable(self._key.owner, device.serial_number, *pair)
        return Device(simulator, device)


class Device:
    """A user's virtual MFA device, and what an authenticator app would show for it."""

    def __init__(self, simulator: AWSSimulator, device: VirtualDevice) -> None:
        self._simulator = simulator
        self._device = device

    def __repr__(self) -> str:
        return f"Device(serial_number={self.serial_number!r})"

    @property
    def serial_number(self) -> str:
        """The device's ARN."""
        return self._device.serial_number

    @property
    def seed(self) -> str:
        """The secret that the codes are made of, in base32."""
        return self._device.seed

    def code(self) -> str:
        """Return a code that serves now and was never handed out before.

        When there is none, or the device's verifications are spent, the clock is moved.
        """
        while True:
            code, seconds = self.next_code()
            if code is not None:
                return code
            self._simulator.clock.advance(seconds=seconds)

    def reset_budget(self) -> None:
        """Let the device have its nine verifications anew, for tests that are not about them."""
        self._simulator._devices.budget.reset(self.serial_number)

    def next_code(self) -> tuple[str | None, float]:
        """Return a fresh code and for how many seconds it serves, without moving the clock.

        When there is none: None, and how many seconds to wait for one.
        """
        with self._simulator._gate.lock:
            at = self._simulator.clock.timestamp()
            wait = self._simulator._devices.budget.seconds_until_refill(self.serial_number, at)
            handed_out = None if wait else self._device.token.hand_out(at)
            return handed_out or (None, (wait or seconds_to_next_step(at)) + MOMENT)


@contextmanager
def as_simulator_error() -> Iterator[None]:
    """Tell a refusal of what the test itself asked for by an error that names it."""
    try:
        yield
    except AWSError as error:
        raise SimulatorError(f"the simulated AWS refused: {error.message}") from None
