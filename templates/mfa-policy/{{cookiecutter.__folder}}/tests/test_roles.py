"""Who may assume the roles, with each kind of credentials."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from .conftest import EVERYTHING, MFA_ALONE, NOTHING, Account, Caller, caller, policy


def test_members_assume_a_role_with_mfa_alone(account: Account) -> None:
    """With a code that is not too old; and they need no other policy for it than the group's."""

    def tries(credentials: Caller) -> bool:
        return credentials.may_assume(account.roles[0])

    assert account.member(other=NOTHING).gets_in(tries) == MFA_ALONE


def test_one_code_opens_every_role(account: Account) -> None:
    """From the session that it gave."""
    session = account.member(other=NOTHING).with_mfa()
    for role in account.roles:
        arn = session.role(role).client("sts").get_caller_identity()["Arn"]
        assert f":assumed-role/{role.rpartition('/')[2]}/" in arn


def test_a_code_with_the_call_itself_will_do(account: Account) -> None:
    """As from a profile with `role_arn` and `mfa_serial`."""
    member = account.member(other=NOTHING)
    assert member.keys.may_assume(account.roles[0], **member.code())


def test_who_is_not_in_the_group_needs_mfa_too(account: Account) -> None:
    """A role keeps its own door, whatever policies somebody has."""
    user = account.aws.create_user("outsider", EVERYTHING)
    device = user.enable_virtual_mfa()
    code = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    assert caller(user).works()
    assert not caller(user).may_assume(account.roles[0])
    assert caller(user).may_assume(account.roles[0], **code)


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
