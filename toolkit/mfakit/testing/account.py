"""The simulated AWS account, its users and their devices, as tests use them."""

from __future__ import annotations

import json
import math
import re
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from mfakit.policy.making import require_mfa
from mfakit.testing.authentication import Authentication
from mfakit.testing.devices import NEW_KEY_SECONDS, Clock, Devices, seconds_to_next_step
from mfakit.testing.directory import Directory
from mfakit.testing.errors import AWSError, SimulatorError
from mfakit.testing.faults import CallLog, Faulty, read_fault
from mfakit.testing.gate import Gate, Judge, service_control
from mfakit.testing.iam import IAM
from mfakit.testing.iam_calls import OwnCalls
from mfakit.testing.keys import KeyStore, new_root_key
from mfakit.testing.models import partition
from mfakit.testing.moto_binding import MotoBinding
from mfakit.testing.policy_simulation import PolicySimulation
from mfakit.testing.s3 import BucketPolicies
from mfakit.testing.server import Server
from mfakit.testing.sts import STS, Federation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import boto3

    from mfakit.testing.devices import VirtualDevice
    from mfakit.testing.faults import CallRecord, FaultQueue
    from mfakit.testing.keys import LongTermKey
    from mfakit.testing.wire import Request, Response

    Answer = tuple[int, dict[str, Any]]

POLICY_NAME = "simulated"
ALLOW_ALL_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def _denials_without_mfa() -> list[dict[str, Any]]:
    """Return the denials of `mfakit policy require-mfa`, for users of any partition."""
    made = json.dumps(require_mfa().document["Statement"]).replace("arn:aws:", "arn:*:")
    return [statement for statement in json.loads(made) if statement["Effect"] == "Deny"]


# Without MFA, users may only get a device and a session, for themselves.
REQUIRE_MFA_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [*ALLOW_ALL_POLICY["Statement"], *_denials_without_mfa()],
}
# Rounding must not end a wait just before the moment that was waited for.
MOMENT = 0.001
USER_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_one_at_a_time = threading.Lock()
_active: list[AWSSimulator] = []  # at most one


def is_active() -> bool:
    """Whether a simulator is active in this process."""
    return bool(_active)


def simulator() -> AWSSimulator:
    """Return the simulator that is active in this process, as a decorated test finds it.

    Raises:
        SimulatorError: there is none.
    """
    if not _active:
        hint = "decorate the test with mfakit.testing.mock_aws, or use AWSSimulator in a with"
        raise SimulatorError("no simulator is active in this process", hint)
    return _active[-1]


