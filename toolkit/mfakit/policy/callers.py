"""Who may call, as condition keys and principals of policies see them.

When each key is there: "IAM User Guide", AWS global condition context keys. What a policy asks is
answered with None where it differs from call to call or is not documented: then it counts as
met in an Allow, and as not met in a Deny.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mfakit.policy.document import Kind
from mfakit.policy.errors import UnjudgedError
from mfakit.policy.identities import (
    ARN,
    FEDERATED_USERS,
    IDENTITY_KEYS,
    ROLES,
    USERNAME,
    USERS,
    Identity,
    Question,
    federated_users_of,
    identities,
    named,
    of_account,
    question,
)
from mfakit.policy.keys import SENT_BY_SERVICES_ALONE
from mfakit.policy.principals import account_of
from mfakit.policy.regions import is_single

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mfakit.policy.conditions import Condition
    from mfakit.policy.evaluation import Statement
    from mfakit.policy.keys import Keys
    from mfakit.policy.principals import Principals

LONG_TERM_KEY = "long-term key"
WITHOUT_MFA = "session without MFA"
FEDERATION = "GetFederationToken session"
ANONYMOUS = "anonymous caller"
WITH_MFA = "session with MFA"
CALLED_BY_SERVICE = "call by a service for a session with MFA"
ROLE_SESSION = "role session"
AWS_SERVICE = "AWS service"
FEDERATED = "federated identity"

PRESENT = "aws:multifactorauthpresent"
AGE = "aws:multifactorauthage"
MFA_KEYS = (PRESENT, AGE)
_TYPE, _ACCOUNT = "aws:principaltype", "aws:principalaccount"
_VIA_SERVICE, _IS_SERVICE = "aws:viaawsservice", "aws:principalisawsservice"
_SETTLED = frozenset(
    {*MFA_KEYS, *IDENTITY_KEYS, *SENT_BY_SERVICES_ALONE, _TYPE, _VIA_SERVICE, _IS_SERVICE}
)
_DIRECT = {_VIA_SERVICE: "false", _IS_SERVICE: "false"}
# Operators that fit the values of keys; what comes of others is not documented.
_FITTING = {
    AGE: re.compile(r"(for(any|all)values?:)?(numeric|null)", re.IGNORECASE),
    _TYPE: re.compile(r"(for(any|all)values?:)?(null|string)", re.IGNORECASE),
    _ACCOUNT: re.compile(r"(for(any|all)values?:)?(null|string)", re.IGNORECASE),
}
_FITTING_FLAGS = re.compile(r"(for(any|all)values?:)?(bool|null|string)", re.IGNORECASE)
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


@dataclass(frozen=True)
class Caller:
    """Callers with credentials of one kind, whom a policy treats alike.

    Attributes:
        kind: of the credentials.
        keys: the condition keys that all their calls have, but those of the identity.
        identity: who they are; None if they are anonymous.
    """

    kind: str
    keys: Keys
    identity: Identity | None

    @property
    def settled(self) -> frozenset[str]:
        """The condition keys that are known of all their calls, by value or to be absent."""
        return _SETTLED

    def value(self, key: str) -> str | None:
        """Return the value of a settled key, as a region; None if the key is absent."""
        if self.identity is not None and key in IDENTITY_KEYS:
            own = {
                ARN: self.identity.arn,
                USERNAME: self.identity.name,
                _ACCOUNT: self.identity.account,
            }
            return own[key]
        found = self.keys.get(key)
        return found if isinstance(found, str) else None

    def meets_all(
        self, conditions: tuple[Condition, ...], among: tuple[Condition, ...]
    ) -> bool | None:
        """Tell whether all their calls meet all conditions, or none does so.

        Args:
            conditions: the conditions.
            among: all conditions of their statement: of two that differ in capital letters
                alone, it is not known what AWS makes.
        """
        answers: set[bool | None] = set()
        for condition in conditions:
            answer = self.meets(condition) if _spelled_once(condition, among) else None
            if answer is False:
                return False
            answers.add(answer)
        return None if None in answers else True

    def meets(self, condition: Condition) -> bool | None:
        """Tell whether all their calls meet a condition, or none does so."""
        key = condition.key.lower()
        plain = condition.operator.isascii() and condition.key.isascii()
        if not (plain and condition.wanted and condition.is_readable) or key not in _SETTLED:
            return None
        if self.identity is not None and key in IDENTITY_KEYS and not _asks_presence(condition):
            return self._meets_about_identity(condition, key)
        return self._meets_by_value(condition, key)

    def _meets_by_value(self, condition: Condition, key: str) -> bool | None:
        fitting = _FITTING.get(key, _FITTING_FLAGS)
        if key in self.keys and not fitting.match(condition.operator):
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
        """Tell whether a Principal element, or the list in a NotPrincipal, names all of them."""
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
            return self.identity.answer(of_account(account))
        if self.kind == FEDERATION and _A_USER.fullmatch(name):
            # The session has its user's grants, and might be meant by its name or not.
            made = self.identity.answer(made_by(name))
            return None if made else made
        if any(known.fullmatch(name) for known in _ARNS):
            return self.identity.answer(named(name))
        return False if _NO_USER.fullmatch(name) else None


def asks_mfa(statement: Statement) -> bool:
    """Whether a statement has a condition on an MFA key."""
    return any(condition.key.lower() in MFA_KEYS for condition in statement.conditions)


def _asks_presence(condition: Condition) -> bool:
    return condition.operator.lower() == "null"


def _spelled_once(condition: Condition, among: tuple[Condition, ...]) -> bool:
    spelled = (condition.operator.lower(), condition.key.lower())
    return sum((c.operator.lower(), c.key.lower()) == spelled for c in among) == 1


def _any(answers: Iterable[bool | None]) -> bool | None:
    found = set(answers)
    return True if True in found else None if None in found else False


def made_by(user: str) -> Question:
    """Return the question whether a GetFederationToken session may be a user's."""
    return Question(ARN, federated_users_of(user))


