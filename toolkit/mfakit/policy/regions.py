"""Sets of actions and of resources, as policies describe them with wildcards and variables.

A region is a text in which each wildcard and each variable is one character that no policy may
hold. So it is its own most general member: only another asterisk matches the character of an
asterisk, and so on. If a pattern matches this member, it contains the whole region, whatever the
wildcards stand for. Without question marks, a union of patterns contains a region only if one of
them does, because no other pattern matches a text with new letters in place of the wildcards.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING

from mfakit.policy.document import MalformedPolicyError
from mfakit.policy.patterns import RESERVED, Parts, Pattern, Variable, Wildcard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Within an ARN, wildcards match no colon, except in the last segment.
ANYTHING, SEGMENT = chr(RESERVED), chr(RESERVED + 1)
CHARACTER, SEGMENT_CHARACTER = chr(RESERVED + 2), chr(RESERVED + 3)
_BEGINNING, _END = chr(RESERVED + 4), chr(RESERVED + 5)
_VARIABLES = RESERVED + 0x10
_VARIABLES_WITH_COLONS = RESERVED + 0x800
_LAST = 0x10FFFF
_STARS = (ANYTHING, SEGMENT)
_STAR = re.compile(f"[{ANYTHING}{SEGMENT}]")
_WIDE_BEFORE_NARROW = ANYTHING + SEGMENT
_SPECIAL = re.compile(f"[{chr(RESERVED)}-{chr(_LAST)}]")
_NO_TEXT = f"{ANYTHING}{SEGMENT}{chr(_VARIABLES)}-{chr(_LAST)}"
_COLONS = f":{ANYTHING}{CHARACTER}{chr(_VARIABLES_WITH_COLONS)}-{chr(_LAST)}"
_NOT_IN_SEGMENT = re.compile(f"[{_COLONS}]")
# What each wildcard of a pattern matches in a region.
_CLASSES = {
    ANYTHING: ".",
    SEGMENT: f"[^{_COLONS}]",
    CHARACTER: f"[^{_NO_TEXT}]",
    SEGMENT_CHARACTER: f"[^:{CHARACTER}{_NO_TEXT}]",
}
_MOST_WILDCARDS = 40  # of two regions that are intersected
_MOST_PARTS = 300  # of an intersection
_MOST_STEPS = 30_000  # of an intersection
_LONGEST_PIECE = 16  # of those that regions are filed under


class TooMuchWorkError(Exception):
    """The question would take too long to decide."""


class Work:
    """A bound on the steps that a decision may take, which may count for another bound, too."""

    def __init__(self, steps: int, within: Work | None = None) -> None:
        self.left = steps
        self._within = within

    def spend(self, steps: int = 1) -> None:
        """Count steps; raise TooMuchWorkError if there are too many."""
        self.left -= steps
        if self.left < 0:
            raise TooMuchWorkError
        if self._within is not None:
            self._within.spend(steps)

    @property
    def is_spent(self) -> bool:
        """Whether there were too many steps."""
        return self.left < 0 or (self._within is not None and self._within.is_spent)


class Variables:
    """The characters that stand for policy variables."""

    def __init__(self) -> None:
        self._characters: dict[tuple[str, int], str] = {}

    def of(self, name: str, place: int, *, colons: bool) -> str:
        """Return the character of a variable, or of the part of its value at a place.

        Raises:
            MalformedPolicyError: there are more variables than can be told apart.
        """
        number, found = len(self._characters), (name, place)
        if found not in self._characters:
            if number >= _VARIABLES_WITH_COLONS - _VARIABLES:
                raise MalformedPolicyError(
                    f"the policies hold more than {number:,} policy variables",
                    "IAM takes no policy as large as that: judge fewer at a time",
                )
            first = _VARIABLES_WITH_COLONS if colons else _VARIABLES
            self._characters[found] = chr(first + number)
        return self._characters[found]

    def shown(self, region: str) -> str:
        """Return a region as a policy spells it."""
        names = {c: name for (name, _), c in self._characters.items()}
        plain = {ANYTHING: "*", SEGMENT: "*", CHARACTER: "?", SEGMENT_CHARACTER: "?"}
        return "".join(plain.get(c) or names.get(c, c) for c in region)


def is_variable(character: str) -> bool:
    """Whether a character of a region stands for a variable."""
    return ord(character) >= _VARIABLES


def region_of(
    pattern: Pattern, value_of: Callable[[Variable], str | None], *, widest: bool = False
) -> str | None:
    """Return the region of a pattern; None if it is empty, since a variable has no value.

    Args:
        pattern: of an action, or of an ARN, whose segments are matched one by one.
        value_of: returns the value of a variable, as a region.
        widest: whether an ARN with too few segments becomes rather too large a region than too
            small a one. IAM refuses such ARNs, except those that end in an asterisk.
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
    segments: list[Parts], value_of: Callable[[Variable], str | None], star: str, character: str
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
    """Concatenate two regions: two asterisks in a row become one."""
    if first[-1:] in _STARS and second[:1] in _STARS and first and second:
        star = ANYTHING if ANYTHING in (first[-1], second[0]) else SEGMENT
        return first[:-1] + star + second[1:]
    return first + second


def is_single(region: str) -> bool:
    """Whether a region has only one member."""
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
    pieces, stars = _cut(outer)
    if CHARACTER in outer or SEGMENT_CHARACTER in outer or _WIDE_BEFORE_NARROW in stars:
        if not inner.startswith(literal_prefix(outer)):
            return False
        return _compiled(outer).fullmatch(inner) is not None
    return bool(stars) and _matches(pieces, stars, inner)