class AWSSimulator(Faulty):
    """An AWS account in this process, on moto. Use it as a context manager.

    While it is active, every client of boto3 or aiobotocore in the process talks to it, whenever
    it was made, and so does requests. Other Python clients that call AWS are refused before they
    connect, with an error that says to give them the URL of `serve`; libraries in C that connect by
    themselves cannot be stopped. Processes started by `subprocess` meanwhile get the URL of `serve`
    as ``AWS_ENDPOINT_URL``, or one where nothing listens, unless they have one. Calls to other
    hosts are let through.

    Args:
        account_id: twelve digits.
        region: the default region; its partition is the account's.
        enforce_policies: judge identity policies, and refuse what they do not allow.
        propagation: ``instant``, or ``aws``: STS knows of an MFA device that was enabled,
            resynchronised or deactivated seven seconds later, and services take a new access key
            ten seconds later, of the simulator's time.
        scps: the service control policies of the account's organization, as JSON or read from it.
            All are attached to the account. If none of them allows anything, AWS's policy
            ``FullAWSAccess`` counts as attached too, as it is unless somebody detaches it.
            None: the account is in no organization.

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
        scps: Sequence[Mapping[str, Any] | str] | None = None,
    ) -> None:
        super().__init__()
        self.account_id = account_id
        self.region = region
        self.clock = Clock()
        self._calls = CallLog()
        self._served: list[str] = []
        self.control_token = secrets.token_urlsafe(24)
        self._moto = MotoBinding(account_id, partition(region), self.clock)
        self._service_control = None if scps is None else service_control(scps)
        self._propagation = propagation
        self._enforced = enforce_policies
        self._set_up(KeyStore())

    def __repr__(self) -> str:
        return f"AWSSimulator(account_id={self.account_id!r}, region={self.region!r})"

    def __enter__(self) -> Self:
        return self._activate(None)

    def __exit__(self, *_: object) -> None:
        try:
            self._moto.stop()
        finally:
            _active.remove(self)

    def _activate(self, mock: Any) -> Self:
        """Answer the calls of this process; `mock` is moto's, if it is active already."""
        with _one_at_a_time:
            if _active:
                hint = "end the other one first; one simulator may have any number of users"
                raise SimulatorError("a simulator is active in this process already", hint)
            _active.append(self)
        try:
            url = lambda: self._served[-1] if self._served else ""  # noqa: E731
            self._moto.start(self._gate.handle, url, mock)
        except BaseException:
            _active.remove(self)
            raise
        return self

    def _set_up(self, keys: KeyStore) -> None:
        """Make what the account consists of anew, except for what moto keeps."""
        part = partition(self.region)
        self._keys = keys
        self.root = User(self, "root", new_root_key(keys, part, self.account_id))
        prefix = f"arn:{part}:iam::{self.account_id}:mfa"
        self._devices = Devices(prefix, self.clock, self._propagation)
        self._directory = Directory(self._forward, keys, self.account_id, self.region)
        self._gate = self._new_gate(self._enforced)

    def _forward(self, request: Request) -> Response:
        return self._moto.forward(request)

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
            policy: the user's only identity policy.
            access_key: id and secret of the key; by default new ones.

        Raises:
            SimulatorError: IAM would refuse.
            ValueError: AWS makes no such access key.
        """
        document = json.dumps(ALLOW_ALL_POLICY if policy is None else policy)
        put = {"UserName": name, "PolicyName": POLICY_NAME, "PolicyDocument": document}
        with self._gate.lock, as_simulator_error():
            self._directory.check_name("CreateUser", {"UserName": name})
            self._directory.call("CreateUser", UserName=name)
            self._directory.call("PutUserPolicy", **put)
            answer = self._directory.call("CreateAccessKey", UserName=name)
            key: Any = self._keys.find(answer["AccessKey"]["AccessKeyId"])
            if access_key is not None:
                key = self._keys.replace(key, *access_key)
        return User(self, name, key)

    def reset_budget(self) -> None:
        """Refill the budget of nine verifications of each device, for tests about other things."""
        self._devices.budget.reset()

    @property
    def calls(self) -> list[CallRecord]:
        """The calls so far, in the order of their answers; the latest 100 000 are kept."""
        return self._calls.records()

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve the same account over HTTP on loopback; yields the URL."""
        controls = Controls(self._device_of, self.clock, self._faults).by_name
        gate, federation = self._gate, Federation(self._keys, self.clock)
        server = Server(
            lambda request: federation.answer(request) or gate.serve(request),
            controls,
            self.control_token,
            self.clock,
            port,
            admit=lambda request: 0 if federation.is_for(request) else gate.admit(request),
            too_large=gate.too_large,
        )
        server.start()
        self._served.append(server.url)
        try:
            yield server.url
        finally:
            self._served.remove(server.url)
            server.stop()

    def _new_gate(self, enforce_policies: bool) -> Gate:
        root = self.root._key.owner
        forward, directory, keys = self._forward, self._directory, self._keys
        limits, account = self._service_control, self.account_id
        buckets = BucketPolicies(forward, self.region)
        simulation = PolicySimulation(directory, self.clock, limits, account)
        own_calls = OwnCalls(directory, keys, self._devices, self.clock, root)
        return Gate(
            forward,
            Authentication(keys, self.clock, self.region),
            Judge(directory, buckets, self.clock, account, limits, enforce_policies),
            directory,
            keys,
            self.clock,
            STS(account, keys, self._devices, self.clock, directory),
            IAM(directory, self._devices, root),
            {**own_calls.operations, **simulation.operations},
            buckets,
            self.root.access_key_id,
            self._faults,
            self._calls,
            NEW_KEY_SECONDS[self._propagation],
        )

    def _device_of(self, user_name: str) -> Device:
        """Return a user's device, or the one of the user's name that is about to be enabled."""
        with self._gate.lock:
            devices = self._devices.all()
            try:
                user = self._directory.user(user_name)
            except AWSError:
                raise LookupError("there is no user of that name") from None
        made = f"/{user_name}"
        new = (one for one in devices if one.owner is None and one.serial_number.endswith(made))
        device = next((one for one in devices if one.owner is user), next(new, None))
        if device is None:
            raise LookupError("the user of that name has no device")
        return Device(self, device)


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
        """Enable a virtual MFA device for the user.

        Args:
            name: the device's name; by default the user's.
            seed: the secret of its codes, in base32; by default a new one.

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
    """A user's virtual MFA device, and the authenticator app with its codes."""

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
        """The secret of the codes, in base32."""
        return self._device.seed

    def code(self) -> str:
        """Return a valid code that was never handed out before.

        If there is none, or the device's budget of verifications is spent, the clock is moved.
        """
        while True:
            code, seconds = self.next_code()
            if code is not None:
                return code
            self._simulator.clock.advance(seconds=seconds)

    def reset_budget(self) -> None:
        """Refill the device's budget of nine verifications, for tests about other things."""
        self._simulator._devices.budget.reset(self.serial_number)

    def next_code(self) -> tuple[str | None, float]:
        """Return a fresh code and for how many seconds it is valid, without moving the clock.

        If there is none: None, and how many seconds to wait for one.
        """
        with self._simulator._gate.lock:
            at = self._simulator.clock.timestamp()
            wait = self._simulator._devices.budget.seconds_until_refill(self.serial_number, at)
            handed_out = None if wait else self._device.token.hand_out(at)
            return handed_out or (None, (wait or seconds_to_next_step(at)) + MOMENT)


