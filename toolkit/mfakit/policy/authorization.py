"""All policies that have a say in a call, brought to one verdict.

The order is that of "IAM User Guide", policy evaluation logic, within one account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy.evaluation import Decision, evaluate

if TYPE_CHECKING:
    from mfakit.policy.evaluation import Context, Statement

Statements = tuple["Statement", ...]


@dataclass(frozen=True)
class Policies:
    """The policies of one call.

    Attributes:
        identity: of who calls: the user's, the user's groups', or the role's.
        resource: of what is called upon, such as a bucket's policy.
        boundary: the permissions boundary of who calls; None if there is none.
        session: the session policy; None if there is none.
        resource_decides: whether what is called upon has to allow it, as a role does.
    """

    identity: Statements = ()
    resource: Statements = ()
    boundary: Statements | None = None
    session: Statements | None = None
    resource_decides: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether a call is allowed.

    Attributes:
        reason: why not, as AWS ends its refusal.
    """

    allowed: bool
    reason: str = ""


ALLOWED = Verdict(allowed=True)


def authorize(policies: Policies, context: Context) -> Verdict:
    """Judge a call by all policies.

    Raises:
        UnjudgedError: a statement that would decide holds what cannot be judged.
    """
    by_identity = evaluate(policies.identity, context)
    by_resource = evaluate(policies.resource, context) if policies.resource else Decision(False)
    # What else there is can only take away, and each has its name in a refusal.
    limits = {
        "permissions boundary": policies.boundary,
        "session policy": policies.session,
    }
    by_limit = {name: evaluate(s, context) for name, s in limits.items() if s is not None}
    decisions = {"identity-based policy": by_identity, "resource-based policy": by_resource}
    for name, decision in (decisions | by_limit).items():
        if decision.explicit_deny:
            article = "an" if name.startswith("i") else "a"
            return Verdict(False, f"with an explicit deny in {article} {name}")
    if policies.resource_decides and not by_resource.allowed:
        return _unallowed("resource-based policy", context)
    granted = by_resource.allowed and not by_resource.delegated
    if granted and _names_the_session(by_resource, context):
        return ALLOWED
    if not granted and not by_identity.allowed:
        return _unallowed("identity-based policy", context)
    missing = next((name for name, decision in by_limit.items() if not decision.allowed), None)
    return ALLOWED if missing is None else _unallowed(missing, context)


def _unallowed(name: str, context: Context) -> Verdict:
    return Verdict(False, f"because no {name} allows the {context.action} action")


def _names_the_session(decision: Decision, context: Context) -> bool:
    """Tell whether the grant names exactly who calls: then boundary and session have no say."""
    principals = decision.statement.principals if decision.statement else None
    caller = context.principal
    return bool(principals and caller and ("AWS", caller.arn) in principals.named)
