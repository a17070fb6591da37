"""Random lives of MFA devices, held against a small model of the rules.

Time goes in ticks of ten seconds from where a window of three minutes begins, so that neither the
model nor the simulator is ever near the end of a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyotp
import pytest
from botocore.exceptions import ClientError
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.testing.rules.scene import Scene

if TYPE_CHECKING:
    from mfakit.testing import User

pytestmark = pytest.mark.long

TICK = 10
TICKS_OF_STEP = 3
TICKS_OF_WINDOW = 18
OK = "ok"
INVALID = "invalid MFA one time pass code"
UNABLE = "unable to validate MFA code"
NOT_VALID = "Authentication code for device is not valid"
WITH_MFA = "authenticated with an MFA device"

users = st.sampled_from(["alice", "bob"])
owners = st.sampled_from(["alice", "alice", "bob"])
names = st.sampled_from(["phone", "phone", "key"])
near = st.integers(-3, 3)


@dataclass
class ModelDevice:
    """What IAM knows of a device."""

    seed: str
    owner: str | None = None
    ahead: int = 0
    last: int = -(10**9)
    used: set[int] = field(default_factory=set)


class Model:
    """The rules once more, as short as may be."""

    def __init__(self) -> None:
        self.tick = 0
        self.devices: dict[str, ModelDevice] = {}
        self.spent: dict[tuple[str, int], int] = {}
        # When STS knows it, which device, whose it is, and how far ahead.
        self.told: list[tuple[int, str, ModelDevice, str | None, int]] = []

    @property
    def step(self) -> int:
        return self.tick // TICKS_OF_STEP

    def create(self, name: str) -> str:
        return "already exists" if name in self.devices else OK

    def enable(self, user: str, name: str, second: int, by: str) -> str:
        device = self.devices.get(name)
        if by == user and any(each.owner == user for each in self.devices.values()):
            return WITH_MFA
        if device is None:
            return "does not exist"
        if device.owner is not None:
            return "already exists" if device.owner == user else "already in use"
        return self._pair(name, second) or self._assign(name, user)

    def resync(self, user: str, name: str, second: int) -> str:
        device = self.devices.get(name)
        if device is None:
            return "does not exist"
        if device.owner != user:
            return "invalid for user"
        return self._pair(name, second) or self._assign(name, user)

    def deactivate(self, user: str, name: str, by: str) -> str:
        device = self.devices.get(name)
        if by == user and any(each.owner == user for each in self.devices.values()):
            return WITH_MFA
        if device is None:
            return "does not exist"
        return "invalid for user" if device.owner != user else self._assign(name, None)

    def delete(self, name: str) -> str:
        device = self.devices.get(name)
        if device is None:
            return "does not exist"
        if device.owner is not None:
            return "in use"
        del self.devices[name]
        return OK

    def login(self, user: str, name: str, step: int | None) -> str:
        """Exchange the code of a step, or a wrong one."""
        known = [each for each in self.told if each[0] <= self.tick and each[1] == name]
        if not known or known[-1][3] != user:
            return UNABLE
        _, _, device, _, ahead = known[-1]
        budget = (name, self.tick // TICKS_OF_WINDOW)
        self.spent[budget] = self.spent.get(budget, 0) + 1
        if self.spent[budget] > 9:
            return UNABLE
        # a device made anew under the name has other codes than the one that STS still knows
        if step is None or device is not self.devices.get(name):
            return INVALID
        if step in device.used or abs(step - self.step - ahead) > 2:
            return INVALID
        device.used.add(step)
        return OK

    def _pair(self, name: str, second: int) -> str:
        device = self.devices[name]
        distance = second - self.step - device.ahead
        if second - 1 <= device.last or not -998 <= distance <= 1000:
            return NOT_VALID
        device.last, device.ahead = second, second - self.step
        return ""

    def _assign(self, name: str, owner: str | None) -> str:
        device = self.devices[name]
        device.owner = owner
        self.told.append((self.tick + 1, name, device, owner, device.ahead))
        return OK


class Devices(RuleBasedStateMachine):
    """Plays the same to the simulator and to the model."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(over_http=False)
        self.scene.where(propagation="aws")
        self.clock = self.scene.aws.clock
        self.scene.start_window()
        self.clock.advance(seconds=1)
        self.first = int(self.clock.timestamp() // 30)
        self.model = Model()
        people: dict[str, User] = {"alice": self.scene.alice, "bob": self.scene.bob}
        self.sts = {name: self.scene.client(user, "sts") for name, user in people.items()}
        self.iam = {name: self.scene.client(user, "iam") for name, user in people.items()}
        self.iam["root"] = self.scene.iam
        self.sessions: list[tuple[int, Any]] = []

    def teardown(self) -> None:
        self.scene.__exit__()

    @initialize()
    def alice_has_a_phone(self) -> None:
        self.create("phone")
        self.enable("alice", "phone", 0, own=True)
        self.wait(1)

    @rule(name=names)
    def create(self, name: str) -> None:
        expected = self.model.create(name)
        made = self.play(
            expected, self.scene.iam.create_virtual_mfa_device, VirtualMFADeviceName=name
        )
        if made:
            seed = made["VirtualMFADevice"]["Base32StringSeed"].decode()
            self.model.devices[name] = ModelDevice(seed)

    @rule(
        user=users, name=names, steps=st.sampled_from([-999, -998, 0, 0, 1, 40]), own=st.booleans()
    )
    def enable(self, user: str, name: str, steps: int, own: bool) -> None:
        second = self.step_of(name, steps)
        by = user if own else "root"
        expected = self.model.enable(user, name, second, by)
        call = self.iam[by].enable_mfa_device
        self.play(expected, call, **self.named(user, name), **self.pair(name, second))

    @rule(user=users, name=names)
    def enable_with_reversed_codes(self, user: str, name: str) -> None:
        device = self.model.devices.get(name)
        if device is None or device.owner is not None:
            return
        codes = self.pair(name, self.step_of(name, 0))
        codes = dict(zip(codes, reversed(codes.values()), strict=True))
        self.play(NOT_VALID, self.iam["root"].enable_mfa_device, **self.named(user, name), **codes)

    @rule(user=users, name=names, steps=st.sampled_from([-5, 0, 1, 2, 50, 1000, 1001]))
    def resync(self, user: str, name: str, steps: int) -> None:
        second = self.step_of(name, steps)
        expected = self.model.resync(user, name, second)
        call = self.iam[user].resync_mfa_device
        self.play(expected, call, **self.named(user, name), **self.pair(name, second))

    @rule(user=users, name=names, own=st.booleans())
    def deactivate(self, user: str, name: str, own: bool) -> None:
        by = user if own else "root"
        expected = self.model.deactivate(user, name, by)
        self.play(expected, self.iam[by].deactivate_mfa_device, **self.named(user, name))

    @rule(name=names)
    def delete(self, name: str) -> None:
        expected = self.model.delete(name)
        self.play(
            expected, self.scene.iam.delete_virtual_mfa_device, SerialNumber=self.serial(name)
        )

    @rule(user=owners, name=names, steps=near, again=st.integers(1, 3))
    def login(self, user: str, name: str, steps: int, again: int) -> None:
        step = self.step_of(name, steps)
        for _ in range(again):
            self.exchange(user, name, step)

    @rule(user=users, name=names, times=st.sampled_from([1, 4, 9]))
    def guess(self, user: str, name: str, times: int) -> None:
        for _ in range(times):
            self.exchange(user, name, None)

    @rule(ticks=st.sampled_from([1, 2, 3, 9, 18, 90]))
    def wait(self, ticks: int) -> None:
        self.clock.advance(seconds=ticks * TICK)
        self.model.tick += ticks

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def use_session(self, data: st.DataObject) -> None:
        ends, session = data.draw(st.sampled_from(self.sessions))
        expected = OK if self.model.tick < ends else "token included in the request is expired"
        self.play(expected, session.get_caller_identity)

    def exchange(self, user: str, name: str, step: int | None) -> None:
        device = self.model.devices.get(name)
        if device is None:
            step = None
        expected = self.model.login(user, name, step)
        code = self.code(name, step) if step is not None else self.wrong_code(name)
        asked = {"SerialNumber": self.serial(name), "TokenCode": code, "DurationSeconds": 900}
        given = self.play(expected, self.sts[user].get_session_token, **asked)
        if given:
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            keys = tuple(given["Credentials"][each] for each in names)
            self.sessions.append((self.model.tick + 90, self.scene.client(keys, "sts")))

    def play(self, expected: str, call: Any, **parameters: Any) -> Any:
        """Call, and see that what comes of it is what the model says."""
        try:
            answer = call(**parameters)
        except ClientError as error:
            text = error.response["Error"]["Message"]
            assert expected != OK, text
            assert expected in text, (expected, text)
            return None
        assert expected == OK
        return answer

    def step_of(self, name: str, steps: int) -> int:
        """Return the step that is so many from the device's own present one."""
        device = self.model.devices.get(name)
        return self.model.step + steps + (device.ahead if device else 0)

    def code(self, name: str, step: int) -> str:
        device = self.model.devices.get(name)
        seed = device.seed if device else "A" * 64
        return pyotp.TOTP(seed).generate_otp(self.first + step)

    def wrong_code(self, name: str) -> str:
        """Return a code that serves no device of that name which STS ever knew."""
        serving = {
            pyotp.TOTP(device.seed).generate_otp(self.first + self.model.step + ahead + steps)
            for _, known, device, _, ahead in self.model.told
            if known == name
            for steps in range(-2, 3)
        }
        return next(code for n in range(10**6) if (code := f"{n:06}") not in serving)

    def pair(self, name: str, second: int) -> dict[str, str]:
        codes = self.code(name, second - 1), self.code(name, second)
        return dict(zip(("AuthenticationCode1", "AuthenticationCode2"), codes, strict=True))

    def named(self, user: str, name: str) -> dict[str, str]:
        return {"UserName": user, "SerialNumber": self.serial(name)}

    def serial(self, name: str) -> str:
        return f"arn:aws:iam::123456789012:mfa/{name}"


TestDevices = Devices.TestCase
# Without shrinking, which would play the same again for minutes: thirty steps can be read.
TestDevices.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
