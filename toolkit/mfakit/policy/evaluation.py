"""Judge a call: by one statement, by the statements of one policy, and by all policies together.

Nothing is allowed because it could not be judged: if a statement would decide the call, but holds
a construct that this evaluator does not know, it raises an `UnjudgedError` with the construct.

The rules are those of the IAM User Guide: "How AWS enforcement code logic evaluates requests to
allow or deny access" for one account, "Cross-account policy evaluation logic" for two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from mfakit.policy.elements import Condition, Element, Principal, Principals, Reach
from mfakit.policy.patterns import Keys, UnjudgedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

IDENTITY = "identity-based policy"
RESOURCE = "resource-based policy"
BOUNDARY = "permissions boundary"
SESSION = "session policy"
SERVICE_CONTROL = "service control policy"


@dataclass(frozen=True)
class Context:
    """One call, as policies see it.

    Attributes:
        action: ``s3:GetObject``; None if it is not known.
        resource: the ARN that the call is about; ``*`` if it is about none in particular; None if
            it is not known.
        keys: the condition keys that are present, their names in lower case.
        principal: the caller; identity policies do not need it.
    """

    action: str | None
    resource: str | None = None
    keys: Keys = field(default_factory=dict)
    principal: Principal | None = None


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        policy: the policy's name.
        sid: the statement's Sid, or empty.
        effect: ``Allow`` or ``Deny``.
        actions: in lower case.
        resources: None in a role's trust policy, which is about that role.
        principals: None in an identity policy, which is about the identity that it belongs to.
        conditions: all of them must hold.
    """

    policy: str
    sid: str
    effect: str
    actions: Element
    resources: Element | None
    principals: Principals | None
    conditions: tuple[Condition, ...]

    def applies(self, context: Context) -> bool:
        """Whether the statement applies to a call; raise UnjudgedError if that is not known."""
        tests = (self._names_action, self._names_principal, self._names_resource, self._holds)
        try:
            return _all_pass(tests, context)
        except UnjudgedError as error:
            raise UnjudgedError(error.construct, self.policy) from None

    def reach(self, context: Context) -> Reach:
        """Return how directly the statement names the caller; an identity policy always does."""
        if self.principals is None or self.principals.negated or context.principal is None:
            return Reach.CALLER
        return self.principals.reach(context.principal)

    def _names_action(self, context: Context) -> bool:
        if self.actions.is_everything:
            return not self.actions.negated
        if context.action is None:
            raise UnjudgedError(str(self.actions))
        return self.actions.holds(context.action.lower(), context.keys)

    def _names_principal(self, context: Context) -> bool:
        return self.principals is None or self.principals.include(context.principal)

    def _names_resource(self, context: Context) -> bool:
        if self.resources is None:
            return True
        if self.resources.is_everything:
            return not self.resources.negated
        if context.resource is None:
            raise UnjudgedError(str(self.resources))
        return self.resources.holds(context.resource, context.keys)

    def _holds(self, context: Context) -> bool:
        return _all_pass([condition.holds for condition in self.conditions], context.keys)


def _all_pass(tests: Iterable[Callable[[T], bool]], what: T) -> bool:
    """Whether all tests pass; raise UnjudgedError if none fails but one cannot be judged."""
    unjudged: UnjudgedError | None = None
    for test in tests:
        try:
            if not test(what):
                return False
        except UnjudgedError as error:
            unjudged = error
    if unjudged is not None:
        raise unjudged
    return True


@dataclass(frozen=True)
class Decision:
    """What the statements of one policy decide about a call."""

    allowed: bool  # by a statement, and denied by none
    statement: Statement | None = None  # that decided
    reach: Reach = Reach.NOBODY  # how directly the statement that allowed it names the caller
    unjudged: UnjudgedError | None = None  # what might allow it, or more directly; see `weigh`

    @property
    def explicit_deny(self) -> bool:
        """Whether a statement denied the call, rather than none allowing it."""
        return not self.allowed and self.statement is not None


NOT_ALLOWED = Decision(allowed=False)


def evaluate(statements: Iterable[Statement], context: Context) -> Decision:
    """Judge a call: denied if any statement denies it, else allowed if any allows it.

    Raises:
        UnjudgedError: the statement that would decide holds a construct that cannot be judged.
    """
    decision = weigh(statements, context)
    if decision.unjudged is not None:
        raise decision.unjudged
    return decision


