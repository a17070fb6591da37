"""What users in the group may do, with each kind of credentials."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from pyotp import TOTP

from .conftest import (
    EVERYTHING,
    GROUP,
    LONG_TERM,
    MFA_ALONE,
    NOTHING,
    OLD,
    Account,
    caller,
    succeeds,
)


def test_members_have_access_only_with_mfa(account: Account) -> None:
    """Their other policies do not matter, and the code must not be too old."""
    assert account.member().gets_in() == MFA_ALONE


def test_users_outside_the_group_have_access_without_mfa(account: Account) -> None:
    """A user who leaves the group is one of them."""
    member = account.member()
    assert account.administrator.works()
    assert not member.keys.works()
    account.iam.remove_user_from_group(GroupName=GROUP, UserName=member.name)
    assert member.keys.works()


def test_a_member_without_a_device_can_add_one_and_then_get_a_session(account: Account) -> None:
    """The long-term key and the group's policy are enough for that."""
    name = "newcomer"
    keys = caller(account.aws.create_user(name, NOTHING))
    account.iam.add_user_to_group(GroupName=GROUP, UserName=name)
    iam = keys.client("iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    app, now = TOTP(made["Base32StringSeed"]), account.aws.clock.now()
    first, second, third = (app.at(now, counter_offset=steps) for steps in range(3))
    device = {"SerialNumber": made["SerialNumber"]}
    iam.enable_mfa_device(
        UserName=name, **device, AuthenticationCode1=first, AuthenticationCode2=second
    )
    assert iam.list_mfa_devices(UserName=name)["MFADevices"]
    assert keys.session(**device, TokenCode=third).may_assume(account.roles[0])


def test_without_mfa_members_can_neither_list_users_nor_manage_keys(account: Account) -> None:
    """They can still read their own user."""
    iam = account.member().keys.client("iam")
    assert succeeds(iam.get_user)
    assert not succeeds(iam.list_users)
    assert not succeeds(iam.list_access_keys, UserName="alice")
    assert not succeeds(iam.create_access_key, UserName="alice")


def test_members_cannot_manage_the_devices_of_other_users(account: Account) -> None:
    """The group's policy does not allow it, with MFA or without."""
    member, bob = account.member(other=NOTHING), account.member("bob")
    which = {"UserName": "bob", "SerialNumber": bob.device.serial_number}
    for credentials in member.keys, member.with_mfa():
        iam = credentials.client("iam")
        assert not succeeds(iam.list_mfa_devices, UserName="bob")
        assert not succeeds(iam.create_virtual_mfa_device, VirtualMFADeviceName="carol")
        assert not succeeds(iam.deactivate_mfa_device, **which)


def test_a_user_can_take_a_free_name_that_begins_with_the_own_but_no_device_in_use(
    account: Account,
) -> None:
    """So the user alice-admin may have to take another name, and loses nothing."""
    iam = account.member(other=NOTHING).keys.client("iam")
    taken = iam.create_virtual_mfa_device(VirtualMFADeviceName="alice-admin")["VirtualMFADevice"]
    assert succeeds(iam.delete_virtual_mfa_device, SerialNumber=taken["SerialNumber"])
    in_use = {"SerialNumber": account.member("alice-admin").device.serial_number}
    codes = dict.fromkeys(("AuthenticationCode1", "AuthenticationCode2"), "123456")
    with pytest.raises(ClientError, match="EntityAlreadyExists"):
        iam.create_virtual_mfa_device(VirtualMFADeviceName="alice-admin")
    with pytest.raises(ClientError, match="DeleteConflict"):
        iam.delete_virtual_mfa_device(**in_use)
    with pytest.raises(ClientError):
        iam.enable_mfa_device(UserName="alice", **in_use, **codes)


def test_without_mfa_not_even_administrators_can_manage_other_users(account: Account) -> None:
    """With such a key, a thief could enable a device for another user."""
    member, bob = account.member(), account.member("bob")
    made = member.keys.client("iam").create_virtual_mfa_device(VirtualMFADeviceName="alice-2")
    which = {
        "UserName": "bob",
        "SerialNumber": made["VirtualMFADevice"]["SerialNumber"],
        **dict.fromkeys(("AuthenticationCode1", "AuthenticationCode2"), "123456"),
    }
    kinds = dict(member.kinds())
    assert succeeds(kinds[LONG_TERM].client("iam").get_user)
    for kind in (LONG_TERM, OLD):
        iam = kinds[kind].client("iam")
        assert not succeeds(iam.get_user, UserName="bob")
        assert not succeeds(iam.list_mfa_devices, UserName="bob")
        assert not succeeds(iam.enable_mfa_device, **which)
        assert not succeeds(iam.resync_mfa_device, **which)
    assert bob.device.serial_number in str(account.iam.list_mfa_devices(UserName="bob"))


def test_a_device_can_be_removed_only_with_mfa(account: Account) -> None:
    """A thief of the long-term key cannot remove the device, but its owner can."""
    member = account.member(other=NOTHING)
    which = {"UserName": "alice", "SerialNumber": member.device.serial_number}
    assert not succeeds(member.keys.client("iam").deactivate_mfa_device, **which)
    assert succeeds(member.with_mfa().client("iam").deactivate_mfa_device, **which)


def test_the_groups_policy_would_deny_everything_to_a_role(account: Account) -> None:
    """No session of a role carries MFA, even if the role was assumed with MFA."""
    role = account.roles[0]
    name = role.rpartition("/")[2]
    account.let_role_do(name, EVERYTHING)
    as_role = account.member().with_mfa().role(role)
    assert as_role.works()
    account.iam.attach_role_policy(RoleName=name, PolicyArn=account.policy_arn)
    assert not as_role.works()
