"""What is claimed of policies: that nobody gets in without MFA, alone and beside other policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy import patterns
from mfakit.policy.callers import FEDERATION, Caller, asks_mfa, made_by, questions_of
from mfakit.policy.document import Kind
from mfakit.policy.evaluation import Element, Statement
from mfakit.policy.holes import Hole, Search
from mfakit.policy.identities import ACCOUNT_ID, IDENTITY_KEYS, USERNAME
from mfakit.policy.regions import Work, region_of
from mfakit.policy.rules import (
    ANY_ACTION,
    ANY_RESOURCE,
    NO_RESOURCE,
    Part,
    Reader,
    Rule,
    action_region,
)

if TYPE_CHECKING:
    from mfakit.policy.conditions import Condition

ALONE, GUARD = "alone", "guard"
# What it takes to get a device and a session, and hurts nobody.
EXEMPT = (
    "iam:CreateVirtualMFADevice",
    "iam:DeleteVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:GetMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ListVirtualMFADevices",
    "iam:ResyncMFADevice",
    "sts:GetCallerIdentity",
    "sts:GetSessionToken",
)
Includes = Callable[[Caller], bool]


@dataclass(frozen=True)
class Scope:
    """Which calls a claim is about.

    Attributes:
        kind: what the policies belong to.
        actions: patterns of actions; all if there are none.
        resources: patterns of ARNs; all if there are none.
        exempt: patterns of actions that do not count.
        whole: whether the policies are all that a user has.
    """

    kind: Kind
    actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    whole: bool = False

    def parts(self) -> list[Part]:
        """Return the calls."""
        actions = [action_region(text) for text in self.actions] or [ANY_ACTION]
        read = (patterns.arn(text, complete=True) for text in self.resources)
        found = [region_of(pattern, lambda _: None, widest=True) for pattern in read]
        resources = [region for region in found if region is not None] or [ANY_RESOURCE]
        if self.kind is Kind.TRUST:
            resources = [NO_RESOURCE]
        return [Part(action, resource) for action in actions for resource in resources]


def claims(statements: tuple[Statement, ...], scope: Scope, callers: list[Caller]) -> list[Claim]:
    """Return what is claimed of policies.

    Args:
        statements: of all policies.
        scope: which calls it is about.
        callers: who does not get in.
    """
    allows = tuple(s for s in statements if s.effect == "Allow")
    guards = any(s.effect == "Deny" and asks_mfa(s) for s in statements)
    found = []
    if allows or scope.whole or scope.kind is Kind.TRUST:
        found.append(Claim(ALONE, statements, allows, scope))
    if scope.kind is not Kind.TRUST and not scope.whole and (guards or not allows):
        everything = _everything(statements, scope.kind)
        includes = _audience(statements, callers) if scope.kind is Kind.RESOURCE else _everyone
        found.append(Claim(GUARD, statements, (everything,), scope, includes))
    return found


def _everyone(_caller: Caller) -> bool:
    return True


def _everything(statements: tuple[Statement, ...], kind: Kind) -> Statement:
    """Return an Allow of everything; beside the policy of a resource, of all that it names."""
    actions, resources = [patterns.glob("*")], [patterns.arn("*")]
    if kind is Kind.RESOURCE:
        if not any(s.actions.negated for s in statements):
            actions = [p for s in statements for p in s.actions.patterns]
        elements = [s.resources for s in statements if s.resources is not None]
        if not any(element.negated for element in elements):
            resources = [p for element in elements for p in element.patterns]
    return Statement(
        policy="",
        sid="",
        effect="Allow",
        actions=Element("Action", tuple(dict.fromkeys(actions))),
        resources=Element("Resource", tuple(dict.fromkeys(resources))),
        principals=None,
        conditions=(),
    )


def _audience(statements: tuple[Statement, ...], callers: list[Caller]) -> Includes:
    """Return whom the policy of a resource means to keep out: whom its Denies name.

    A Deny that asks for MFA names whom its Principal names, and of those whom the conditions on
    names and ARNs leave, unless they are negated: those spare somebody.
    """
    denies = [s for s in statements if s.effect == "Deny"]
    denies = [s for s in denies if asks_mfa(s)] or denies
    meant = [c for c in callers if any(_speaks_of(s, c) for s in denies)]
    if any(c.identity is not None and c.kind != FEDERATION for c in meant):
        return lambda caller: any(_speaks_of(s, caller) for s in denies)
    return _everyone  # it means nobody whom MFA could be asked of


def _speaks_of(statement: Statement, caller: Caller) -> bool:
    principals = statement.principals
    if principals and not principals.negated and caller.is_named(principals) is False:
        return False
    return all(_may_mean(c, caller) for c in statement.conditions)


def _may_mean(condition: Condition, caller: Caller) -> bool:
    key = condition.key.lower()
    if key not in IDENTITY_KEYS or not condition.is_known or condition.is_negated:
        return True
    if caller.meets(condition) is not False:
        return True
    if caller.kind != FEDERATION or caller.identity is None or key == ACCOUNT_ID:
        return False
    if key == USERNAME:
        return True  # whose session it is does not show
    questions = questions_of(condition) or ()
    return any(caller.identity.answer(made_by(q.region)) is not False for q in questions)


class Claim:
    """That callers get in by none of the calls of a scope.

    Args:
        name: ``alone`` or ``guard``.
        statements: of all policies.
        allows: what allows something: of the policies, or of others that they guard.
        scope: which calls it is about.
        includes: whom it is about.
    """

    def __init__(
        self,
        name: str,
        statements: tuple[Statement, ...],
        allows: tuple[Statement, ...],
        scope: Scope,
        includes: Includes = _everyone,
    ) -> None:
        self.name = name
        self._allows = allows
        self._denies = tuple(s for s in statements if s.effect == "Deny")
        self._parts = scope.parts()
        self._exempt = tuple(action_region(text) for text in scope.exempt)
        self.includes = includes
        self._known: dict[tuple[int, ...], list[Hole]] = {}

    def holes(self, caller: Caller, reader: Reader, work: Work) -> list[Hole]:
        """Return what a caller is allowed, or not shown not to be."""
        allows, denies = self.rules(caller, reader)
        key = tuple(map(id, [*allows, *denies]))
        if key not in self._known:
            search = Search(allows, denies, self._exempt, work)
            self._known[key] = list(search.holes(self._parts))
        return self._known[key]

    def allows_some(self, caller: Caller, reader: Reader, work: Work) -> bool:
        """Whether somebody is allowed some of the calls, counted or not."""
        search = Search(*self._rules(self._allows, caller, reader), self._exempt, work)
        return any(True for _ in search.holes(self._parts))

    def rules(self, caller: Caller, reader: Reader) -> tuple[list[Rule], list[Rule]]:
        """Return what may allow something to a caller, and what is sure to deny something."""
        return self._rules(self._allows if self.includes(caller) else (), caller, reader)

    def _rules(
        self, allows: tuple[Statement, ...], caller: Caller, reader: Reader
    ) -> tuple[list[Rule], list[Rule]]:
        return reader.allowing(allows, caller), reader.denying(self._denies, caller)