def weigh(statements: Iterable[Statement], context: Context) -> Decision:
    """Judge a call as `evaluate` does, for a caller who judges it by other policies too.

    Returns:
        The decision, with a construct that cannot be judged and might allow the call, or allow it
        more directly.

    Raises:
        UnjudgedError: a statement that cannot be judged might deny the call.
    """
    found = tuple(statements)
    if not found:
        return NOT_ALLOWED
    denying, unjudged = _strongest(found, "Deny", context)
    if denying is not None:
        return Decision(allowed=False, statement=denying[1])
    if unjudged is not None:
        raise unjudged
    allowing, unjudged = _strongest(found, "Allow", context)
    if allowing is None:
        return Decision(allowed=False, unjudged=unjudged)
    return Decision(True, allowing[1], allowing[0], unjudged)


def _strongest(
    statements: Iterable[Statement], effect: str, context: Context
) -> tuple[tuple[Reach, Statement] | None, UnjudgedError | None]:
    """Return the statement of an effect that applies and names the caller most directly.

    With it comes what cannot be judged among those that might name the caller more directly still.
    """
    strongest: tuple[Reach, Statement] | None = None
    unjudged: UnjudgedError | None = None
    for statement in statements:
        try:
            if statement.effect != effect or not statement.applies(context):
                continue
            reach = statement.reach(context)
        except UnjudgedError as error:
            unjudged = error
            continue
        if effect == "Deny" or reach is Reach.CALLER:
            return (reach, statement), None
        if strongest is None or reach > strongest[0]:
            strongest = reach, statement
    return strongest, unjudged


Statements = tuple[Statement, ...]


@dataclass(frozen=True)
class Policies:
    """All policies that decide one call.

    Attributes:
        identity: the caller's: the user's, the user's groups', or the role's.
        resource: of the resource, such as a bucket's policy.
        boundary: the caller's permissions boundary; None if there is none.
        session: the session policy; None if there is none.
        resource_decides: whether the resource's policy must allow the call, as a role's must.
        service_control: what the organization allows the caller's account; None if the account is
            in no organization.
        resource_account: the account that owns the resource; empty if it is the caller's. If it is
            another one, both accounts must allow the call.
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
    """Whether a call is allowed."""

    allowed: bool
    reason: str = ""  # why it is not, in the words that end AWS's refusal
    decisions: tuple[tuple[str, Decision], ...] = ()  # of each kind of policy that is present

    @property
    def explicit_deny(self) -> bool:
        """Whether a statement denied the call, rather than none allowing it."""
        return any(decision.explicit_deny for _, decision in self.decisions)


def authorize(policies: Policies, context: Context) -> Verdict:
    """Judge a call by all policies.

    Raises:
        UnjudgedError: a statement that would decide holds a construct that cannot be judged.
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
    """Return the kind of policy that must allow the call, and does not; "" if there is none."""
    if not _allows(decisions, SERVICE_CONTROL):
        return SERVICE_CONTROL
    reach = decisions[RESOURCE].reach
    # A caller without an account, such as a service, has no other account that could allow it.
    account = context.principal.account_id if context.principal else ""
    foreign = bool(account and policies.resource_account) and account != policies.resource_account
    if reach is Reach.NOBODY and (policies.resource_decides or foreign):
        return RESOURCE
    if not foreign:
        if reach is Reach.CALLER:
            return ""
        if reach is Reach.ISSUER:
            return _first_missing(decisions, BOUNDARY, SESSION)
    return _first_missing(decisions, IDENTITY, BOUNDARY, SESSION)


def _first_missing(decisions: dict[str, Decision], *names: str) -> str:
    return next((name for name in names if not _allows(decisions, name)), "")


def _allows(decisions: dict[str, Decision], name: str) -> bool:
    """Whether a kind of policy lets the call pass; a kind that is absent does."""
    return name not in decisions or decisions[name].allowed


def _denied(name: str, decision: Decision) -> str:
    """Return AWS's words for it, which since 2026 end in the ARN of a managed policy."""
    article = "an" if name is IDENTITY else "a"
    policy = decision.statement.policy if decision.statement else ""
    arn = f": {policy}" if policy.startswith("arn:") else ""
    return f"with an explicit deny in {article} {name}{arn}"
