"""All policies that have a say in a call, brought to one verdict.

The rules are those of the IAM User Guide: "How AWS enforcement code logic evaluates requests to
allow or deny access" for one account, "Cross-account policy evaluation logic" for two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy.evaluation import Decision, weigh
from mfakit.policy.principals import Reach

if TYPE_CHECKING:
    from mfakit.policy.evaluation import Context, Statement

Statements = tuple["Statement", ...]

IDENTITY = "identity-based policy"
RESOURCE = "resource-based policy"
BOUNDARY = "permissions boundary"
SESSION = "session policy"
SERVICE_CONTROL = "service control policy"


@dataclass(frozen=True)
class Policies:
    """The policies of one call.

    Attributes:
        identity: of who calls: the user's, the user's groups', or the role's.
        resource: of what is called upon, such as a bucket's policy.
        boundary: the permissions boundary of who calls; None if there is none.
        session: the session policy; None if there is none.
        resource_decides: whether what is called upon has to allow it, as a role does.
        service_control: what the organization of who calls allows the account; None if the
            account is in none.
        resource_account: the account that owns what is called upon; empty if it is that of who
            calls. Where it is another one, both accounts have to allow the call.
    """

    identity: Statements = ()
    resource: Statements = ()
    boundary: Statements | None = None
    session: Statements | None = None
    resource_decides: bool = False
    service_control: Statements | None = None
    resource_account: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a call is allowed.

    Attributes:
        reason: why not, as AWS ends its refusal.
        decisions: what each kind of policy said by itself; only those that there are.
    """

    allowed: bool
    reason: str = ""
    decisions: tuple[tuple[str, Decision], ...] = ()

    @property
    def explicit_deny(self) -> bool:
        """Whether a statement denied it, rather than none allowing it."""
        return any(decision.explicit_deny for _, decision in self.decisions)


def authorize(policies: Policies, context: Context) -> Verdict:
    """Judge a call by all policies.

    Raises:
        UnjudgedError: a statement that would decide holds what cannot be judged.
    """
    kinds = {
        SERVICE_CONTROL: policies.service_control,
        IDENTITY: policies.identity,
        RESOURCE: policies.resource,
        BOUNDARY: policies.boundary,
        SESSION: policies.session,
    }
    decisions = {n: weigh(s, context) for n, s in kinds.items() if s is not None}
    for name, decision in decisions.items():
        if decision.explicit_deny:
            return Verdict(False, _denied(name, decision), tuple(decisions.items()))
    missing = _missing(policies, context, decisions)
    unjudged = next((d.unjudged for d in decisions.values() if d.unjudged is not None), None)
    if missing and unjudged is not None:
        raise unjudged
    reason = f"because no {missing} allows the {context.action or '*'} action" if missing else ""
    return Verdict(not missing, reason, tuple(decisions.items()))


def _missing(policies: Policies, context: Context, decisions: dict[str, Decision]) -> str:
    """Return the kind of policy that would have to allow the call, and does not; or nothing."""
    if not _allows(decisions, SERVICE_CONTROL):
        return SERVICE_CONTROL
    reach = decisions[RESOURCE].reach
    if reach is Reach.NOBODY and (policies.resource_decides or _is_foreign(policies, context)):
        return RESOURCE
    if not _is_foreign(policies, context):
        if reach is Reach.CALLER:
            return ""
        if reach is Reach.ISSUER:
            return _first_missing(decisions, BOUNDARY, SESSION)
    return _first_missing(decisions, IDENTITY, BOUNDARY, SESSION)


def _is_foreign(policies: Policies, context: Context) -> bool:
    """Tell whether who calls belongs to another account than what is called upon.

    Whoever belongs to no account, such as a service, has no other side that could allow it.
    """
    caller = context.principal.account_id if context.principal else ""
    return bool(caller and policies.resource_account) and caller != policies.resource_account


def _first_missing(decisions: dict[str, Decision], *names: str) -> str:
    return next((name for name in names if not _allows(decisions, name)), "")


def _allows(decisions: dict[str, Decision], name: str) -> bool:
    """Tell whether a kind of policy lets the call through; one that there is none of does."""
    return name not in decisions or decisions[name].allowed


def _denied(name: str, decision: Decision) -> str:
    """Return how AWS words it: since 2026 a managed policy's ARN stands at the end."""
    article = "an" if name is IDENTITY else "a"
    policy = decision.statement.policy if decision.statement else ""
    arn = f": {policy}" if policy.startswith("arn:") else ""
    return f"with an explicit deny in {article} {name}{arn}"
