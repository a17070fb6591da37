"""Policies that were made, put on the simulator in each format, and tried with all credentials."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.policy.account import (
    ACCOUNT,
    ALICE,
    ALLOW_ALL,
    FRESH,
    FRESH_ALONE,
    HOUR,
    LONG_TERM,
    MFA_ALONE,
    WITHOUT,
    Account,
    document,
    given,
    succeeds,
    text,
)
from tests.policy.reading import READERS

from mfakit.policy.formats import FORMATS, render
from mfakit.policy.making import Draft, bucket, max_age, require_mfa, role_trust

pytestmark = pytest.mark.long


def in_each_format(draft: Draft) -> Iterator[dict[str, Any]]:
    """Give a policy as it comes out of each format."""
    return (READERS[form](render(draft, form)) for form in FORMATS)


@pytest.mark.parametrize(("limit", "found"), [(None, MFA_ALONE), (HOUR, FRESH_ALONE)])
def test_require_mfa_lets_nobody_in_without(
    account: Account, limit: int | None, found: dict[str, bool]
) -> None:
    """Whatever else a user may do: with MFA alone; and if asked for, with a fresh code alone."""
    for policy in in_each_format(require_mfa(max_age=limit)):
        account.give_alice(policy)
        assert account.readers() == found


def test_require_mfa_leaves_the_way_to_a_device_open(account: Account) -> None:
    """A user who may do nothing else gets a device and a session, and no other user's."""
    which = {"UserName": "alice", "SerialNumber": account.device.serial_number}
    account.iam.deactivate_mfa_device(**which)
    alice = account.alice.client("iam")
    for number, policy in enumerate(in_each_format(require_mfa())):
        account.give_alice(policy, other=False)
        made = alice.create_virtual_mfa_device(VirtualMFADeviceName=f"alice-{number}")
        assert succeeds(alice.get_user)
        assert succeeds(alice.list_mfa_devices, UserName="alice")
        assert succeeds(alice.list_virtual_mfa_devices)
        assert not succeeds(alice.list_mfa_devices, UserName="admin")
        assert not succeeds(alice.create_virtual_mfa_device, VirtualMFADeviceName="admin")
        serial_number = made["VirtualMFADevice"]["SerialNumber"]
        assert succeeds(alice.delete_virtual_mfa_device, SerialNumber=serial_number)
        assert not succeeds(alice.list_users)


def test_require_mfa_lets_no_key_remove_a_device_that_is_not_ones_own(account: Account) -> None:
    """A half-made one of one's own can be made anew; AWS keeps one that is in use."""
    theirs = account.iam.create_virtual_mfa_device(VirtualMFADeviceName="bob")
    for policy in in_each_format(require_mfa()):
        account.give_alice(policy)
        alice = account.alice.client("iam")
        serial_number = theirs["VirtualMFADevice"]["SerialNumber"]
        assert not succeeds(alice.delete_virtual_mfa_device, SerialNumber=serial_number)
        with pytest.raises(ClientError, match="DeleteConflict"):
            alice.delete_virtual_mfa_device(SerialNumber=account.device.serial_number)


@pytest.mark.parametrize("limit", [None, HOUR])
def test_require_mfa_lets_a_code_open_a_role(account: Account, limit: int | None) -> None:
    """The code comes with AssumeRole itself, from a long-term key; without one it is denied."""
    for policy in in_each_format(require_mfa(max_age=limit)):
        account.give_alice(policy)
        assert account.alice.may_assume(account.role, **account.code())
        assert not account.alice.may_assume(account.role)


@pytest.mark.parametrize("limit", [None, HOUR])
def test_require_mfa_gives_no_device_to_others(account: Account, limit: int | None) -> None:
    """Without MFA, not even where a user may do everything; the user's own is left possible."""
    for number, policy in enumerate(in_each_format(require_mfa(max_age=limit))):
        account.give_alice(policy)
        alice = account.alice.client("iam")
        made = alice.create_virtual_mfa_device(VirtualMFADeviceName=f"alice-{number}")
        codes = dict.fromkeys(("AuthenticationCode1", "AuthenticationCode2"), "123456")
        device = {"SerialNumber": made["VirtualMFADevice"]["SerialNumber"], **codes}
        assert not succeeds(alice.enable_mfa_device, UserName="admin", **device)
        assert not succeeds(alice.get_user, UserName="admin")
        assert succeeds(alice.get_user)


