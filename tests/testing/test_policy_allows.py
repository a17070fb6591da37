"""`mfakit.testing.policy.allows`, which explains itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mfakit.policy import MalformedPolicyError
from mfakit.testing import policy

PRESENT, AGE = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"


def written(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Sid": "Mine", "Effect": effect, **more}]}


WITH_MFA = written(Action="s3:*", Resource="*", Condition={"Bool": {PRESENT: "true"}})
RECENT = written(Action="s3:*", Resource="*", Condition={"NumericLessThan": {AGE: "3600"}})
TRUST = written(
    Action="sts:AssumeRole",
    Principal={"AWS": "arn:aws:iam::123456789012:root"},
    Condition={"Bool": {PRESENT: "true"}},
)


def test_a_long_term_key_has_no_mfa_and_a_session_has() -> None:
    assert not policy.allows(WITH_MFA, "s3:GetObject", "arn:aws:s3:::bucket/key")
    assert policy.allows(WITH_MFA, "s3:GetObject", "arn:aws:s3:::bucket/key", mfa=True)
    assert not policy.allows(WITH_MFA, "ec2:RunInstances", "*", mfa=True)


def test_a_timedelta_is_the_age_of_the_code() -> None:
    assert policy.allows(RECENT, "s3:GetObject", "*", mfa=timedelta(minutes=59))
    assert not policy.allows(RECENT, "s3:GetObject", "*", mfa=timedelta(hours=1))


def test_a_trust_policy_is_judged_for_a_caller_who_may_do_all_else() -> None:
    role = "arn:aws:iam::123456789012:role/worker"
    assert policy.allows(TRUST, "sts:AssumeRole", role, mfa=True)
    assert not policy.allows(TRUST, "sts:AssumeRole", role)
    stranger = "arn:aws:iam::111122223333:user/eve"
    assert not policy.allows(TRUST, "sts:AssumeRole", role, mfa=True, caller=stranger)


def test_further_condition_keys_can_be_given() -> None:
    tagged = written(
        Action="*", Resource="*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    )
    assert policy.allows(tagged, "s3:GetObject", keys={"aws:PrincipalTag/team": "blue"})
    assert not policy.allows(tagged, "s3:GetObject")


def test_a_failing_assertion_names_statement_and_credentials() -> None:
    deny = written("Deny", Action="*", Resource="*", Condition={"BoolIfExists": {PRESENT: "false"}})
    # IfExists in a Deny is met by a long-term key, which has no such condition key.
    shown = repr(policy.allows(deny, "s3:GetObject", "*", mfa=False))
    assert shown == (
        "<s3:GetObject on * is denied by the statement 'Mine' to a long-term key,"
        " which has no aws:MultiFactorAuthPresent>"
    )
    shown = repr(policy.allows(WITH_MFA, "s3:GetObject", "*"))
    assert "is allowed by no statement to a long-term key" in shown
    shown = repr(policy.allows(RECENT, "s3:GetObject", "*", mfa=timedelta(minutes=5)))
    assert "by the statement 'Mine' to a session with MFA, whose" in shown
    assert "aws:MultiFactorAuthAge is 300" in shown


def test_what_is_no_policy_is_an_error() -> None:
    with pytest.raises(MalformedPolicyError):
        policy.allows("{}", "s3:GetObject")
