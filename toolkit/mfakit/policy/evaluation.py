"""Statements, judged for one call at a time.

Nothing is ever allowed because it could not be judged: a statement that would decide, but holds
what this evaluator does not know, is an `UnjudgedError` that names the construct.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfakit.policy.errors import UnjudgedError, UnresolvedVariableError
from mfakit.policy.principals import Reach

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mfakit.policy.conditions import Condition
    from mfakit.policy.keys import Keys
    from mfakit.policy.patterns import Pattern
    from mfakit.policy.principals import Principal, Principals


@dataclass(frozen=True)
class Context:
    """One call, as policies see it.

    Attributes:
        action: ``s3:GetObject``; None if it cannot be told.
        resource: the ARN of what is called upon; ``*`` if the call is about nothing in
            particular; None if it cannot be told.
        keys: the condition keys that are present, their names in lower case.
        principal: who calls; identity policies do without.
    """

    action: str | None
    resource: str | None = None
    keys: Keys = field(default_factory=dict)
    principal: Principal | None = None


@dataclass(frozen=True)
class Element:
    """An Action, NotAction, Resource or NotResource element."""

    name: str
    patterns: tuple[Pattern, ...]
    negated: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether it is a lone asterisk."""
        return any(pattern.text == "*" for pattern in self.patterns)

    def holds(self, text: str, keys: Keys) -> bool:
        """Tell whether the statement speaks about that action or resource.

        Raises:
            UnjudgedError: a variable cannot be judged.
        """
        return any(self._matches(p, text, keys) for p in self.patterns) is not self.negated

    def _matches(self, pattern: Pattern, text: str, keys: Keys) -> bool:
        try:
            return pattern.matches(text, keys)
        except UnresolvedVariableError:
            if self.negated:
                raise
            return False

    def __str__(self) -> str:
        return f"{self.name} {', '.join(pattern.text for pattern in self.patterns)}"


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        policy: the policy's name.
        sid: the statement's own, or empty.
        effect: ``Allow`` or ``Deny``.
        actions: in lower case.
        resources: None in a role's trust policy, which is about that role.
        principals: None in an identity policy, which is about whom it belongs to.
        conditions: all of them have to hold.
    """

    policy: str
    sid: str
    effect: str
    actions: Element
    resources: Element | None
    principals: Principals | None
    conditions: tuple[Condition, ...]

    def applies(self, context: Context) -> bool:
        """Tell whether the statement speaks about this call.

        Raises:
            UnjudgedError: it may, but holds what cannot be judged.
        """
        unjudged: UnjudgedError | None = None
        tests = (self._names_action, self._names_principal, self._names_resource, self._holds)
        for test in tests:
            try:
                if not test(context):
                    return False
            except UnjudgedError as error:
                unjudged = error
        if unjudged is not None:
            raise UnjudgedError(unjudged.construct, self.policy)
        return True

    def reach(self, context: Context) -> Reach:
        """Tell how directly it names who calls; an identity policy is always about him."""
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
        unjudged: UnjudgedError | None = None
        for condition in self.conditions:
            try:
                if not condition.holds(context.keys):
                    return False
            except UnjudgedError as error:
                unjudged = error
        if unjudged is not None:
            raise unjudged
        return True


@dataclass(frozen=True)
class Decision:
    """What statements say about a call.

    Attributes:
        allowed: whether one allows it, and none denies it.
        statement: the one that decided, if one did.
        reach: how directly the statement that allowed it names who calls.
        unjudged: what cannot be judged, and might allow it, or allow it more directly; see `weigh`.
    """

    allowed: bool
    statement: Statement | None = None
    reach: Reach = Reach.NOBODY
    unjudged: UnjudgedError | None = None

    @property
    def delegated(self) -> bool:
        """Whether it was allowed by naming the account of who calls.

        Then an identity policy of that account has to allow it as well ("IAM User Guide", the
        Principal element).
        """
        return self.reach is Reach.ACCOUNT

    @property
    def explicit_deny(self) -> bool:
        """Whether a statement denied it, rather than none allowing it."""
        return not self.allowed and self.statement is not None


def evaluate(statements: Iterable[Statement], context: Context) -> Decision:
    """Judge a call: denied if any statement denies it, else allowed if any allows it.

    Raises:
        UnjudgedError: the statement that would decide holds what cannot be judged.
    """
    decision = weigh(statements, context)
    if decision.unjudged is not None:
        raise decision.unjudged
    return decision


def weigh(statements: Iterable[Statement], context: Context) -> Decision:
    """Judge a call as `evaluate` does, for whom other policies are to be judged beside.

    Returns:
        The decision, with what cannot be judged and might allow the call, or allow it more
        directly.

    Raises:
        UnjudgedError: a statement that cannot be judged might deny the call.
    """
    found = tuple(statements)
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
    """Return the statement of that effect that names who calls most directly, if one applies.

    With it comes what cannot be judged among those that might name him more directly still.
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
