"""What AssumeRole takes of a role, checked before a code is spent on it."""

from __future__ import annotations

from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

# What STS takes, from its service model; but for the ARN, which it takes of any form.
_FORMS = {
    "RoleArn": (r"arn:[\w-]+:iam::\d{12}:role/[!-~]+", "arn:aws:iam::123456789012:role/NAME"),
    "RoleSessionName": (r"[\w+=,.@-]{2,64}", "2 to 64 letters, digits and + = , . @ - _"),
    "ExternalId": (r"[\w+=,.@:/-]{2,1224}", "2 letters, digits and + = , . @ : / - _ or more"),
    "SourceIdentity": (r"[\w+=,.@-]{2,64}", "2 to 64 letters, digits and + = , . @ - _"),
}
_WORDS = {
    "RoleArn": "the ARN of a role",
    "RoleSessionName": "the name of a role's session",
    "ExternalId": "an external id",
    "SourceIdentity": "a source identity",
}


def role_parameters(
    role_arn: str,
    session_name: str,
    duration: timedelta | None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the parameters of AssumeRole; no duration is sent unless one is asked for.

    Args:
        role_arn: the role.
        session_name: what the session is called.
        duration: how long it is to last.
        options: ``ExternalId``, ``SourceIdentity``, ``Tags``.

    Raises:
        UsageError: AWS would refuse one of them for its form alone.
    """
    import re

    role: dict[str, Any] = {"RoleArn": role_arn, "RoleSessionName": session_name}
    role |= options or {}
    for name, (form, told) in _FORMS.items():
        if name in role and not re.fullmatch(form, role[name], re.ASCII):
            raise UsageError(f"{role[name]!r} is not {_WORDS[name]}", f"write it as {told}")
    if duration is not None:
        role["DurationSeconds"] = int(duration.total_seconds())
    return role
