"""Sets of actions and of resources, as policies describe them with wildcards and variables.

A region is a text in which each wildcard and each variable is one character that no policy may
hold. So it is its own most general member: the asterisk's character can only be taken by another
asterisk, and so on. If a pattern matches this member, it contains the whole region, whatever the
wildcards stand for; and without question marks a union of patterns contains a region only if one of
them does, because a text with letters of its own in place of the wildcards is in no other.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from mfakit.policy.patterns import RESERVED, Variable, Wildcard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mfakit.policy.patterns import Pattern

# Within an ARN, wildcards match no colon, except in the last segment.
ANYTHING, SEGMENT = chr(RESERVED), chr(RESERVED + 1)
CHARACTER, SEGMENT_CHARACTER = chr(RESERVED + 2), chr(RESERVED + 3)
_VARIABLES = RESERVED + 0x10
_VARIABLES_WITH_COLONS = RESERVED + 0x800
_LAST = 0x10FFFF
_STARS = (ANYTHING, SEGMENT)
_SPECIAL = re.compile(f"[{chr(RESERVED)}-{chr(_LAST)}]")
_NO_TEXT = f"{ANYTHING}{SEGMENT}{chr(_VARIABLES)}-{chr(_LAST)}"
# What each wildcard of a pattern matches in a region.
_CLASSES = {
    ANYTHING: ".",
    SEGMENT: f"[^:{ANYTHING}{CHARACTER}{chr(_VARIABLES_WITH_COLONS)}-{chr(_LAST)}]",
    CHARACTER: f"[^{_NO_TEXT}]",
    SEGMENT_CHARACTER: f"[^:{CHARACTER}{_NO_TEXT}]",
}
_MOST_WILDCARDS = 40  # of two regions that are intersected
_MOST_PARTS = 300  # of an intersection
_MOST_STEPS = 30_000  # of an intersection
_STEPS_TO_COMPARE = 50  # a part with others: to compile its expression takes as long


class TooMuchWorkError(Exception):
    """The question would take too long to decide."""


class Work:
    """A bound on the steps that a decision may take.

    Args:
        steps: how many.
    """

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take note of steps.

        Raises:
            TooMuchWorkError: there were too many.
        """
        self.left -= steps
        if self.left < 0:
            raise TooMuchWorkError


def variable(number: int, *, colons: bool) -> str:
    """Return the character of a variable.

    Args:
        number: tells variables apart.
        colons: whether its value may hold colons.
    """
    first, end = (_VARIABLES_WITH_COLONS, _LAST) if colons else (_VARIABLES, _VARIABLES_WITH_COLONS)
    if number >= end - first:
        raise TooMuchWorkError
    return chr(first + number)


def is_variable(character: str) -> bool:
    """Whether a character of a region stands for a variable."""
    return ord(character) >= _VARIABLES


def region_of(
    pattern: Pattern, value_of: Callable[[Variable], str | None], *, widest: bool = False
) -> str | None:
    """Return the region of a pattern; None if it is empty, since a variable has no value.

    Args:
        pattern: of an action, or of an ARN, whose segments are matched one by one.
        value_of: gives what a variable stands for, as a region.
        widest: whether to err by too large a region where an ARN has too few segments, rather
            than by too small a one. IAM refuses such ARNs, but for those that end in an asterisk.
    """
    segments = list(pattern.segments)
    if pattern.completed:
        spelled = segments[: -pattern.completed]
        wildcards = [part for parts in spelled for part in parts if not isinstance(part, str)]
        ends_open = spelled[-1][-2:] == (Wildcard.ANY, "")
        if widest and not (ends_open and len(wildcards) == 1):
            whole = _spelled(spelled, value_of, ANYTHING, CHARACTER)
            return None if whole is None else joined(whole, ANYTHING)
        if not ends_open:
            return None
    *others, last = segments
    head = _spelled(others, value_of, SEGMENT, SEGMENT_CHARACTER)
    tail = _spelled([last], value_of, ANYTHING, CHARACTER)
    if head is None or tail is None:
        return None
    return f"{head}:{tail}" if others else tail


def _spelled(
    segments: list[tuple[str | Wildcard | Variable, ...]],
    value_of: Callable[[Variable], str | None],
    star: str,
    character: str,
) -> str | None:
    texts = []
    for parts in segments:
        text = ""
        for part in parts:
            if isinstance(part, Variable):
                value = value_of(part)
                if value is None:
                    return None
                text += value
            elif isinstance(part, Wildcard):
                text = joined(text, star if part is Wildcard.ANY else character)
            else:
                text += part
        texts.append(text)
    return ":".join(texts)


