"""`mfakit policy`: make IAM policies that require MFA, and judge those that there are."""

from __future__ import annotations

from mfakit.cli.commands import COMMANDS
from mfakit.cli.output import note, write
from mfakit.errors import UsageError
from mfakit.policy.document import Kind
from mfakit.policy.making import bucket, max_age, render, require_mfa, role_trust
from mfakit.policy.making.draft import LONGEST_INLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.policy.making import Draft

# Which options have a meaning for which kind of policy.
_MEANT = {
    "require-mfa": {"format", "max_age", "exempt_action", "allow_service_calls", "partition"},
    "max-age": {"format", "max_age", "action", "resource"},
    "role-trust": {"format", "max_age", "principal", "partition"},
    "bucket": {"format", "max_age", "exempt_action", "principal", "bucket", "partition"},
    "check": {"file", "action", "resource", "exempt_action", "whole", "json"},
}


def run(options: Namespace) -> int:
    """Run the command."""
    if options.what is None:
        raise UsageError(
            "what is to be made or judged is not said",
            "one of require-mfa, max-age, role-trust, bucket, check",
        )
    _refuse_others(options)
    if options.what == "check":
        from mfakit.cli.policy_check import check

        return check(options)
    draft = _draft(options)
    write(render(draft, options.format or "json"))
    if draft.kind is Kind.IDENTITY and draft.size > LONGEST_INLINE:
        note(
            f"too long for an inline policy of a user, which has {LONGEST_INLINE} characters: make"
            " it a managed one"
        )
    return 0


def _refuse_others(options: Namespace) -> None:
    """Refuse options that would do nothing."""
    for option in COMMANDS["policy"].options:
        name = option.destination
        if name in ("what", *_MEANT[options.what]):
            continue
        if getattr(options, name) != option.default:
            shown = "a file" if name == "file" else option.names[-1]
            raise UsageError(f"{shown} has no meaning with {options.what}", "leave it out")


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
            raise UsageError("which bucket is not said", "name it: --bucket my-bucket")
        return bucket(
            options.bucket,
            principals,
            max_age=options.max_age,
            exempt_actions=exempt,
            partition=partition,
        )
    resources = tuple(options.resource or ("*",))
    return max_age(options.max_age or 0, tuple(options.action or ()), resources)
