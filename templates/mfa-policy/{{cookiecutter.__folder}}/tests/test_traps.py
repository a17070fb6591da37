"""Why the policies are written as they are: similar ones give access without MFA.

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

# A condition, and the credentials without MFA that it gives access to. The first one is right.
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
# One way to make the account is enough, since each test replaces a policy.
pytestmark = pytest.mark.parametrize("account", WAYS[:1], indirect=True)


def slip_through(account: Account, replacement: Policy, other: Policy, role: str = "") -> set[str]:
    """Replace the group's policy; return the credentials without MFA that have access then."""

    def tries(credentials: Caller) -> bool:
        return credentials.may_assume(role) if role else credentials.works()

    account.replace_policy(replacement)
    let_in = account.member(other=other).gets_in(tries)
    return {kind for kind in (LONG_TERM, WITHOUT) if let_in[kind]}


@pytest.mark.parametrize(("condition", "found"), IN_A_DENY, ids=str)
def test_a_deny_requires_mfa_only_with_if_exists(
    account: Account, condition: Condition, found: set[str]
) -> None:
    """Another policy allows everything here."""
    written = policy(Effect="Deny", NotAction="sts:GetSessionToken", Condition=condition)
    assert slip_through(account, written, EVERYTHING) == found


@pytest.mark.parametrize(("condition", "found"), IN_AN_ALLOW, ids=str)
def test_an_allow_requires_mfa_only_without_if_exists(
    account: Account, condition: Condition, found: set[str]
) -> None:
    """There is no other policy here."""
    assert slip_through(account, policy(Action="*", Condition=condition), NOTHING) == found


@pytest.mark.parametrize(("condition", "found"), IN_AN_ALLOW, ids=str)
def test_a_trust_policy_requires_mfa_only_without_if_exists(
    account: Account, condition: Condition, found: set[str]
) -> None:
    """A trust policy lets callers into a role by itself."""
    name, role = account.roles[0].rpartition("/")[2], account.roles[0]
    trust = account.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"] = condition
    account.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    assert slip_through(account, EVERYTHING, EVERYTHING, role) == found
