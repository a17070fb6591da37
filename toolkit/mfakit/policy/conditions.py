"""The Condition element: its operators, and what they make of a key that is absent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from math import isfinite
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

from mfakit.policy import patterns
from mfakit.policy.errors import UnjudgedError, UnresolvedVariableError
from mfakit.policy.keys import Keys, is_known, values_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# Holds one value of a call's key against one value of the policy.
Test = Callable[[str, Keys], bool]
# Makes that test of the policy's value, and whether it may have variables.
Maker = Callable[[str, bool], Test]


class _NotComparableError(Exception):
    """A call's value is no address, or no ARN, where the operator compares those."""


@dataclass(frozen=True)
class Condition:
    """One operator with one key and the values that the policy gives for it.

    Attributes:
        operator: as spelled: ``ForAnyValue:StringLikeIfExists``.
        key: as spelled.
        wanted: the policy's values.
        variables: whether the values may have policy variables.
    """

    operator: str
    key: str
    wanted: tuple[str, ...]
    variables: bool = True

    def holds(self, keys: Keys) -> bool:
        """Tell whether the condition is met.

        Raises:
            UnjudgedError: operator, key or a value is not known.
        """
        if not self.is_known:
            raise UnjudgedError(f"Condition operator {self.operator}")
        if not is_known(self.key.lower(), keys):
            raise UnjudgedError(f"Condition key {self.key}")
        present = values_of(keys, self.key.lower())
        if self._base == "null":
            return self._null(present)
        if not present:
            return self._holds_if_absent
        if self._quantifier == "" and len(present) > 1:
            raise UnjudgedError(f"Condition key {self.key}, which has several values here,")
        each = (self._fits(value, keys) for value in present)
        return any(each) if self._quantifier == "foranyvalue" else all(each)

    @property
    def is_known(self) -> bool:
        """Whether its operator is one that is judged."""
        return self._base in OPERATORS or self._base == "null"

    @property
    def is_negated(self) -> bool:
        """Whether it asks that no value fits; its operator has to be known."""
        return self._base != "null" and self._negated

    @property
    def is_readable(self) -> bool:
        """Whether it is judged, and all its values are of the kind that its operator compares."""
        if self._base == "null":
            return all(text.lower() in ("true", "false") for text in self.wanted)
        try:
            return self.is_known and len(self._tests) > 0
        except UnjudgedError:
            return False

    @property
    def comparison(self) -> str:
        """The operator in lower case, without negation, quantifier and IfExists."""
        return self._base.replace("not", "", 1)

    @property
    def is_open_if_absent(self) -> bool:
        """Whether it is not documented what comes of it where the key is absent."""
        return self._quantifier == "foranyvalue" and self.operator.lower().endswith("ifexists")

    @cached_property
    def _quantifier(self) -> str:
        quantifier, _, _ = self.operator.lower().rpartition(":")
        return quantifier

    @cached_property
    def _base(self) -> str:
        quantifier, _, name = self.operator.lower().rpartition(":")
        known = quantifier in ("", "foranyvalue", "forallvalues")
        if name == "nullifexists" or not known or (quantifier and name == "null"):
            return self.operator
        return name.removesuffix("ifexists")

    @cached_property
    def _negated(self) -> bool:
        return OPERATORS[self._base][1]

    @cached_property
    def _holds_if_absent(self) -> bool:
        """What an absent key comes to: "IAM User Guide", condition operators and set operators."""
        if self.operator.lower().endswith("ifexists") or self._quantifier == "forallvalues":
            return True
        return self._negated and not self._quantifier

    @cached_property
    def _tests(self) -> tuple[Test, ...]:
        make = OPERATORS[self._base][0]
        try:
            return tuple(make(text, self.variables) for text in self.wanted)
        except ValueError as error:
            raise UnjudgedError(f"Condition {self.operator} with {self.key} {error}") from None

    def _fits(self, value: str, keys: Keys) -> bool:
        passes = any(self._passes(test, value, keys) for test in self._tests)
        return passes is not self._negated

    def _passes(self, test: Test, value: str, keys: Keys) -> bool:
        try:
            return test(value, keys)
        except _NotComparableError:
            return self._negated  # neither IpAddress nor NotIpAddress is met
        except ValueError:
            return False  # the call's value is no number, and no date
        except UnresolvedVariableError:
            # What has no value matches nothing; whether it differs is not documented.
            if self._negated:
                raise
            return False

    def _null(self, present: tuple[str, ...]) -> bool:
        if any(text.lower() not in ("true", "false") for text in self.wanted):
            raise UnjudgedError(f"Condition Null with {self.key} {self.wanted[0]!r}")
        return any((text.lower() == "true") == (not present) for text in self.wanted)