def joined(first: str, second: str) -> str:
    """Put one region behind another: two asterisks in a row are one."""
    if first[-1:] in _STARS and second[:1] in _STARS and first and second:
        star = ANYTHING if ANYTHING in (first[-1], second[0]) else SEGMENT
        return first[:-1] + star + second[1:]
    return first + second


def is_single(region: str) -> bool:
    """Whether a region has one member alone."""
    return _SPECIAL.search(region) is None


def literal_prefix(region: str) -> str:
    """Return what all members of a region begin with."""
    found = _SPECIAL.search(region)
    return region if found is None else region[: found.start()]


@lru_cache(maxsize=1 << 16)
def contains(outer: str, inner: str) -> bool:
    """Whether all members of a region are in another one, by its most general member."""
    if outer in (inner, ANYTHING):
        return True
    if not inner.startswith(literal_prefix(outer)):
        return False
    expression = _compiled(outer)
    return expression is not None and expression.fullmatch(inner) is not None


@lru_cache(maxsize=1 << 14)
def _compiled(region: str) -> re.Pattern[str] | None:
    """Return the expression that matches what a region contains; None for a single text."""
    if is_single(region):
        return None
    stars = [c for c in region if c in _STARS]
    # Matching as early as possible loses nothing, unless a later star matches less than this one.
    atomic = f"{ANYTHING}{SEGMENT}" not in "".join(stars)
    pieces = re.split(f"([{ANYTHING}{SEGMENT}])", region)
    text = _expression(pieces[0])
    for place in range(1, len(pieces), 2):
        every, piece = _CLASSES[pieces[place]], _expression(pieces[place + 1])
        if place == len(pieces) - 2:
            text += f"{every}*{piece}"
        else:
            text += f"(?>{every}*?{piece})" if atomic else f"{every}*?{piece}"
    return re.compile(text, re.DOTALL)


def _expression(piece: str) -> str:
    return "".join(_CLASSES.get(character) or re.escape(character) for character in piece)


@lru_cache(maxsize=1 << 14)
def may_meet(first: str, second: str) -> bool:
    """Whether two regions may have a member in common; if not, they surely have none."""
    one, other = literal_prefix(first), literal_prefix(second)
    length = min(len(one), len(other))
    if one[:length] != other[:length]:
        return False
    one, other = literal_prefix(first[::-1]), literal_prefix(second[::-1])
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def intersection(first: str, second: str, work: Work) -> tuple[str, ...]:
    """Return regions that together have all common members of two regions.

    They have no others, unless a variable of one region meets text in the other: then it is taken
    for an asterisk, so that they may have too many members.

    Raises:
        TooMuchWorkError: it takes too long.
    """
    work.spend()
    if not may_meet(first, second):
        return ()
    if contains(second, first):
        return (first,)
    if contains(first, second):
        return (second,)
    if is_single(first) and is_single(second):
        return ()
    if len(_SPECIAL.findall(first)) + len(_SPECIAL.findall(second)) > _MOST_WILDCARDS:
        raise TooMuchWorkError
    parts, steps = _common_parts(first, second)
    work.spend(steps)
    if parts is None:
        raise TooMuchWorkError
    return parts


@lru_cache(maxsize=1 << 15)
def _common_parts(first: str, second: str) -> tuple[tuple[str, ...] | None, int]:
    """Return what two regions have in common, and the steps that it took; None if too many."""
    work = Work(_MOST_STEPS)
    try:
        parts = _Meeting(work).of(first, second)
        if len(parts) > 1:
            work.spend(_STEPS_TO_COMPARE * len(parts))
    except TooMuchWorkError:
        return None, _MOST_STEPS
    found = sorted(p for p in parts if not any(p != o and contains(o, p) for o in parts))
    return tuple(found), _MOST_STEPS - work.left


