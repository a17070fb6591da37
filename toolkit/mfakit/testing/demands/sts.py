"""STS: roles, and the users that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands.model import NOTHING

if TYPE_CHECKING:
    from mfakit.testing.actions import Call
    from mfakit.testing.demands.model import Place


def resource(call: Call, place: Place) -> str:
    """Return what the call is about."""
    if call.operation.startswith("AssumeRole"):
        return call.parameters.get("RoleArn", "")
    if call.operation == "GetFederationToken":
        name = call.parameters.get("Name", "")
        return place.global_arn("sts", f"federated-user/{name}")
    return NOTHING
