"""Texts of a policy with wildcards and variables, matched as AWS matches them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from mfakit.policy.errors import UnjudgedError, UnresolvedVariableError
from mfakit.policy.keys import is_known, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mfakit.policy.keys import Keys

# From this version of the policy language on, ${...} is a variable; before, it is plain text.
VERSION_WITH_VARIABLES = "2012-10-17"
ARN_SEGMENTS = 6
# No policy may hold a character from this one on: `regions` uses them for wildcards.
RESERVED = 0x10F000

_TOKENS = re.compile(r"\*|\?|\$\{[^}]*\}")
_TOKENS_WITHOUT_VARIABLES = re.compile(r"\*|\?")
_VARIABLE = re.compile(r"\$\{\s*([^,\s}]+)\s*(?:,\s*'([^']*)'\s*)?\}")


class Wildcard(Enum):
    """What stands for other characters."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True)
class Variable:
    """A policy variable: ``${aws:username}``, or ``${aws:username, 'nobody'}``."""

    spelling: str
    key: str
    default: str | None

    def value(self, keys: Keys) -> str:
        """Return what it stands for in a call.

        Raises:
            UnjudgedError: the key is not known, or has several values.
            UnresolvedVariableError: the call has no such key, and there is no default.
        """
        if not is_known(self.key, keys):
            raise UnjudgedError(f"policy variable {self.spelling}")
        found = values_of(keys, self.key)
        if len(found) > 1:
            raise UnjudgedError(f"policy variable {self.spelling}, which has several values here,")
        if found:
            return found[0]
        if self.default is None:
            raise UnresolvedVariableError(f"policy variable {self.spelling}, which has no value,")
        return self.default


Part = str | Wildcard | Variable
Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Pattern:
    """A text that other texts are held against.

    Attributes:
        text: as the policy spells it.
        segments: what it is made of; those of an ARN are matched one by one, so that a wildcard
            matches a colon in the last of them alone ("IAM User Guide", the Resource element).
        completed: how many segments the text lacks at its end, which may then be anything.
    """

    text: str
    segments: tuple[Parts, ...]
    completed: int = 0

    def matches(self, text: str, keys: Keys) -> bool:
        """Tell whether the whole of a text is what this stands for.

        Raises:
            UnjudgedError: a variable cannot be judged, or (UnresolvedVariableError) has no value.
        """
        expression = self._fixed
        if expression is None:
            expression = _compiled(tuple(_resolved(parts, keys) for parts in self.segments))
        return expression.fullmatch(text) is not None

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The policy variables in it."""
        return tuple(p for parts in self.segments for p in parts if isinstance(p, Variable))

    @cached_property
    def _fixed(self) -> re.Pattern[str] | None:
        """The expression, unless it differs from call to call."""
        return None if self.variables else _compiled(self.segments)


def glob(text: str, *, variables: bool = False) -> Pattern:
    """Return the pattern of a text whose wildcards match anything."""
    return Pattern(text, (tuple(_parts(text, variables)),))


def exact(text: str, *, variables: bool = False) -> Pattern:
    """Return the pattern of a text without wildcards: an asterisk is an asterisk."""
    parts = (p.value if isinstance(p, Wildcard) else p for p in _parts(text, variables))
    return Pattern(text, (tuple(parts),))


def arn(text: str, *, variables: bool = False, complete: bool = False) -> Pattern:
    """Return the pattern of an ARN.

    Args:
        text: the ARN, or ``*`` for any.
        variables: whether ``${...}`` is a variable.
        complete: whether segments that are missing at the end may be anything, as they may be in
            the Resource of a policy.
    """
    if text == "*":
        return glob(text)
    segments = _segments(_parts(text, variables))
    missing = ARN_SEGMENTS - len(segments) if complete else 0
    segments += [[Wildcard.ANY]] * missing
    return Pattern(text, tuple(tuple(parts) for parts in segments), missing)


def _parts(text: str, variables: bool) -> Iterator[Part]:
    tokens = _TOKENS if variables else _TOKENS_WITHOUT_VARIABLES
    end = 0
    for found in tokens.finditer(text):
        yield text[end : found.start()]
        yield _part(found[0])
        end = found.end()
    yield text[end:]


def _part(token: str) -> Part:
    if not token.startswith("$"):
        return Wildcard(token)
    if token in ("${*}", "${?}", "${$}"):
        return token[2]
    found = _VARIABLE.fullmatch(token)
    name, default = (found[1], found[2]) if found else (token, None)
    return Variable(token, name.lower(), default)


def _segments(parts: Iterable[Part]) -> list[list[Part]]:
    """Cut at the colons that the policy itself spells, up to the last segment of an ARN."""
    segments: list[list[Part]] = [[]]
    for part in parts:
        if not isinstance(part, str):
            segments[-1].append(part)
            continue
        first, *others = part.split(":", ARN_SEGMENTS - len(segments))
        segments[-1].append(first)
        segments.extend([other] for other in others)
    return segments


def _resolved(parts: Parts, keys: Keys) -> Parts:
    return tuple(p.value(keys) if isinstance(p, Variable) else p for p in parts)


@lru_cache(maxsize=4096)
def _compiled(segments: tuple[Parts, ...]) -> re.Pattern[str]:
    *others, last = segments
    expressions = [_expression(parts, "[^:]") for parts in others]
    return re.compile(":".join([*expressions, _expression(last, ".")]), re.DOTALL)


def _expression(parts: Parts, character: str) -> str:
    """Return a regular expression that takes no more than linear time for each asterisk."""
    pieces = [""]
    for part in parts:
        if part is Wildcard.ANY:
            pieces.append("")
        else:
            pieces[-1] += character if part is Wildcard.ONE else re.escape(str(part))
    first, *others = pieces
    if not others:
        return first
    # What stands between two asterisks is best found where it comes first, once and for all.
    middle = "".join(f"(?>{character}*?{piece})" for piece in others[:-1] if piece)
    return f"{first}{middle}{character}*{others[-1]}"
