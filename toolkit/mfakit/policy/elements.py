"""The elements of a statement: actions and resources, principals, and conditions."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property, lru_cache
from math import isfinite
from operator import eq, ge, gt, le, lt
from typing import Any

from mfakit.policy import patterns
from mfakit.policy.patterns import (
    Keys,
    Pattern,
    UnjudgedError,
    UnresolvedVariableError,
    is_known,
    values_of,
)

ACCOUNT = re.compile(r"\d{12}")
ACCOUNT_ROOT = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")


@dataclass(frozen=True)
class Element:
    """An Action, NotAction, Resource or NotResource element."""

    name: str
    patterns: tuple[Pattern, ...]
    negated: bool = False

    @cached_property
    def is_everything(self) -> bool:
        """Whether the element has a lone asterisk."""
        return any(pattern.text == "*" for pattern in self.patterns)

    def holds(self, text: str, keys: Keys) -> bool:
        """Whether the statement applies to an action or a resource; or raise UnjudgedError."""
        return any(self._matches(p, text, keys) for p in self.patterns) is not self.negated

    def _matches(self, pattern: Pattern, text: str, keys: Keys) -> bool:
        try:
            return pattern.matches(text, keys)
        except UnresolvedVariableError:
            if self.negated:
                raise
            return False

    def __str__(self) -> str:
        return f"{self.name} {', '.join(pattern.text for pattern in self.patterns)}"


@dataclass(frozen=True)
class Principal:
    """The caller, with every name that a policy may use for it.

    An anonymous caller is a `Principal` with nothing set.

    Attributes:
        account_id: twelve digits; empty for a caller without an account, such as a service.
        arn: a user's, the root user's, or a session's: ``arn:aws:sts::1:assumed-role/R/S``,
            ``arn:aws:sts::1:federated-user/N``.
        role_arn: the role that a session is of, or the user who made a federated user.
        unique_ids: such as ``AIDA...``, which policies hold in place of ARNs that were deleted; a
            role session has its role's.
        service: such as ``lambda.amazonaws.com``.
        federated: the provider that vouches for the caller.
        canonical_user: the canonical user id that S3 knows the account by.
        has_boundary: whether the caller has a permissions boundary: then no NotPrincipal exempts
            it ("IAM User Guide", permissions boundaries).
    """

    account_id: str = ""
    arn: str = ""
    role_arn: str = ""
    unique_ids: tuple[str, ...] = ()
    service: str = ""
    federated: str = ""
    canonical_user: str = ""
    has_boundary: bool = False

    @property
    def is_root(self) -> bool:
        """Whether the caller is the root user of an account."""
        return ACCOUNT_ROOT.fullmatch(self.arn) is not None


class Reach(IntEnum):
    """How directly a Principal element names the caller; a higher value grants more.

    The order is that of the IAM User Guide ("How AWS enforcement code logic evaluates requests",
    on resource-based policies within one account).
    """

    NOBODY = 0
    ACCOUNT = 1  # the caller's account, which must allow the call as well
    # The role of a role session, or the user who made a federated user. Boundary and session
    # policy still limit such a grant.
    ISSUER = 2
    # The user, the session itself, or everyone. Only an explicit deny limits such a grant.
    CALLER = 3


@dataclass(frozen=True)
class Principals:
    """A Principal element, or a NotPrincipal, which is negated."""

    named: tuple[tuple[str, str], ...]  # kind and name; a lone * is of the kind AWS
    negated: bool = False

    def include(self, caller: Principal | None) -> bool:
        """Whether the statement applies to the caller; raise UnjudgedError if it is not known."""
        if caller is None:
            raise UnjudgedError("Principal, without a known caller,")
        if self.negated:
            return not self._exempts(caller)
        return self.reach(caller) is not Reach.NOBODY

    def reach(self, caller: Principal) -> Reach:
        """Return how directly a Principal element names the caller; or raise UnjudgedError."""
        reaches = [self._reach_of(kind, name, caller) for kind, name in self.named]
        return max(reaches, default=Reach.NOBODY)

    def _reach_of(self, kind: str, name: str, caller: Principal) -> Reach:
        if not self._is_named(kind, name, caller):
            named = bool(caller.account_id) and account_of(name) == caller.account_id
            return Reach.ACCOUNT if named and kind == "AWS" else Reach.NOBODY
        if name == "*" or name == caller.arn or not caller.role_arn:
            return Reach.CALLER
        return Reach.ISSUER

    def _is_named(self, kind: str, name: str, caller: Principal) -> bool:
        if kind == "AWS":
            ids = (caller.arn, caller.role_arn, *caller.unique_ids)
            return name == "*" or (bool(name) and name in ids)
        if kind == "CanonicalUser" and caller.account_id and not caller.canonical_user:
            raise UnjudgedError("Principal CanonicalUser")
        held = {"Service": caller.service, "Federated": caller.federated}
        own = held.get(kind, caller.canonical_user)
        return bool(own) and name in (own, "*")

    def _exempts(self, caller: Principal) -> bool:
        """Whether a NotPrincipal exempts the caller: it must list each name of the caller.

        AWS may judge the account before the role, the user and the session, and documents only
        that a missing one might deny the caller. So if some names are missing, this raises.
        """
        if any(self._is_named(k, n, caller) for k, n in self.named if k != "AWS" or n == "*"):
            return True
        if caller.has_boundary:
            return False
        arns = {caller.arn, caller.role_arn} - {""} if not caller.is_root else set()
        named = [("AWS", arn) in self.named for arn in arns]
        if caller.account_id:
            named.append(
                any(account_of(n) == caller.account_id for k, n in self.named if k == "AWS")
            )
        if named and all(named):
            return True
        if not any(named):
            return False
        raise UnjudgedError("NotPrincipal without all of the caller's account, role, user, session")


def account_of(name: str) -> str:
    """Return the account that a principal names as a whole; an empty text if it names none."""
    if ACCOUNT.fullmatch(name):
        return name
    found = ACCOUNT_ROOT.fullmatch(name)
    return found[1] if found else ""


# Compares one value of a call's key with one value of the policy.
Test = Callable[[str, Keys], bool]
# Makes that test from the policy's value, and from whether the value may have variables.
Maker = Callable[[str, bool], Test]


class _NotComparableError(Exception):
    """A call's value is no IP address, or no ARN, but the operator compares those."""


