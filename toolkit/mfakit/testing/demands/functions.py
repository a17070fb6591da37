"""Lambda: functions with their versions and aliases, layers, event source mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands.model import NOTHING, Demand, json_body
from mfakit.testing.validation import members

if TYPE_CHECKING:
    from mfakit.testing.actions import Call
    from mfakit.testing.demands.model import Place
    from mfakit.testing.wire import Request

ABOUT_NOTHING = (
    "GetAccountSettings",
    "ListCodeSigningConfigs",
    "ListEventSourceMappings",
    "ListFunctions",
    "ListLayers",
    "ListLayerVersions",
)
PASSING_A_ROLE = ("CreateFunction", "UpdateFunctionConfiguration")


def demands(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what Lambda asks for: to give a function a role, one has to be allowed to pass it."""
    found = (Demand(call.action, _resource(call, request, place)),)
    passed = json_body(call, request).get("Role") if call.operation in PASSING_A_ROLE else None
    return (*found, Demand("iam:PassRole", passed)) if isinstance(passed, str) else found


def _resource(call: Call, request: Request, place: Place) -> str | None:
    known = members("lambda", call.operation)
    given = {name: value for name, value in call.parameters.items() if name in known}
    if call.operation in ABOUT_NOTHING:
        return NOTHING
    if call.operation == "CreateFunction":
        return _function(str(json_body(call, request).get("FunctionName", "")), "", place)
    if "FunctionName" in given:
        return _function(given["FunctionName"], given.get("Qualifier", ""), place)
    if "LayerName" in given:
        return _layer(given["LayerName"], given.get("VersionNumber", ""), place)
    if "UUID" in given:
        return place.arn("lambda", f"event-source-mapping:{given['UUID']}")
    return given.get("Resource") or given.get("ResourceArn")


def _function(name: str, qualifier: str, place: Place) -> str:
    """Return the ARN of a function, by its name, its ARN, or ``123456789012:function:NAME``."""
    whole = name if name.startswith("arn:") else place.arn("lambda", f"function:{_bare(name)}")
    return f"{whole}:{qualifier}" if qualifier else whole


def _bare(name: str) -> str:
    return name.partition(":function:")[2] or name


def _layer(name: str, version: str, place: Place) -> str:
    whole = name if name.startswith("arn:") else place.arn("lambda", f"layer:{name}")
    return f"{whole}:{version}" if version else whole
