"""How to mend a policy that lets somebody in without MFA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.policy.callers import MFA_KEYS, asks_mfa
from mfakit.policy.document import Kind
from mfakit.policy.regions import contains

if TYPE_CHECKING:
    from mfakit.policy.callers import Caller
    from mfakit.policy.conditions import Condition
    from mfakit.policy.evaluation import Statement
    from mfakit.policy.holes import Hole, Reader, Rule

_ASK = "add the condition Bool aws:MultiFactorAuthPresent true"


def label(statement: Statement, statements: tuple[Statement, ...]) -> str:
    """Return what a statement is called: by its Sid or number, and its policy if need be."""
    policies = dict.fromkeys(s.policy for s in statements)
    own = [s for s in statements if s.policy == statement.policy]
    number = next(n for n, s in enumerate(own, 1) if s is statement)
    name = statement.sid or f"statement {number}"
    return name if len(policies) == 1 else f"{name} of {statement.policy}"


def mend(
    hole: Hole, caller: Caller, statements: tuple[Statement, ...], reader: Reader, kind: Kind
) -> str:
    """Tell what would close a hole.

    Args:
        hole: the hole.
        caller: somebody who gets in by it.
        statements: of all policies.
        reader: reads them.
        kind: what the policies belong to.
    """
    if not hole.shown:
        return "this takes too long to decide: write fewer or simpler patterns"
    denies = [s for s in statements if s.effect == "Deny"]
    for statement in denies:
        rule = reader.denial(statement, caller)
        if rule is not None and rule.applies(hole.part):
            missing = _missing(statement, caller)
            if missing:
                return f"in the Deny of {label(statement, statements)} {missing}"
    for condition in hole.statement.conditions:
        better = _better(condition, "Allow")
        if better:
            return f"in the Allow of {label(hole.statement, statements)} {better}"
    for statement in denies:
        rule = reader.deny(statement, caller) if asks_mfa(statement) else None
        if rule is not None:
            return _widened(rule, hole, label(statement, statements))
    if hole.statement.policy:
        return f"to {label(hole.statement, statements)} {_ASK}"
    if kind is Kind.IDENTITY:
        return "deny them without MFA: `mfakit policy require-mfa` makes a policy that does"
    return "deny them without MFA, with BoolIfExists aws:MultiFactorAuthPresent false"


def _missing(statement: Statement, caller: Caller) -> str:
    """Tell why a Deny is not sure to apply to a caller, and what to write instead."""
    open_ones = [c for c in statement.conditions if caller.meets(c) is not True]
    for condition in open_ones:
        better = _better(condition, "Deny")
        if better:
            return better
    for condition in open_ones:
        asked = f"{condition.operator} {condition.key}"
        if condition.key.lower() in MFA_KEYS:
            return f"write BoolIfExists aws:MultiFactorAuthPresent false in place of {asked}"
        if caller.meets(condition) is None:
            return f"leave out {asked}: it is not met in every call, so that it spares some"
        return f"leave out {asked}, which spares a {caller.kind}"
    principals = statement.principals
    if principals is not None and principals.negated:
        return "write Principal in place of NotPrincipal, which spares those whom it names"
    if principals is not None:
        return f"name a {caller.kind} too: * as Principal, and who is meant as ArnLike"
    return "write each condition key once" if statement.conditions else ""


def _better(condition: Condition, effect: str) -> str:
    """Tell what to write in place of a condition that takes an absent key for MFA, if it does."""
    if condition.key.lower() not in MFA_KEYS or not condition.is_known:
        return ""
    name = condition.operator
    lenient = name.lower().endswith("ifexists")
    if name.lower() == "null":
        better = "BoolIfExists with false" if effect == "Deny" else "Bool with true"
        return f"write {better}: Null does not tell whether MFA was used"
    if effect == "Deny" and not lenient and not condition.is_negated and ":" not in name:
        return f"write {name}IfExists, or a long-term key passes, which has no such condition key"
    if effect == "Allow" and lenient:
        plain = name[: -len("IfExists")]
        return f"write {plain}, or a long-term key passes, which has no such condition key"
    return ""


def _widened(rule: Rule, hole: Hole, name: str) -> str:
    """Tell how a Deny that asks for MFA can take more calls."""
    if any(contains(a, hole.part.action) for a in rule.spared_actions or ()):
        return f"take it out of the NotAction of {name}, or exempt it with --exempt-action"
    if any(contains(r, hole.part.resource) for r in rule.spared_resources or ()):
        return f"take it out of the NotResource of {name}"
    return f"let the Deny of {name} name it too, or ask with --action for what that names alone"
