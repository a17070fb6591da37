"""A policy, reviewed: what it says to each kind of credentials, and by which statement.

It is judged by itself. What it neither allows nor denies is for other policies to say, except
where it alone decides: who may assume a role is for its trust policy to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mfakit.policy.callers import (
    AWS_SERVICE,
    LONG_TERM_KEY,
    MFA_KEYS,
    WITH_MFA,
    WITH_OLD_MFA,
    WITHOUT_MFA,
    callers,
    is_settled,
    users,
)
from mfakit.policy.document import Kind
from mfakit.policy.errors import UnjudgedError
from mfakit.policy.evaluation import Context, Decision, evaluate
from mfakit.policy.keys import values_of
from mfakit.policy.questions import questions, resource_for

if TYPE_CHECKING:
    from mfakit.policy.callers import Caller
    from mfakit.policy.conditions import Condition
    from mfakit.policy.evaluation import Statement

ALLOWED = "allowed"
DENIED = "denied"
NOT_ALLOWED = "not allowed"
UNJUDGED = "unjudged"
NO_SAY = "not asked"
_MAKERS = {Kind.IDENTITY: "require-mfa", Kind.RESOURCE: "bucket", Kind.TRUST: "role-trust"}


@dataclass(frozen=True)
class Finding:
    """What the policy says to one kind of credentials.

    Attributes:
        credentials: their kind.
        outcome: ``allowed``; ``denied``; ``not allowed``, which another policy may change unless
            it is a trust policy; ``unjudged``; or ``not asked``, of whom the policy has no say.
        statement: the one that decided, by its Sid or number; empty if none did.
        reasons: the conditions that decided, and what came of each; or why nothing can be told.
    """

    credentials: str
    outcome: str
    statement: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """What the policy says to all kinds of credentials about one call.

    Attributes:
        kind: what it belongs to.
        action: what is asked about.
        resource: what that is done to.
        user: the ARN of one of those whom it is shown for, if users differ; else empty.
        findings: one for each kind of credentials.
        without_mfa: what else it speaks of that a long-term key alone is enough for.
        hint: how to mend it, if it lets someone in without MFA.
    """

    kind: Kind
    action: str
    resource: str
    user: str
    findings: tuple[Finding, ...]
    without_mfa: tuple[str, ...] = ()
    hint: str = ""

    @property
    def call(self) -> tuple[str, str]:
        """What is asked about: the action, and what it is done to."""
        return self.action, self.resource

    def outcome(self, credentials: str) -> str:
        """Give the outcome for one kind of credentials."""
        return next(f.outcome for f in self.findings if f.credentials == credentials)

    @property
    def requires_mfa(self) -> bool:
        """Whether neither a long-term key nor a session without MFA gets in by this policy.

        It keeps them out if it denies them, or if it allows with MFA alone. What it says nothing
        about is not kept out: then others decide.
        """
        grants = self.kind is Kind.TRUST or self.outcome(WITH_MFA) in (ALLOWED, UNJUDGED)
        kept_out = {DENIED, NOT_ALLOWED} if grants else {DENIED}
        return {self.outcome(LONG_TERM_KEY), self.outcome(WITHOUT_MFA)} <= kept_out

    @property
    def leniency(self) -> int:
        """How far a user gets without MFA."""
        order = (DENIED, NOT_ALLOWED, UNJUDGED, ALLOWED)
        return max(order.index(self.outcome(kind)) for kind in (LONG_TERM_KEY, WITHOUT_MFA))


def review(
    statements: tuple[Statement, ...],
    kind: Kind,
    action: str | None = None,
    resource: str | None = None,
) -> Review:
    """Judge a policy for every kind of credentials.

    Args:
        statements: the policy's.
        kind: what it belongs to.
        action: what to ask about; by default something that it asks MFA for, if it does for any.
        resource: what that is done to; by default something that it speaks of.
    """
    judged = tuple(_settled(statement) for statement in statements)
    reviews = [_review(judged, kind, asked, upon) for asked, upon in questions(judged)]
    if action is not None or resource is not None:
        asked = action or max(reviews, key=_significance).action
        chosen = _review(judged, kind, asked, resource or resource_for(judged, asked))
    else:
        chosen = max(reviews, key=_significance)
    weak = (r for r in reviews if r.outcome(LONG_TERM_KEY) == ALLOWED)
    asked_too = (_told(r, chosen) for r in weak if r.call != chosen.call)
    others = tuple(dict.fromkeys(asked_too))
    hint = "" if chosen.requires_mfa else _hint(judged, chosen)
    return replace(chosen, without_mfa=others, hint=hint)


def _told(other: Review, chosen: Review) -> str:
    """Name what else was asked about; the same action differs by what it is done to."""
    same = other.action == chosen.action
    return f"{other.action} on {other.resource}" if same else other.action


def _significance(found: Review) -> int:
    """Tell whether MFA makes a difference to users (2), or at least whether one may do it (1)."""
    kinds = (LONG_TERM_KEY, WITHOUT_MFA, WITH_MFA, WITH_OLD_MFA)
    outcomes = {found.outcome(kind) for kind in kinds}
    return 2 if len(outcomes) > 1 else int(ALLOWED in outcomes)


def _settled(statement: Statement) -> Statement:
    """Make what single calls decide something that cannot be judged, as what is not known is."""
    conditions = tuple(
        c if is_settled(c.key) else replace(c, key=_differing(c.key)) for c in statement.conditions
    )
    resources = statement.resources
    if resources is not None:
        patterns = tuple(p.renaming(_settled_variable) for p in resources.patterns)
        resources = replace(resources, patterns=patterns)
    return replace(statement, conditions=conditions, resources=resources)


def _settled_variable(key: str) -> str:
    return key if is_settled(key) else _differing(key)


def _differing(key: str) -> str:
    return f"{key}, which differs from call to call"


def _review(statements: tuple[Statement, ...], kind: Kind, action: str, resource: str) -> Review:
    """Judge it for the user who gets furthest without MFA, of those who may differ."""
    speaking = [s for s in statements if s.actions.holds(action.lower(), {})]
    found = users(speaking or statements)
    judged = [_review_for(user, statements, kind, action, resource) for user in found]
    furthest = max(judged, key=lambda one: (not one.requires_mfa, one.leniency))
    return furthest if len(found) > 1 else replace(furthest, user="")


def _review_for(
    user: str, statements: tuple[Statement, ...], kind: Kind, action: str, resource: str
) -> Review:
    found = tuple(
        _finding(statements, kind, Context(action, resource, caller.keys, caller.principal), caller)
        for caller in callers(statements, kind, user)
    )
    return Review(kind, action, resource, user, found)


def _finding(
    statements: tuple[Statement, ...], kind: Kind, context: Context, caller: Caller
) -> Finding:
    if kind is Kind.IDENTITY and caller.kind == AWS_SERVICE:
        return Finding(caller.kind, NO_SAY, reasons=("a service has no identity policies",))
    try:
        decision = evaluate(statements, context)
        passed = _passed_over(statements, context, decision)
    except UnjudgedError as error:
        return Finding(caller.kind, UNJUDGED, reasons=(f"{error.construct} cannot be judged",))
    reasons = []
    if decision.statement is not None:
        reasons = [f"by {_asked(c, context)}" for c in decision.statement.conditions]
    if decision.delegated:
        reasons.append("it names the account: an identity policy has to allow it as well")
    outcome = ALLOWED if decision.allowed else DENIED if decision.explicit_deny else NOT_ALLOWED
    label = _label(statements, decision.statement)
    return Finding(caller.kind, outcome, label, (*reasons, *passed))


def _passed_over(
    statements: tuple[Statement, ...], context: Context, decision: Decision
) -> list[str]:
    """Tell which statements speak of the call, but do not apply, for want of a condition."""
    if decision.explicit_deny:
        return []
    found = []
    for statement in statements:
        if (decision.allowed and statement.effect == "Allow") or not _speaks(statement, context):
            continue
        failing = [c for c in statement.conditions if not _holds(c, context)]
        label = f"{statement.effect} {_label(statements, statement)}"
        found += [f"{label} does not apply: {_asked(c, context)}" for c in failing[:1]]
    return found


def _speaks(statement: Statement, context: Context) -> bool:
    """Tell whether a statement is about a call, whatever its conditions say."""
    try:
        return replace(statement, conditions=()).applies(context)
    except UnjudgedError:
        return False


def _holds(condition: Condition, context: Context) -> bool:
    try:
        return condition.holds(context.keys)
    except UnjudgedError:
        return True  # another one fails, or the whole statement could not be judged


def _asked(condition: Condition, context: Context) -> str:
    present = values_of(context.keys, condition.key.lower())
    found = present[0] if present else "absent"
    return f"{condition.operator} {condition.key} {', '.join(condition.wanted)}, and it is {found}"


def _label(statements: tuple[Statement, ...], statement: Statement | None) -> str:
    if statement is None:
        return ""
    return statement.sid or f"statement {statements.index(statement) + 1}"


def _hint(statements: tuple[Statement, ...], made: Review) -> str:
    """Tell how to mend it: by the classic mistakes, where it has one of them."""
    for statement in statements:
        for condition in statement.conditions:
            if not condition.is_known:
                continue
            if condition.key.lower() in MFA_KEYS and statement.actions.holds(
                made.action.lower(), {}
            ):
                mended = _mended(condition, statement.effect)
                if mended:
                    return f"in the {statement.effect} of {_label(statements, statement)} {mended}"
    return f"make one that does: mfakit policy {_MAKERS[made.kind]}"


def _mended(condition: Condition, effect: str) -> str:
    """Tell what to write in place of a condition that takes an absent key for MFA, if it does."""
    name = condition.operator
    lenient = name.lower().endswith("ifexists")
    if name.lower() == "null":
        better = "BoolIfExists with false" if effect == "Deny" else "Bool with true"
        return f"write {better}: Null does not tell whether MFA was used"
    if effect == "Deny" and not lenient:
        return f"write {name}IfExists, or a long-term key passes, which has no such condition key"
    if effect == "Allow" and lenient:
        plain = name[: -len("IfExists")]
        return f"write {plain}, or a long-term key passes, which has no such condition key"
    return ""
