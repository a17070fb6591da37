"""Statements as they are for a caller: which parts of all calls they allow or deny."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy.errors import MalformedPolicyError
from mfakit.policy.identities import IDENTITY_KEYS
from mfakit.policy.patterns import RESERVED
from mfakit.policy.regions import (
    ANYTHING,
    CHARACTER,
    SEGMENT,
    SEGMENT_CHARACTER,
    TooMuchWorkError,
    Work,
    contains,
    intersection,
    joined,
    region_of,
    variable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.policy.callers import Caller
    from mfakit.policy.conditions import Condition
    from mfakit.policy.evaluation import Element, Statement
    from mfakit.policy.patterns import Variable

ANY_ACTION = f"{SEGMENT}:{SEGMENT}"
ANY_RESOURCE = ANYTHING
NO_RESOURCE = ""  # of a role's trust policy, which is about that role


@dataclass(frozen=True)
class Part:
    """Calls: of each of the actions, on each of the resources.

    Attributes:
        action: a region of actions, in lower case.
        resource: a region of resources.
    """

    action: str
    resource: str

    def met(self, other: Part, work: Work) -> list[Part]:
        """Return what it has in common with another part."""
        actions = intersection(self.action, other.action, work)
        resources = intersection(self.resource, other.resource, work) if actions else ()
        return [Part(a, r) for a in actions for r in resources]


class Variables:
    """The characters that stand for policy variables in regions."""

    def __init__(self) -> None:
        self._characters: dict[tuple[str, int], str] = {}

    def of(self, name: str, place: int, *, colons: bool) -> str:
        """Return the character of a variable.

        Args:
            name: of the variable.
            place: what of its value the character stands for, if some of that is known.
            colons: whether the value may hold colons.

        Raises:
            MalformedPolicyError: there are more variables than can be told apart.
        """
        found = (name, place)
        if found not in self._characters:
            try:
                self._characters[found] = variable(len(self._characters), colons=colons)
            except TooMuchWorkError:
                raise MalformedPolicyError(
                    f"the policies hold more than {len(self._characters):,} policy variables",
                    "IAM takes no policy as large as that: judge fewer at a time",
                ) from None
        return self._characters[found]

    def shown(self, region: str) -> str:
        """Return a region as a policy spells it."""
        names = {c: name for (name, _), c in self._characters.items()}
        plain = {ANYTHING: "*", SEGMENT: "*", CHARACTER: "?", SEGMENT_CHARACTER: "?"}
        spelled = (plain.get(c) or names.get(c, c) for c in region)
        return "".join(spelled)


@dataclass(frozen=True)
class Rule:
    """A statement, as far as it speaks of a caller.

    Attributes:
        statement: the statement.
        actions: regions of actions, which the exceptions below are taken from.
        resources: regions of resources, likewise.
        spared_actions: what a NotAction lists; None if there is none.
        spared_resources: what a NotResource lists; None if there is none.
    """

    statement: Statement
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    spared_actions: tuple[str, ...] | None = None
    spared_resources: tuple[str, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it has no exceptions."""
        return self.spared_actions is None and self.spared_resources is None

    def parts(self) -> Iterator[Part]:
        """Give the pairs that it names, with what it excepts."""
        return (Part(a, r) for a in self.actions for r in self.resources)

    def applies(self, part: Part) -> bool:
        """Whether it speaks of all the part, but for its exceptions, and of some of it."""
        spared = self.spared_actions or (), self.spared_resources or ()
        return (
            any(contains(a, part.action) for a in self.actions)
            and any(contains(r, part.resource) for r in self.resources)
            and not any(contains(a, part.action) for a in spared[0])
            and not any(contains(r, part.resource) for r in spared[1])
        )

    def left_over(self, part: Part, work: Work) -> list[Part]:
        """Return what its exceptions have in common with a part."""
        actions = (
            met for a in self.spared_actions or () for met in intersection(part.action, a, work)
        )
        resources = (
            met for r in self.spared_resources or () for met in intersection(part.resource, r, work)
        )
        found = [Part(action, part.resource) for action in actions]
        found += [Part(part.action, resource) for resource in resources]
        return list(dict.fromkeys(found))