def test_a_device_is_removed_with_mfa_alone(account: Account) -> None:
    """Who found a long-term key cannot get rid of the device; its owner can."""
    account.give_alice(require_mfa().document, other=False)
    which = {"UserName": "alice", "SerialNumber": account.device.serial_number}
    removed = {
        kind: succeeds(person.client("iam").deactivate_mfa_device, **which)
        for kind, person in islice(account.kinds(), 3)
        if kind != WITHOUT  # IAM knows no such sessions at all
    }
    assert removed == {LONG_TERM: False, FRESH: True}


def test_exempt_actions_are_not_denied(account: Account) -> None:
    """By require-mfa and by a bucket."""
    exempt = ("s3:ListBucket",)
    on_bucket = in_each_format(bucket("my-bucket", exempt_actions=exempt))
    for policy, buckets in zip(
        in_each_format(require_mfa(exempt_actions=exempt)), on_bucket, strict=True
    ):
        account.give_alice(policy)
        account.put_on_bucket(buckets)
        assert succeeds(account.alice.client("s3").list_objects_v2, Bucket="my-bucket")
        assert not account.alice.reads()


@pytest.mark.parametrize("other", [True, False])
def test_max_age_grants_and_guards(account: Account, other: bool) -> None:
    """It grants its actions by itself, and no other policy grants them to anyone else."""
    made = max_age(HOUR, ("s3:GetObject",), ("arn:aws:s3:::my-bucket/*",))
    for policy in in_each_format(made):
        account.give_alice(policy, other=other)
        assert account.readers() == FRESH_ALONE
        assert succeeds(account.alice.client("s3").list_objects_v2, Bucket="my-bucket") is other


@pytest.mark.parametrize("trusted", [ALICE, ACCOUNT])
@pytest.mark.parametrize(("limit", "found"), [(None, MFA_ALONE), (HOUR, FRESH_ALONE)])
def test_a_role_is_assumed_with_mfa_alone(
    account: Account, trusted: str, limit: int | None, found: dict[str, bool]
) -> None:
    """From a session with MFA, or with a code; not from another role's session."""
    made = role_trust((trusted,), max_age=limit)
    for number, trust in enumerate(in_each_format(made)):
        role = account.make_role(f"made-{number}", trust)
        assert {kind: person.may_assume(role) for kind, person in account.kinds()} == found
        assert account.alice.may_assume(role, **account.code())
        assert not account.alice.assume(account.role).may_assume(role)


def test_from_a_session_a_role_lasts_one_hour(account: Account) -> None:
    """As the comment on it says; and with a code as long as the role has it."""
    role = account.make_role("made", role_trust((ACCOUNT,)).document)
    account.iam.update_role(RoleName="made", MaxSessionDuration=12 * HOUR)
    session = account.with_mfa()
    with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chain"):
        session.assume(role, DurationSeconds=2 * HOUR)
    account.alice.assume(role, DurationSeconds=12 * HOUR, **account.code())


@pytest.mark.parametrize("users", [(), (ALICE,)])
@pytest.mark.parametrize(("limit", "found"), [(None, MFA_ALONE), (HOUR, FRESH_ALONE)])
def test_a_bucket_asks_users_for_mfa(
    account: Account, users: tuple[str, ...], limit: int | None, found: dict[str, bool]
) -> None:
    """All of them, or those who are named; roles get in as before."""
    for policy in in_each_format(bucket("my-bucket", users, max_age=limit)):
        account.put_on_bucket(policy)
        assert account.readers() == found
        assert account.alice.assume(account.role).reads()
        assert account.admin.reads() is bool(users)
        federated = account.alice.client("sts").get_federation_token(
            Name="anybody", Policy=text(document(ALLOW_ALL))
        )
        assert not given(federated).reads()


def test_a_denial_for_everyone_locks_roles_out(account: Account) -> None:
    """What the exemption is there for."""
    policy = bucket("my-bucket").document
    del policy["Statement"][0]["Condition"]["ArnNotLike"]
    account.put_on_bucket(policy)
    assert not account.alice.assume(account.role).reads()
