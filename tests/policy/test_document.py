"""Policy documents: what is accepted as a policy, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mfakit.errors import MFAKitError
from mfakit.policy import Context, Kind, MalformedPolicyError, evaluate, parse
from mfakit.policy.document import kind_of

pytestmark = pytest.mark.pythons

GOOD: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {k: v for k, v in GOOD.items() if k not in names} | more


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "not an object"),
        ({}, "it has no Statement"),
        ({"Statement": []}, "its Statement is neither"),
        ({"Statement": 1}, "its Statement is neither"),
        ({"Statement": ["x"]}, "not an object"),
        ({"Version": "2012-10-18", "Statement": GOOD}, "2012-10-18"),
        ({"Statements": GOOD}, "Statements"),
        ({"Statement": without("Effect")}, "Effect"),
        ({"Statement": without(Effect="allow")}, "Effect"),
        ({"Statement": without("Action")}, "Action"),
        ({"Statement": without(NotAction="*")}, "both Action and NotAction"),
        ({"Statement": without(Action=[])}, "Action is empty"),
        ({"Statement": without(Action={"a": "b"})}, "Action is not a string"),
        ({"Statement": without(Action=[None])}, "Action is not a string"),
        ({"Statement": without("Resource")}, "needs a Resource"),
        ({"Statement": without(NotResource="*")}, "both Resource and NotResource"),
        ({"Statement": without(Resource="bucket/*")}, "ARN format"),
        ({"Statement": without(Principal="*")}, "must have no Principal"),
        ({"Statement": without(Actions="*")}, "Actions"),
        ({"Statement": without(Condition="x")}, "Condition is not an object"),
        ({"Statement": without(Condition={"Bool": "x"})}, "Condition Bool is not an object"),
        ({"Statement": without(Action="GetObject")}, "GetObject is not a service and a name"),
        ({"Statement": without(Action="s3:*:*")}, "not a service and a name"),
        ({"Statement": without(Sid={"a": 1})}, "Sid"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"Statement": {}, "Statement": {}}', "twice"),
    ],
    ids=str,
)
def test_a_malformed_policy_is_an_error_that_names_the_policy_and_the_fault(
    document: Any, complaint: str
) -> None:
    with pytest.raises(MalformedPolicyError, match=complaint) as caught:
        parse(document, "mine")
    assert "policy mine" in caught.value.message
    assert caught.value.hint
    assert isinstance(caught.value, MFAKitError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("kind", "statement", "complaint"),
    [
        (Kind.RESOURCE, GOOD, "needs a Principal"),
        (Kind.RESOURCE, without("Resource", Principal="*"), "needs a Resource"),
        (Kind.TRUST, without("Resource"), "needs a Principal"),
        (Kind.TRUST, without(Principal="*"), "must have no Resource"),
        (Kind.TRUST, without("Resource", Principal="x"), "not an object"),
        (Kind.TRUST, without("Resource", Principal={}), "not an object"),
        (Kind.TRUST, without("Resource", Principal={"IAM": "x"}), "IAM is unknown"),
        (Kind.TRUST, without("Resource", Principal={"AWS": []}), "names nobody"),
        (
            Kind.TRUST,
            without("Resource", Principal={"AWS": "arn:aws:iam::123456789012:user/*"}),
            "no wildcard is allowed",
        ),
        (Kind.TRUST, without("Resource", Principal="*", NotPrincipal="*"), "both Principal"),
        (Kind.TRUST, without("Resource", NotPrincipal={"AWS": "*"}), "only allowed in a Deny"),
    ],
    ids=str,
)
def test_each_kind_of_policy_requires_and_forbids_principals_and_resources(
    kind: Kind, statement: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(MalformedPolicyError, match=complaint):
        parse({"Statement": statement}, "mine", kind)


def test_single_values_need_no_list_and_a_document_may_be_json() -> None:
    one = parse({"Statement": GOOD}, "p")
    assert parse({"Statement": [without(Action=["*"], Resource=["*"])]}, "p") == one
    assert parse(json.dumps({"Statement": GOOD}), "p") == one
    assert parse("\ufeff" + json.dumps({"Statement": GOOD}), "p") == one


@pytest.mark.parametrize(
    ("version", "allowed"), [("2012-10-17", True), ("2008-10-17", False), (None, False)]
)
def test_variables_are_plain_text_in_the_first_version_of_the_language(
    version: str | None, allowed: bool
) -> None:
    document: dict[str, Any] = {"Statement": without(Resource="arn:aws:s3:::b/${aws:username}")}
    if version:
        document["Version"] = version
    context = Context("s3:GetObject", "arn:aws:s3:::b/bob", {"aws:username": "bob"})
    assert evaluate(parse(document, "p"), context).allowed is allowed


def test_a_statement_keeps_the_name_of_its_policy_and_its_sid() -> None:
    (statement,) = parse({"Id": "x", "Statement": without(Sid="First")}, "mine")
    assert (statement.policy, statement.sid) == ("mine", "First")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"PolicyVersion": {"Document": {"Statement": GOOD}}}, "PolicyVersion.Document"),
        ({"PolicyDocument": {"Statement": GOOD}}, "PolicyDocument"),
        ({"Role": {"AssumeRolePolicyDocument": {"Statement": GOOD}}}, "Role.AssumeRole"),
        ({"Resources": {"P": {"Properties": {"PolicyDocument": {"Statement": GOOD}}}}}, "P.Prop"),
        ({"Policy": json.dumps({"Statement": GOOD})}, "Policy"),
    ],
)
def test_the_hint_leads_to_a_policy_inside_another_document(document: Any, path: str) -> None:
    """`aws iam get-policy-version` and the like print the policy inside other JSON."""
    with pytest.raises(MalformedPolicyError) as caught:
        kind_of(json.dumps(document), "mine")
    assert path in caught.value.hint
