"""The words that this package shares."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfakit.testing.validation import members

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        passed_to: of ``iam:PassRole``, the service that gets the role, ``lambda.amazonaws.com``;
            None if it cannot be told; empty for any other action.
    """

    action: str | None
    resource: str | None
    passed_to: str | None = ""

    @property
    def condition_keys(self) -> Mapping[str, str | tuple[str, ...]]:
        """The condition keys of this demand alone; no value: the key is known to be absent."""
        return {} if self.passed_to is None else {"iam:passedtoservice": self.passed_to or ()}


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

    def principal(self, service: str) -> str | None:
        """Return what policies call a service; None in China, where some end in ``.cn``."""
        return None if self.partition == "aws-cn" else f"{service}.amazonaws.com"


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
