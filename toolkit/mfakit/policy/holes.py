"""What a policy allows to a caller: searched for, and found or shown to be nothing.

A call is allowed if one statement allows it and none denies it. So each pair of an action and a
resource that an Allow names is a part of all calls, and is held against the Denies by its most
general member (see `regions`). If a Deny applies to that, it denies the whole part, but for the
exceptions of its NotAction or NotResource: what the part has in common with each of those is
searched further. If no Deny applies, the part is a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy.regions import TooMuchWorkError, Union, Work, contains

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mfakit.policy.evaluation import Statement
    from mfakit.policy.rules import Part, Rule

_STEPS_OF_ONE = 60_000  # of what one statement allows


@dataclass(frozen=True)
class Hole:
    """Calls that are allowed, or cannot be shown not to be.

    Attributes:
        statement: what allows them.
        part: the calls.
        shown: whether it is shown that they are allowed.
    """

    statement: Statement
    part: Part
    shown: bool = True


class Search:
    """Searches for what statements allow to a caller.

    Args:
        allows: statements that may allow, and apply to the caller.
        denies: statements that deny, and are sure to apply to the caller.
        exempt: regions of actions that do not count.
        work: the bound on all searches together.
    """

    def __init__(
        self, allows: list[Rule], denies: list[Rule], exempt: Iterable[str], work: Work
    ) -> None:
        self._allows = allows
        self._work = work
        self._exempt = Union(exempt)
        self._plain_actions = Union()
        self._plain: dict[str, Union] = {}
        for rule in denies:
            if rule.is_plain:
                self._add(rule)
        self._others = list(
            {
                (r.actions, r.resources, r.spared_actions, r.spared_resources): r
                for r in denies
                if not r.is_plain
            }.values()
        )
        self._known: dict[Part, bool] = {}

    def _add(self, rule: Rule) -> None:
        for action in rule.actions:
            if action not in self._plain:
                self._plain[action] = Union()
                self._plain_actions.add(action)
            for resource in rule.resources:
                self._plain[action].add(resource)

    def holes(self, asked: Iterable[Part]) -> Iterator[Hole]:
        """Give the holes among the calls that are asked about."""
        asked = list(asked)
        for rule in self._allows:
            work = Work(min(_STEPS_OF_ONE, max(self._work.left, 0)))
            begin = work.left
            for part in rule.parts():
                yield from self._holes_of(rule, part, asked, work)
                if work.left < 0:  # one hole says that the statement cannot be shown to be closed
                    break
            self._work.left -= begin - work.left

    def _holes_of(self, rule: Rule, part: Part, asked: list[Part], work: Work) -> Iterator[Hole]:
        try:
            found = [met for other in asked for met in part.met(other, work)]
            for each in dict.fromkeys(found):
                for hole in self._open(each, rule, work):
                    yield Hole(rule.statement, hole, shown=True)
        except TooMuchWorkError:
            yield Hole(rule.statement, part, shown=False)

    def _open(self, start: Part, allow: Rule, work: Work) -> list[Part]:
        """Return the parts of a part that no Deny applies to."""
        left: list[tuple[Part, frozenset[int]]] = [(start, frozenset())]
        seen, found = set(), []
        while left:
            part, used = left.pop()
            work.spend()
            if part in seen or self._is_closed(part, allow, work):
                continue
            seen.add(part)
            best = self._narrowest(part, used, work)
            if best is None:
                found.append(part)
            else:
                number, parts = best
                left += [(p, used | {number}) for p in parts]
        return found

    def _is_closed(self, part: Part, allow: Rule, work: Work) -> bool:
        """Whether a part is exempt, excepted from the Allow, or denied as a whole."""
        if any(contains(a, part.action) for a in allow.spared_actions or ()):
            return True
        if any(contains(r, part.resource) for r in allow.spared_resources or ()):
            return True
        if self._exempt.contains(part.action, work):
            return True
        actions = self._plain_actions.containing(part.action, work)
        return any(self._plain[action].contains(part.resource, work) for action in actions)

    def _narrowest(
        self, part: Part, used: frozenset[int], work: Work
    ) -> tuple[int, list[Part]] | None:
        """Return which of the Denies with exceptions that apply leaves least over, and what."""
        best = None
        for number, rule in enumerate(self._others):
            work.spend()
            if number in used or not rule.applies(part):
                continue
            parts = rule.left_over(part, work)
            if best is None or len(parts) < len(best[1]):
                best = number, parts
            if not parts:
                break
        return best