@lru_cache(maxsize=1 << 14)
def questions_of(condition: Condition) -> list[Question] | None:
    """Return what a condition asks about who calls; None if that cannot be told."""
    found = [
        question(condition.comparison, condition.key.lower(), text, variables=condition.variables)
        for text in condition.wanted
    ]
    known = [asked for asked in found if asked is not None]
    return known if len(known) == len(found) else None


def _questions(statements: Iterable[Statement]) -> Iterator[Question]:
    """Give what statements ask about who calls."""
    for statement in statements:
        for condition in statement.conditions:
            if condition.key.lower() in IDENTITY_KEYS and condition.is_known:
                asked = questions_of(condition) or ()
                yield from asked
                yield from (made_by(q.region) for q in asked if _A_USER.fullmatch(q.region))
        for kind, name in statement.principals.named if statement.principals else ():
            if kind == "AWS" and (account := account_of(name)):
                yield of_account(account)
            elif kind == "AWS" and _A_USER.fullmatch(name):
                yield named(name)
                yield made_by(name)
            elif kind == "AWS" and any(known.fullmatch(name) for known in _ARNS):
                yield named(name)


def callers(statements: Iterable[Statement], *, anonymous: bool) -> list[Caller]:
    """Return all callers without MFA, told apart by what statements ask about them.

    Args:
        statements: the statements.
        anonymous: whether there are callers without credentials.
    """
    asked = list(dict.fromkeys(_questions(statements)))
    users, federated = identities(USERS, asked), identities(FEDERATED_USERS, asked)
    found = [_user(LONG_TERM_KEY, user) for user in users]
    found += [_user(WITHOUT_MFA, user, {PRESENT: "false"}) for user in users]
    # Whether such a session has the key is not known.
    found += [_federated(user, mfa) for mfa in ({}, {PRESENT: "false"}) for user in federated]
    if anonymous:
        found += [
            Caller(ANONYMOUS, {_TYPE: "Anonymous", _VIA_SERVICE: "false", **account}, None)
            for account in ({}, {_ACCOUNT: "anonymous"})
        ]
    return found


def others(statements: Iterable[Statement], kind: Kind) -> list[Caller]:
    """Return callers who do not count: those who have used MFA, and those who never can.

    Args:
        statements: the statements.
        kind: what they belong to: what is not of a user speaks of roles and services, too.
    """
    asked = list(dict.fromkeys(_questions(statements)))
    users, mfa = identities(USERS, asked), {PRESENT: "true", AGE: "1"}
    found = [_user(WITH_MFA, user, mfa) for user in users]
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


def _federated(identity: Identity, more: dict[str, str]) -> Caller:
    return Caller(FEDERATION, {_TYPE: "FederatedUser", **_DIRECT, **more}, identity)


def shown(identity: Identity) -> str:
    """Return the ARN of a user who is known by it, else the name, else an empty text."""
    if is_single(identity.arn):
        return identity.arn
    return identity.name if identity.name is not None and is_single(identity.name) else ""
