"""What policies allow: statements as rules for callers, and the search for what no Deny denies.

A call is allowed if one statement allows it and none denies it. So each pair of an action and a
resource that an Allow names is a part of all calls, and is matched against the Denies by its most
general member (see `regions`). If a Deny applies to that, it denies the whole part, except for what
its NotAction or NotResource lists: what the part has in common with each of those is searched
further. If no Deny applies, the part is a hole. Sets of callers are bits: 1 is the first caller.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from mfakit.policy import patterns
from mfakit.policy.callers import IDENTITY_KEYS, SETTLED, Caller
from mfakit.policy.document import Kind
from mfakit.policy.patterns import RESERVED, Variable
from mfakit.policy.regions import (
    ANYTHING,
    SEGMENT,
    SEGMENT_CHARACTER,
    Index,
    TooMuchWorkError,
    Variables,
    Work,
    contains,
    intersection,
    joined,
    region_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mfakit.policy.elements import Condition
    from mfakit.policy.evaluation import Statement

ANY_ACTION = f"{SEGMENT}:{SEGMENT}"
ANY_RESOURCE = ANYTHING
NO_RESOURCE = ""  # of a role's trust policy, which is about that role
_STEPS_OF_ONE = 60_000  # for what one statement allows
_MOST_FILLED_IN = 10_000  # rules of statements with variables, one for each identity
_Group = tuple[Caller, int]  # one of some callers, and all of them as bits


class Part(NamedTuple):
    """Calls: of each action of a region, on each resource of another."""

    action: str
    resource: str

    def contains(self, other: Part) -> bool:
        """Whether it has all calls of another part."""
        return contains(self.action, other.action) and contains(self.resource, other.resource)

    def met(self, other: Part, work: Work) -> list[Part]:
        """Return what it has in common with another part."""
        actions = intersection(self.action, other.action, work)
        resources = intersection(self.resource, other.resource, work) if actions else ()
        return [Part(a, r) for a in actions for r in resources]


EVERYTHING = Part(ANY_ACTION, ANY_RESOURCE)


@dataclass(frozen=True)
class Scope:
    """Which calls a review is about, by patterns of actions and ARNs; all if there are none."""

    kind: Kind
    actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()  # patterns of actions that do not count
    whole: bool = False  # whether the policies are all that a user has

    def parts(self) -> list[Part]:
        """Return the calls."""
        actions = [action_region(text) for text in self.actions] or [ANY_ACTION]
        read = (patterns.arn(text, complete=True) for text in self.resources)
        found = [region_of(pattern, lambda _: None, widest=True) for pattern in read]
        resources = [region for region in found if region is not None] or [ANY_RESOURCE]
        if self.kind is Kind.TRUST:
            resources = [NO_RESOURCE]
        return [Part(action, resource) for action in actions for resource in resources]


def action_region(text: str) -> str:
    """Return the region of actions that a pattern of a policy stands for."""
    if text == "*":
        return ANY_ACTION
    wildcards = {"*": SEGMENT, "?": SEGMENT_CHARACTER}
    return reduce(joined, (wildcards.get(character, character) for character in text.lower()))


@dataclass(frozen=True)
class Rule:
    """A statement as it reads for some callers, in regions."""

    statement: Statement
    actions: tuple[str, ...]  # from which those below are spared
    resources: tuple[str, ...]
    spared_actions: tuple[str, ...]  # what a NotAction lists
    spared_resources: tuple[str, ...]  # what a NotResource lists

    def applies(self, part: Part) -> bool:
        """Whether it applies to all of a part, except what it spares."""
        return (
            any(contains(a, part.action) for a in self.actions)
            and any(contains(r, part.resource) for r in self.resources)
            and not self.spares(part)
        )

    def spares(self, part: Part) -> bool:
        """Whether its NotAction or NotResource lists all of a part."""
        return any(contains(a, part.action) for a in self.spared_actions) or any(
            contains(r, part.resource) for r in self.spared_resources
        )


RuleFor = tuple[Rule, int]  # a rule, and the callers that it is for


class Reader:
    """Reads statements of policies as rules for callers."""

    def __init__(self, callers: list[Caller], statements: tuple[Statement, ...]) -> None:
        self.callers = callers
        self.everyone = (1 << len(callers)) - 1
        self.variables = Variables()
        # A question is answered once for all callers with the same identity, or the same keys.
        self.by_identity = self._groups(lambda caller: id(caller.identity or caller))
        self._by_keys = self._groups(lambda caller: tuple(caller.keys.items()))
        varying = sum(bool(_variables(statement)) for statement in statements)
        # Else variables stay variables, as if nothing were known of their values.
        self._fills_in = varying * len(self.by_identity) <= _MOST_FILLED_IN
        self._rules: dict[int, list[RuleFor]] = {}
        self._met: dict[int, tuple[int, int]] = {}
        self._read_so_far: list[Statement] = []  # so that no other statement gets the same id

    def _groups(self, key: Callable[[Caller], object]) -> list[_Group]:
        """Return callers in groups with the same key."""
        found: dict[object, _Group] = {}
        for number, caller in enumerate(self.callers):
            first, bits = found.get(key(caller), (caller, 0))
            found[key(caller)] = first, bits | 1 << number
        return list(found.values())

    def of_kind(self, *kinds: str) -> int:
        """Return the callers with credentials of some kinds, as bits."""
        return sum(1 << n for n, caller in enumerate(self.callers) if caller.kind in kinds)

    def called(self, bits: int) -> list[Caller]:
        """Return the callers of bits."""
        return [caller for n, caller in enumerate(self.callers) if bits >> n & 1]

    def allowing(self, statements: Iterable[Statement], callers: int) -> list[RuleFor]:
        """Return what Allows may allow to callers."""
        return [
            (rule, found)
            for statement in statements
            for rule, bits in self.rules(statement)
            if (found := bits & callers & self._meeting(statement)[1])
        ]

    def denying(self, statements: Iterable[Statement]) -> list[RuleFor]:
        """Return what Denies certainly deny to callers."""
        return [
            (rule, found)
            for statement in statements
            for rule, bits in self.rules(statement)
            if (found := bits & self._meeting(statement)[0])
        ]

    def _meeting(self, statement: Statement) -> tuple[int, int]:
        """Return the callers to whom a statement certainly applies, and those to whom it may."""
        if id(statement) not in self._met:
            self._read_so_far.append(statement)
            certain = possible = self.everyone
            spelled = Counter(map(_spelling, statement.conditions))
            answers = [
                # It is not documented what AWS makes of several spellings.
                self._answers(c) if spelled[_spelling(c)] == 1 else (0, self.everyone)
                for c in statement.conditions
            ]
            if (principals := statement.principals) is not None:
                yes, maybe = _answered(self.by_identity, lambda c: c.is_named(principals))
                whole = self.everyone
                spared = whole & ~maybe, whole & ~yes
                answers.append(spared if principals.negated else (yes, maybe))
            for yes, maybe in answers:
                certain, possible = certain & yes, possible & maybe
            self._met[id(statement)] = certain, possible
        return self._met[id(statement)]

    def _answers(self, condition: Condition) -> tuple[int, int]:
        """Return the callers who certainly meet a condition, and those who may meet it."""
        groups = self.by_identity if condition.key.lower() in IDENTITY_KEYS else self._by_keys
        return _answered(groups, lambda caller: caller.meets(condition))

    def rules(self, statement: Statement) -> list[RuleFor]:
        """Return a statement's rules, whether it applies to the callers or not."""
        if id(statement) not in self._rules:
            self._read_so_far.append(statement)
            variables = _variables(statement)
            groups = self._by_values(variables)
            spares = statement.resources is not None and statement.resources.negated
            found: dict[tuple[str | None, ...], RuleFor] = {}
            for caller, bits in groups:
                if statement.effect == "Deny" and spares and not _has_all(variables, caller):
                    continue  # the result is not documented
                key = tuple(self._value(v, caller) for v in variables)
                rule, others = found.get(key) or (self._read(statement, caller), 0)
                found[key] = rule, others | bits
            self._rules[id(statement)] = list(found.values())
        return self._rules[id(statement)]

    def _by_values(self, variables: list[Variable]) -> list[_Group]:
        if not variables:
            return [(self.callers[0], self.everyone)]
        if all(v.key in IDENTITY_KEYS or v.key not in SETTLED for v in variables):
            return self.by_identity
        return self._groups(id)

    def _read(self, statement: Statement, caller: Caller) -> Rule:
        """Return a statement's rule: of an Allow rather too much, of a Deny rather too little."""
        named = tuple(dict.fromkeys(action_region(p.text) for p in statement.actions.patterns))
        actions, spared = ((ANY_ACTION,), named) if statement.actions.negated else (named, ())
        element = statement.resources
        if element is None:
            return Rule(statement, actions, (NO_RESOURCE,), spared, ())
        widest = (statement.effect == "Allow") is not element.negated
        read = (
            region_of(pattern, lambda v: self._value(v, caller), widest=widest)
            for pattern in element.patterns
        )
        regions = tuple(dict.fromkeys(region for region in read if region is not None))
        if element.negated:
            return Rule(statement, actions, (ANY_RESOURCE,), spared, regions)
        return Rule(statement, actions, regions, spared, ())

    def _value(self, of: Variable, caller: Caller) -> str | None:
        """Return the value of a variable as a region; None if it has none."""
        if of.key not in SETTLED:
            return self.variables.of(of.spelling, 0, colons=True)
        found = caller.value(of.key)
        if found is None:
            return of.default
        if not self._fills_in:
            return self.variables.of(of.spelling, 0, colons=":" in found)
        return "".join(
            c if ord(c) < RESERVED else self.variables.of(of.spelling, place, colons=False)
            for place, c in enumerate(found)
        )


