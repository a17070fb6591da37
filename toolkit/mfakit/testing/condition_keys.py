"""The condition keys of a call: what policies may ask about who calls, from where, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mfakit.policy.patterns import PRINCIPAL_TAG
from mfakit.testing.keys import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.keys import Credentials
    from mfakit.testing.wire import Request

PRINCIPAL_TYPES = {
    "user": "User",
    "root": "Account",
    "role": "AssumedRole",
    "federated-user": "FederatedUser",
    "anonymous": "Anonymous",
}
# Whoever calls, in this process or over HTTP, calls from this machine.
SOURCE_IP = "127.0.0.1"


def condition_keys(
    request: Request, caller: Credentials, region: str, at: float, tags: Mapping[str, str]
) -> dict[str, str | tuple[str, ...]]:
    """Return the keys that are present, their names in lower case.

    Args:
        request: the request.
        caller: whose credentials it is signed with.
        region: the one that it is signed for.
        at: now, in seconds since 1970.
        tags: of the user or role that the caller is; those of a session come before them.
    """
    owner = caller.owner
    keys: dict[str, str | tuple[str, ...]] = {
        **dates(at),
        "aws:principalisawsservice": "false",
        "aws:principaltype": PRINCIPAL_TYPES[owner.kind],
        "aws:requestedregion": region,
        "aws:securetransport": str(request.parts.scheme == "https").lower(),
        "aws:sourceip": SOURCE_IP,
        "aws:userid": caller.user_id,
        "aws:viaawsservice": "false",
    }
    if owner.arn:
        keys |= {"aws:principalaccount": owner.arn.split(":")[4], "aws:principalarn": owner.arn}
    user_agent = request.header("user-agent")
    if user_agent:
        keys["aws:useragent"] = user_agent
    if owner.kind == "user":
        keys["aws:username"] = owner.name
    if isinstance(caller, Session):
        keys |= _session_keys(caller, at)
        tags = {**tags, **caller.tags}
    return keys | principal_tags(tags)


def dates(at: float) -> dict[str, str]:
    """Return the keys that tell the time."""
    return {"aws:currenttime": _timestamp(at), "aws:epochtime": str(int(at))}


def principal_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that tell the tags of who calls."""
    return {PRINCIPAL_TAG + name.lower(): value for name, value in tags.items()}


def _session_keys(session: Session, at: float) -> dict[str, str]:
    """Return the keys that long-term credentials do not have."""
    # A role's session is never one with MFA, even if a code was given to assume it. That the key
    # is there all the same is what the IAM User Guide says of temporary credentials in general.
    keys = {
        "aws:multifactorauthpresent": str(session.with_mfa).lower(),
        "aws:tokenissuetime": _timestamp(session.issued),
    }
    if session.mfa_time is not None:
        keys["aws:multifactorauthage"] = str(max(0, int(at - session.mfa_time)))
    if session.source_identity:
        keys["aws:sourceidentity"] = session.source_identity
    return keys


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
