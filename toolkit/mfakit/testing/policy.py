"""Tests of policies: whether one allows an action, to a key or to a session with MFA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mfakit.policy import Context, Kind, Policies, Principal, authorize, parse
from mfakit.policy.document import kind_of
from mfakit.policy.evaluation import IDENTITY, RESOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.policy import Decision

ROOT_POLICY = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
USER = "arn:aws:iam::123456789012:user/alice"


@dataclass(frozen=True, repr=False)
class Allowed:
    """Whether a call is allowed. It counts as True or False; its ``repr`` says why."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"<{self.reason}>"


def allows(
    policy: Mapping[str, Any] | str,
    action: str,
    resource: str = "*",
    *,
    mfa: bool | timedelta = False,
    caller: str = USER,
    keys: Mapping[str, str] | None = None,
) -> Allowed:
    """Return whether a policy by itself allows a user an action on a resource.

    A failing ``assert allows(...)`` says why it is as it is.

    Args:
        policy: the policy, as JSON or read from it: of a user or group; of a resource or a role's
            trust policy, whose caller may do everything else.
        action: such as ``s3:GetObject``.
        resource: the ARN that the call is about.
        mfa: False: a long-term key; True: a session whose code was verified just now; a timedelta:
            one whose code was verified so long ago.
        caller: the user's ARN.
        keys: further condition keys of the call, or other values for them.

    Raises:
        MalformedPolicyError: it is no policy.
        UnjudgedError: what decides is a construct that cannot be judged.
    """
    kind = kind_of(policy, "given")
    statements = parse(policy, "given", kind)
    given = {**_keys(caller, mfa), **{name.lower(): v for name, v in (keys or {}).items()}}
    context = Context(action, resource, given, Principal(given["aws:principalaccount"], caller))
    if kind is Kind.IDENTITY:
        policies = Policies(identity=statements)
    else:
        everything = parse(ROOT_POLICY, "of the caller")
        policies = Policies(everything, statements, resource_decides=True)
    verdict = authorize(policies, context)
    decision = dict(verdict.decisions)[IDENTITY if kind is Kind.IDENTITY else RESOURCE]
    return Allowed(verdict.allowed, _explained(decision, action, resource, _credentials(mfa)))


def _keys(caller: str, mfa: bool | timedelta) -> dict[str, str]:
    name = caller.rpartition("/")[2]
    keys = {
        "aws:principalaccount": caller.split(":")[4],
        "aws:principalarn": caller,
        "aws:principaltype": "User",
        "aws:securetransport": "true",
        "aws:username": name,
        "aws:viaawsservice": "false",
    }
    if mfa is False:
        return keys
    age = mfa if isinstance(mfa, timedelta) else timedelta()
    seconds = str(int(age.total_seconds()))
    return keys | {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": seconds}


def _credentials(mfa: bool | timedelta) -> str:
    if mfa is False:
        return "a long-term key, which has no aws:MultiFactorAuthPresent"
    age = int(mfa.total_seconds()) if isinstance(mfa, timedelta) else 0
    return f"a session with MFA, whose aws:MultiFactorAuthAge is {age}"


def _explained(decision: Decision, action: str, resource: str, credentials: str) -> str:
    done = "denied" if decision.explicit_deny else "allowed"
    by = "no statement"
    if decision.statement is not None:
        sid = decision.statement.sid
        by = f"the statement {sid!r}" if sid else "a statement without Sid"
    return f"{action} on {resource} is {done} by {by} to {credentials}"
