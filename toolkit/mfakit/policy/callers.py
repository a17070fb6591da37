"""Callers, one for all whom a policy treats alike, and what is known of their condition keys.

When each key is present: "IAM User Guide", AWS global condition context keys. If a question of a
policy about a caller has no certain answer, because it differs from call to call or is not
documented, the answer is None: then it counts as met in an Allow, and as not met in a Deny.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from mfakit.policy import patterns
from mfakit.policy.document import Kind
from mfakit.policy.elements import Condition, Principals, account_of
from mfakit.policy.patterns import SENT_BY_SERVICES_ALONE, Keys, Pattern, UnjudgedError
from mfakit.policy.regions import (
    ANYTHING,
    SEGMENT,
    TooMuchWorkError,
    Work,
    contains,
    intersection,
    is_single,
    joined,
    may_meet,
    region_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mfakit.policy.evaluation import Statement

LONG_TERM_KEY = "long-term key"
WITHOUT_MFA = "session without MFA"
FEDERATION = "GetFederationToken session"
ANONYMOUS = "anonymous caller"
WITH_MFA = "session with MFA"
CALLED_BY_SERVICE = "call by a service for a session with MFA"
ROLE_SESSION = "role session"
AWS_SERVICE = "AWS service"
FEDERATED = "federated identity"
# The others have used MFA, or never can.
COUNTED = (LONG_TERM_KEY, WITHOUT_MFA, FEDERATION, ANONYMOUS)

PRESENT = "aws:multifactorauthpresent"
AGE = "aws:multifactorauthage"
MFA_KEYS = (PRESENT, AGE)
USERNAME, ARN, ACCOUNT_ID = "aws:username", "aws:principalarn", "aws:principalaccount"
IDENTITY_KEYS = (USERNAME, ARN, ACCOUNT_ID)
_TYPE = "aws:principaltype"
_VIA_SERVICE, _IS_SERVICE = "aws:viaawsservice", "aws:principalisawsservice"
_DIRECT = {_VIA_SERVICE: "false", _IS_SERVICE: "false"}
# The keys whose value, or absence, is known for all calls of a caller.
SETTLED = frozenset(
    {*MFA_KEYS, *IDENTITY_KEYS, *SENT_BY_SERVICES_ALONE, _TYPE, _VIA_SERVICE, _IS_SERVICE}
)
# Operators that suit a key's values; the result of any other is not documented.
_FOR_TEXTS = re.compile(r"(for(any|all)values?:)?(null|string)", re.IGNORECASE)
_FOR_NUMBERS = re.compile(r"(for(any|all)values?:)?(null|numeric)", re.IGNORECASE)
_FOR_FLAGS = re.compile(r"(for(any|all)values?:)?(null|string|bool)", re.IGNORECASE)
_SUITABLE = {AGE: _FOR_NUMBERS, _TYPE: _FOR_TEXTS, ACCOUNT_ID: _FOR_TEXTS}
_A_USER = re.compile(r"arn:[\w-]+:iam::[^:]*:user/.+", re.DOTALL)
_A_FEDERATED_USER = re.compile(r"arn:[\w-]+:sts::[^:]*:federated-user/.+", re.DOTALL)
_A_ROLE = re.compile(r"arn:[\w-]+:iam::[^:]*:role/.+", re.DOTALL)
_NO_USER = re.compile(
    r"arn:[\w-]+:iam::\d*:(saml-provider|oidc-provider)/.+"
    r"|arn:[\w-]+:sts::\d*:assumed-role/.+|AROA\w+",
    re.DOTALL,
)
_ARNS = (_A_USER, _A_FEDERATED_USER, _A_ROLE)
_KINDS_OF_PRINCIPALS = {"Service": AWS_SERVICE, "Federated": FEDERATED}
# "IAM User Guide", IAM and STS quotas
_A_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_AN_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_AN_ARN = re.compile(r"[^*?]+", re.DOTALL)
_ANY_USER = f"arn:{SEGMENT}:iam::{SEGMENT}:user/"
_MOST_IDENTITIES = 256
_STEPS = 200_000

_READERS: dict[str, Callable[..., Pattern]] = {
    "stringequals": patterns.exact,
    "stringequalsignorecase": patterns.exact,
    "stringlike": patterns.glob,
    "arnequals": patterns.arn,
    "arnlike": patterns.arn,
}


@dataclass(frozen=True)
class Caller:
    """Callers with one kind of credentials, whom a policy treats alike."""

    kind: str
    keys: Keys  # that all their calls have, except those of the identity
    identity: Identity | None  # None for an anonymous caller

    def value(self, key: str) -> str | None:
        """Return the value of a settled key, as a region; None if the key is absent."""
        if self.identity is not None and key in IDENTITY_KEYS:
            return self.identity.value(key)
        found = self.keys.get(key)
        return found if isinstance(found, str) else None

    def meets(self, condition: Condition) -> bool | None:
        """Whether all their calls meet a condition (True), or none does (False)."""
        key = condition.key.lower()
        plain = condition.operator.isascii() and condition.key.isascii()
        if not (plain and condition.wanted and condition.is_readable) or key not in SETTLED:
            return None
        if self.identity is not None and key in IDENTITY_KEYS and not _asks_presence(condition):
            return self._meets_about_identity(condition, key)
        return self._meets_by_value(condition, key)

    def _meets_by_value(self, condition: Condition, key: str) -> bool | None:
        suitable = _SUITABLE.get(key, _FOR_FLAGS)
        if key in self.keys and not suitable.match(condition.operator):
            return None
        if condition.variables and any("${" in text for text in condition.wanted):
            return None
        if _asks_presence(condition) and len({text.lower() for text in condition.wanted}) > 1:
            return None
        value = self.value(key)
        if value is None and condition.is_open_if_absent:
            return None
        try:
            return condition.holds({} if value is None else {key: value})
        except UnjudgedError:
            return None

    def _meets_about_identity(self, condition: Condition, key: str) -> bool | None:
        assert self.identity is not None
        if key == USERNAME and self.identity.name is None:
            return self._meets_by_value(condition, key)
        questions = questions_of(condition)
        if questions is None:
            return None
        found = _any([self.identity.answer(asked) for asked in questions])
        return found if found is None else found is not condition.is_negated

    def is_named(self, principals: Principals) -> bool | None:
        """Whether a Principal element, or the list in a NotPrincipal, names all of them."""
        return _any([self._is(kind, name) for kind, name in principals.named])

    def _is(self, kind: str, name: str) -> bool | None:
        if (kind, name) == ("AWS", "*"):
            return True
        if kind in _KINDS_OF_PRINCIPALS:
            return self.kind == _KINDS_OF_PRINCIPALS[kind]
        if self.identity is None:
            return False
        if kind != "AWS":
            return None
        if account := account_of(name):
            return self.identity.answer(Question(ACCOUNT_ID, account))
        if self.kind == FEDERATION and _A_USER.fullmatch(name):
            # The session has its user's grants; whether a Deny for the user meets it is unknown.
            made = self.identity.answer(made_by(name))
            return None if made else made
        if any(known.fullmatch(name) for known in _ARNS):
            return self.identity.answer(Question(ARN, name))
        return False if _NO_USER.fullmatch(name) else None


def asks_mfa(statement: Statement) -> bool:
    """Whether a statement has a condition on an MFA key."""
    return any(condition.key.lower() in MFA_KEYS for condition in statement.conditions)


def _asks_presence(condition: Condition) -> bool:
    return condition.operator.lower() == "null"


def _any(answers: Iterable[bool | None]) -> bool | None:
    found = set(answers)
    return True if True in found else None if None in found else False


def callers(statements: tuple[Statement, ...], kind: Kind) -> list[Caller]:
    """Return all callers of a kind of policies, told apart by what statements ask about them."""
    asked = list(dict.fromkeys(_questions(statements)))
    users, federated = identities(USERS, asked), identities(FEDERATED_USERS, asked)
    found = [_user(LONG_TERM_KEY, user) for user in users]
    found += [_user(WITHOUT_MFA, user, {PRESENT: "false"}) for user in users]
    found += [
        Caller(FEDERATION, {_TYPE: "FederatedUser", **_DIRECT, **mfa}, user)
        for mfa in ({}, {PRESENT: "false"})  # it is not documented whether they have the key
        for user in federated
    ]
    if kind is Kind.RESOURCE:
        found += [
            Caller(ANONYMOUS, {_TYPE: "Anonymous", _VIA_SERVICE: "false", **account}, None)
            for account in ({}, {ACCOUNT_ID: "anonymous"})
        ]
    found += [_user(WITH_MFA, user, {PRESENT: "true", AGE: "1"}) for user in users]
    if kind is not Kind.TRUST:
        # Such calls were reported to carry no MFA.
        found += [_user(CALLED_BY_SERVICE, user, {_VIA_SERVICE: "true"}) for user in users]
    if kind is not Kind.IDENTITY:
        found += [
            Caller(ROLE_SESSION, {_TYPE: "AssumedRole", PRESENT: "false", **_DIRECT}, role)
            for role in identities(ROLES, asked)
        ]
        found.append(Caller(AWS_SERVICE, {_VIA_SERVICE: "false", _IS_SERVICE: "true"}, None))
    if any(p == "Federated" for s in statements if s.principals for p, _ in s.principals.named):
        found.append(Caller(FEDERATED, {_VIA_SERVICE: "false"}, None))
    return found


def _user(kind: str, identity: Identity, more: dict[str, str] | None = None) -> Caller:
    return Caller(kind, {_TYPE: "User", **_DIRECT, **(more or {})}, identity)


@dataclass(frozen=True)
class Question:
    """Whether the value of one of the `IDENTITY_KEYS` is in a region."""

    key: str
    region: str
    any_case: bool = False  # whether upper and lower case do not matter


def made_by(user: str) -> Question:
    """Return the question whether a GetFederationToken session may be a user's."""
    _, partition, _, _, account, *_ = [*user.split(":"), *[""] * 5]
    if not user.startswith("arn:") or user.count(":") < patterns.ARN_SEGMENTS - 1:
        return Question(ARN, FEDERATED_USERS.arn)
    return Question(ARN, f"arn:{partition}:sts::{account}:federated-user/{ANYTHING}")


