"""Random histories of a user's devices: what mfakit says of them is what AWS knows."""

from __future__ import annotations

import contextlib

import pyotp
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from mfakit.errors import ExchangeError, MFAKitError
from mfakit.exchange.enrolment import Made, UserDevices
from mfakit.exchange.source import Source
from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator

PREFIX = "arn:aws:iam::123456789012:mfa/"
WRONG = "000000"
names = st.sampled_from([None, None, "alice-phone", "phone"])
endings = st.sampled_from(["typed", "typed", "wrong", "interrupted", "lost", "refused"])

pytestmark = pytest.mark.long


class Phones:
    """Authenticator apps with the seeds of all devices, and the user who types their codes."""

    def __init__(self, aws: AWSSimulator) -> None:
        self._aws = aws
        self.seeds: dict[str, str] = {}
        self.ending = "typed"
        self._ahead = 0

    def code(self, serial_number: str, ahead: int = 0) -> str:
        counter = int(self._aws.clock.timestamp() // 30) + ahead
        return pyotp.TOTP(self.seeds[serial_number]).generate_otp(counter)

    def ask_code(self, question: str) -> str:
        if self.ending == "interrupted":
            raise KeyboardInterrupt
        serial_number = question.rpartition(" for ")[2].removesuffix(": ")
        is_next = question.startswith("next ")
        if self.ending == "wrong":
            return "111111" if is_next else WRONG
        return self.code(serial_number, ahead=int(is_next))

    def say(self, text: str) -> None: ...

    def count_down(self, seconds: float, what: str, *, may_skip: bool = False) -> None: ...


class Histories(RuleBasedStateMachine):
    """Alice enrols and removes devices; runs are cut off, and bob gets in the way."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.aws = self.stack.enter_context(AWSSimulator())
        self.alice = self.aws.create_user("alice", policy=REQUIRE_MFA_POLICY)
        self.bob = self.aws.create_user("bob")
        self.root = self.aws.root.session().client("iam")
        self.sts = self.alice.session().client("sts")
        self.phones = Phones(self.aws)
        self.named: list[str] = []

    def teardown(self) -> None:
        with self.stack:
            self.compare()

    def devices(self, user: str | None = None) -> UserDevices:
        who = self.bob if user else self.alice
        source = Source(who.access_key_id, who.secret_access_key, None, "us-east-1")
        return UserDevices(source, self.log_in, self.named.append, user)

    def log_in(self) -> Source:
        """Return a session of alice's, by the first of her devices."""
        if not self.owned():
            raise ExchangeError("the user has no MFA device")
        serial_number = self.owned()[0]
        self.aws.clock.advance(minutes=4)
        code = self.phones.code(serial_number)
        made = self.sts.get_session_token(SerialNumber=serial_number, TokenCode=code)["Credentials"]
        return Source(
            made["AccessKeyId"],
            made["SecretAccessKey"],
            None,
            "us-east-1",
            made["SessionToken"],
        )

    def owned(self, user: str = "alice") -> list[str]:
        found = self.root.list_mfa_devices(UserName=user)["MFADevices"]
        return [device["SerialNumber"] for device in found]

    def nobodys(self) -> list[str]:
        found = self.root.list_virtual_mfa_devices(AssignmentStatus="Unassigned")
        return [device["SerialNumber"] for device in found["VirtualMFADevices"]]

    @rule(name=names, ending=endings)
    def add(self, name: str | None, ending: str) -> None:
        before, orphans = self.owned(), self.nobodys()
        devices = self.devices()
        self.phones.ending = ending
        made: list[Made] = []

        def deliver(device: Made) -> None:
            made.append(device)
            self.phones.seeds[device.serial_number] = device.seed
            if ending == "lost":
                self.aws.drop_next("EnableMFADevice", after=True)
            if ending == "refused":
                self.aws.fail_next("EnableMFADevice", code="LimitExceeded", status=409)

        added = None
        with contextlib.suppress(MFAKitError, KeyboardInterrupt):
            added = devices.add(name, deliver, self.phones)
        self.aws.clock.advance(minutes=4)
        self.phones.ending = "typed"
        assert set(self.owned()) == {*before, *([added] if added else [])}
        assert bool(added) == bool(made and ending in ("typed", "lost"))
        left = set(self.nobodys()) - set(orphans)
        assert all(any(one in note for note in self.named) for one in left)

    @rule(name=st.sampled_from(["alice", "alice-2", "alice-phone"]))
    def cut_off_after_the_device_was_made(self, name: str) -> None:
        with contextlib.suppress(ClientError):
            self.alice.session().client("iam").create_virtual_mfa_device(VirtualMFADeviceName=name)

    @precondition(lambda self: len(self.owned()) > 1)
    @rule()
    def cut_off_after_the_device_was_deactivated(self) -> None:
        self.root.deactivate_mfa_device(UserName="alice", SerialNumber=self.owned()[-1])

    @precondition(lambda self: self.owned())
    @rule(number=st.integers(0, 7))
    def remove(self, number: int) -> None:
        before = self.owned()
        gone = before[number % len(before)]
        self.devices().remove(gone)
        assert self.owned() == [one for one in before if one != gone]
        assert gone not in self.nobodys()

    @precondition(lambda self: self.owned())
    @rule(right=st.booleans(), hours=st.integers(0, 4))
    def resync(self, right: bool, hours: int) -> None:
        self.aws.clock.advance(hours=hours, minutes=4)
        self.phones.ending = "typed" if right else "wrong"
        taken = False
        with contextlib.suppress(MFAKitError):
            self.devices().resync(self.owned()[0], self.phones)
            taken = True
        self.phones.ending = "typed"
        self.aws.clock.advance(minutes=4)
        assert taken == right

    @rule(name=st.sampled_from(["alice", "alice-2"]))
    def bob_takes_a_name(self, name: str) -> None:
        iam = self.bob.session().client("iam")
        with contextlib.suppress(ClientError):
            device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
            totp = pyotp.TOTP(device["Base32StringSeed"].decode())
            counter = int(self.aws.clock.timestamp() // 30)
            pair = [totp.generate_otp(counter + ahead) for ahead in (0, 1)]
            iam.enable_mfa_device(
                UserName="bob",
                SerialNumber=device["SerialNumber"],
                AuthenticationCode1=pair[0],
                AuthenticationCode2=pair[1],
            )

    @precondition(lambda self: self.nobodys())
    @rule()
    def remove_what_is_nobodys(self) -> None:
        """One whose name does not begin with the user's is deleted by a session with MFA alone."""
        name = self.nobodys()[0]
        if not self.owned() and not name.startswith(f"{PREFIX}alice"):
            with pytest.raises(ExchangeError, match="no MFA device"):
                self.devices().remove_unused(name)
            assert name in self.nobodys()
            return
        self.devices().remove_unused(name)
        assert name not in self.nobodys()

    @rule()
    def a_name_of_bobs_is_not_removed(self) -> None:
        for serial_number in self.owned("bob"):
            with contextlib.suppress(MFAKitError):
                self.devices().remove_unused(serial_number)
            assert serial_number in self.owned("bob")

    def compare(self) -> None:
        """Compare what mfakit says with what AWS knows; every device gets a session."""
        devices = self.devices()
        assert [one.serial_number for one in devices.listed()] == self.owned()
        assert devices.unused() == [one for one in self.nobodys() if f"{PREFIX}alice" in one]
        assert not self.owned() or self.log_in().is_session


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=15,
    stateful_step_count=6,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
