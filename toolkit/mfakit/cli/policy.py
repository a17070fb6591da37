"""`mfakit policy`: make IAM policies that require MFA, and check whether others do."""

from __future__ import annotations

from mfakit.cli.commands import COMMANDS
from mfakit.cli.output import escape, note, read_input, show, write
from mfakit.errors import FAILED, UsageError
from mfakit.policy.callers import COUNTED
from mfakit.policy.document import Kind, kind_of, parse
from mfakit.policy.formats import render
from mfakit.policy.holes import Scope
from mfakit.policy.making import (
    LONGEST_INLINE,
    bucket,
    check_actions,
    check_exempt,
    max_age,
    require_mfa,
    role_trust,
)
from mfakit.policy.review import ALONE, EXEMPT, GUARD, review

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.policy.evaluation import Statement
    from mfakit.policy.making import Draft
    from mfakit.policy.review import Finding, Review
    from mfakit.profiles.aws_files import AWSFiles

# The options that each action takes.
_TAKEN = {
    "require-mfa": {"format", "max_age", "exempt_action", "allow_service_calls", "partition"},
    "max-age": {"format", "max_age", "action", "resource"},
    "role-trust": {"format", "max_age", "principal", "partition"},
    "bucket": {"format", "max_age", "exempt_action", "principal", "bucket", "partition"},
    "check": {"file", "action", "resource", "exempt_action", "whole", "json"},
}
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


def run(options: Namespace, _: AWSFiles) -> int:
    """Run the command."""
    if options.what is None:
        COMMANDS["policy"].refuse_others(options, {"what"}, "policy alone")
        show(COMMANDS["policy"].verb_lines())
        return 0
    COMMANDS["policy"].refuse_others(options, {"what", *_TAKEN[options.what]}, options.what)
    return _check(options) if options.what == "check" else _make(options)


def _make(options: Namespace) -> int:
    draft = _draft(options)
    write(render(draft, options.format or "json"))
    if draft.kind is Kind.IDENTITY and draft.size > LONGEST_INLINE:
        note(
            f"too long for an inline policy of a user, which has {LONGEST_INLINE} characters: make"
            " it a managed one"
        )
    return 0


def _draft(options: Namespace) -> Draft:
    exempt = tuple(options.exempt_action or ())
    principals = tuple(options.principal or ())
    partition = "aws" if options.partition is None else options.partition
    if options.what == "require-mfa":
        return require_mfa(
            max_age=options.max_age,
            exempt_actions=exempt,
            allow_service_calls=options.allow_service_calls,
            partition=partition,
        )
    if options.what == "role-trust":
        return role_trust(principals, max_age=options.max_age, partition=partition)
    if options.what == "bucket":
        if options.bucket is None:
            raise UsageError("no bucket given", "name it: --bucket my-bucket")
        return bucket(
            options.bucket,
            principals,
            max_age=options.max_age,
            exempt_actions=exempt,
            partition=partition,
        )
    resources = tuple(options.resource or ("*",))
    return max_age(options.max_age or 0, tuple(options.action or ()), resources)


def _check(options: Namespace) -> int:
    """Judge policies; the exit code is 0 only if it is shown that nobody gets in without MFA."""
    if not options.file:
        raise UsageError("no policy given to check", "name its file, or - for stdin")
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
    """Read all policies, which must be a user's if there are several."""
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
    exempt = tuple(dict.fromkeys([*EXEMPT, *check_exempt(options.exempt_action or [])]))
    return Scope(kind, tuple(options.action or ()), resources, exempt, options.whole)


def _as_text(found: Review, scope: Scope) -> str:
    lines = [f"{_KINDS[found.kind]}:"]
    width = max(map(len, found.outcomes))
    for credentials, outcome in found.outcomes.items():
        counts = "" if credentials in COUNTED else " (does not count)"
        lines.append(f"  {credentials:{width}}  {outcome}{counts}")
    words = _CLAIMS if found.kind is Kind.IDENTITY else _CLAIMS_OF_OTHERS
    for claim in found.claims:
        holes = [finding for finding in found.findings if finding.claim == claim]
        count = "1 hole" if len(holes) == 1 else f"{len(holes)} holes"
        lines.append(f"{words[claim]}: {count if holes else 'nobody gets in without MFA'}")
        for hole in holes:
            lines += _of_hole(hole)
    lines += [f"note: {text}" for text in found.notes]
    lines.append(f"exempt: {', '.join(scope.exempt)}")
    return "".join(f"{escape(line)}\n" for line in lines)


def _of_hole(hole: Finding) -> list[str]:
    by = hole.statement or "other policies"
    verb = "allowed by" if hole.shown else "cannot be shown to be denied, allowed by"
    upon = f" on {_listed(hole.resources)}" if hole.resources else ""
    return [
        f"  {_listed(hole.actions)}{upon}",
        f"    {verb} {by} to: {_listed(hole.callers)}",
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
                "holes": [_hole_as_json(hole) for hole in found.findings if hole.claim == claim],
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
    from dataclasses import asdict

    return {name: value for name, value in asdict(hole).items() if name != "claim"}
