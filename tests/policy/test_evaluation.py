"""Policies judged for one call, without AWS."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mfakit.policy import Context, UnjudgedError, evaluate, parse
from mfakit.testing import REQUIRE_MFA_POLICY

pytestmark = pytest.mark.pythons

MFA = "aws:multifactorauthpresent"


def allowed(
    action: str, *statements: dict[str, Any], resource: str | None = None, **keys: str
) -> bool:
    document = {"Statement": list(statements)}
    context = Context(action, resource, {MFA: keys["mfa"]} if keys else {})
    return evaluate(parse(document, "p"), context).allowed


def statement(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    more.setdefault("Resource", "*")
    return {"Effect": effect, **more}


def test_a_call_that_no_statement_allows_is_denied_implicitly() -> None:
    decision = evaluate((), Context("s3:GetObject"))
    assert not decision.allowed
    assert not decision.explicit_deny


@pytest.mark.parametrize("pattern", ["*", "s3:*", "S3:getobject", "s3:Get*", "s3:?etObject"])
def test_actions_match_with_wildcards_in_any_case(pattern: str) -> None:
    assert allowed("s3:GetObject", statement(Action=pattern))
    assert not allowed("s3:GetObject", statement(NotAction=pattern))


def test_a_deny_wins_over_an_allow_in_any_order() -> None:
    allow, deny = statement(Action="*"), statement("Deny", Action="iam:*")
    assert not allowed("iam:ListUsers", allow, deny)
    assert not allowed("iam:ListUsers", deny, allow)
    assert allowed("s3:ListBucket", deny, allow)


@pytest.mark.parametrize(
    ("operator", "present", "matches"),
    [
        ("Bool", None, False),
        ("BoolIfExists", None, True),
        ("Bool", "false", True),
        ("BoolIfExists", "false", True),
        ("Bool", "true", False),
        ("BoolIfExists", "true", False),
    ],
)
def test_bool_needs_the_key_and_bool_if_exists_does_not(
    operator: str, present: str | None, matches: bool
) -> None:
    """A Deny with Bool lets long-term keys pass, since they lack the key: the classic mistake."""
    deny = statement(
        "Deny", Action="*", Condition={operator: {"aws:MultiFactorAuthPresent": False}}
    )
    keys = {} if present is None else {"mfa": present}
    assert allowed("s3:GetObject", statement(Action="*"), deny, **keys) is not matches


def test_resources_match_as_patterns_with_case() -> None:
    one = statement(Action="*", Resource="arn:aws:s3:::b/*")
    assert allowed("s3:GetObject", one, resource="arn:aws:s3:::b/k")
    assert not allowed("s3:GetObject", one, resource="arn:aws:s3:::B/k")


@pytest.mark.parametrize(
    ("construct", "more"),
    [
        ("StringAlmost", {"Condition": {"StringAlmost": {"aws:username": "a*"}}}),
        ("aws:Unheard", {"Condition": {"Bool": {"aws:Unheard": "true"}}}),
        ("arn:aws:ec2:x", {"Resource": "arn:aws:ec2:x"}),
    ],
)
def test_an_unknown_construct_is_an_error_that_names_it(
    construct: str, more: dict[str, Any]
) -> None:
    with pytest.raises(UnjudgedError, match=construct):
        allowed("s3:GetObject", statement(Action="*", **more))


def test_an_unknown_construct_does_not_matter_where_it_cannot_decide() -> None:
    """This is so in a statement about other actions, or beside a Deny that applies."""
    odd = statement(Action="ec2:*", Condition={"StringAlmost": {"aws:username": "a*"}})
    assert allowed("s3:GetObject", odd, statement(Action="s3:*"))
    assert not allowed("ec2:RunInstances", odd, statement("Deny", Action="*"))


@pytest.mark.parametrize(
    ("action", "mfa", "expected"),
    [
        ("s3:ListBucket", None, False),
        ("s3:ListBucket", "true", True),
        ("iam:EnableMFADevice", None, True),
        ("iam:DeactivateMFADevice", None, False),
        ("iam:DeleteVirtualMFADevice", "true", True),
    ],
)
def test_the_simulators_mfa_policy_denies_all_but_the_setup_without_mfa(
    action: str, mfa: str | None, expected: bool
) -> None:
    keys = {"aws:username": "alice"} | ({} if mfa is None else {MFA: mfa})
    oneself = "arn:aws:iam::123456789012:user/alice"
    context = Context(action, oneself, keys)
    assert evaluate(parse(REQUIRE_MFA_POLICY, "p"), context).allowed is expected


def test_judging_a_policy_loads_neither_moto_nor_an_sdk() -> None:
    script = "import sys, mfakit.policy; print({n.partition('.')[0] for n in sys.modules})"
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert not {"moto", "boto3", "botocore", "pyotp", "hypothesis"} & eval(loaded)
