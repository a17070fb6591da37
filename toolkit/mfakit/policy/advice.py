"""What a review says besides its verdict: how to mend a hole, and notes on policies."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from mfakit.policy import patterns
from mfakit.policy.callers import LONG_TERM_KEY, MFA_KEYS, Caller, asks_mfa
from mfakit.policy.document import Kind, parse
from mfakit.policy.elements import Condition, account_of
from mfakit.policy.holes import (
    EVERYTHING,
    Hole,
    Part,
    Reader,
    Rule,
    RuleFor,
    Scope,
    Search,
    action_region,
)
from mfakit.policy.regions import Work, contains

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mfakit.policy.evaluation import Statement

_ASK = "add the condition Bool aws:MultiFactorAuthPresent true"
_STEPS = 100_000
_NEVER_DECIDED = "sts:GetSessionToken"
_OWN_DEVICES = [
    "arn:*:iam::*:user/${aws:username}",
    "arn:*:iam::*:user/*/${aws:username}",
    "arn:*:iam::*:mfa/${aws:username}",
    "arn:*:iam::*:mfa/${aws:username}-*",
]
_UPON_DEVICES = ("iam:EnableMFADevice", "iam:ResyncMFADevice", "iam:DeleteVirtualMFADevice")
# What a login needs besides the session, on which resource, and what follows if it is denied.
_LOGIN = (
    ("iam:ListMFADevices", "user",
     "a login cannot look the device up, so that --serial-number or mfa_serial is needed"),
    ("iam:CreateVirtualMFADevice", "mfa", "a user without a device cannot make one"),
    ("iam:EnableMFADevice", "user", "a user without a device cannot enable one"),
)  # fmt: skip


class Mender:
    """Finds what would close the holes in policies."""

    def __init__(self, statements: tuple[Statement, ...], reader: Reader, kind: Kind) -> None:
        self.labels = _labels(statements)
        self._denies = [s for s in statements if s.effect == "Deny"]
        self._reader = reader
        self._kind = kind

    def mend(self, hole: Hole) -> str:
        """Return what would close a hole for the first of its callers."""
        if not hole.shown:
            return self.in_short(hole)
        first = hole.callers & -hole.callers
        return (
            self._by_a_deny_that_passes(hole, first)
            or self._by_its_allow(hole)
            or self._by_a_wider_deny(hole, first)
            or self.in_short(hole)
        )

    def in_short(self, hole: Hole) -> str:
        """Return what would close a hole, whatever the other statements are."""
        if not hole.shown:
            return "this takes too long to decide: write fewer or simpler patterns"
        if hole.statement.policy:
            return f"to {self.labels[id(hole.statement)]} {_ASK}"
        if self._kind is Kind.IDENTITY:
            return "deny them without MFA: `mfakit policy require-mfa` makes a policy that does"
        return "deny them without MFA, with BoolIfExists aws:MultiFactorAuthPresent false"

    def _by_a_deny_that_passes(self, hole: Hole, bit: int) -> str:
        (caller,) = self._reader.called(bit)
        for statement in self._denies:
            rules = (rule for rule, bits in self._reader.rules(statement) if bits & bit)
            if any(rule.applies(hole.part) for rule in rules):
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

    def _by_a_wider_deny(self, hole: Hole, bit: int) -> str:
        for statement in self._denies:
            if asks_mfa(statement):
                for rule, bits in self._reader.denying([statement]):
                    if bits & bit:
                        return _widened(rule, hole, self.labels[id(statement)])
        return ""


def _labels(statements: tuple[Statement, ...]) -> dict[int, str]:
    """Return the name of each statement by its id: Sid or number, and the policy if need be."""
    found: dict[int, str] = {}
    numbers: dict[str, int] = {}
    several = len({statement.policy for statement in statements}) > 1
    for statement in statements:
        number = numbers[statement.policy] = numbers.get(statement.policy, 0) + 1
        name = statement.sid or f"statement {number}"
        found[id(statement)] = f"{name} of {statement.policy}" if several else name
    return found


def _missing(statement: Statement, caller: Caller) -> str:
    """Return what to write in a Deny so that it certainly applies to a caller; "" if it does."""
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
    spelled = [(c.operator.lower(), c.key.lower()) for c in statement.conditions]
    return "write each condition key once" if len(set(spelled)) < len(spelled) else ""


def _better(condition: Condition, effect: str) -> str:
    """Return what to write in place of a condition that a key's absence meets, as MFA does."""
    if condition.key.lower() not in MFA_KEYS or not condition.is_known:
        return ""
    name = condition.operator
    lenient = name.lower().endswith("ifexists")
    absent = f"its calls have no {condition.key}"
    if name.lower() == "null":
        better = "BoolIfExists with false" if effect == "Deny" else "Bool with true"
        return f"write {better}: Null does not tell whether MFA was used"
    if effect == "Deny" and not lenient and not condition.is_negated and ":" not in name:
        return f"write {name}IfExists, or a long-term key passes: {absent}"
    if effect == "Allow" and lenient:
        return f"write {name[: -len('IfExists')]}, or a long-term key passes: {absent}"
    return ""


