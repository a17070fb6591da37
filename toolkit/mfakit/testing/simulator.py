"""The simulator's face: an AWS account whose STS and IAM treat MFA as AWS does."""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from mfakit.testing.calls import CallLog
from mfakit.testing.clock import Clock
from mfakit.testing.controls import Controls
from mfakit.testing.devices import Devices
from mfakit.testing.directory import Directory
from mfakit.testing.errors import AWSError, SimulatorError
from mfakit.testing.faults import Faulty
from mfakit.testing.gate import Gate
from mfakit.testing.get_user import GetUser
from mfakit.testing.hosts import partition
from mfakit.testing.keys import KeyStore, new_root_key
from mfakit.testing.mfa_calls import MFACalls
from mfakit.testing.moto_binding import MotoBinding
from mfakit.testing.roles import Roles
from mfakit.testing.server import Server
from mfakit.testing.session_policies import SessionPolicies
from mfakit.testing.sts import STS
from mfakit.testing.totp import seconds_to_next_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    import boto3

    from mfakit.testing.calls import CallRecord
    from mfakit.testing.devices import VirtualDevice
    from mfakit.testing.keys import LongTermKey

POLICY_NAME = "simulated"
# Keeps a rounded float from ending just before the moment that was waited for.
MOMENT = 0.001
ALLOW_ALL_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
REQUIRE_MFA_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "NotAction": [
                "iam:CreateVirtualMFADevice",
                "iam:EnableMFADevice",
                "iam:GetMFADevice",
                "iam:GetUser",
                "iam:ListMFADevices",
                "iam:ListVirtualMFADevices",
                "iam:ResyncMFADevice",
                "sts:GetSessionToken",
            ],
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    ],
}
_one_at_a_time = threading.Lock()


class AWSSimulator(Faulty):
    """An AWS account in this process, on moto. Use it as a context manager.

    While it is active, every boto3 client in the process talks to it, whenever it was made, and
    nothing reaches the network but what is sent to this machine itself.

    Args:
        account_id: twelve digits.
        region: the default region; its partition is the account's.
        enforce_policies: judge identity policies, and refuse what they do not allow.
        propagation: ``instant``, or ``aws``: STS knows of an MFA device that was enabled,
            resynchronised or deactivated ten seconds later, of the simulator's time.

    Attributes:
        clock: the simulator's time; `Clock.advance` moves codes and expiry.
        control_token: opens the control calls of the server.
    """

    def __init__(
        self,
        account_id: str = "123456789012",
        region: str = "us-east-1",
        *,
        enforce_policies: bool = True,
        propagation: str = "instant",
    ) -> None:
        super().__init__()
        self.account_id = account_id
        self.region = region
        self.clock = Clock()
        self._calls = CallLog()
        self.control_token = secrets.token_urlsafe(24)
        self._keys = KeyStore()
        part = partition(region)
        self.root = User(self, "root", new_root_key(self._keys, part, account_id))
        self._devices = Devices(f"arn:{part}:iam::{account_id}:mfa", self.clock, propagation)
        self._moto = MotoBinding(account_id)
        self._directory = Directory(self._moto.forward, self._keys, account_id, region)
        self._gate = self._new_gate(enforce_policies)

    def __repr__(self) -> str:
        return f"AWSSimulator(account_id={self.account_id!r}, region={self.region!r})"

    def __enter__(self) -> Self:
        if not _one_at_a_time.acquire(blocking=False):
            hint = "end the other one first; one simulator may have any number of users"
            raise SimulatorError("a simulator is active in this process already", hint)
        try:
            self._moto.start(self._gate.handle)
        except BaseException:
            _one_at_a_time.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._moto.stop()
        finally:
            _one_at_a_time.release()

    def create_user(
        self,
        name: str,
        policy: Mapping[str, Any] | None = None,
        *,
        access_key: tuple[str, str] | None = None,
    ) -> User:
        """Create an IAM user with an access key, who may do everything unless a policy is given.

        Args:
            name: the user's name.
            policy: an identity policy; becomes the user's only one.
            access_key: id and secret of the key, to have the same ones again; else new ones.

        Raises:
            SimulatorError: IAM would refuse.
            ValueError: no access key of AWS looks like that.
        """
        document = json.dumps(ALLOW_ALL_POLICY if policy is None else policy)
        put = {"UserName": name, "PolicyName": POLICY_NAME, "PolicyDocument": document}
        with self._gate.lock, _as_simulator_error():
            self._directory.call("CreateUser", UserName=name)
            self._directory.call("PutUserPolicy", **put)
            answer = self._directory.call("CreateAccessKey", UserName=name)
            key: Any = self._keys.find(answer["AccessKey"]["AccessKeyId"])
            if access_key is not None:
                key = self._keys.replace(key, *access_key)
        return User(self, name, key)

    def reset_budget(self) -> None:
        """Let each device have its nine verifications anew, for tests that are not about them."""
        self._devices.budget.reset()

    @property
    def calls(self) -> list[CallRecord]:
        """The calls so far, in the order of their answers; the latest 100 000 are kept."""
        return self._calls.records()

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve the same account over HTTP on loopback; yields the URL."""
        controls = Controls(self._device_of, self.clock, self._faults).by_name
        server = Server(self._gate.handle, controls, self.control_token, self.clock, port)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()

    def _new_gate(self, enforce_policies: bool) -> Gate:
        return Gate(
            self._moto.forward,
            keys=self._keys,
            clock=self.clock,
            directory=self._directory,
            sts=self._new_sts(),
            get_user=GetUser(self._directory.get_user, self.clock.now()),
            mfa_calls=MFACalls(self._devices, self._directory.user, self.account_id),
            account_id=self.account_id,
            region=self.region,
            enforce_policies=enforce_policies,
            faults=self._faults,
            calls=self._calls,
        )

    def _new_sts(self) -> STS:
        roles = Roles(self._directory.get_role, self._keys)
        limits = SessionPolicies(self._directory.managed)
        return STS(self.account_id, self._keys, self._devices, self.clock, roles, limits)

    def _device_of(self, user_name: str) -> Device:
        try:
            with self._gate.lock:
                devices = self._devices.of(self._directory.user(user_name))
        except AWSError:
            devices = []
        if not devices:
            raise LookupError("there is no user of that name with a device")
        return Device(self, devices[0])


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
        with simulator._gate.lock, _as_simulator_error():
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
def _as_simulator_error() -> Iterator[None]:
    """Tell a refusal of what the test itself asked for by an error that names it."""
    try:
        yield
    except AWSError as error:
        raise SimulatorError(f"the simulated AWS refused: {error.message}") from None
