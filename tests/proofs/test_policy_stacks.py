"""CloudFormation creates the policies that mfakit makes for it."""

from __future__ import annotations

import warnings

import pytest
from tests.policy.account import ACCOUNT, MFA_ALONE, Account
from tests.policy.conftest import account  # noqa: F401

from mfakit.policy.formats import render
from mfakit.policy.making import require_mfa, role_trust


def test_the_simulators_cloudformation_creates_policy_and_role(account: Account) -> None:  # noqa: F811
    pytest.importorskip("openapi_spec_validator")
    stacks = account.admin.client("cloudformation")
    for name, draft in {"policy": require_mfa(), "role": role_trust((ACCOUNT,))}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of what moto loads for it
            stacks.create_stack(StackName=name, TemplateBody=render(draft, "cloudformation"))
    (policy,) = account.iam.list_policies(Scope="Local")["Policies"]
    account.iam.attach_user_policy(UserName="alice", PolicyArn=policy["Arn"])
    (role,) = (r["Arn"] for r in account.iam.list_roles()["Roles"] if r["Arn"] != account.role)
    assert {
        kind: (person.reads(), person.may_assume(role)) for kind, person in account.kinds()
    } == {kind: (passes, passes) for kind, passes in MFA_ALONE.items()}
