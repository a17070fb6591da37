"""Several policies at once, within one account."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from mfakit.policy import Context, Kind, Policies, Principal, Statement, authorize, parse

USER = "arn:aws:iam::123456789012:user/bob"
ROLE = "arn:aws:iam::123456789012:role/r"
SESSION = "arn:aws:sts::123456789012:assumed-role/r/s"
ACCOUNT = "arn:aws:iam::123456789012:root"
AS_USER = Principal("123456789012", USER)
AS_ROLE = Principal("123456789012", SESSION, ROLE)
CONTEXT = Context("s3:GetObject", "arn:aws:s3:::b/k", principal=AS_USER)


def says(effect: str, principal: str = "") -> tuple[Statement, ...]:
    item: dict[str, Any] = {"Effect": effect, "Action": "*", "Resource": "*"}
    if not principal:
        return parse({"Statement": item}, "p")
    return parse({"Statement": item | {"Principal": {"AWS": principal}}}, "p", Kind.RESOURCE)


def test_whoever_may_have_a_say() -> None:
    """The identity or the resource grants, boundary and session policy limit, a denial wins."""
    effects = ("Allow", "Deny", None)
    for own, bucket, boundary, session in product(effects, effects, effects, effects):
        policies = Policies(
            identity=says(own) if own else (),
            resource=says(bucket, ACCOUNT) if bucket else (),
            boundary=says(boundary) if boundary else (),
            session=says(session) if session else None,
        )
        denied = "Deny" in (own, bucket, boundary, session)
        expected = not denied and own == "Allow" and boundary == "Allow"
        assert authorize(policies, CONTEXT).allowed is expected


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        (Policies(), "because no identity-based policy allows the s3:GetObject action"),
        (
            Policies(identity=says("Deny")),
            "with an explicit deny in an identity-based policy",
        ),
        (
            Policies(identity=says("Allow"), resource=says("Deny", "*")),
            "with an explicit deny in a resource-based policy",
        ),
        (
            Policies(identity=says("Allow"), boundary=says("Deny")),
            "with an explicit deny in a permissions boundary",
        ),
        (
            Policies(identity=says("Allow"), session=says("Deny")),
            "with an explicit deny in a session policy",
        ),
        (
            Policies(identity=says("Allow"), boundary=()),
            "because no permissions boundary allows the s3:GetObject action",
        ),
        (
            Policies(identity=says("Allow"), session=()),
            "because no session policy allows the s3:GetObject action",
        ),
        (
            Policies(identity=says("Allow"), resource_decides=True),
            "because no resource-based policy allows the s3:GetObject action",
        ),
    ],
)
def test_reasons(policies: Policies, reason: str) -> None:
    """A refusal ends in which kind of policy it is due to."""
    verdict = authorize(policies, CONTEXT)
    assert (verdict.allowed, verdict.reason) == (False, reason)


@pytest.mark.parametrize(
    ("caller", "principal", "alone", "beyond_limits"),
    [
        (AS_USER, USER, True, True),
        (AS_USER, "*", True, False),
        (AS_USER, ACCOUNT, False, False),
        (AS_ROLE, SESSION, True, True),
        (AS_ROLE, ROLE, True, False),
        (AS_ROLE, ACCOUNT, False, False),
    ],
)
def test_what_a_resource_grants(
    caller: Principal, principal: str, alone: bool, beyond_limits: bool
) -> None:
    """A grant to the caller needs no other; one to exactly him is beyond boundary and session."""
    context = Context(CONTEXT.action, CONTEXT.resource, principal=caller)
    grant = says("Allow", principal)
    assert authorize(Policies(resource=grant), context).allowed is alone
    limited = Policies(resource=grant, boundary=(), session=())
    assert authorize(limited, context).allowed is beyond_limits


def test_a_role_has_the_last_word() -> None:
    """Where the resource decides, its grant to the account still needs an identity policy."""
    to_account = says("Allow", ACCOUNT)
    trusting = Policies(resource=to_account, resource_decides=True)
    assert not authorize(trusting, CONTEXT).allowed
    both = Policies(says("Allow"), to_account, resource_decides=True)
    assert authorize(both, CONTEXT).allowed