@lru_cache(maxsize=1 << 14)
def questions_of(condition: Condition) -> list[Question] | None:
    """Return what a condition asks about the caller's identity; None if that is not known."""
    found = [_question(condition, text) for text in condition.wanted]
    known = [asked for asked in found if asked is not None]
    return known if len(known) == len(found) else None


def _question(condition: Condition, text: str) -> Question | None:
    operator, key = condition.comparison, condition.key.lower()
    if operator not in _READERS or (operator.startswith("arn") and key != ARN):
        return None
    pattern = _READERS[operator](text, variables=condition.variables)
    short = text != "*" and len(pattern.segments) < patterns.ARN_SEGMENTS
    if pattern.variables or (operator.startswith("arn") and short):
        return None
    region = region_of(pattern, lambda _: None)
    return None if region is None else Question(key, region, operator == "stringequalsignorecase")


def _questions(statements: Iterable[Statement]) -> Iterator[Question]:
    """Yield all that statements ask about the caller's identity."""
    for statement in statements:
        for condition in statement.conditions:
            if condition.key.lower() in IDENTITY_KEYS and condition.is_known:
                asked = questions_of(condition) or ()
                yield from asked
                yield from (made_by(q.region) for q in asked if _A_USER.fullmatch(q.region))
        for kind, name in statement.principals.named if statement.principals else ():
            if kind == "AWS" and (account := account_of(name)):
                yield Question(ACCOUNT_ID, account)
            elif kind == "AWS" and _A_USER.fullmatch(name):
                yield Question(ARN, name)
                yield made_by(name)
            elif kind == "AWS" and any(known.fullmatch(name) for known in _ARNS):
                yield Question(ARN, name)