def _matches(pieces: list[str], stars: str, text: str) -> bool:
    """Whether pieces with stars between them match a text, without the cost of an expression.

    Each piece is matched where it first occurs: no later star may match less than an earlier one.
    """
    first, *middle, last = pieces
    place, end = len(first), len(text) - len(last)
    if place > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for star, piece in zip(stars[:-1], middle, strict=True):
        found = text.find(piece, place, end)
        if found < 0 or not _takes(star, text, place, found):
            return False
        place = found + len(piece)
    return _takes(stars[-1], text, place, end)


def _takes(star: str, text: str, start: int, end: int) -> bool:
    return star == ANYTHING or _NOT_IN_SEGMENT.search(text, start, end) is None


@lru_cache(maxsize=1 << 14)
def _cut(region: str) -> tuple[list[str], str]:
    """Return the pieces of a region between its stars, and the stars."""
    return _STAR.split(region), "".join(_STAR.findall(region))


@lru_cache(maxsize=1 << 12)
def _compiled(region: str) -> re.Pattern[str]:
    """Return the expression that matches the regions that a region contains."""
    pieces, stars = _cut(region)
    atomic = _WIDE_BEFORE_NARROW not in stars
    text = _expression(pieces[0])
    for number, (star, piece) in enumerate(zip(stars, pieces[1:], strict=True), 1):
        every, rest = _CLASSES[star], _expression(piece)
        if number == len(stars):
            text += f"{every}*{rest}"
        else:
            text += f"(?>{every}*?{rest})" if atomic else f"{every}*?{rest}"
    return re.compile(text, re.DOTALL)


def _expression(piece: str) -> str:
    return "".join(_CLASSES.get(character) or re.escape(character) for character in piece)


def may_meet(first: str, second: str) -> bool:
    """Whether two regions may have a member in common; if not, they certainly have none."""
    (one, end), (other, other_end) = _ends(first), _ends(second)
    return (one.startswith(other) or other.startswith(one)) and (
        end.endswith(other_end) or other_end.endswith(end)
    )


@lru_cache(maxsize=1 << 15)
def _ends(region: str) -> tuple[str, str]:
    """Return what all members of a region begin with, and what they end in."""
    return literal_prefix(region), literal_prefix(region[::-1])[::-1]


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
        work.spend(len(parts) ** 2 // 2)
    except TooMuchWorkError:
        return None, _MOST_STEPS
    bare = {part: _STAR.sub("", part) for part in parts}
    found = {part for part in parts if not any(_contains_other(o, part, bare) for o in parts)}
    return tuple(sorted(found)), _MOST_STEPS - work.left


def _contains_other(outer: str, inner: str, bare: dict[str, str]) -> bool:
    """Whether a region contains another one, compared first by what they are without stars."""
    one, other = bare[outer], bare[inner]
    fits = one == other or len(one) < len(other) or CHARACTER in one or SEGMENT_CHARACTER in one
    return fits and outer != inner and contains(outer, inner)


class _Meeting:
    """The intersection of two regions, from left to right; each pair of rests is solved once."""

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
            starred, text = (first, second) if flexible[0] else (second, first)
            return self._taking(_star_of(starred[0]), starred[1:], text, least=0)
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

    def _taking(self, star: str, behind: str, other: str, least: int) -> Iterable[str]:
        """Return what a star, with a rest behind it, has in common with another region.

        It matches at least `least` of the other region's first characters, if they are text.
        """
        text = literal_prefix(other)
        if not text:
            return self._taking_special(star, behind, other)
        most = len(text) if star == ANYTHING else len(text.partition(":")[0])
        is_text = behind != "" and ord(behind[0]) < RESERVED
        found: set[str] = set()
        for taken in range(least, most + 1):
            if taken == len(text):
                rests = self.of(joined(star, behind), other[taken:])
            elif is_text and behind[0] != text[taken]:
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
    """Return what two characters that are not stars have in common; "" if nothing."""
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


class Index:
    """Looks up which of many regions contain a region, without comparing it with each of them.

    A region can only contain another if each of its literal pieces is in a literal piece of the
    other. So each region is filed under that of its pieces that the fewest of them have.
    """

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        self._bits: dict[str, int] = {}
        for region, bits in entries:
            self._bits[region] = self._bits.get(region, 0) | bits
        pieces = {r: [p[-_LONGEST_PIECE:] for p in _anchored_pieces(r)] for r in self._bits}
        common = Counter(piece for each in pieces.values() for piece in set(each))
        self._by_piece: dict[str, list[str]] = {}
        for region, each in pieces.items():
            rarest = min(each, key=lambda piece: (common[piece], -len(piece)))
            self._by_piece.setdefault(rarest, []).append(region)
        self._lengths = {len(piece) for piece in self._by_piece}
        self._known: dict[str, int] = {}

    def containing(self, inner: str, work: Work) -> int:
        """Return the bits of all regions that contain a region."""
        work.spend()
        if inner not in self._known:
            work.spend(len(inner) // 16)
            candidates = [region for p in self._pieces_in(inner) for region in self._by_piece[p]]
            work.spend(len(candidates))
            found = (self._bits[region] for region in candidates if contains(region, inner))
            self._known[inner] = reduce(or_, found, 0)
        return self._known[inner]

    def _pieces_in(self, inner: str) -> set[str]:
        return {
            part
            for piece in _anchored_pieces(inner)
            for length in self._lengths
            for start in range(len(piece) - length + 1)
            if (part := piece[start : start + length]) in self._by_piece
        }


def _anchored_pieces(region: str) -> list[str]:
    """Return a region's literal pieces; the first and the last one are marked as such."""
    pieces = _SPECIAL.split(region)
    pieces[0] = _BEGINNING + pieces[0]
    pieces[-1] += _END
    return pieces
