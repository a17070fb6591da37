"""The words that this package shares."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfakit.testing.validation import members

if TYPE_CHECKING:
    from mfakit.testing.actions import Call
    from mfakit.testing.wire import Request

# The resource of a call that is about nothing in particular.
NOTHING = "*"


@dataclass(frozen=True)
class Demand:
    """An action on a resource.

    Attributes:
        action: what policies call it; None if it cannot be told.
        resource: an ARN; ``*`` if it is about nothing in particular; None if it cannot be told.
    """

    action: str | None
    resource: str | None


@dataclass(frozen=True)
class Place:
    """Where a call happens.

    Attributes:
        partition: ``aws``, ``aws-cn``, ``aws-us-gov``.
        region: the one that the call is signed for.
        account_id: twelve digits.
    """

    partition: str
    region: str
    account_id: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return the ARN of something of the account's that is in no region."""
        return f"arn:{self.partition}:{service}::{self.account_id}:{resource}"


def json_body(call: Call, request: Request) -> dict[str, Any]:
    """Return the body's object, with what the operation takes; an empty one if there is none.

    Anything else in it is not read by AWS, and must not make the call about something else.
    """
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    known = members(call.service, call.operation)
    return {n: v for n, v in body.items() if n in known} if isinstance(body, dict) else {}
