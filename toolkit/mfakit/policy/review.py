"""Review policies: whether it is shown that nobody gets in without MFA, and where they are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy import patterns
from mfakit.policy.advice import Mender, notes
from mfakit.policy.callers import (
    ACCOUNT_ID,
    COUNTED,
    FEDERATION,
    IDENTITY_KEYS,
    LONG_TERM_KEY,
    USERNAME,
    Caller,
    asks_mfa,
    callers,
    made_by,
    questions_of,
)
from mfakit.policy.document import Kind
from mfakit.policy.elements import Condition, Element
from mfakit.policy.evaluation import Statement
from mfakit.policy.holes import Hole, Part, Reader, RuleFor, Scope, Search, action_region
from mfakit.policy.regions import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

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
KEPT_OUT, GETS_IN, NOT_SHOWN = "kept out", "gets in", "cannot be shown to be kept out"
SOME, NONE = "allowed some of it", "allowed nothing of it"
_STEPS = 150_000
_STEPS_OF_OTHERS = 60_000
_MOST_EXPLAINED = 100  # holes for which all statements are searched for a way to mend them


@dataclass(frozen=True)
class Finding:
    """Calls that callers without MFA are allowed, or are not shown to be denied."""

    claim: str  # that it disproves
    statement: str | None  # that allows them; None if other policies do, which are guarded
    callers: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]  # none in a role's trust policy
    shown: bool  # that they are allowed
    mend: str  # what to do about it


@dataclass(frozen=True)
class Review:
    """What a review of policies found."""

    kind: Kind
    claims: tuple[str, ...]  # that were judged
    findings: tuple[Finding, ...]  # what disproves them
    outcomes: dict[str, str]  # by the kind of credentials; only those in `COUNTED` count
    notes: tuple[str, ...]

    @property
    def requires_mfa(self) -> bool:
        """Whether it is shown that nobody gets in without MFA."""
        return not self.findings

    @property
    def fallen(self) -> tuple[str, ...]:
        """The claims that do not hold."""
        return tuple(name for name in self.claims if any(f.claim == name for f in self.findings))


def review(statements: tuple[Statement, ...], scope: Scope) -> Review:
    """Judge the statements of policies, which are one user's if there are several."""
    reader = Reader(callers(statements, scope.kind), statements)
    counted = reader.of_kind(*COUNTED)
    report = _Report(reader, statements, scope.kind)
    judged = _claims(statements, scope, reader)
    holes = {claim.name: claim.holes(counted) for claim in judged}
    findings = [found for name in holes for found in report.findings(name, holes[name])]
    outcomes = _outcomes(reader, [hole for found in holes.values() for hole in found])
    outcomes |= _outcomes_of_others(reader, judged[0], reader.everyone & ~counted)
    searches = ((claim.allowing(counted), claim.denying()) for claim in judged)
    said = [*notes(statements, scope, searches, reader), *_about(judged, reader)]
    return Review(scope.kind, tuple(holes), tuple(findings), outcomes, tuple(said))


def _outcomes(reader: Reader, holes: list[Hole]) -> dict[str, str]:
    """Return what each kind of callers that count is allowed, by the holes."""
    found = {}
    for kind in COUNTED:
        bits = reader.of_kind(kind)
        open_to = {hole.shown for hole in holes if hole.callers & bits}
        if bits:
            found[kind] = GETS_IN if True in open_to else NOT_SHOWN if open_to else KEPT_OUT
    return found


def _outcomes_of_others(reader: Reader, claim: _Claim, others: int) -> dict[str, str]:
    """Return what each kind of callers that do not count is allowed, by the first claim."""
    found = {caller.kind: NONE for caller in reader.called(others)}
    search = claim.search(Work(_STEPS_OF_OTHERS))
    for hole in search.holes(reader.allowing(claim.allows, others), claim.scope.parts()):
        found |= {caller.kind: SOME for caller in reader.called(hole.callers)}
        if NONE not in found.values():
            break
    return found


def _about(judged: list[_Claim], reader: Reader) -> Iterator[str]:
    """Yield a note on whom the Denies are about, if not about every user."""
    users = reader.of_kind(LONG_TERM_KEY)
    for claim in judged:
        if claim.audience & users != users:
            meant = [c.identity for c in reader.called(claim.audience & users)]
            names = [identity.shown or "some others" for identity in meant if identity]
            yield (
                f"the Denies are about {', '.join(dict.fromkeys(names))} alone: other users are"
                " not kept out"
            )


@dataclass(frozen=True)
class _Claim:
    """The claim that callers get in by none of the calls of a scope."""

    name: str
    allows: tuple[Statement, ...]  # of the policies, or of others that they guard
    denies: tuple[Statement, ...]
    scope: Scope
    reader: Reader
    audience: int  # the callers that it is about

    def allowing(self, callers: int) -> list[RuleFor]:
        return self.reader.allowing(self.allows, callers & self.audience)

    def denying(self) -> list[RuleFor]:
        return self.reader.denying(self.denies)

    def search(self, work: Work) -> Search:
        return Search(self.denying(), map(action_region, self.scope.exempt), work)

    def holes(self, callers: int) -> list[Hole]:
        """Return what callers are allowed, or not shown to be denied, statement by statement."""
        number = {id(statement): number for number, statement in enumerate(self.allows)}
        found: dict[tuple[int, Part, bool], int] = {}
        search, allowing = self.search(Work(_STEPS)), self.allowing(callers)
        for statement, part, open_to, shown in search.holes(allowing, self.scope.parts()):
            key = number[id(statement)], part, shown
            found[key] = found.get(key, 0) | open_to
        return [
            Hole(self.allows[number], part, open_to, shown)
            for (number, part, shown), open_to in sorted(found.items(), key=lambda i: i[0][0])
        ]


