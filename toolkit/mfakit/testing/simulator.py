"""The simulator's face: an AWS account whose STS and IAM treat MFA as AWS does."""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from mfakit.policy.making.require_mfa import require_mfa
from mfakit.testing.calls import CallLog
from mfakit.testing.clock import Clock
from mfakit.testing.controls import Controls
from mfakit.testing.devices import Devices
from mfakit.testing.directory import Directory
from mfakit.testing.errors import AWSError, SimulatorError
from mfakit.testing.faults import Faulty
from mfakit.testing.gate import Gate
from mfakit.testing.hosts import partition
from mfakit.testing.iam import IAM
from mfakit.testing.judge import service_control
from mfakit.testing.keys import KeyStore, new_root_key
from mfakit.testing.moto_binding import MotoBinding
from mfakit.testing.moto_iam import MotoIAM
from mfakit.testing.policy_simulation import PolicySimulation
from mfakit.testing.roles import Roles
from mfakit.testing.server import Server
from mfakit.testing.session_policies import SessionPolicies
from mfakit.testing.sts import STS
from mfakit.testing.users import Device, User, as_simulator_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from mfakit.testing.calls import CallRecord

POLICY_NAME = "simulated"
ALLOW_ALL_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def _denials_without_mfa() -> list[dict[str, Any]]:
    """Return the denials of `mfakit policy require-mfa`, for the users of any partition."""
    made = json.dumps(require_mfa().document["Statement"]).replace("arn:aws:", "arn:*:")
    return [statement for statement in json.loads(made) if statement["Effect"] == "Deny"]


# Without MFA, users may only get themselves a device and a session, and nobody else.
REQUIRE_MFA_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [*ALLOW_ALL_POLICY["Statement"], *_denials_without_mfa()],
}
_one_at_a_time = threading.Lock()


class AWSSimulator(Faulty):
    """An AWS account in this process, on moto. Use it as a context manager.

    While it is active, every client of boto3 or aiobotocore in the process talks to it, whenever
    it was made, and so does requests. Other Python clients that call AWS are refused before they
    connect, with an error that says to give them the URL of `serve`; libraries in C that connect by
    themselves cannot be stopped. Processes that are started by `subprocess` meanwhile get the URL
    of `serve` as ``AWS_ENDPOINT_URL``, or one where nobody listens, unless they have one. Calls to
    other hosts are let through.

    Args:
        account_id: twelve digits.
        region: the default region; its partition is the account's.
        enforce_policies: judge identity policies, and refuse what they do not allow.
        propagation: ``instant``, or ``aws``: STS knows of an MFA device that was enabled,
            resynchronised or deactivated seven seconds later, of the simulator's time.
        scps: the service control policies of the account's organization, as JSON or read from it.
            All are attached to the account. Where none of them allows anything, AWS's policy
            ``FullAWSAccess`` is taken to be attached beside them, as it is unless one detaches it.
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
        self._keys = KeyStore()
        part = partition(region)
        self.root = User(self, "root", new_root_key(self._keys, part, account_id))
        self._devices = Devices(f"arn:{part}:iam::{account_id}:mfa", self.clock, propagation)
        self._moto = MotoBinding(account_id)
        self._moto_iam = MotoIAM(self._moto.forward, self.clock, account_id, part)
        self._directory = Directory(self._moto_iam.forward, self._keys, account_id, region)
        self._service_control = None if scps is None else service_control(scps)
        self._gate = self._new_gate(enforce_policies)

    def __repr__(self) -> str:
        return f"AWSSimulator(account_id={self.account_id!r}, region={self.region!r})"

    def __enter__(self) -> Self:
        if not _one_at_a_time.acquire(blocking=False):
            hint = "end the other one first; one simulator may have any number of users"
            raise SimulatorError("a simulator is active in this process already", hint)
        try:
            self._moto.start(self._gate.handle, lambda: self._served[-1] if self._served else "")
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
            self._moto_iam.stop()
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
        gate = self._gate
        server = Server(
            gate.serve,
            controls,
            self.control_token,
            self.clock,
            port,
            admit=gate.admit,
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
        return Gate(
            self._moto_iam.forward,
            keys=self._keys,
            clock=self.clock,
            directory=self._directory,
            sts=self._new_sts(),
            iam=self._new_iam(),
            account_id=self.account_id,
            region=self.region,
            owner_id=self.root.access_key_id,
            enforce_policies=enforce_policies,
            service_control=self._service_control,
            faults=self._faults,
            calls=self._calls,
        )

    def _new_iam(self) -> IAM:
        simulation = PolicySimulation(
            self._directory, self.clock, self._service_control, self.account_id
        )
        root = self.root._key.owner
        return IAM(self._directory, self._devices, self.clock, root, simulation)

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