def _string_equals(text: str, variables: bool) -> Test:
    return patterns.exact(text, variables=variables).matches


def _string_equals_ignore_case(text: str, variables: bool) -> Test:
    pattern = patterns.exact(text.lower(), variables=variables)

    def test(value: str, keys: Keys) -> bool:
        lowered: Any = {k: v.lower() if isinstance(v, str) else v for k, v in keys.items()}
        return pattern.matches(value.lower(), lowered)

    return test


def _string_like(text: str, variables: bool) -> Test:
    return patterns.glob(text, variables=variables).matches


def _arn_like(text: str, variables: bool) -> Test:
    pattern = patterns.arn(text, variables=variables)
    if text != "*" and len(pattern.segments) < patterns.ARN_SEGMENTS:
        raise ValueError(repr(text))

    def test(value: str, keys: Keys) -> bool:
        if value.count(":") < patterns.ARN_SEGMENTS - 1:
            raise _NotComparableError
        return pattern.matches(value, keys)

    return test


def _bool(text: str, _variables: bool) -> Test:
    wanted = text.lower()
    if wanted not in ("true", "false"):
        raise ValueError(repr(text))
    # Any value but "true" is taken for false.
    return lambda value, _keys: (value.lower() == "true") is (wanted == "true")


def _binary_equals(text: str, _variables: bool) -> Test:
    wanted = _decoded(text)
    return lambda value, _keys: _decoded(value) == wanted


def _ip_address(text: str, _variables: bool) -> Test:
    from ipaddress import ip_network

    network: IPv4Network | IPv6Network = ip_network(text, strict=False)

    def test(value: str, _keys: Keys) -> bool:
        try:
            return _address(value) in network
        except ValueError:
            raise _NotComparableError from None

    return test


def _compares(read: Callable[[str], float], compare: Callable[[float, float], bool]) -> Maker:
    def make(text: str, _variables: bool) -> Test:
        wanted = read(text)
        return lambda value, _keys: compare(read(value), wanted)

    return make


@lru_cache(maxsize=256)
def _address(text: str) -> IPv4Address | IPv6Address:
    from ipaddress import ip_address

    return ip_address(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(repr(text)) from None
    if not isfinite(number):
        raise ValueError(repr(text))
    return number


@lru_cache(maxsize=256)
def _moment(text: str) -> float:
    """Return seconds since 1970, which is also one of the ways to write a date."""
    try:
        return _number(text)
    except ValueError:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(repr(text)) from None


# By name in lower case: what makes the test, and whether the operator is a negation.
OPERATORS: dict[str, tuple[Maker, bool]] = {
    "stringequals": (_string_equals, False),
    "stringnotequals": (_string_equals, True),
    "stringequalsignorecase": (_string_equals_ignore_case, False),
    "stringnotequalsignorecase": (_string_equals_ignore_case, True),
    "stringlike": (_string_like, False),
    "stringnotlike": (_string_like, True),
    "arnequals": (_arn_like, False),
    "arnlike": (_arn_like, False),
    "arnnotequals": (_arn_like, True),
    "arnnotlike": (_arn_like, True),
    "bool": (_bool, False),
    "binaryequals": (_binary_equals, False),
    "ipaddress": (_ip_address, False),
    "notipaddress": (_ip_address, True),
    "numericequals": (_compares(_number, eq), False),
    "numericnotequals": (_compares(_number, eq), True),
    "numericlessthan": (_compares(_number, lt), False),
    "numericlessthanequals": (_compares(_number, le), False),
    "numericgreaterthan": (_compares(_number, gt), False),
    "numericgreaterthanequals": (_compares(_number, ge), False),
    "dateequals": (_compares(_moment, eq), False),
    "datenotequals": (_compares(_moment, eq), True),
    "datelessthan": (_compares(_moment, lt), False),
    "datelessthanequals": (_compares(_moment, le), False),
    "dategreaterthan": (_compares(_moment, gt), False),
    "dategreaterthanequals": (_compares(_moment, ge), False),
}