class Reader:
    """Reads statements as they are for a caller; what is the same for several is read once."""

    def __init__(self) -> None:
        self.variables = Variables()
        self._rules: dict[tuple[object, ...], Rule] = {}  # which keep the statements, and so ids
        self._met: dict[tuple[object, ...], bool | None] = {}
        self._lists: dict[tuple[int, ...], tuple[list[Rule], Caller]] = {}
        self._own: dict[int, tuple[Condition, ...]] = {}
        self._variables: dict[int, tuple[Variable, ...]] = {}

    def allowing(self, statements: tuple[Statement, ...], caller: Caller) -> list[Rule]:
        """Return what Allows may allow to a caller."""
        return self._all(self.allow, statements, caller)

    def denying(self, statements: tuple[Statement, ...], caller: Caller) -> list[Rule]:
        """Return what Denies surely deny to a caller."""
        return self._all(self.deny, statements, caller)

    def _all(
        self,
        read: Callable[[Statement, Caller], Rule | None],
        statements: tuple[Statement, ...],
        caller: Caller,
    ) -> list[Rule]:
        key = (id(caller), *map(id, statements))
        if key not in self._lists:
            found = (read(statement, caller) for statement in statements)
            self._lists[key] = [rule for rule in found if rule is not None], caller
        return self._lists[key][0]

    def allow(self, statement: Statement, caller: Caller) -> Rule | None:
        """Return what an Allow may allow to a caller; None if it surely allows nothing."""
        principals = statement.principals
        if principals is not None and caller.is_named(principals) is False:
            return None
        return None if self._meets(statement, caller) is False else self.rule(statement, caller)

    def deny(self, statement: Statement, caller: Caller) -> Rule | None:
        """Return what a Deny surely denies to a caller; None if that is nothing."""
        principals = statement.principals
        if principals is not None and caller.is_named(principals) is not (not principals.negated):
            return None
        return self.denial(statement, caller) if self._meets(statement, caller) else None

    def denial(self, statement: Statement, caller: Caller) -> Rule | None:
        """Return what a Deny denies to those whom it applies to, as far as that is certain."""
        spares = statement.resources is not None and statement.resources.negated
        if spares and not all(self._has_value(v, caller) for v in self._variables_of(statement)):
            return None  # what comes of the statement then is not documented
        return self.rule(statement, caller)

    def _meets(self, statement: Statement, caller: Caller) -> bool | None:
        """Tell whether a caller meets the conditions; what is asked of all alike but once."""
        if not statement.conditions:
            return True
        key = (id(statement), caller.kind, *caller.keys.items())
        if key not in self._met:
            alike = tuple(c for c in statement.conditions if c.key.lower() not in IDENTITY_KEYS)
            self._met[key] = caller.meets_all(alike, among=statement.conditions)
        own = self._own_conditions(statement)
        met = self._met[key]
        if met is False or not own:
            return met
        met_too = caller.meets_all(own, among=statement.conditions)
        return False if met_too is False else None if None in (met, met_too) else True

    def _own_conditions(self, statement: Statement) -> tuple[Condition, ...]:
        """Return the conditions that are on who calls."""
        if id(statement) not in self._own:
            own = (c for c in statement.conditions if c.key.lower() in IDENTITY_KEYS)
            self._own[id(statement)] = tuple(own)
        return self._own[id(statement)]

    def rule(self, statement: Statement, caller: Caller) -> Rule:
        """Return a statement's rule, whether it applies to a caller or not."""
        values = [self._value(v, caller) for v in self._variables_of(statement)]
        key = (id(statement), *values)
        if key not in self._rules:
            self._rules[key] = self._read(statement, caller)
        return self._rules[key]

    def _variables_of(self, statement: Statement) -> tuple[Variable, ...]:
        if id(statement) not in self._variables:
            patterns = statement.resources.patterns if statement.resources else ()
            self._variables[id(statement)] = tuple(v for p in patterns for v in p.variables)
        return self._variables[id(statement)]

    def _read(self, statement: Statement, caller: Caller) -> Rule:
        """Return a statement's rule: of an Allow rather too much, of a Deny rather too little."""
        actions, spared = _actions(statement.actions)
        element, allows = statement.resources, statement.effect == "Allow"
        if element is None or not element.negated:
            resources = self._regions(element, caller, widest=allows)
            return Rule(statement, actions, resources, spared)
        resources = self._regions(element, caller, widest=not allows)
        return Rule(statement, actions, (ANY_RESOURCE,), spared, resources)

    def _regions(self, element: Element | None, caller: Caller, *, widest: bool) -> tuple[str, ...]:
        if element is None:
            return (NO_RESOURCE,)
        found = (
            region_of(pattern, lambda v: self._value(v, caller), widest=widest)
            for pattern in element.patterns
        )
        return tuple(dict.fromkeys(region for region in found if region is not None))

    def _value(self, of: Variable, caller: Caller) -> str | None:
        """Return what a variable stands for, as a region; None if it has no value."""
        if of.key not in caller.settled:
            return self.variables.of(of.spelling, 0, colons=True)
        found = caller.value(of.key)
        if found is None:
            return of.default
        return "".join(
            c if ord(c) < RESERVED else self.variables.of(of.spelling, place, colons=False)
            for place, c in enumerate(found)
        )

    def _has_value(self, of: Variable, caller: Caller) -> bool:
        if of.default is not None:
            return True
        return of.key in caller.settled and caller.value(of.key) is not None


def action_region(text: str) -> str:
    """Return the region of actions that a pattern of a policy stands for."""
    if text == "*":
        return ANY_ACTION
    wildcards = {"*": SEGMENT, "?": SEGMENT_CHARACTER}
    region = ""
    for character in text.lower():
        region = joined(region, wildcards.get(character, character))
    return region


def _actions(element: Element) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the regions of actions of an element, and those that it excepts."""
    regions = tuple(dict.fromkeys(action_region(p.text) for p in element.patterns))
    return ((ANY_ACTION,), regions) if element.negated else (regions, None)
