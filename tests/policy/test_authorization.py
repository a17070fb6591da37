"""Several policies judged together, within one account and across two."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from mfakit.policy import (
    Context,
    Kind,
    Policies,
    Principal,
    Statement,
    UnjudgedError,
    authorize,
    parse,
)

USER = "arn:aws:iam::123456789012:user/bob"
ROLE = "arn:aws:iam::123456789012:role/r"
SESSION = "arn:aws:sts::123456789012:assumed-role/r/s"
ACCOUNT = "arn:aws:iam::123456789012:root"
AS_USER = Principal("123456789012", USER)
AS_ROLE = Principal("123456789012", SESSION, ROLE, unique_ids=("AROAR",))
FEDERATED = "arn:aws:sts::123456789012:federated-user/f"
AS_FEDERATED = Principal("123456789012", FEDERATED, USER, unique_ids=("AIDABOB",))
AS_STRANGER = Principal("999999999999", "arn:aws:iam::999999999999:user/eve")
ANONYMOUS = Principal()
CONTEXT = Context("s3:GetObject", "arn:aws:s3:::b/k", principal=AS_USER)


def says(effect: str, principal: str = "") -> tuple[Statement, ...]:
    item: dict[str, Any] = {"Effect": effect, "Action": "*", "Resource": "*"}
    if not principal:
        return parse({"Statement": item}, "p")
    return parse({"Statement": item | {"Principal": {"AWS": principal}}}, "p", Kind.RESOURCE)


def test_identity_policy_and_boundary_must_allow_and_no_policy_may_deny() -> None:
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
def test_a_refusal_names_the_kind_of_policy_that_caused_it(policies: Policies, reason: str) -> None:
    verdict = authorize(policies, CONTEXT)
    assert (verdict.allowed, verdict.reason) == (False, reason)


@pytest.mark.parametrize(
    ("caller", "principal", "alone", "beyond_limits"),
    [
        (AS_USER, USER, True, True),
        (AS_USER, "*", True, True),
        (AS_USER, ACCOUNT, False, False),
        (AS_ROLE, SESSION, True, True),
        (AS_ROLE, "*", True, True),
        (AS_ROLE, ROLE, True, False),
        (AS_ROLE, "AROAR", True, False),
        (AS_ROLE, ACCOUNT, False, False),
        (AS_FEDERATED, FEDERATED, True, True),
        (AS_FEDERATED, "*", True, True),
        (AS_FEDERATED, USER, True, False),
        (AS_FEDERATED, "AIDABOB", True, False),
        (AS_FEDERATED, ACCOUNT, False, False),
        (ANONYMOUS, "*", True, True),
        (ANONYMOUS, ACCOUNT, False, False),
    ],
)
def test_a_resource_grant_to_the_caller_itself_is_limited_by_explicit_denies_only(
    caller: Principal, principal: str, alone: bool, beyond_limits: bool
) -> None:
    """Boundary and session policy still limit a grant to the role or user behind a session."""
    context = Context(CONTEXT.action, CONTEXT.resource, principal=caller)
    grant = says("Allow", principal)
    assert authorize(Policies(resource=grant), context).allowed is alone
    for limits in ({"boundary": ()}, {"session": ()}, {"boundary": (), "session": ()}):
        limited = Policies(resource=grant, **limits)
        assert authorize(limited, context).allowed is beyond_limits
    for denying in ("identity", "boundary", "session", "service_control"):
        denied = Policies(resource=grant, **{denying: says("Deny")})
        assert not authorize(denied, context).allowed


def test_the_most_direct_of_several_resource_grants_counts() -> None:
    """A session policy does not limit a grant to the session beside one to its role."""
    context = Context(CONTEXT.action, CONTEXT.resource, principal=AS_ROLE)
    for names in ((ROLE, SESSION), (SESSION, ROLE), (ACCOUNT, ROLE, SESSION)):
        grants = tuple(s for name in names for s in says("Allow", name))
        assert authorize(Policies(resource=grants, session=()), context).allowed


def test_a_deny_with_not_principal_applies_to_every_caller_with_a_boundary() -> None:
    spared = {"AWS": [USER, ACCOUNT]}
    item = {"Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": spared}
    denial = parse({"Statement": item}, "p", Kind.RESOURCE)
    for has_boundary in (False, True):
        caller = Principal("123456789012", USER, has_boundary=has_boundary)
        context = Context(CONTEXT.action, CONTEXT.resource, principal=caller)
        verdict = authorize(Policies(identity=says("Allow"), resource=denial), context)
        assert verdict.allowed is not has_boundary


def unclear(effect: str, principal: str = "") -> tuple[Statement, ...]:
    """Return a statement that cannot be judged."""
    item: dict[str, Any] = {"Effect": effect, "Action": "*", "Resource": "*"}
    item["Condition"] = {"StringEquals": {"s3:prefix": "x"}}
    if not principal:
        return parse({"Statement": item}, "p")
    return parse({"Statement": item | {"Principal": {"AWS": principal}}}, "p", Kind.RESOURCE)


@pytest.mark.parametrize(
    "policies",
    [
        Policies(identity=says("Allow") + unclear("Allow")),
        Policies(identity=says("Allow"), resource=unclear("Allow", "*")),
        Policies(identity=unclear("Allow"), resource=says("Allow", USER)),
        Policies(says("Allow"), says("Allow", ACCOUNT) + unclear("Allow", "*")),
    ],
)
def test_an_unjudged_allow_does_not_matter_if_another_allow_suffices(policies: Policies) -> None:
    assert authorize(policies, CONTEXT).allowed


@pytest.mark.parametrize(
    "policies",
    [
        Policies(identity=says("Allow") + unclear("Deny")),
        Policies(identity=unclear("Allow")),
        Policies(resource=says("Allow", ACCOUNT) + unclear("Allow", "*")),
        Policies(says("Allow"), unclear("Allow", "*"), boundary=()),
        Policies(identity=says("Allow"), service_control=unclear("Allow")),
    ],
)
def test_an_unjudged_statement_that_might_decide_is_an_error(policies: Policies) -> None:
    with pytest.raises(UnjudgedError):
        authorize(policies, CONTEXT)


@pytest.mark.parametrize("allow", ["Allow", None])
def test_a_service_control_policy_must_allow_the_call_too(allow: str | None) -> None:
    organization = says(allow) if allow else ()
    for policies in (
        Policies(identity=says("Allow"), service_control=organization),
        Policies(resource=says("Allow", USER), service_control=organization),
        Policies(resource=says("Allow", "*"), service_control=organization),
    ):
        verdict = authorize(policies, CONTEXT)
        assert verdict.allowed is (allow == "Allow")
        if not allow:
            reason = "because no service control policy allows the s3:GetObject action"
            assert verdict.reason == reason
    denied = Policies(identity=says("Allow"), service_control=says("Deny"))
    reason = "with an explicit deny in a service control policy"
    assert authorize(denied, CONTEXT).reason == reason


def test_across_accounts_both_must_allow_the_call() -> None:
    effects = ("Allow", "Deny", None)
    names = ("*", AS_STRANGER.arn, "arn:aws:iam::999999999999:root")
    context = Context(CONTEXT.action, CONTEXT.resource, principal=AS_STRANGER)
    for own, bucket, boundary, name in product(effects, effects, effects, names):
        policies = Policies(
            identity=says(own) if own else (),
            resource=says(bucket, name) if bucket else (),
            boundary=says(boundary) if boundary else (),
            resource_account="123456789012",
        )
        expected = own == bucket == boundary == "Allow"
        assert authorize(policies, context).allowed is expected
    here = Policies(identity=says("Allow"), resource_account="123456789012")
    assert authorize(here, CONTEXT).allowed
    assert authorize(here, context).reason == (
        "because no resource-based policy allows the s3:GetObject action"
    )


def test_a_trust_policy_that_names_a_foreign_caller_does_not_suffice() -> None:
    """A caller of another account also needs an identity policy that allows AssumeRole."""
    context = Context(CONTEXT.action, CONTEXT.resource, principal=AS_STRANGER)
    trust = {"resource": says("Allow", AS_STRANGER.arn), "resource_decides": True}
    there = {"resource_account": "123456789012"}
    assert not authorize(Policies(**trust, **there), context).allowed
    assert authorize(Policies(identity=says("Allow"), **trust, **there), context).allowed


def test_a_refusal_by_a_managed_policy_ends_in_its_arn() -> None:
    arn = "arn:aws:iam::123456789012:policy/no-s3"
    item = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    denied = Policies(identity=(*says("Allow"), *parse({"Statement": item}, arn)))
    assert authorize(denied, CONTEXT).reason == (
        f"with an explicit deny in an identity-based policy: {arn}"
    )


def test_a_trust_policy_for_the_account_still_needs_an_identity_policy() -> None:
    to_account = says("Allow", ACCOUNT)
    trusting = Policies(resource=to_account, resource_decides=True)
    assert not authorize(trusting, CONTEXT).allowed
    both = Policies(says("Allow"), to_account, resource_decides=True)
    assert authorize(both, CONTEXT).allowed
