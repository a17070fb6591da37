"""Lambda: functions with their versions and aliases, layers, event source mappings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mfakit.testing.demands import s3
from mfakit.testing.demands.model import NOTHING, Demand, json_body
from mfakit.testing.errors import AWSError
from mfakit.testing.validation import members

if TYPE_CHECKING:
    from collections.abc import Mapping

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
# Where a call tells of code that is to be read from S3; None: in the body itself.
CODE_IN = {"CreateFunction": "Code", "UpdateFunctionCode": None, "PublishLayerVersion": "Content"}
NO_NAME = "Member must satisfy the pattern of a function's name, its ARN or a part of that"
TWO_QUALIFIERS = (
    "The derived qualifier from the function name does not match the specified qualifier."
)
# By name, by ARN, or ``123456789012:function:NAME``; the version or alias may follow.
FUNCTION = re.compile(
    r"(?:arn:[\w-]+:lambda:(?P<region>[a-z0-9-]+):(?P<of>\d{12}):function:"
    r"|(?P<account>\d{12}):function:|function:)?(?P<name>[\w-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?",
    re.ASCII,
)


def demands(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what Lambda asks for.

    To give a function code from S3, one has to be allowed to read that.

    Raises:
        AWSError: a function's name is none, or of one that cannot be reached from here.
    """
    body = json_body(call, request)
    found = [Demand(call.action, _resource(call, body, place))]
    inside = CODE_IN.get(call.operation)
    code = body.get(inside) if inside else body
    if call.operation in CODE_IN and isinstance(code, dict) and code.get("S3Bucket"):
        given = (str(code.get(name) or "") for name in ("S3Bucket", "S3Key", "S3ObjectVersion"))
        found.append(s3.reading(place, *given))
    return tuple(found)


def _resource(call: Call, body: Mapping[str, Any], place: Place) -> str | None:
    known = members("lambda", call.operation)
    given = {name: value for name, value in call.parameters.items() if name in known}
    if call.operation in ABOUT_NOTHING:
        return NOTHING
    if call.operation == "CreateFunction":
        return _function(str(body.get("FunctionName", "")), "", place)
    if "FunctionName" in given:
        return _function(given["FunctionName"], given.get("Qualifier", ""), place)
    if "LayerName" in given:
        return _layer(given["LayerName"], given.get("VersionNumber", ""), place)
    if "UUID" in given:
        return place.arn("lambda", f"event-source-mapping:{given['UUID']}")
    resource = given.get("Resource") or given.get("ResourceArn") or ""
    return _function(resource, "", place) if ":function:" in resource else resource or None


def _function(name: str, qualifier: str, place: Place) -> str:
    """Return the ARN of a function of this region and account, which are all that moto looks at."""
    found = FUNCTION.fullmatch(name)
    if found is None:
        why = f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy"
        raise AWSError(400, "ValidationException", f"{why} constraint: {NO_NAME}")
    region, account = found["region"] or place.region, found["of"] or found["account"]
    if region != place.region:
        why = f"Functions from '{region}' are not reachable in this region ('{place.region}')"
        raise AWSError(404, "ResourceNotFoundException", why)
    if account not in (None, place.account_id):
        raise AWSError(404, "ResourceNotFoundException", f"Function not found: {name}")
    if found["qualifier"] and qualifier not in ("", found["qualifier"]):
        raise AWSError(400, "InvalidParameterValueException", TWO_QUALIFIERS)
    whole = place.arn("lambda", f"function:{found['name']}")
    qualifier = qualifier or found["qualifier"] or ""
    return f"{whole}:{qualifier}" if qualifier else whole


def _layer(name: str, version: str, place: Place) -> str:
    whole = name if name.startswith("arn:") else place.arn("lambda", f"layer:{name}")
    return f"{whole}:{version}" if version else whole