@dataclass(frozen=True)
class Condition:
    """One operator with one key, both as spelled, and the values that the policy gives for it."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    variables: bool = True  # whether the values may have policy variables

    def holds(self, keys: Keys) -> bool:
        """Whether the condition is met; raise UnjudgedError if that is not known."""
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
        """Whether this evaluator knows the operator."""
        return self._base in OPERATORS or self._base == "null"

    @property
    def is_negated(self) -> bool:
        """Whether the operator, which must be known, is a negation."""
        return self._base != "null" and self._negated

    @property
    def is_readable(self) -> bool:
        """Whether the operator is known, and can compare all values of the policy."""
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
        """Whether AWS does not document the result for an absent key."""
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
        """The result for an absent key: "IAM User Guide", condition operators and set operators."""
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
            return self._negated  # so that neither IpAddress nor NotIpAddress is met
        except ValueError:
            return False  # the call's value is no number, or no date
        except UnresolvedVariableError:
            # A variable without a value equals nothing; whether it differs is not documented.
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
    # AWS takes any value but "true" for false.
    return lambda value, _keys: (value.lower() == "true") is (wanted == "true")


def _binary_equals(text: str, _variables: bool) -> Test:
    wanted = _decoded(text)
    return lambda value, _keys: _decoded(value) == wanted


def _ip_address(text: str, _variables: bool) -> Test:
    from ipaddress import ip_address, ip_network

    network = ip_network(text, strict=False)

    def test(value: str, _keys: Keys) -> bool:
        try:
            return ip_address(value) in network
        except ValueError:
            raise _NotComparableError from None

    return test


def _compares(read: Callable[[str], float], compare: Callable[[float, float], bool]) -> Maker:
    def make(text: str, _variables: bool) -> Test:
        wanted = read(text)
        return lambda value, _keys: compare(read(value), wanted)

    return make


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
    """Return seconds since 1970; a policy may also write a date as that number."""
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


# By name in lower case: the maker of the test, and whether the operator is a negation.
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
