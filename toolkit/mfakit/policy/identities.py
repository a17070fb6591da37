"""Users of an account, as a policy tells them apart: each set of users that it treats alike."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from mfakit.policy import patterns
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
    from collections.abc import Callable, Iterable

    from mfakit.policy.patterns import Pattern

USERNAME, ARN, ACCOUNT_ID = "aws:username", "aws:principalarn", "aws:principalaccount"
IDENTITY_KEYS = (USERNAME, ARN, ACCOUNT_ID)
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
class Question:
    """Whether the name, the ARN or the account of a user is in a region.

    Attributes:
        key: the condition key that holds it, in lower case.
        region: the region.
        any_case: whether capital letters are as good as small ones.
    """

    key: str
    region: str
    any_case: bool = False


def question(operator: str, key: str, text: str, *, variables: bool) -> Question | None:
    """Return what a condition's value asks about a user; None if it cannot be told.

    Args:
        operator: in lower case, without Not, IfExists and ForAnyValue.
        key: one of `IDENTITY_KEYS`.
        text: the value.
        variables: whether it may hold policy variables.
    """
    if operator not in _READERS or (operator.startswith("arn") and key != ARN):
        return None
    pattern = _READERS[operator](text, variables=variables)
    short = text != "*" and len(pattern.segments) < patterns.ARN_SEGMENTS
    if pattern.variables or (operator.startswith("arn") and short):
        return None
    region = region_of(pattern, lambda _: None)
    any_case = operator == "stringequalsignorecase"
    return None if region is None else Question(key, region, any_case)


def named(arn: str) -> Question:
    """Return the question whether somebody has an ARN."""
    return Question(ARN, arn)


def of_account(account: str) -> Question:
    """Return the question whether somebody is of an account."""
    return Question(ACCOUNT_ID, account)


@dataclass(frozen=True)
class Identity:
    """Users whom a policy treats alike, or sessions of GetFederationToken.

    Attributes:
        arn: the region of their ARNs.
        name: the region of their names; None if they have no aws:username.
        answers: what is known of them beside that.
    """

    arn: str
    name: str | None
    answers: dict[Question, bool] = field(default_factory=dict, hash=False)

    @property
    def account(self) -> str:
        """The region of their account's number."""
        return self.arn.split(":")[4]

    def answer(self, asked: Question) -> bool | None:
        """Tell whether all of them (True) or none of them (False) are what is asked for."""
        return self.answers[asked] if asked in self.answers else self._told(asked)

    def _told(self, asked: Question) -> bool | None:
        own = {USERNAME: self.name, ARN: self.arn, ACCOUNT_ID: self.account}[asked.key]
        if own is None:
            return False
        if asked.any_case:
            return own.lower() == asked.region.lower() if is_single(own) else None
        return _is_within(own, asked.region)

    def split(self, asked: Question, work: Work) -> list[Identity]:
        """Tell those of them who are what is asked for from the others.

        Raises:
            TooMuchWorkError: it takes too long.
        """
        work.spend(1 + len(self.answers))
        if self.answer(asked) is not None:
            return [self]
        found = [i for i in self._narrowed(asked, work) if i._is_consistent]
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
    def _is_consistent(self) -> bool:
        """Whether there can be such users; a condition may name some that nobody can be."""
        known = ((_A_NAME, self.name), (_AN_ACCOUNT, self.account), (_AN_ARN, self.arn))
        for possible, region in known:
            if region is not None and is_single(region) and not possible.fullmatch(region):
                return False
        return all(self._told(asked) in (None, known) for asked, known in self.answers.items())


@lru_cache(maxsize=1 << 17)
def _is_within(own: str, region: str) -> bool | None:
    """Tell whether a region is within another one (True), or surely has nothing of it (False)."""
    if contains(region, own):
        return True
    return False if is_single(own) or not may_meet(own, region) else None


USERS = Identity(f"{_ANY_USER}{ANYTHING}", ANYTHING)
ROLES = Identity(f"arn:{SEGMENT}:iam::{SEGMENT}:role/{ANYTHING}", None)
FEDERATED_USERS = Identity(f"arn:{SEGMENT}:sts::{SEGMENT}:federated-user/{ANYTHING}", None)


def federated_users_of(user: str) -> str:
    """Return the region of the GetFederationToken sessions that users of a region can make."""
    _, partition, _, _, account, *_ = [*user.split(":"), *[""] * 5]
    if not user.startswith("arn:") or user.count(":") < patterns.ARN_SEGMENTS - 1:
        return FEDERATED_USERS.arn
    return f"arn:{partition}:sts::{account}:federated-user/{ANYTHING}"


def identities(everyone: Identity, questions: Iterable[Question]) -> list[Identity]:
    """Tell users apart by what a policy asks of them.

    Together, what is returned has all of them, since what is not asked for some of them, because
    there would be too many, stays open for them.

    Args:
        everyone: all users, or all sessions of GetFederationToken.
        questions: what is asked.
    """
    found, work = [everyone], Work(_STEPS)
    ordered = sorted(dict.fromkeys(questions), key=lambda q: not is_single(q.region))
    for asked in ordered:
        try:
            told_apart = [part for identity in found for part in identity.split(asked, work)]
        except TooMuchWorkError:
            break
        if len(told_apart) > _MOST_IDENTITIES:
            break
        found = told_apart
    return [identity for identity in found if identity._is_consistent]