def _widened(rule: Rule, hole: Hole, name: str) -> str:
    """Return how to make a Deny that asks for MFA apply to a hole."""
    if any(contains(a, hole.part.action) for a in rule.spared_actions):
        return f"take it out of the NotAction of {name}, or exempt it with --exempt-action"
    spared = any(contains(r, hole.part.resource) for r in rule.spared_resources)
    if spared or (rule.spared_resources and rule.applies(hole.part)):
        return f"take it out of the NotResource of {name}"
    return f"let the Deny of {name} name it too, or ask with --action only about what it names"


def notes(
    statements: tuple[Statement, ...],
    scope: Scope,
    claims: Iterable[tuple[list[RuleFor], list[RuleFor]]],
    reader: Reader,
) -> Iterator[str]:
    """Yield the notes on policies, for whose claims the rules that allow and deny are given."""
    keys = reader.of_kind(LONG_TERM_KEY)
    if scope.kind is Kind.IDENTITY:
        yield from _of_devices(scope, claims, keys, reader)
        yield from _of_login(statements, keys, reader)
        if any(map(asks_mfa, statements)):
            yield (
                "a role's session never carries MFA, so do not ask for it in a policy of a role:"
                " its trust policy is the place (`mfakit policy role-trust`)"
            )
    if scope.kind is not Kind.TRUST and _names_session_token(statements, scope):
        yield (
            f"no policy decides {_NEVER_DECIDED}: AWS allows it to every long-term key, even if"
            " a policy denies it"
        )
    yield from _of_principals(statements, scope)
    region = [action_region(text) for text in scope.actions]
    exempt = [action_region(text) for text in scope.exempt]
    if region and all(any(contains(e, a) for e in exempt) for a in region):
        yield "all that was asked about is exempt: nothing was judged"


def _names_session_token(statements: tuple[Statement, ...], scope: Scope) -> bool:
    named = [p.text for s in statements if not s.actions.negated for p in s.actions.patterns]
    return any(text.lower() == _NEVER_DECIDED.lower() for text in [*named, *scope.actions])


def _rules(reader: Reader, effect: str, action: Any, resource: Any, callers: int) -> list[RuleFor]:
    """Return the rules of a statement that is in no policy."""
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    document = {"Version": patterns.VERSION_WITH_VARIABLES, "Statement": statement}
    (parsed,) = parse(document, "in no policy")
    return [(rule, bits & callers) for rule, bits in reader.rules(parsed) if bits & callers]


def _of_devices(
    scope: Scope, claims: Iterable[tuple[list[RuleFor], list[RuleFor]]], keys: int, reader: Reader
) -> Iterator[str]:
    """Yield a note on exempt calls that reach other users' devices, as far as a bound allows."""
    found: dict[str, None] = {}
    work = Work(_STEPS)
    own = _rules(reader, "Deny", list(_UPON_DEVICES), _OWN_DEVICES, keys)
    for allows, denies in claims:
        by_keys = [(rule, bits & keys) for rule, bits in allows if bits & keys]
        search = Search([*denies, *own], (), work)
        for action in _UPON_DEVICES:
            asked = [
                met
                for part in scope.parts()
                for met in part.met(Part(action_region(action), part.resource), Work(_STEPS))
            ]
            if work.left > 0 and any(hole.shown for hole in search.holes(by_keys, asked)):
                found[action] = None
    if found:
        yield (
            f"{', '.join(found)} without MFA reach other users' devices, too: name one's own as"
            " Resource, with ${aws:username}"
        )


def _of_login(statements: tuple[Statement, ...], keys: int, reader: Reader) -> Iterator[str]:
    """Yield notes on what a long-term key is denied that a login needs."""
    denies = reader.denying(s for s in statements if s.effect == "Deny")
    for action, kind, consequence in _LOGIN:
        needed = _rules(reader, "Allow", action, f"arn:*:iam::*:{kind}/${{aws:username}}", keys)
        search = Search(denies, (), Work(_STEPS))
        open_to = (hole.callers for hole in search.holes(needed, [EVERYTHING]))
        if keys & ~reduce(or_, open_to, 0):
            yield f"{action} is denied without MFA: {consequence}"


def _of_principals(statements: tuple[Statement, ...], scope: Scope) -> Iterator[str]:
    """Yield notes on principals that do not count, and on accounts."""
    labels = _labels(statements)
    for statement in statements:
        if statement.effect != "Allow" or statement.principals is None:
            continue
        named, name = statement.principals.named, labels[id(statement)]
        others = [who for kind, who in named if _never_carries_mfa(kind, who)]
        if others:
            yield (
                f"{name} also lets in {', '.join(others)}: roles, services and federated"
                " identities never carry MFA, and do not count"
            )
        accounts = [who for kind, who in named if kind == "AWS" and account_of(who)]
        if accounts and scope.kind is Kind.RESOURCE:
            yield (
                f"{name} names {', '.join(accounts)}: users of an account need an identity policy"
                " that allows it, too"
            )


def _never_carries_mfa(kind: str, name: str) -> bool:
    parts = (":role/", ":assumed-role/", "AROA")
    return kind in ("Service", "Federated") or any(part in name for part in parts)
