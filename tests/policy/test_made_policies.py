"""Put the policies that mfakit makes on the simulator, and try them with all credentials."""

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
    """Return a policy as it is read back from each format."""
    return (READERS[form](render(draft, form)) for form in FORMATS)


@pytest.mark.parametrize(("limit", "found"), [(None, MFA_ALONE), (HOUR, FRESH_ALONE)])
def test_require_mfa_denies_all_without_mfa_and_if_asked_without_fresh_mfa(
    account: Account, limit: int | None, found: dict[str, bool]
) -> None:
    for policy in in_each_format(require_mfa(max_age=limit)):
        account.give_alice(policy)
        assert account.readers() == found


def test_require_mfa_lets_users_set_up_only_their_own_device(account: Account) -> None:
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


def test_require_mfa_lets_users_delete_only_their_own_unused_device(account: Account) -> None:
    """A half-made device can be made anew, while AWS refuses to delete one in use."""
    theirs = account.iam.create_virtual_mfa_device(VirtualMFADeviceName="bob")
    for policy in in_each_format(require_mfa()):
        account.give_alice(policy)
        alice = account.alice.client("iam")
        serial_number = theirs["VirtualMFADevice"]["SerialNumber"]
        assert not succeeds(alice.delete_virtual_mfa_device, SerialNumber=serial_number)
        with pytest.raises(ClientError, match="DeleteConflict"):
            alice.delete_virtual_mfa_device(SerialNumber=account.device.serial_number)


@pytest.mark.parametrize("limit", [None, HOUR])
def test_require_mfa_lets_a_long_term_key_assume_a_role_only_with_a_code(
    account: Account, limit: int | None
) -> None:
    for policy in in_each_format(require_mfa(max_age=limit)):
        account.give_alice(policy)
        assert account.alice.may_assume(account.role, **account.code())
        assert not account.alice.may_assume(account.role)


@pytest.mark.parametrize("limit", [None, HOUR])
def test_require_mfa_denies_device_changes_for_other_users_without_mfa(
    account: Account, limit: int | None
) -> None:
    """This holds even for a user who is otherwise allowed everything."""
    for number, policy in enumerate(in_each_format(require_mfa(max_age=limit))):
        account.give_alice(policy)
        alice = account.alice.client("iam")
        made = alice.create_virtual_mfa_device(VirtualMFADeviceName=f"alice-{number}")
        codes = dict.fromkeys(("AuthenticationCode1", "AuthenticationCode2"), "123456")
        device = {"SerialNumber": made["VirtualMFADevice"]["SerialNumber"], **codes}
        assert not succeeds(alice.enable_mfa_device, UserName="admin", **device)
        assert not succeeds(alice.get_user, UserName="admin")
        assert succeeds(alice.get_user)


def test_a_device_can_be_deactivated_only_with_mfa(account: Account) -> None:
    """A stolen long-term key cannot get rid of the device."""
    account.give_alice(require_mfa().document, other=False)
    which = {"UserName": "alice", "SerialNumber": account.device.serial_number}
    removed = {
        kind: succeeds(person.client("iam").deactivate_mfa_device, **which)
        for kind, person in islice(account.kinds(), 3)
        if kind != WITHOUT  # IAM knows no such sessions at all
    }
    assert removed == {LONG_TERM: False, FRESH: True}


def test_require_mfa_and_bucket_do_not_deny_exempt_actions(account: Account) -> None:
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
def test_max_age_grants_its_actions_only_with_fresh_mfa(account: Account, other: bool) -> None:
    """No other policy can grant these actions without it."""
    made = max_age(HOUR, ("s3:GetObject",), ("arn:aws:s3:::my-bucket/*",))
    for policy in in_each_format(made):
        account.give_alice(policy, other=other)
        assert account.readers() == FRESH_ALONE
        assert succeeds(account.alice.client("s3").list_objects_v2, Bucket="my-bucket") is other


@pytest.mark.parametrize("trusted", [ALICE, ACCOUNT])
@pytest.mark.parametrize(("limit", "found"), [(None, MFA_ALONE), (HOUR, FRESH_ALONE)])
def test_a_role_can_be_assumed_only_with_mfa(
    account: Account, trusted: str, limit: int | None, found: dict[str, bool]
) -> None:
    """Both a session with MFA and a code will do, but not the session of another role."""
    made = role_trust((trusted,), max_age=limit)
    for number, trust in enumerate(in_each_format(made)):
        role = account.make_role(f"made-{number}", trust)
        assert {kind: person.may_assume(role) for kind, person in account.kinds()} == found
        assert account.alice.may_assume(role, **account.code())
        assert not account.alice.assume(account.role).may_assume(role)


def test_a_role_lasts_one_hour_from_a_session_and_longer_with_a_code(account: Account) -> None:
    role = account.make_role("made", role_trust((ACCOUNT,)).document)
    account.iam.update_role(RoleName="made", MaxSessionDuration=12 * HOUR)
    session = account.with_mfa()
    with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chain"):
        session.assume(role, DurationSeconds=2 * HOUR)
    account.alice.assume(role, DurationSeconds=12 * HOUR, **account.code())


@pytest.mark.parametrize("users", [(), (ALICE,)])
@pytest.mark.parametrize(("limit", "found"), [(None, MFA_ALONE), (HOUR, FRESH_ALONE)])
def test_a_bucket_denies_users_without_mfa_but_not_roles(
    account: Account, users: tuple[str, ...], limit: int | None, found: dict[str, bool]
) -> None:
    """If users are named, it denies only those."""
    for policy in in_each_format(bucket("my-bucket", users, max_age=limit)):
        account.put_on_bucket(policy)
        assert account.readers() == found
        assert account.alice.assume(account.role).reads()
        assert account.admin.reads() is bool(users)
        federated = account.alice.client("sts").get_federation_token(
            Name="anybody", Policy=text(document(ALLOW_ALL))
        )
        assert not given(federated).reads()


def test_without_its_exemption_a_bucket_locks_roles_out(account: Account) -> None:
    policy = bucket("my-bucket").document
    del policy["Statement"][0]["Condition"]["ArnNotLike"]
    account.put_on_bucket(policy)
    assert not account.alice.assume(account.role).reads()
