"""Why the policies are written as they are: what looks as good, and whom it lets in without MFA.

A long-term key has no `aws:MultiFactorAuthPresent` at all, neither true nor false; a session
without MFA has one that is false. So a `Deny` needs `BoolIfExists`, and an `Allow` plain `Bool`.
"""

from __future__ import annotations

import json

import pytest

from .conftest import (
    EVERYTHING,
    LONG_TERM,
    NOTHING,
    WAYS,
    WITHOUT,
    Account,
    Caller,
    Policy,
    policy,
)

PRESENT, AGE = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"
Condition = dict[str, dict[str, str]]

# A condition, and who gets in without MFA where it is written so. The first one is right.
IN_A_DENY: list[tuple[Condition, set[str]]] = [
    ({"BoolIfExists": {PRESENT: "false"}}, set()),
    ({"Bool": {PRESENT: "false"}}, {LONG_TERM}),
    ({"Null": {PRESENT: "true"}}, {WITHOUT}),
    ({"NumericGreaterThan": {AGE: "3600"}}, {LONG_TERM, WITHOUT}),
]
IN_AN_ALLOW: list[tuple[Condition, set[str]]] = [
    ({"Bool": {PRESENT: "true"}}, set()),
    ({"BoolIfExists": {PRESENT: "true"}}, {LONG_TERM}),
    ({"Null": {PRESENT: "false"}}, {WITHOUT}),
    ({"NumericLessThanIfExists": {AGE: "3600"}}, {LONG_TERM, WITHOUT}),
]
# Whichever way the account was made: what is tried is put on it here.
pytestmark = pytest.mark.parametrize("account", WAYS[:1], indirect=True)


def slip_through(account: Account, replacement: Policy, other: Policy, role: str = "") -> set[str]:
    """Put another policy on the group; name the credentials without MFA that get in, or there."""

    def tries(credentials: Caller) -> bool:
        return credentials.may_assume(role) if role else credentials.works()

    account.replace_policy(replacement)
    let_in = account.member(other=other).gets_in(tries)
    return {kind for kind in (LONG_TERM, WITHOUT) if let_in[kind]}


@pytest.mark.parametrize(("condition", "found"), IN_A_DENY, ids=str)
def test_a_deny_needs_if_exists(account: Account, condition: Condition, found: set[str]) -> None:
    """Beside a policy that allows everything."""
    written = policy(Effect="Deny", NotAction="sts:GetSessionToken", Condition=condition)
    assert slip_through(account, written, EVERYTHING) == found


@pytest.mark.parametrize(("condition", "found"), IN_AN_ALLOW, ids=str)
def test_an_allow_must_not_have_it(account: Account, condition: Condition, found: set[str]) -> None:
    """Beside no other policy."""
    assert slip_through(account, policy(Action="*", Condition=condition), NOTHING) == found


@pytest.mark.parametrize(("condition", "found"), IN_AN_ALLOW, ids=str)
def test_nor_must_a_trust_policy(account: Account, condition: Condition, found: set[str]) -> None:
    """Which opens a role by itself."""
    name, role = account.roles[0].rpartition("/")[2], account.roles[0]
    trust = account.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"] = condition
    account.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    assert slip_through(account, EVERYTHING, EVERYTHING, role) == found
