"""Refusals of calls in which moto failed, where AWS's model of the service tells what is wrong."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from mfakit.testing import refusals
from mfakit.testing.errors import AWSError
from mfakit.testing.object_deletion import NOT_WELL_FORMED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mfakit.testing.actions import Call
    from mfakit.testing.models import Model
    from mfakit.testing.wire import Request

TYPES: dict[str, Any] = {"structure": dict, "map": dict, "list": list, "string": str}
UNEXPECTED: dict[type, str] = {
    dict: "Start of structure or map found where not expected.",
    list: "Start of list found where not expected.",
}
OTHERWISE_UNEXPECTED = "Unexpected value type in payload."


def refusal_of_form(call: Call, request: Request) -> AWSError | None:
    """Return how AWS refuses a call whose parameters are incomplete or of another type.

    None: nothing is wrong with them as far as the service's model tells.
    """
    if call.model is None:
        return None
    shape = call.model.shapes.get(call.model.input_of(call.operation), {})
    try:
        if call.protocol == "rest-xml":
            _check_xml(call, request)
        elif call.shape is None and call.protocol in ("query", "ec2"):
            _check_form(call, shape)
        elif call.is_json and "cbor" not in call.protocol:
            _check_json(call.model, call, request)
    except AWSError as error:
        return error
    return None


def _check_xml(call: Call, request: Request) -> None:
    if call.shape is None or call.shape.body is None or not request.body:
        return
    try:
        ET.fromstring(request.body)  # noqa: S314 - the document comes from the test's own client
    except (ET.ParseError, ValueError, LookupError):
        raise AWSError(400, "MalformedXML", NOT_WELL_FORMED) from None


def _check_form(call: Call, shape: Mapping[str, Any]) -> None:
    given = {name.partition(".")[0].lower() for name in call.parameters}
    for key in shape.get("required", ()):
        member = shape["members"][key]
        names = {key, member.get("locationName", key), member.get("queryName", key)}
        if given.isdisjoint(name.partition(".")[0].lower() for name in names):
            if call.protocol == "ec2":
                text = f"The request must contain the parameter {key}"
                raise AWSError(400, "MissingParameter", text)
            _refuse(call, [_missing(key)])


def _check_json(model: Model, call: Call, request: Request) -> None:
    name = model.input_of(call.operation)
    shape = model.shapes.get(name, {})
    try:
        content = json.loads(request.body or b"{}")
    except ValueError:
        return
    if "payload" in shape:
        member = shape["members"][shape["payload"]]
        content = {member.get("locationName", shape["payload"]): content}
    if not isinstance(content, dict) or not shape:
        return
    found = list(_complaints(model, call, name, {**call.parameters, **content}, ""))
    if found:
        _refuse(call, found)


def _complaints(model: Model, call: Call, name: str, value: Any, place: str) -> Iterator[str]:
    """Yield what is missing in a value.

    Raises:
        AWSError: a part of it is of another type than the model says.
    """
    shape = model.shapes[name]
    expected = TYPES.get(str(shape["type"]))
    if expected is None or shape.get("document"):
        return
    if not isinstance(value, expected):
        raise refusals.malformed(call, UNEXPECTED.get(type(value), OTHERWISE_UNEXPECTED))
    for key in shape.get("required", ()):
        member = shape["members"][key]
        in_header = member.get("location") in ("header", "headers")
        if value.get(member.get("locationName", key)) is None and not in_header:
            yield _missing(f"{place}{key}")
    for part, inner_name, inner in model.parts(name, value):
        yield from _complaints(model, call, inner_name, inner, f"{place}{part}.")


def _missing(place: str) -> str:
    named = re.sub(r"(^|[.])(\w)", lambda m: m[1] + m[2].lower(), place)
    return f"Value null at '{named}' failed to satisfy constraint: Member must not be null"


def _refuse(call: Call, found: list[str]) -> None:
    errors = "error" if len(found) == 1 else "errors"
    text = f"{len(found)} validation {errors} detected: {'; '.join(found)}"
    raise AWSError(400, "ValidationException" if call.is_json else "ValidationError", text)
