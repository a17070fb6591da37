"""Policies, reviewed: whether it is shown that nobody gets in without MFA, and else where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.policy.advice import Mender
from mfakit.policy.callers import (
    ANONYMOUS,
    FEDERATION,
    LONG_TERM_KEY,
    WITHOUT_MFA,
    Caller,
    callers,
    others,
    shown,
)
from mfakit.policy.claims import Claim, Scope, claims
from mfakit.policy.document import Kind
from mfakit.policy.notes import notes
from mfakit.policy.regions import Work
from mfakit.policy.rules import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mfakit.policy.evaluation import Statement
    from mfakit.policy.holes import Hole

KEPT_OUT, GETS_IN, NOT_SHOWN = "kept out", "gets in", "cannot be shown to be kept out"
SOME, NONE = "allowed some of it", "allowed nothing of it"
COUNTED = (LONG_TERM_KEY, WITHOUT_MFA, FEDERATION, ANONYMOUS)
_STEPS = 1_000_000
_STEPS_OF_OTHERS = 200_000
_MOST_EXPLAINED = 100  # holes whose mending is looked for in all statements
_Alike = tuple[int, tuple[str, ...], bool, str]


@dataclass(frozen=True)
class Finding:
    """Calls that callers without MFA are allowed, or are not shown to be denied.

    Attributes:
        claim: which claim it disproves: ``alone`` or ``guard``.
        statement: what allows them; None if other policies do, which are guarded.
        callers: who is allowed them.
        actions: patterns of the actions.
        resources: patterns of the resources; none in a role's trust policy.
        shown: whether it is shown that they are allowed.
        mend: what to do about it.
    """

    claim: str
    statement: str | None
    callers: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    shown: bool
    mend: str


@dataclass(frozen=True)
class Review:
    """What is found of policies.

    Attributes:
        kind: what they belong to.
        claims: which claims were judged.
        findings: what disproves them; empty if they hold.
        outcomes: what each kind of credentials is allowed; only those in ``COUNTED`` count.
        notes: what else there is to say.
    """

    kind: Kind
    claims: tuple[str, ...]
    findings: tuple[Finding, ...]
    outcomes: dict[str, str]
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
    """Judge policies.

    Args:
        statements: of all policies, which are one user's if there are several.
        scope: what is asked about.
    """
    reader = Reader()
    found = callers(statements, anonymous=scope.kind is Kind.RESOURCE)
    judged = claims(statements, scope, found)
    holes = {claim.name: _Holes(claim, found, reader) for claim in judged}
    names = _Spelling(statements, reader)
    findings = [
        finding
        for claim in judged
        for finding in holes[claim.name].findings(statements, names, scope.kind)
    ]
    outcomes = {
        kind: _outcome(kind, [f for f in findings if _concerns(f, kind)])
        for kind in dict.fromkeys(caller.kind for caller in found)
    }
    outcomes |= _others(statements, scope.kind, judged, reader)
    told = [*notes(statements, scope, judged, found, reader), *_about(judged, found)]
    return Review(
        scope.kind, tuple(claim.name for claim in judged), tuple(findings), outcomes, tuple(told)
    )


def _concerns(finding: Finding, kind: str) -> bool:
    return any(name == kind or name.startswith(f"{kind} of ") for name in finding.callers)


def _outcome(kind: str, findings: list[Finding]) -> str:
    if not findings:
        return KEPT_OUT
    return GETS_IN if any(finding.shown for finding in findings) else NOT_SHOWN


def _others(
    statements: tuple[Statement, ...], kind: Kind, judged: list[Claim], reader: Reader
) -> dict[str, str]:
    """Tell what credentials that do not count are allowed, by the first of the claims."""
    found: dict[str, str] = {}
    work = Work(_STEPS_OF_OTHERS)
    for caller in others(statements, kind):
        if found.get(caller.kind) != SOME:
            some = judged[0].allows_some(caller, reader, work)
            found[caller.kind] = SOME if some else NONE
    return found


def _about(judged: list[Claim], found: list[Caller]) -> Iterator[str]:
    """Tell whom the Denies are about, if not about every user."""
    users = [caller for caller in found if caller.kind == LONG_TERM_KEY and caller.identity]
    for claim in judged:
        meant = [caller.identity for caller in users if claim.includes(caller)]
        if len(meant) < len(users):
            names = [shown(identity) or "some others" for identity in meant if identity]
            yield (
                f"the Denies are about {', '.join(dict.fromkeys(names))} alone: other users are"
                " not kept out"
            )


class _Spelling:
    """Spells regions as the policies do, capital letters of actions too."""

    def __init__(self, statements: Iterable[Statement], reader: Reader) -> None:
        self._variables = reader.variables
        self._actions = {
            pattern.text.lower(): pattern.text for s in statements for pattern in s.actions.patterns
        }

    def action(self, region: str) -> str:
        text = self._variables.shown(region)
        return "*" if text == "*:*" else self._actions.get(text, text)

    def resource(self, region: str) -> str:
        return self._variables.shown(region)


class _Holes:
    """The holes in a claim, with all callers whom each lets in."""

    def __init__(self, claim: Claim, found: list[Caller], reader: Reader) -> None:
        self._claim = claim
        self._all = found
        self._reader = reader
        self._callers: dict[Hole, list[Caller]] = {}
        work = Work(_STEPS)
        for caller in found:
            for hole in claim.holes(caller, reader, work):
                self._callers.setdefault(hole, []).append(caller)

    def findings(
        self, statements: tuple[Statement, ...], spelling: _Spelling, kind: Kind
    ) -> list[Finding]:
        """Return the holes; those that the same advice mends are one finding."""
        together: dict[_Alike, list[Hole]] = {}
        mender = Mender(statements, self._reader, kind)
        for number, (hole, lets_in) in enumerate(self._callers.items()):
            in_short = number >= _MOST_EXPLAINED
            advice = mender.in_short(hole) if in_short else mender.mend(hole, lets_in[0])
            names = self._names(lets_in)
            key = (id(hole.statement), names, hole.shown, advice)
            together.setdefault(key, []).append(hole)
        found = []
        for (_, names, shown_, advice), holes in together.items():
            statement = holes[0].statement
            name = mender.labels[id(statement)] if statement.policy else None
            for actions, resources in _rectangles(holes):
                found.append(
                    Finding(
                        self._claim.name,
                        name,
                        names,
                        tuple(map(spelling.action, actions)),
                        tuple(map(spelling.resource, resources)) if kind is not Kind.TRUST else (),
                        shown_,
                        advice,
                    )
                )
        return found

    def _names(self, lets_in: list[Caller]) -> tuple[str, ...]:
        """Name callers: by their kind if that is enough, else by which of the kind they are."""
        names = []
        for kind in dict.fromkeys(caller.kind for caller in lets_in):
            all_ = {c.identity for c in self._all if c.kind == kind}
            some = {c.identity: None for c in lets_in if c.kind == kind}
            if len(some) == len(all_):
                names.append(kind)
                continue
            who = [shown(identity) or "others" for identity in some if identity is not None]
            names += [f"{kind} of {name}" for name in dict.fromkeys(who)]
        return tuple(names)


def _rectangles(holes: list[Hole]) -> Iterator[tuple[list[str], list[str]]]:
    """Put actions with the same resources together."""
    resources: dict[str, dict[str, None]] = {}
    for hole in holes:
        resources.setdefault(hole.part.action, {})[hole.part.resource] = None
    actions: dict[tuple[str, ...], list[str]] = {}
    for action, upon in resources.items():
        actions.setdefault(tuple(sorted(upon)), []).append(action)
    return ((sorted(names), list(upon)) for upon, names in actions.items())