class _Meeting:
    """The intersection of two regions, from left to right; each rest is looked at once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def of(self, first: str, second: str) -> frozenset[str]:
        key = (first, second)
        if key not in self._known:
            self._work.spend()
            found = frozenset(self._found(first, second))
            if len(found) > _MOST_PARTS:
                raise TooMuchWorkError
            self._known[key] = found
        return self._known[key]

    def _found(self, first: str, second: str) -> Iterable[str]:
        if not first or not second:
            rest = first or second
            return [""] if all(c in _STARS or is_variable(c) for c in rest) else []
        one, other = first[0], second[0]
        if one == other and (ord(one) < RESERVED or is_variable(one)):
            return self._common(first, second)
        flexible = one in _STARS or is_variable(one), other in _STARS or is_variable(other)
        if all(flexible):
            return self._two_stars(first, second)
        if any(flexible):
            return self._star(first, second) if flexible[0] else self._star(second, first)
        single = _narrower(one, other)
        return [single + rest for rest in self.of(first[1:], second[1:])] if single else []

    def _common(self, first: str, second: str) -> Iterable[str]:
        length = 1
        while (
            first[length : length + 1] == second[length : length + 1] != ""
            and ord(first[length]) < RESERVED
        ):
            length += 1
        rests = self.of(first[length:], second[length:])
        return [first[:length] + rest for rest in rests]

    def _two_stars(self, first: str, second: str) -> Iterable[str]:
        found: set[str] = set()
        for one, other in ((first, second), (second, first)):
            if is_variable(one[0]) and contains(other[0], one[0]):
                # The star takes the variable as a whole; or it ends within it, which then has
                # to hold what comes next.
                found |= {one[0] + rest for rest in self.of(one[1:], other)}
                if other[1:]:
                    star = _star_of(one[0])
                    rests = self._taking(star, one[1:], other[1:], least=1)
                    found |= {joined(_narrower_star(star, other[0]), rest) for rest in rests}
                return found
        one, other = _star_of(first[0]), _star_of(second[0])
        both = _narrower_star(one, other)
        rests = self.of(first[1:], joined(other, second[1:]))
        rests |= self.of(joined(one, first[1:]), second[1:])
        return {joined(both, rest) for rest in rests}

    def _star(self, starred: str, other: str) -> Iterable[str]:
        return self._taking(_star_of(starred[0]), starred[1:], other, least=0)

    def _taking(self, star: str, behind: str, other: str, least: int) -> Iterable[str]:
        """Let a star take some of what a region begins with; give what is left in common.

        Args:
            star: takes it.
            behind: what comes behind the star.
            other: what the star takes from.
            least: how many characters it takes at least, if they are text.
        """
        text = literal_prefix(other)
        if not text:
            return self._taking_special(star, behind, other)
        most = len(text) if star == ANYTHING else len(text.partition(":")[0])
        found: set[str] = set()
        for taken in range(least, most + 1):
            if taken == len(text):
                rests = self.of(joined(star, behind), other[taken:])
            elif (
                behind
                and behind[0] not in (text[taken], CHARACTER, SEGMENT_CHARACTER)
                and (not is_variable(behind[0]))
            ):
                continue
            else:
                rests = self.of(behind, other[taken:])
            found |= {text[:taken] + rest for rest in rests}
        return found

    def _taking_special(self, star: str, behind: str, other: str) -> Iterable[str]:
        if other[0] in _STARS or is_variable(other[0]):
            return self._two_stars(star + behind, other)
        single = other[0] if star == ANYTHING else SEGMENT_CHARACTER
        taken = {single + rest for rest in self.of(joined(star, behind), other[1:])}
        return taken | self.of(behind, other)


def _narrower(one: str, other: str) -> str:
    """Return what two characters have in common that each stand for one; "" if nothing."""
    for wide, narrow in ((one, other), (other, one)):
        if wide == CHARACTER or (wide == SEGMENT_CHARACTER and narrow not in (":", CHARACTER)):
            return narrow
    return ""


def _star_of(character: str) -> str:
    if not is_variable(character):
        return character
    return ANYTHING if ord(character) >= _VARIABLES_WITH_COLONS else SEGMENT


def _narrower_star(one: str, other: str) -> str:
    return SEGMENT if SEGMENT in (one, other) else ANYTHING


class Union:
    """Regions, looked up by what their members begin with.

    Args:
        regions: the regions.
    """

    def __init__(self, regions: Iterable[str] = ()) -> None:
        self._by_prefix: dict[str, list[str]] = {}
        self._lengths: list[int] = []
        for region in dict.fromkeys(regions):
            self.add(region)

    def add(self, region: str) -> None:
        """Add a region that is not there yet."""
        prefix = literal_prefix(region)
        self._by_prefix.setdefault(prefix, []).append(region)
        if len(prefix) not in self._lengths:
            self._lengths = sorted([*self._lengths, len(prefix)])

    def containing(self, inner: str, work: Work) -> Iterable[str]:
        """Give the regions that contain a region by themselves."""
        prefix = literal_prefix(inner)
        for length in self._lengths:
            if length > len(prefix):
                return
            for region in self._by_prefix.get(prefix[:length], ()):
                work.spend()
                if contains(region, inner):
                    yield region

    def contains(self, inner: str, work: Work) -> bool:
        """Whether one of the regions contains a region."""
        return any(True for _ in self.containing(inner, work))
