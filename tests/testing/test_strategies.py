"""The Hypothesis strategies, against the simulator and against what they are made for."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pyotp
import pytest
from botocore.exceptions import ClientError
from hypothesis import find, given, settings
from hypothesis import strategies as st

import mfakit
from mfakit.testing.strategies import (
    DeviceCall,
    device_calls,
    serial_numbers,
    session_credentials,
    token_codes,
)

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator, Device, User

UNABLE = "MultiFactorAuthentication failed, unable to validate MFA code."
WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
BAD_PAIR = "Authentication code for device is not valid."
SERIAL_NUMBER = r"arn:aws(-cn|-us-gov)?:iam::\d{12}:mfa/[\w+=,.@/-]+|GAHT\d{8}"


def test_drawn_arguments_are_of_the_form_that_sts_accepts(aws: AWSSimulator, alice: User) -> None:
    """STS refuses them by their values only."""
    sts: Any = alice.session().client("sts")

    @settings(max_examples=50, deadline=None)
    @given(serial_numbers(("virtual", "hardware", "root", "fido")), token_codes())
    def refused(serial_number: str, code: str) -> None:
        with pytest.raises(ClientError, match=f"AccessDenied.*{re.escape(UNABLE)}"):
            sts.get_session_token(SerialNumber=serial_number, TokenCode=code)

    refused()


@given(serial_numbers())
def test_a_serial_number_names_a_device_that_has_codes(serial_number: str) -> None:
    assert re.fullmatch(SERIAL_NUMBER, serial_number, re.ASCII)
    assert len(serial_number) <= 256


@pytest.mark.parametrize("kind", ["virtual", "root", "fido"])
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_kinds_and_partitions_can_be_chosen(kind: str, partition: str) -> None:
    mark = {"virtual": ":mfa/", "root": ":mfa/root-account-mfa-device", "fido": ":u2f/"}[kind]

    @settings(max_examples=10)
    @given(serial_numbers([kind], [partition]))
    def chosen(serial_number: str) -> None:
        assert serial_number.startswith(f"arn:{partition}:iam::")
        assert mark in serial_number

    chosen()


def test_codes_with_leading_zeros_are_drawn() -> None:
    """Tools that read codes as numbers lose the zeros."""
    assert find(token_codes(), lambda code: code.startswith("0")) == "000000"


@settings(max_examples=20, deadline=None)
@given(session_credentials())
def test_a_drawn_session_is_read_as_it_was_written(credentials: mfakit.SessionCredentials) -> None:
    mfakit.write_session("mfa", credentials)
    assert mfakit.read_session("mfa") == credentials


@pytest.mark.long
def test_the_expirations_of_sessions_can_be_chosen() -> None:
    at = find(session_credentials(), lambda _: True).expiration
    assert at is not None
    assert find(session_credentials(st.just(at)), lambda _: True).expiration == at


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DeactivateMFADevice", "used"), ("EnableMFADevice", "used"), ("ResyncMFADevice", "late")],
)
@pytest.mark.long
def test_sequences_have_logins_before_and_after_each_change_of_the_device(
    operation: str, code: str
) -> None:
    def wanted(calls: list[DeviceCall]) -> bool:
        done = [(call.operation, call.code) for call in calls]
        names = [name for name, _ in done]
        return operation in names and ("GetSessionToken", code) in done[names.index(operation) :]

    assert wanted(find(device_calls(), wanted))


class Life:
    """A device that calls are made about, and what a small model says of each."""

    def __init__(self, aws: AWSSimulator, user: User) -> None:
        self.aws = aws
        self.user = user
        self.device: Device = user.enable_virtual_mfa()
        self.totp = pyotp.TOTP(self.device.seed)
        self.enabled = True
        self.used: list[str] = []
        self.iam: Any = aws.root.session().client("iam")
        self.sts: Any = user.session().client("sts")

    def make(self, call: DeviceCall) -> None:
        """Make a call, and see that it ends as the model says."""
        self.aws.clock.advance(seconds=call.after)
        self.aws.reset_budget()
        if call.operation == "GetSessionToken":
            self.log_in(call.code)
            return
        given = {"UserName": self.user.name, "SerialNumber": self.device.serial_number}
        if call.operation == "DeactivateMFADevice":
            self.iam.deactivate_mfa_device(**given)
            self.enabled = False
            return
        given |= zip(("AuthenticationCode1", "AuthenticationCode2"), self.pair(call), strict=True)
        prove = {"EnableMFADevice": "enable_mfa_device", "ResyncMFADevice": "resync_mfa_device"}
        told = refusal(getattr(self.iam, prove[call.operation]), **given)
        assert told == ("" if call.code == "fresh" else BAD_PAIR)
        self.enabled |= call.code == "fresh"

    def log_in(self, kind: str) -> None:
        code = self.code(kind)
        serial_number = self.device.serial_number
        told = refusal(self.sts.get_session_token, SerialNumber=serial_number, TokenCode=code)
        if not self.enabled:
            assert told.startswith(UNABLE)
        elif kind == "fresh":
            assert told == ""
            self.used.append(code)
        else:
            assert told == WRONG

    def code(self, kind: str) -> str:
        if kind == "used":
            return self.used[-1]
        code = self.wrong() if kind == "wrong" else self.device.code()
        if kind == "late":
            self.aws.clock.advance(minutes=3)
        return code

    def pair(self, call: DeviceCall) -> tuple[str, str]:
        at = int(self.aws.clock.timestamp())
        fresh = self.totp.at(at - 30), self.totp.at(at)
        return fresh if call.code == "fresh" else (fresh[1], fresh[0])

    def wrong(self) -> str:
        at = int(self.aws.clock.timestamp())
        right = {self.totp.at(at + 30 * step) for step in range(-3, 4)}
        return next(code for code in map("{:06}".format, itertools.count()) if code not in right)


def refusal(call: Any, **parameters: str) -> str:
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Message"]  # type: ignore[no-any-return]
    return ""


def test_a_fresh_code_is_valid_exactly_while_the_device_is_enabled(aws: AWSSimulator) -> None:
    numbers = itertools.count()

    @settings(max_examples=20, deadline=None)
    @given(device_calls())
    def live(calls: list[DeviceCall]) -> None:
        life = Life(aws, aws.create_user(f"user{next(numbers)}"))
        for call in calls:
            life.make(call)

    live()
