"""Who may assume the roles, with each kind of credentials."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from policies import ACCOUNT_ID

from .conftest import MFA_ALONE, NOTHING, Account, Caller, Person, policy


def assumes(person: Person, role: str) -> dict[str, bool]:
    """Return for each kind of credentials whether the person may assume a role."""

    def tries(credentials: Caller) -> bool:
        return credentials.may_assume(role)

    return person.gets_in(tries)


def test_members_can_assume_a_role_only_with_mfa(account: Account) -> None:
    """They need no policy but the group's, and the code must not be too old."""
    assert assumes(account.member(other=NOTHING), account.roles[0]) == MFA_ALONE


def test_users_outside_the_group_need_mfa_to_assume_a_role(account: Account) -> None:
    """The role's trust policy requires it, whatever policies the user has."""
    outsider = account.outsider()
    assert outsider.keys.works()
    assert assumes(outsider, account.roles[0]) == MFA_ALONE


def test_a_user_without_a_policy_for_the_role_cannot_assume_it(account: Account) -> None:
    """The trust policy leaves it to the account which of its users may do so."""
    assert not account.outsider(NOTHING).with_mfa().may_assume(account.roles[0])


def test_members_cannot_assume_another_role_by_the_groups_policies(account: Account) -> None:
    """Other roles that trust the account's users are the subject of other policies."""
    trust = policy(Principal={"AWS": ACCOUNT_ID}, Action="sts:AssumeRole")
    del trust["Statement"][0]["Resource"]
    another = account.make_role("another", trust)
    assert not account.member(other=NOTHING).with_mfa().may_assume(another)
    assert account.outsider().with_mfa().may_assume(another)


def test_one_code_is_enough_for_every_role(account: Account) -> None:
    """Each role is assumed from the session that the code gave."""
    session = account.member(other=NOTHING).with_mfa()
    for role in account.roles:
        arn = session.role(role).client("sts").get_caller_identity()["Arn"]
        assert f":assumed-role/{role.rpartition('/')[2]}/" in arn


def test_a_role_can_be_assumed_with_a_code_in_the_call_itself(account: Account) -> None:
    """AWS tools do so for a profile with `role_arn` and `mfa_serial`."""
    for person in account.member(other=NOTHING), account.outsider():
        assert person.keys.may_assume(account.roles[0], **person.code())


def test_a_role_cannot_be_assumed_from_another_role(account: Account) -> None:
    """A session of a role never carries MFA, even if the role was assumed with MFA."""
    trust = policy(Principal={"AWS": "*"}, Action="sts:AssumeRole")
    del trust["Statement"][0]["Resource"]
    bridge = account.member().with_mfa().role(account.make_role("bridge", trust))
    assert bridge.works()
    assert not bridge.may_assume(account.roles[0])


def test_a_role_that_is_assumed_from_a_session_lasts_one_hour_at_most(account: Account) -> None:
    """AWS limits role chaining, whatever the role's own maximum."""
    session = account.member().with_mfa()
    with pytest.raises(ClientError, match="1 hour session limit"):
        session.role(account.roles[0], DurationSeconds=3601)