def _spelling(condition: Condition) -> tuple[str, str]:
    return condition.operator.lower(), condition.key.lower()


def _answered(groups: list[_Group], question: Callable[[Caller], bool | None]) -> tuple[int, int]:
    """Return the callers for whom the answer to a question is yes, and for whom it may be yes."""
    answers = [(question(caller), bits) for caller, bits in groups]
    return (
        sum(bits for answer, bits in answers if answer is True),
        sum(bits for answer, bits in answers if answer is not False),
    )


def _variables(statement: Statement) -> list[Variable]:
    patterns = statement.resources.patterns if statement.resources else ()
    return [variable for pattern in patterns for variable in pattern.variables]


def _has_all(variables: list[Variable], caller: Caller) -> bool:
    """Whether all variables certainly have a value."""
    return all(
        v.default is not None or (v.key in SETTLED and caller.value(v.key) is not None)
        for v in variables
    )


class Hole(NamedTuple):
    """Calls that a statement allows to callers, or that cannot be shown to be denied."""

    statement: Statement
    part: Part
    callers: int
    shown: bool = True  # that they are allowed


class Search:
    """Searches for what no Deny denies, except for exempt actions, within a bound of work."""

    def __init__(self, denies: Iterable[RuleFor], exempt: Iterable[str], work: Work) -> None:
        self._work = work
        self._exempt = Index((region, 1) for region in exempt)
        found: dict[tuple[object, ...], RuleFor] = {}
        for rule, bits in denies:
            key = rule.actions, rule.resources, rule.spared_actions, rule.spared_resources
            found[key] = rule, found.get(key, (rule, 0))[1] | bits
        self._denies = list(found.values())
        rules = [(1 << number, rule) for number, (rule, _) in enumerate(self._denies)]
        self._actions = Index((a, bit) for bit, rule in rules for a in rule.actions)
        self._resources = Index((r, bit) for bit, rule in rules for r in rule.resources)
        self._spared_actions = Index((a, bit) for bit, rule in rules for a in rule.spared_actions)
        self._spared = Index((r, bit) for bit, rule in rules for r in rule.spared_resources)
        self._with_exceptions = sum(
            bit for bit, rule in rules if rule.spared_actions or rule.spared_resources
        )
        self._denied_so_far: dict[tuple[int, int], int] = {}
        self._met: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}

    def holes(self, allows: list[RuleFor], asked: Iterable[Part]) -> Iterator[Hole]:
        """Yield the holes among the calls that are asked about.

        First come the parts that are open as a whole, which are quickly found. Then follows what
        Denies with exceptions leave over, as far as the bounds on work allow.
        """
        asked = list(asked)
        partly: list[tuple[Rule, list[_Partly], Work]] = []
        for rule, callers in allows:
            work, found = Work(_STEPS_OF_ONE, self._work), list[_Partly]()
            partly.append((rule, found, work))
            yield from self._open(rule, callers, asked, found, work)
        for rule, found, work in partly:
            yield from self._left_over(rule, found, work)

    def _open(
        self, rule: Rule, callers: int, asked: list[Part], partly: list[_Partly], work: Work
    ) -> Iterator[Hole]:
        """Yield the parts of an Allow that are open as a whole; collect those that are in part."""
        for part in (Part(a, r) for a in rule.actions for r in rule.resources):
            try:
                found = [met for other in asked for met in part.met(other, work)]
                for each in dict.fromkeys(found):
                    open_to, denied = self._look(each, rule, callers, 0, work)
                    if open_to:
                        yield Hole(rule.statement, each, open_to)
                    if denied.callers:
                        partly.append(denied)
            except TooMuchWorkError:
                yield Hole(rule.statement, part, callers, shown=False)
                if work.is_spent:
                    return

    def _left_over(self, rule: Rule, partly: list[_Partly], work: Work) -> Iterator[Hole]:
        """Yield what Denies with exceptions leave over of parts of an Allow."""
        for number, start in enumerate(partly):
            try:
                for part, callers in self._open_parts(start, rule, work).items():
                    yield Hole(rule.statement, part, callers)
            except TooMuchWorkError:
                rest = partly[number:] if work.is_spent else [start]
                callers = reduce(or_, (each.callers for each in rest))
                yield Hole(rule.statement, start.part, callers, shown=False)
                if work.is_spent:
                    return

    def _open_parts(self, start: _Partly, allow: Rule, work: Work) -> dict[Part, int]:
        """Return the parts of a part that no Deny applies to, each with the callers.

        A part is searched once, as long as each is smaller than the one that it is left over of.
        Else, which variables may cause, it is searched again unless the same Denies led to it:
        two parts that are left over of each other would count as searched, and neither is.
        """
        left, found = [(start, True)], dict[Part, int]()
        seen: dict[tuple[Part, int], int] = {}
        while left:
            (part, callers, denies, used), smaller = left.pop()
            for rest, number in self._by_what_they_leave(part, callers, denies, work):
                denied = callers & self._denies[number][1]
                callers &= ~denied
                for each in rest if denied else ():
                    still = smaller and each != part and part.contains(each)
                    key = each, -1 if still else used | 1 << number
                    new = denied & ~seen.get(key, 0)
                    seen[key] = seen.get(key, 0) | new
                    open_to, partly = self._look(each, allow, new, used | 1 << number, work)
                    if open_to:
                        found[each] = found.get(each, 0) | open_to
                    if partly.callers:
                        left.append((partly, still))
        return found

    def _look(
        self, part: Part, allow: Rule, callers: int, used: int, work: Work
    ) -> tuple[int, _Partly]:
        """Return the callers to whom a part is open as a whole, and those to whom it is in part."""
        if allow.spares(part) or self._exempt.containing(part.action, work):
            return 0, _Partly(part, 0, 0, used)
        denies = self._actions.containing(part.action, work)
        denies &= self._resources.containing(part.resource, work)
        denies &= ~self._spared_actions.containing(part.action, work)
        denies &= ~self._spared.containing(part.resource, work)
        callers &= ~self._denied(denies & ~self._with_exceptions, callers)
        denies &= self._with_exceptions & ~used
        partly = self._denied(denies, callers)
        return callers & ~partly, _Partly(part, partly, denies, used)

    def _denied(self, denies: int, callers: int) -> int:
        """Return those of some callers to whom one of some Denies applies."""
        key = denies, callers
        if key not in self._denied_so_far:
            left = callers
            for number in _numbers(denies):
                left &= ~self._denies[number][1]
                if not left:
                    break
            self._denied_so_far[key] = callers & ~left
        return self._denied_so_far[key]

    def _by_what_they_leave(
        self, part: Part, callers: int, denies: int, work: Work
    ) -> list[tuple[list[Part], int]]:
        """Return what Denies leave over of a part, those that leave least first."""
        found = []
        for number in _numbers(denies):
            rule, bits = self._denies[number]
            if bits & callers:
                left_over = self._spared_of(part, rule, work)
                found.append((left_over, number))
                callers &= ~bits if not left_over else -1  # they need no other Deny
            if not callers:
                break
        return sorted(found, key=lambda each: len(each[0]))

    def _spared_of(self, part: Part, rule: Rule, work: Work) -> list[Part]:
        """Return what the exceptions of a Deny have in common with a part."""
        work.spend()
        actions = self._common(part.action, rule.spared_actions, work)
        resources = self._common(part.resource, rule.spared_resources, work)
        found = [Part(action, part.resource) for action in actions]
        found += [Part(part.action, resource) for resource in resources]
        return list(dict.fromkeys(found))

    def _common(self, region: str, spared: tuple[str, ...], work: Work) -> tuple[str, ...]:
        key = region, spared
        if key not in self._met:
            found = (met for each in spared for met in intersection(region, each, work))
            self._met[key] = tuple(dict.fromkeys(found))
        return self._met[key]


def _numbers(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


class _Partly(NamedTuple):
    """A part that Denies with exceptions deny to callers, except for what they spare."""

    part: Part
    callers: int
    denies: int  # as bits, by their numbers
    used: int  # the Denies whose exceptions led to the part, likewise
