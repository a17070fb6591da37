"""`mfakit policy check`: whom a policy lets in."""

from __future__ import annotations

from mfakit.cli.input import read_input
from mfakit.cli.output import escape, note, show
from mfakit.errors import FAILED, UsageError
from mfakit.policy.callers import LONG_TERM_KEY, WITHOUT_MFA
from mfakit.policy.document import Kind, kind_of, parse
from mfakit.policy.questions import ANYTHING
from mfakit.policy.review import UNJUDGED, review

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.policy.review import Review

_KINDS = {
    Kind.IDENTITY: "this identity policy",
    Kind.RESOURCE: "this policy of a resource",
    Kind.TRUST: "this trust policy",
}


def check(options: Namespace) -> int:
    """Judge a policy; the exit code is 1 if it lets someone in without MFA."""
    if options.file is None:
        raise UsageError(
            "which policy is to be judged is not said", "name its file, or - for stdin"
        )
    text = read_input(options.file)
    name = "on standard input" if options.file == "-" else options.file
    kind = kind_of(text, name)
    actions, resources = options.action or [None], options.resource or [None]
    if len(actions) > 1 or len(resources) > 1:
        raise UsageError("one action at a time, upon one resource", "ask again for the next")
    if actions[0] is not None and {"*", "?"} & set(actions[0]):
        raise UsageError(f"{actions[0]!r} is more than one action", "name one: s3:GetObject")
    if actions[0] is not None and ":" not in actions[0]:
        raise UsageError(f"{actions[0]!r} names no service", "write it as s3:GetObject")
    found = review(parse(text, name, kind), kind, actions[0], resources[0])
    show(_as_json(found) if options.json else _as_text(found))
    if found.requires_mfa:
        return 0
    unjudged = UNJUDGED in (found.outcome(LONG_TERM_KEY), found.outcome(WITHOUT_MFA))
    verb = "cannot be told to require" if unjudged else "does not require"
    note(f"the policy {verb} MFA for {found.action}")
    note(f"try: {found.hint}")
    return FAILED


def _as_text(found: Review) -> str:
    width = max(len(finding.credentials) for finding in found.findings)
    whom = f", for users such as {found.user}" if found.user else ""
    lines = [f"{found.action} on {_upon(found)}, by {_KINDS[found.kind]}{whom}:"]
    for finding in found.findings:
        by = f" by {finding.statement}" if finding.statement else ""
        lines.append(f"  {finding.credentials:{width}}  {finding.outcome}{by}")
        lines += [f"  {'':{width}}    {reason}" for reason in finding.reasons]
    if found.without_mfa:
        lines.append(f"A long-term key is enough for {', '.join(found.without_mfa)}.")
    return "".join(f"{escape(line)}\n" for line in lines)


def _upon(found: Review) -> str:
    if found.kind is Kind.TRUST:
        return "the role"
    return "anything" if found.resource == ANYTHING else found.resource


def _as_json(found: Review) -> str:
    import json

    report = {
        "kind": found.kind.value,
        "action": found.action,
        "resource": None if found.kind is Kind.TRUST else found.resource,
        "user": found.user or None,
        "requires_mfa": found.requires_mfa,
        "hint": found.hint or None,
        "without_mfa": list(found.without_mfa),
        "findings": [
            {
                "credentials": finding.credentials,
                "outcome": finding.outcome,
                "statement": finding.statement or None,
                "reasons": list(finding.reasons),
            }
            for finding in found.findings
        ],
    }
    return json.dumps(report, indent=2) + "\n"
