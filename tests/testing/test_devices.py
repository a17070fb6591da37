"""The life of an MFA device, through real clients."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import Device, User

    Refusal = Callable[..., tuple[int, str, str]]

STEP = timedelta(seconds=30)
SERIAL = "arn:aws:iam::123456789012:mfa/"
SELF_MANAGEMENT = (
    "To complete this action, please ensure that you are authenticated with an MFA device that is"
    " enabled for this user."
)


def pair(aws: AWSSimulator, seed: str) -> dict[str, str]:
    """Return two consecutive codes as parameters."""
    totp, now = pyotp.TOTP(seed), aws.clock.now()
    first, second = totp.at(now - STEP), totp.at(now)
    return {"AuthenticationCode1": first, "AuthenticationCode2": second}


def test_a_device_is_created_enabled_and_used_by_a_client(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    iam = clients.of(alice, "iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    seed = made["Base32StringSeed"].decode()
    assert len(seed) == 64
    assert made["QRCodePNG"].startswith(b"\x89PNG")
    serial = made["SerialNumber"]
    assert serial == SERIAL + "phone"
    iam.enable_mfa_device(UserName="alice", SerialNumber=serial, **pair(aws, seed))
    code = pyotp.TOTP(seed).at(aws.clock.now())
    clients.of(alice, "sts").get_session_token(SerialNumber=serial, TokenCode=code)


def test_lists_show_neither_seed_nor_qr_code_nor_tags(
    clients: Any, aws: AWSSimulator, alice: User, device: Device
) -> None:
    iam = clients.of(alice, "iam")
    iam.create_virtual_mfa_device(VirtualMFADeviceName="spare", Tags=[{"Key": "k", "Value": "v"}])
    (own,) = iam.list_mfa_devices()["MFADevices"]
    assert own.keys() == {"UserName", "SerialNumber", "EnableDate"}
    assert own["SerialNumber"] == device.serial_number
    assigned, spare = iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    assert assigned.keys() == {"SerialNumber", "User", "EnableDate"}
    assert assigned["User"]["UserName"] == "alice"
    assert spare == {"SerialNumber": SERIAL + "spare"}
    tags = iam.list_mfa_device_tags(SerialNumber=SERIAL + "spare")["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]


def test_a_list_continues_at_its_marker(clients: Any, alice: User) -> None:
    iam = clients.of(alice, "iam")
    for name in "abc":
        iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
    pages = iam.get_paginator("list_virtual_mfa_devices").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["VirtualMFADevices"]) for page in pages] == [2, 1]


def test_a_second_device_of_the_same_name_is_refused(
    clients: Any, alice: User, device: Device, refusal: Refusal
) -> None:
    got = refusal(clients.of(alice, "iam").create_virtual_mfa_device, VirtualMFADeviceName="alice")
    assert got == (409, "EntityAlreadyExists", "MFA device already exists.")


def test_reversed_or_equal_codes_do_not_enable_a_device(
    clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal
) -> None:
    iam = clients.of(alice, "iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    codes = pair(aws, made["Base32StringSeed"].decode())
    first, second = codes.values()
    for one, two in ((second, first), (first, first)):
        got = refusal(
            iam.enable_mfa_device, UserName="alice", SerialNumber=made["SerialNumber"],
            AuthenticationCode1=one, AuthenticationCode2=two,
        )  # fmt: skip
        text = "Authentication code for device is not valid."
        assert got == (403, "InvalidAuthenticationCode", text)


def test_an_enabled_device_cannot_be_enabled_again(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """Neither its user nor another one can enable it."""
    aws.create_user("bob")
    iam = clients.of(aws.root, "iam")
    codes = pair(aws, device.seed)
    serial = device.serial_number
    got = refusal(iam.enable_mfa_device, UserName="alice", SerialNumber=serial, **codes)
    assert got == (409, "EntityAlreadyExists", "MFA Device for user alice already exists.")
    got = refusal(iam.enable_mfa_device, UserName="bob", SerialNumber=serial, **codes)
    assert got == (409, "EntityAlreadyExists", "MFA Device is already in use.")


def test_a_ninth_device_of_a_user_is_refused(aws: AWSSimulator, alice: User) -> None:
    for number in range(8):
        alice.enable_virtual_mfa(f"device-{number}")
    with pytest.raises(Exception, match="MFADevicesPerUser: 8"):
        alice.enable_virtual_mfa("one-too-many")


def test_a_device_has_to_be_deactivated_before_it_or_its_user_is_deleted(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    iam = clients.of(aws.root, "iam")
    serial = device.serial_number
    got = refusal(iam.delete_virtual_mfa_device, SerialNumber=serial)
    text = "MFA VirtualDevice in use. Must deactivate first."
    assert got == (409, "DeleteConflict", text)
    got = refusal(iam.delete_user, UserName="alice")
    text = "Cannot delete entity, must remove tokens from principal first."
    assert got == (409, "DeleteConflict", text)
    iam.deactivate_mfa_device(UserName="alice", SerialNumber=serial)
    sts = clients.of(alice, "sts")
    got = refusal(sts.get_session_token, SerialNumber=serial, TokenCode=device.code())
    assert "unable to validate MFA code" in got[2]
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    gone = (404, "NoSuchEntity", f"MFA Device with serial number {serial} does not exist.")
    assert refusal(iam.delete_virtual_mfa_device, SerialNumber=serial) == gone
    of_alice = {"UserName": "alice", "SerialNumber": serial}
    assert refusal(iam.deactivate_mfa_device, **of_alice) == gone


def test_a_device_cannot_be_changed_for_a_user_who_does_not_have_it(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    aws.create_user("bob")
    iam = clients.of(aws.root, "iam")
    bobs = {"UserName": "bob", "SerialNumber": device.serial_number}
    expected = (404, "NoSuchEntity", "MFA Device invalid for user.")
    assert refusal(iam.deactivate_mfa_device, **bobs) == expected
    assert refusal(iam.resync_mfa_device, **bobs, **pair(aws, device.seed)) == expected


def test_a_device_that_runs_an_hour_fast_works_after_a_resync(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    iam, sts = clients.of(alice, "iam"), clients.of(alice, "sts")
    totp, now = pyotp.TOTP(device.seed), aws.clock.now()
    of_alice = {"UserName": "alice", "SerialNumber": device.serial_number}
    fast = {"SerialNumber": device.serial_number, "TokenCode": totp.at(now + 120 * STEP)}
    assert refusal(sts.get_session_token, **fast)[1] == "AccessDenied"
    codes = {
        "AuthenticationCode1": totp.at(now + 119 * STEP),
        "AuthenticationCode2": totp.at(now + 120 * STEP),
    }
    iam.resync_mfa_device(**of_alice, **codes)
    sts.get_session_token(**fast)
    got = refusal(iam.resync_mfa_device, **of_alice, **codes)
    assert got[:2] == (403, "InvalidAuthenticationCode")


def test_removing_ones_own_device_needs_a_session_with_mfa(
    clients: Any, alice: User, device: Device, refusal: Refusal
) -> None:
    iam = clients.of(alice, "iam")
    own = {"UserName": "alice", "SerialNumber": device.serial_number}
    got = refusal(iam.deactivate_mfa_device, **own)
    assert got == (403, "AccessDenied", SELF_MANAGEMENT)
    clients.of(clients.exchange(alice, device), "iam").deactivate_mfa_device(**own)
    assert iam.list_mfa_devices()["MFADevices"] == []


def test_get_mfa_device_refuses_virtual_devices(
    clients: Any, alice: User, device: Device, refusal: Refusal
) -> None:
    got = refusal(clients.of(alice, "iam").get_mfa_device, SerialNumber=device.serial_number)
    assert got[:2] == (400, "ValidationError")
    assert "only hardware FIDO security keys are supported" in got[2]


def test_a_new_device_does_not_refill_the_budget(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """Verifications are counted by ARN, which outlives a device."""
    aws.clock.advance(seconds=180 - aws.clock.timestamp() % 180)
    sts, iam = clients.of(alice, "sts"), clients.of(aws.root, "iam")
    for _ in range(9):
        refusal(sts.get_session_token, SerialNumber=device.serial_number, TokenCode="000000")
    iam.deactivate_mfa_device(UserName="alice", SerialNumber=device.serial_number)
    iam.delete_virtual_mfa_device(SerialNumber=device.serial_number)
    anew = alice.enable_virtual_mfa()
    code = pyotp.TOTP(anew.seed).at(aws.clock.now())
    got = refusal(sts.get_session_token, SerialNumber=anew.serial_number, TokenCode=code)
    assert "unable to validate MFA code" in got[2]


def test_reset_budget_refills_one_device_or_all(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    sts = clients.of(alice, "sts")
    aws.clock.advance(seconds=180 - aws.clock.timestamp() % 180)
    wrong = {"SerialNumber": device.serial_number, "TokenCode": "000000"}
    for refill in (device.reset_budget, aws.reset_budget):
        for _ in range(9):
            refusal(sts.get_session_token, **wrong)
        assert "unable to validate" in refusal(sts.get_session_token, **wrong)[2]
        refill()
        code, _ = device.next_code()
        sts.get_session_token(SerialNumber=device.serial_number, TokenCode=code)
        device.reset_budget()


def test_an_unknown_propagation_is_refused() -> None:
    with pytest.raises(ValueError, match="propagation is one of instant, aws, not 'slow'"):
        AWSSimulator(propagation="slow")


def test_require_mfa_allows_a_long_term_key_to_enable_its_own_users_device_only(
    clients: Any, aws: AWSSimulator
) -> None:
    users = {name: aws.create_user(name, policy=REQUIRE_MFA_POLICY) for name in ("alice", "bob")}
    iam = clients.of(users["alice"], "iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="new")["VirtualMFADevice"]
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    given = {"SerialNumber": made["SerialNumber"], **codes}
    with pytest.raises(iam.exceptions.ClientError, match="not authorized to perform: iam:Enable"):
        iam.enable_mfa_device(UserName="bob", **given)
    with pytest.raises(iam.exceptions.ClientError, match="Authentication code for device"):
        iam.enable_mfa_device(UserName="alice", **given)
