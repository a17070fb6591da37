"""Who may assume the roles, with each kind of credentials."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from policies import ACCOUNT_ID

from .conftest import MFA_ALONE, NOTHING, Account, Caller, Person, policy


def assumes(person: Person, role: str) -> dict[str, bool]:
    """Tell with which kinds of credentials somebody assumes a role."""

    def tries(credentials: Caller) -> bool:
        return credentials.may_assume(role)

    return person.gets_in(tries)


def test_a_role_is_assumed_with_mfa_alone(account: Account) -> None:
    """With a code that is not too old; members need no other policy for it than the group's."""
    assert assumes(account.member(other=NOTHING), account.roles[0]) == MFA_ALONE


def test_who_is_not_in_the_group_needs_mfa_too(account: Account) -> None:
    """A role keeps its own door, whatever policies somebody has."""
    outsider = account.outsider()
    assert outsider.keys.works()
    assert assumes(outsider, account.roles[0]) == MFA_ALONE


def test_a_role_trusts_nobody_who_has_no_policy_for_it(account: Account) -> None:
    """It leaves to the account who of its users may come, with MFA too."""
    assert not account.outsider(NOTHING).with_mfa().may_assume(account.roles[0])


def test_members_may_assume_these_roles_alone(account: Account) -> None:
    """By the group's policies: what else trusts the account's users is for other policies."""
    trust = policy(Principal={"AWS": ACCOUNT_ID}, Action="sts:AssumeRole")
    del trust["Statement"][0]["Resource"]
    another = account.make_role("another", trust)
    assert not account.member(other=NOTHING).with_mfa().may_assume(another)
    assert account.outsider().with_mfa().may_assume(another)


def test_one_code_opens_every_role(account: Account) -> None:
    """From the session that it gave."""
    session = account.member(other=NOTHING).with_mfa()
    for role in account.roles:
        arn = session.role(role).client("sts").get_caller_identity()["Arn"]
        assert f":assumed-role/{role.rpartition('/')[2]}/" in arn


def test_a_code_with_the_call_itself_will_do(account: Account) -> None:
    """As from a profile with `role_arn` and `mfa_serial`."""
    for person in account.member(other=NOTHING), account.outsider():
        assert person.keys.may_assume(account.roles[0], **person.code())


def test_another_role_does_not_lead_there(account: Account) -> None:
    """Though it was assumed with MFA: what a role does never carries it."""
    trust = policy(Principal={"AWS": "*"}, Action="sts:AssumeRole")
    del trust["Statement"][0]["Resource"]
    bridge = account.member().with_mfa().role(account.make_role("bridge", trust))
    assert bridge.works()
    assert not bridge.may_assume(account.roles[0])


def test_from_a_session_a_role_lasts_an_hour(account: Account) -> None:
    """However long it may last: that is role chaining."""
    session = account.member().with_mfa()
    with pytest.raises(ClientError, match="1 hour session limit"):
        session.role(account.roles[0], DurationSeconds=3601)
