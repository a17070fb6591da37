"""Condition keys, and patterns with wildcards and variables, matched as AWS matches them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache

from mfakit.errors import MFAKitError

# Names are in lower case, since policies may spell them in any. A tuple holds several values.
Keys = Mapping[str, str | tuple[str, ...]]

# Keys that only requests sent by an AWS service itself carry.
SENT_BY_SERVICES_ALONE = frozenset([
    "aws:principalservicename", "aws:principalservicenameslist",
    "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid",
])  # fmt: skip
# The simulator must fill in each key of this set for every call that carries it.
KNOWN_KEYS = SENT_BY_SERVICES_ALONE | frozenset([
    "aws:currenttime", "aws:epochtime", "aws:multifactorauthage", "aws:multifactorauthpresent",
    "aws:principalaccount", "aws:principalarn", "aws:principalisawsservice", "aws:principaltype",
    "aws:requestedregion", "aws:securetransport", "aws:sourceidentity", "aws:sourceip",
    "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice",
    "sts:externalid", "sts:rolesessionname", "sts:sourceidentity",
])  # fmt: skip
# The rest of such a key's name is the name of a tag of the caller, in lower case too.
PRINCIPAL_TAG = "aws:principaltag/"
_A_TAG = re.compile(re.escape(PRINCIPAL_TAG) + r"[\w\s.:/=+@-]+")

# From this version of the policy language on, ${...} is a variable; before, it is plain text.
VERSION_WITH_VARIABLES = "2012-10-17"
ARN_SEGMENTS = 6
# No policy may hold a character from this one on: `regions` uses them for wildcards.
RESERVED = 0x10F000

_TOKENS = re.compile(r"\*|\?|\$\{[^}]*\}")
_TOKENS_WITHOUT_VARIABLES = re.compile(r"\*|\?")
_VARIABLE = re.compile(r"\$\{\s*([^,\s}]+)\s*(?:,\s*'([^']*)'\s*)?\}")


class UnjudgedError(MFAKitError):
    """The decision depends on a construct of the policy that this evaluator does not know.

    Attributes:
        construct: the construct, as the policy spells it.
    """

    def __init__(self, construct: str, policy: str = "") -> None:
        super().__init__(f"{construct} in policy {policy}" if policy else construct)
        self.construct = construct


class UnresolvedVariableError(UnjudgedError):
    """A policy variable refers to a key that this call does not have."""


def is_known(name: str, given: Container[str] = ()) -> bool:
    """Whether a condition key, in lower case, can be judged for a call to which keys are given."""
    return name in KNOWN_KEYS or name in given or _A_TAG.fullmatch(name) is not None


def values_of(keys: Keys, name: str) -> tuple[str, ...]:
    """Return all values of a key, whose name is in lower case; none if the key is absent."""
    found = keys.get(name, ())
    return (found,) if isinstance(found, str) else found


class Wildcard(Enum):
    """A character of a pattern that stands for other characters."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True)
class Variable:
    """A policy variable: ``${aws:username}``, or ``${aws:username, 'nobody'}``."""

    spelling: str
    key: str
    default: str | None

    def value(self, keys: Keys) -> str:
        """Return the variable's value in a call; raise UnjudgedError if it is not known."""
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
    """A pattern that texts are matched against.

    Attributes:
        text: the pattern, as the policy spells it.
        segments: the parts of each segment. The segments of an ARN are matched one by one, so that
            a wildcard matches a colon only in the last segment ("IAM User Guide", the Resource
            element).
        completed: how many segments the text lacks at its end; they match anything.
    """

    text: str
    segments: tuple[Parts, ...]
    completed: int = 0

    def matches(self, text: str, keys: Keys) -> bool:
        """Whether the pattern matches the whole of a text.

        Raises:
            UnjudgedError: a variable cannot be judged, or (UnresolvedVariableError) has no value.
        """
        expression = self._fixed
        if expression is None:
            expression = _compiled(tuple(_resolved(parts, keys) for parts in self.segments))
        return expression.fullmatch(text) is not None

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The policy variables in the pattern."""
        return tuple(p for parts in self.segments for p in parts if isinstance(p, Variable))

    @cached_property
    def _fixed(self) -> re.Pattern[str] | None:
        """The regular expression; None if it differs from call to call."""
        return None if self.variables else _compiled(self.segments)


def glob(text: str, *, variables: bool = False) -> Pattern:
    """Return the pattern of a text whose wildcards match any characters."""
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
        complete: whether segments that are missing at the end match anything, as they do in the
            Resource of a policy.
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
    """Return a regular expression that takes at most linear time for each asterisk."""
    pieces = [""]
    for part in parts:
        if part is Wildcard.ANY:
            pieces.append("")
        else:
            pieces[-1] += character if part is Wildcard.ONE else re.escape(str(part))
    first, *others = pieces
    if not others:
        return first
    # The text between two asterisks may be matched where it first occurs: no need to backtrack.
    middle = "".join(f"(?>{character}*?{piece})" for piece in others[:-1] if piece)
    return f"{first}{middle}{character}*{others[-1]}"