@dataclass(frozen=True)
class Identity:
    """Users whom a policy treats alike, or roles, or sessions of GetFederationToken."""

    arn: str  # the region of their ARNs
    name: str | None  # the region of their names; None if they have no aws:username
    answers: dict[Question, bool] = field(default_factory=dict, hash=False)

    @property
    def account(self) -> str:
        """The region of their account's number."""
        return self.arn.split(":")[4]

    @property
    def shown(self) -> str:
        """The ARN of a single user if it is known, else the name if it is known, else ""."""
        if is_single(self.arn):
            return self.arn
        return self.name if self.name is not None and is_single(self.name) else ""

    def value(self, key: str) -> str | None:
        """Return the region of one of the `IDENTITY_KEYS`; None if they do not have it."""
        if key == USERNAME:
            return self.name
        return self.arn if key == ARN else self.account

    def answer(self, asked: Question) -> bool | None:
        """Whether the answer to a question is yes for all of them (True) or for none (False)."""
        known = self.answers.get(asked)
        return self._by_value(asked) if known is None else known

    def _by_value(self, asked: Question) -> bool | None:
        own = self.value(asked.key)
        if own is None:
            return False
        if asked.any_case:
            return own.lower() == asked.region.lower() if is_single(own) else None
        return _is_within(own, asked.region)

    def split(self, asked: Question, work: Work) -> list[Identity]:
        """Split them by their answer to a question."""
        work.spend(1 + len(self.answers))
        if self.answer(asked) is not None:
            return [self]
        found = [i for i in self._narrowed(asked, work) if i.is_consistent]
        return [*found, Identity(self.arn, self.name, {**self.answers, asked: False})]

    def _narrowed(self, asked: Question, work: Work) -> Iterable[Identity]:
        answers = {**self.answers, asked: True}
        if asked.any_case:
            return [Identity(self.arn, self.name, answers)]
        if asked.key == USERNAME and self.name is not None:
            return [
                Identity(arn, name, answers)
                for name in intersection(self.name, asked.region, work)
                for arn in intersection(self.arn, f"{_ANY_USER}{joined(ANYTHING, name)}", work)
            ]
        region = asked.region
        if asked.key == ACCOUNT_ID:
            region = ":".join([*self.arn.split(":")[:4], region, self.arn.split(":", 5)[5]])
        return [
            Identity(arn, name, answers)
            for arn in intersection(self.arn, region, work)
            for name in self._names_of(arn, work)
        ]

    def _names_of(self, arn: str, work: Work) -> Iterable[str | None]:
        last = arn.rpartition("/")[2]
        if self.name is None or not is_single(last):
            return [self.name]
        return intersection(self.name, last, work)

    @property
    def is_consistent(self) -> bool:
        """Whether there can be such users; a condition may name some that nobody can be."""
        known = ((_A_NAME, self.name), (_AN_ACCOUNT, self.account), (_AN_ARN, self.arn))
        for possible, region in known:
            if region is not None and is_single(region) and not possible.fullmatch(region):
                return False
        return all(self._by_value(asked) in (None, known) for asked, known in self.answers.items())


@lru_cache(maxsize=1 << 17)
def _is_within(own: str, region: str) -> bool | None:
    """Whether a region is within another (True), or has nothing in common with it (False)."""
    if contains(region, own):
        return True
    return False if is_single(own) or not may_meet(own, region) else None


USERS = Identity(f"{_ANY_USER}{ANYTHING}", ANYTHING)
ROLES = Identity(f"arn:{SEGMENT}:iam::{SEGMENT}:role/{ANYTHING}", None)
FEDERATED_USERS = Identity(f"arn:{SEGMENT}:sts::{SEGMENT}:federated-user/{ANYTHING}", None)


def identities(everyone: Identity, questions: Iterable[Question]) -> list[Identity]:
    """Split everyone by the questions that a policy asks.

    If there would be too many identities, the remaining questions stay unanswered.
    """
    found, work = [everyone], Work(_STEPS)
    for asked in sorted(questions, key=lambda q: not is_single(q.region)):
        try:
            split = [part for identity in found for part in identity.split(asked, work)]
        except TooMuchWorkError:
            break
        if len(split) > _MOST_IDENTITIES:
            break
        found = split
    return [identity for identity in found if identity.is_consistent]