def _claims(statements: tuple[Statement, ...], scope: Scope, reader: Reader) -> list[_Claim]:
    """Return what is claimed of policies: alone, and beside others that they guard."""
    allows = tuple(s for s in statements if s.effect == "Allow")
    denies = tuple(s for s in statements if s.effect == "Deny")
    guards = any(asks_mfa(s) for s in denies)
    found = []
    if allows or scope.whole or scope.kind is Kind.TRUST:
        found.append(_Claim(ALONE, allows, denies, scope, reader, reader.everyone))
    if scope.kind is not Kind.TRUST and not scope.whole and (guards or not allows):
        everything = (_everything(statements, scope.kind),)
        about = _audience(denies, reader) if scope.kind is Kind.RESOURCE else reader.everyone
        found.append(_Claim(GUARD, everything, denies, scope, reader, about))
    return found


def _everything(statements: tuple[Statement, ...], kind: Kind) -> Statement:
    """Return an Allow of everything; beside the policy of a resource, of all that it names."""
    actions, resources = [patterns.glob("*")], [patterns.arn("*")]
    if kind is Kind.RESOURCE:
        if not any(s.actions.negated for s in statements):
            actions = [p for s in statements for p in s.actions.patterns]
        named = [s.resources for s in statements if s.resources is not None]
        if not any(element.negated for element in named):
            resources = [p for element in named for p in element.patterns]
    action = Element("Action", tuple(dict.fromkeys(actions)))
    resource = Element("Resource", tuple(dict.fromkeys(resources)))
    return Statement("", "", "Allow", action, resource, None, ())


def _audience(denies: tuple[Statement, ...], reader: Reader) -> int:
    """Return whom the policy of a resource is meant to keep out: whom its Denies name.

    A Deny that asks for MFA names those in its Principal, as far as the conditions on names and
    ARNs include them. Negated conditions do not count, since they spare somebody.
    """
    denies = tuple(s for s in denies if asks_mfa(s)) or denies
    meant = [
        (caller, bits)
        for caller, bits in reader.by_identity
        if caller.kind in COUNTED and any(_speaks_of(s, caller) for s in denies)
    ]
    if any(c.identity is not None and c.kind != FEDERATION for c, _ in meant):
        return sum(bits for _, bits in meant)
    return reader.everyone  # the Denies name nobody who could be asked for MFA


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
        return True  # such a session does not show whose it is
    questions = questions_of(condition) or ()
    return any(caller.identity.answer(made_by(q.region)) is not False for q in questions)


class _Report:
    """Turns holes into findings, spelled as the policies spell them."""

    def __init__(self, reader: Reader, statements: tuple[Statement, ...], kind: Kind) -> None:
        self._reader = reader
        self._kind = kind
        self._mender = Mender(statements, reader, kind)
        self._actions = {
            pattern.text.lower(): pattern.text for s in statements for pattern in s.actions.patterns
        }
        self._known: dict[int, tuple[str, ...]] = {}

    def findings(self, claim: str, holes: list[Hole]) -> Iterator[Finding]:
        """Yield the findings; holes that the same advice mends are one."""
        together: dict[tuple[int, tuple[str, ...], bool, str], list[Hole]] = {}
        for number, hole in enumerate(holes):
            explain = self._mender.mend if number < _MOST_EXPLAINED else self._mender.in_short
            key = id(hole.statement), self._names(hole.callers), hole.shown, explain(hole)
            together.setdefault(key, []).append(hole)
        for (number, names, shown, advice), alike in together.items():
            label = self._mender.labels.get(number)
            for actions, resources in _rectangles(alike):
                spelled = tuple(map(self._action, actions))
                upon = tuple(map(self._reader.variables.shown, resources))
                upon = () if self._kind is Kind.TRUST else upon
                yield Finding(claim, label, names, spelled, upon, shown, advice)

    def _action(self, region: str) -> str:
        text = self._reader.variables.shown(region)
        return "*" if text == "*:*" else self._actions.get(text, text)

    def _names(self, callers: int) -> tuple[str, ...]:
        """Name callers: by their kind if that includes no others, else by who they are."""
        if callers not in self._known:
            self._known[callers] = tuple(self._named(callers))
        return self._known[callers]

    def _named(self, callers: int) -> Iterator[str]:
        for kind in COUNTED:
            every = self._reader.of_kind(kind)
            all_, some = (
                {id(c.identity): c.identity for c in self._reader.called(bits)}
                for bits in (every, every & callers)
            )
            if some and len(some) == len(all_):
                yield kind
            else:
                who = [each.shown or "others" for each in some.values() if each is not None]
                yield from (f"{kind} of {name}" for name in dict.fromkeys(who))


def _rectangles(holes: list[Hole]) -> Iterator[tuple[list[str], list[str]]]:
    """Put actions with the same resources together."""
    resources: dict[str, dict[str, None]] = {}
    for hole in holes:
        resources.setdefault(hole.part.action, {})[hole.part.resource] = None
    actions: dict[tuple[str, ...], list[str]] = {}
    for action, upon in resources.items():
        actions.setdefault(tuple(sorted(upon)), []).append(action)
    return ((sorted(names), list(upon)) for upon, names in actions.items())
