"""What there is to say of policies beside whether they require MFA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.policy import patterns
from mfakit.policy.advice import labels
from mfakit.policy.callers import LONG_TERM_KEY, Caller, asks_mfa
from mfakit.policy.document import Kind, parse
from mfakit.policy.holes import Search
from mfakit.policy.principals import account_of
from mfakit.policy.regions import Work, contains
from mfakit.policy.rules import Part, Reader, Rule, action_region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.policy.claims import Claim, Scope
    from mfakit.policy.evaluation import Statement

_STEPS = 100_000
_NEVER_DECIDED = "sts:GetSessionToken"
_OWN_DEVICES = [
    "arn:*:iam::*:user/${aws:username}",
    "arn:*:iam::*:user/*/${aws:username}",
    "arn:*:iam::*:mfa/${aws:username}",
    "arn:*:iam::*:mfa/${aws:username}-*",
]
_UPON_DEVICES = ("iam:EnableMFADevice", "iam:ResyncMFADevice", "iam:DeleteVirtualMFADevice")
# What a login needs beside the session itself, and what it takes to do without it.
_LOGIN = (
    (
        "iam:ListMFADevices",
        "arn:*:iam::*:user/${aws:username}",
        "a login cannot look the device up, so that --serial-number or mfa_serial is needed",
    ),
    (
        "iam:CreateVirtualMFADevice",
        "arn:*:iam::*:mfa/${aws:username}",
        "a user without a device cannot make one",
    ),
    (
        "iam:EnableMFADevice",
        "arn:*:iam::*:user/${aws:username}",
        "a user without a device cannot enable one",
    ),
)


def notes(
    statements: tuple[Statement, ...],
    scope: Scope,
    judged: list[Claim],
    found: list[Caller],
    reader: Reader,
) -> Iterator[str]:
    """Give the notes.

    Args:
        statements: of all policies.
        scope: what is asked about.
        judged: what is claimed of them.
        found: all callers without MFA.
        reader: reads the policies.
    """
    keys = [caller for caller in found if caller.kind == LONG_TERM_KEY]
    if scope.kind is Kind.IDENTITY:
        yield from _of_devices(scope, judged, keys, reader)
        yield from _of_login(statements, keys, reader)
        if any(map(asks_mfa, statements)):
            yield (
                "a role's session never carries MFA, so do not ask for it in a policy of a role:"
                " its trust policy is the place (`mfakit policy role-trust`)"
            )
    if scope.kind is not Kind.TRUST and _names(statements, scope):
        yield (
            f"no policy decides {_NEVER_DECIDED}: AWS allows it to every long-term key, even if"
            " a policy denies it"
        )
    yield from _of_principals(statements, scope)
    region = [action_region(text) for text in scope.actions]
    exempt = [action_region(text) for text in scope.exempt]
    if region and all(any(contains(e, a) for e in exempt) for a in region):
        yield "all that was asked about is exempt: nothing was judged"


def _names(statements: tuple[Statement, ...], scope: Scope) -> bool:
    """Whether somebody asks about GetSessionToken, or means to allow or deny it."""
    named = [p.text for s in statements if not s.actions.negated for p in s.actions.patterns]
    return any(text.lower() == _NEVER_DECIDED.lower() for text in [*named, *scope.actions])


def _rule(reader: Reader, caller: Caller, effect: str, action: object, resource: object) -> Rule:
    """Return the rule of a statement of our own."""
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    document = {"Version": patterns.VERSION_WITH_VARIABLES, "Statement": statement}
    return reader.rule(parse(document, "of one's own")[0], caller)


def _of_devices(
    scope: Scope, judged: list[Claim], keys: list[Caller], reader: Reader
) -> Iterator[str]:
    """Yield which calls that are exempt reach other users' devices, as far as a bound allows."""
    found: dict[str, None] = {}
    work = Work(_STEPS)
    for claim in judged:
        for caller in keys:
            own = _rule(reader, caller, "Deny", list(_UPON_DEVICES), _OWN_DEVICES)
            allows, denies = claim.rules(caller, reader)
            search = Search(allows, [*denies, own], (), work)
            for action in _UPON_DEVICES:
                if action in found or work.left <= 0:
                    continue
                asked = [
                    met
                    for part in scope.parts()
                    for met in part.met(Part(action_region(action), part.resource), Work(_STEPS))
                ]
                if any(hole.shown for hole in search.holes(asked)):
                    found[action] = None
    if found:
        yield (
            f"{', '.join(found)} without MFA reach other users' devices, too: name one's own as"
            " Resource, with ${aws:username}"
        )


def _of_login(
    statements: tuple[Statement, ...], keys: list[Caller], reader: Reader
) -> Iterator[str]:
    """Tell what a long-term key is denied that a login needs."""
    denies = tuple(s for s in statements if s.effect == "Deny")
    for action, resource, consequence in _LOGIN:
        for caller in keys:
            needed = _rule(reader, caller, "Allow", action, resource)
            search = Search([needed], reader.denying(denies, caller), (), Work(_STEPS))
            if not any(True for _ in search.holes(needed.parts())):
                yield f"{action} is denied without MFA: {consequence}"
                break


def _of_principals(statements: tuple[Statement, ...], scope: Scope) -> Iterator[str]:
    """Tell of principals that do not count, and of accounts."""
    allows = [s for s in statements if s.effect == "Allow" and s.principals is not None]
    called = labels(statements)
    for statement in allows:
        named = statement.principals.named if statement.principals else ()
        name = called[id(statement)]
        others = [who for kind, who in named if _never_carries_mfa(kind, who)]
        if others:
            yield (
                f"{name} also lets in {', '.join(others)}: roles, services and federated"
                " identities never carry MFA, and do not count"
            )
        accounts = [who for kind, who in named if kind == "AWS" and account_of(who)]
        if accounts and scope.kind is Kind.RESOURCE:
            yield (
                f"{name} names {', '.join(accounts)}: users of an account need an identity policy"
                " that allows it, too"
            )


def _never_carries_mfa(kind: str, name: str) -> bool:
    parts = (":role/", ":assumed-role/", "AROA")
    return kind in ("Service", "Federated") or any(part in name for part in parts)
