"""What a call has to be allowed: which actions, on which resources.

Where the resource cannot be told, only a policy whose Resource is ``*`` can be judged; where the
action cannot be told, only one whose Action is ``*``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands import dynamodb, functions, iam, on_behalf, s3, sts
from mfakit.testing.demands.model import Demand, Place
from mfakit.testing.demands.passing import passed_roles

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing.actions import Call
    from mfakit.testing.wire import Request

__all__ = ["Demand", "Place", "demands_of"]


def demands_of(
    call: Call,
    request: Request,
    place: Place,
    find_arn: Callable[[str, str], str | None],
    find_roles: Callable[[str, str], tuple[str, ...]],
) -> tuple[Demand, ...]:
    """Return what a caller has to be allowed for a call; each of it.

    Args:
        call: the call.
        request: as it came: some calls name their resources in the body.
        place: where.
        find_arn: returns the ARN of the ``user``, ``group`` or ``role`` of a name, or of the
            caller's own user for an empty name; they may have paths.
        find_roles: returns the ARNs of the ``role``, or of the roles in the ``instance-profile``,
            of a name; none if there is none of that name.
    """
    own = _of_the_call_itself(call, request, place, find_arn)
    return (*own, *passed_roles(call, request, place, find_roles))


def _of_the_call_itself(
    call: Call, request: Request, place: Place, find_arn: Callable[[str, str], str | None]
) -> tuple[Demand, ...]:
    match call.service:
        case "s3":
            return s3.demands(call, request, place)
        case "iam":
            return iam.demands(call, place, find_arn)
        case "sts":
            return (Demand(call.action, sts.resource(call, place)),)
        case "dynamodb":
            return dynamodb.demands(call, request, place)
        case "lambda":
            return functions.demands(call, request, place)
    return (Demand(call.action, None), *on_behalf.demands(call, request))
