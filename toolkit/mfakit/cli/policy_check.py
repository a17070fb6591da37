"""`mfakit policy check`: whether policies are shown to let nobody in without MFA."""

from __future__ import annotations

from mfakit.cli.output import escape, note, read_input, show
from mfakit.errors import FAILED, UsageError
from mfakit.policy.claims import ALONE, EXEMPT, GUARD, Scope
from mfakit.policy.document import Kind, kind_of, parse
from mfakit.policy.making.values import check_actions, check_exempt
from mfakit.policy.review import COUNTED, review

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.policy.evaluation import Statement
    from mfakit.policy.review import Finding, Review

_MOST_SHOWN = 12
_KINDS = {
    Kind.IDENTITY: "policies of a user",
    Kind.RESOURCE: "the policy of a resource",
    Kind.TRUST: "the trust policy of a role",
}
_CLAIMS = {
    ALONE: "as all that a user has",
    GUARD: "beside other policies, which may allow everything",
}
_CLAIMS_OF_OTHERS = {
    ALONE: "by itself",
    GUARD: "beside policies of users, which may allow all of it",
}


def check(options: Namespace) -> int:
    """Judge policies; the exit code is 0 only if it is shown that nobody gets in without MFA."""
    if not options.file:
        raise UsageError(
            "which policy is to be judged is not said", "name its file, or - for stdin"
        )
    statements, kind = _read(options.file)
    scope = _scope(options, kind)
    found = review(statements, scope)
    show(_as_json(found, scope) if options.json else _as_text(found, scope))
    if found.requires_mfa:
        return 0
    shown = any(finding.shown for finding in found.findings)
    note(f"{'somebody' if shown else 'it cannot be shown that nobody'} gets in without MFA")
    note(f"try: {found.findings[0].mend}")
    return FAILED


def _read(names: list[str]) -> tuple[tuple[Statement, ...], Kind]:
    """Read all policies.

    Raises:
        UsageError: several of them belong to something else than a user.
        MalformedPolicyError: one is no policy.
    """
    statements: list[Statement] = []
    kind = Kind.IDENTITY
    for file in names:
        text = read_input(file)
        name = "on standard input" if file == "-" else file
        kind = kind_of(text, name)
        if len(names) > 1 and kind is not Kind.IDENTITY:
            raise UsageError(
                f"{file} is no policy of a user, and several are judged as one user's",
                "judge it by itself",
            )
        statements += parse(text, name, kind)
    return tuple(statements), kind


def _scope(options: Namespace, kind: Kind) -> Scope:
    for action in options.action or ():
        if action != "*" and ":" not in action:
            raise UsageError(f"{action!r} names no service", "write it as s3:GetObject")
    check_actions(options.action or [])
    resources = tuple(options.resource or ())
    if resources and kind is Kind.TRUST:
        raise UsageError("a trust policy is about its role alone", "leave --resource out")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise UsageError(f"{resource!r} is no ARN", "write it as arn:aws:s3:::my-bucket/*")
    exempt = check_exempt(options.exempt_action or [])
    return Scope(
        kind,
        tuple(options.action or ()),
        resources,
        tuple(dict.fromkeys([*EXEMPT, *exempt])),
        options.whole,
    )


def _as_text(found: Review, scope: Scope) -> str:
    lines = [f"{_KINDS[found.kind]}:"]
    width = max(map(len, found.outcomes))
    for credentials, outcome in found.outcomes.items():
        counts = "" if credentials in COUNTED else " (does not count)"
        lines.append(f"  {credentials:{width}}  {outcome}{counts}")
    words = _CLAIMS if found.kind is Kind.IDENTITY else _CLAIMS_OF_OTHERS
    for claim in found.claims:
        holes = [finding for finding in found.findings if finding.claim == claim]
        lines.append(f"{words[claim]}: {_verdict(holes)}")
        for hole in holes:
            lines += _of_hole(hole)
    lines += [f"note: {text}" for text in found.notes]
    lines.append(f"exempt: {', '.join(scope.exempt)}")
    return "".join(f"{escape(line)}\n" for line in lines)


def _verdict(holes: list[Finding]) -> str:
    if not holes:
        return "nobody gets in without MFA"
    return f"{len(holes)} {'hole' if len(holes) == 1 else 'holes'}"


def _of_hole(hole: Finding) -> list[str]:
    by = hole.statement or "other policies"
    verb = "allowed by" if hole.shown else "cannot be shown to be denied, allowed by"
    upon = f" on {_listed(hole.resources)}" if hole.resources else ""
    return [
        f"  {_listed(hole.actions)}{upon}",
        f"    {verb} {by} to: {', '.join(hole.callers)}",
        f"    mend: {hole.mend}",
    ]


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_SHOWN
    shown = ", ".join(names[:_MOST_SHOWN])
    return f"{shown} and {more} more (--json names all)" if more > 0 else shown


def _as_json(found: Review, scope: Scope) -> str:
    import json

    report = {
        "kind": found.kind.value,
        "requires_mfa": found.requires_mfa,
        "claims": [
            {
                "claim": claim,
                "holds": claim not in found.fallen,
                "holes": [_hole_as_json(f) for f in found.findings if f.claim == claim],
            }
            for claim in found.claims
        ],
        "credentials": [
            {"credentials": name, "outcome": outcome, "counts": name in COUNTED}
            for name, outcome in found.outcomes.items()
        ],
        "notes": list(found.notes),
        "exempt": list(scope.exempt),
    }
    return json.dumps(report, indent=2) + "\n"


def _hole_as_json(hole: Finding) -> dict[str, object]:
    return {
        "statement": hole.statement,
        "callers": list(hole.callers),
        "actions": list(hole.actions),
        "resources": list(hole.resources),
        "shown": hole.shown,
        "mend": hole.mend,
    }
