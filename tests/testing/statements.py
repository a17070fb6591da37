"""Policies, written short."""

from __future__ import annotations

import json
from typing import Any

BOB = "arn:aws:iam::123456789012:user/bob"
ACCOUNT = "arn:aws:iam::123456789012:root"
NO_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def text(*statements: dict[str, Any]) -> str:
    return json.dumps(document(*statements))


def permission(*actions: str, resource: str = "*") -> dict[str, Any]:
    """Return a policy that allows some actions on a resource."""
    return document(allow(list(actions), resource))