@contextmanager
def as_simulator_error() -> Iterator[None]:
    """Raise the refusal of a call that the test itself made as a `SimulatorError`."""
    try:
        yield
    except AWSError as error:
        raise SimulatorError(f"the simulated AWS refused: {error.message}") from None


@dataclass(frozen=True)
class Controls:
    """The control calls of the server. Each returns the status and the JSON of its answer."""

    device_of: Callable[[str], Device]
    simulated: Clock
    faults: FaultQueue

    @property
    def by_name(self) -> dict[str, Callable[[Request], Answer]]:
        """The calls by what follows ``/_mfakit/`` in the path."""
        return {"code": self.code, "clock": self.clock, "fault": self.fault}

    def code(self, request: Request) -> Answer:
        """Hand out a code: ``code?user=NAME``, of a device that is to be enabled, too.

        If none is left: status 409 and how long to wait; with ``&advance=true`` the clock moves.

        Raises:
            ValueError: IAM allows no such name.
            LookupError: there is no such user, or the user has no device.
        """
        name = request.query.get("user", "")
        if not USER_NAME.fullmatch(name):
            raise ValueError("user has to be the name of an IAM user")
        device = self.device_of(name)
        code, seconds = device.next_code()
        while code is None and request.query.get("advance") == "true":
            self.simulated.advance(seconds=seconds)
            code, seconds = device.next_code()
        if code is None:
            return 409, {"retry_after_seconds": math.ceil(seconds)}
        return 200, {"code": code, "valid_for_seconds": int(seconds)}

    def clock(self, request: Request) -> Answer:
        """Move the clock: ``clock?advance=SECONDS``, negative ones too.

        Raises:
            ValueError: it is no number, or too far.
        """
        self.simulated.advance(seconds=float(request.query.get("advance", "0")))
        return 200, {"now": self.simulated.now().isoformat()}

    def fault(self, request: Request) -> Answer:
        """Add a fault: ``fault``, with a JSON object as the body.

        Examples::

            {"operation": "GetSessionToken", "code": "Throttling", "times": 2}
            {"operation": "sts:*", "kind": "fail", "code": "X", "status": 500, "message": "text"}
            {"operation": "*", "kind": "delay", "seconds": 2.5}
            {"operation": "s3:GetObject", "kind": "drop", "after": true}
            {"operation": "AssumeRole", "kind": "garble"}

        Raises:
            ValueError: the body is no such object.
        """
        self.faults.add(read_fault(request.body))
        return 200, {"faults_left": len(self.faults.left())}
