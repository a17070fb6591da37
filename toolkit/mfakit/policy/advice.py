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
    from mfakit.policy.holes import Hole
    from mfakit.policy.rules import Reader, Rule

_ASK = "add the condition Bool aws:MultiFactorAuthPresent true"


def labels(statements: tuple[Statement, ...]) -> dict[int, str]:
    """Return what statements are called, by their ids: Sid or number, and policy if need be."""
    found: dict[int, str] = {}
    numbers: dict[str, int] = {}
    several = len({statement.policy for statement in statements}) > 1
    for statement in statements:
        number = numbers[statement.policy] = numbers.get(statement.policy, 0) + 1
        name = statement.sid or f"statement {number}"
        found[id(statement)] = f"{name} of {statement.policy}" if several else name
    return found


class Mender:
    """Tells what would close the holes in policies.

    Args:
        statements: of all policies.
        reader: reads them.
        kind: what the policies belong to.
    """

    def __init__(self, statements: tuple[Statement, ...], reader: Reader, kind: Kind) -> None:
        self.labels = labels(statements)
        self._denies = [s for s in statements if s.effect == "Deny"]
        self._reader = reader
        self._kind = kind

    def mend(self, hole: Hole, caller: Caller) -> str:
        """Tell what would close a hole through which a caller gets in."""
        if not hole.shown:
            return self.in_short(hole)
        return (
            self._by_a_deny_that_passes(hole, caller)
            or self._by_its_allow(hole)
            or self._by_a_wider_deny(hole, caller)
            or self.in_short(hole)
        )

    def in_short(self, hole: Hole) -> str:
        """Tell what would close a hole, whatever the other statements are."""
        if not hole.shown:
            return "this takes too long to decide: write fewer or simpler patterns"
        if hole.statement.policy:
            return f"to {self.labels[id(hole.statement)]} {_ASK}"
        if self._kind is Kind.IDENTITY:
            return "deny them without MFA: `mfakit policy require-mfa` makes a policy that does"
        return "deny them without MFA, with BoolIfExists aws:MultiFactorAuthPresent false"

    def _by_a_deny_that_passes(self, hole: Hole, caller: Caller) -> str:
        for statement in self._denies:
            rule = self._reader.denial(statement, caller)
            if rule is not None and rule.applies(hole.part):
                missing = _missing(statement, caller)
                if missing:
                    return f"in the Deny of {self.labels[id(statement)]} {missing}"
        return ""

    def _by_its_allow(self, hole: Hole) -> str:
        for condition in hole.statement.conditions:
            better = _better(condition, "Allow")
            if better:
                return f"in the Allow of {self.labels[id(hole.statement)]} {better}"
        return ""

    def _by_a_wider_deny(self, hole: Hole, caller: Caller) -> str:
        for statement in self._denies:
            rule = self._reader.deny(statement, caller) if asks_mfa(statement) else None
            if rule is not None:
                return _widened(rule, hole, self.labels[id(statement)])
        return ""


def _missing(statement: Statement, caller: Caller) -> str:
    """Tell what to write in a Deny so that it is sure to apply to a caller; empty if it is."""
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
            return f"leave out {asked}: calls that do not meet it are not denied"
        return f"leave out {asked}: the {caller.kind} does not meet it, and is not denied"
    principals = statement.principals
    if principals is not None and principals.negated:
        return "write Principal in place of NotPrincipal: those whom it names are not denied"
    if principals is not None:
        return (
            f"write * as Principal, so that it denies the {caller.kind} too; to deny only some,"
            " add the condition ArnLike aws:PrincipalArn"
        )
    return "write each condition key once" if statement.conditions else ""


def _better(condition: Condition, effect: str) -> str:
    """Tell what to write in place of a condition that is met by a key's absence, as if by MFA."""
    if condition.key.lower() not in MFA_KEYS or not condition.is_known:
        return ""
    name = condition.operator
    lenient = name.lower().endswith("ifexists")
    if name.lower() == "null":
        better = "BoolIfExists with false" if effect == "Deny" else "Bool with true"
        return f"write {better}: Null does not tell whether MFA was used"
    if effect == "Deny" and not lenient and not condition.is_negated and ":" not in name:
        return f"write {name}IfExists, or a long-term key passes: {_absent(condition)}"
    if effect == "Allow" and lenient:
        plain = name[: -len("IfExists")]
        return f"write {plain}, or a long-term key passes: {_absent(condition)}"
    return ""


def _absent(condition: Condition) -> str:
    return f"its calls have no {condition.key}"


def _widened(rule: Rule, hole: Hole, name: str) -> str:
    """Tell how a Deny that asks for MFA can be made to apply to more calls."""
    if any(contains(a, hole.part.action) for a in rule.spared_actions or ()):
        return f"take it out of the NotAction of {name}, or exempt it with --exempt-action"
    if any(contains(r, hole.part.resource) for r in rule.spared_resources or ()):
        return f"take it out of the NotResource of {name}"
    return f"let the Deny of {name} name it too, or ask with --action only about what it names"
