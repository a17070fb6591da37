"""The form of parameters, judged and worded as AWS does it.

STS and IAM word it differently: STS quotes the value that it complains of, IAM does not, and has
sentences of its own for names and paths.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from mfakit.testing import errors
from mfakit.testing.errors import AWSError
from mfakit.testing.models import input_shape, members
from mfakit.testing.s3 import NOT_WELL_FORMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mfakit.testing.models import Call, Model
    from mfakit.testing.wire import Request

    Parameters = Mapping[str, str]

USUAL_PAGE = 100
INT32 = range(-(2**31), 2**31)
DUPLICATE_TAGS = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
# What IAM says of values that break these patterns of its model; from public threads, but for the
# prefix, which is the likeliest reading.
IAM_SENTENCES = {
    r"[\w+=,.@-]+": "It must contain only alphanumeric characters and/or the following: +=,.@_-",
    r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)": (
        "It must begin and end with / and contain only alphanumeric characters and/or / characters."
    ),
    r"((/[A-Za-z0-9\.,\+@=_-]+)*)/": (
        "It must begin and end with / and contain only alphanumeric characters and/or / characters."
    ),
    r"\u002F[\u0021-\u007F]*": (
        "It must begin with / and contain only alphanumeric characters and/or / characters."
    ),
}


@dataclass(frozen=True)
class Text:
    """The limits of a text parameter, called as the API calls it: ``TokenCode``."""

    name: str
    least: int = 0
    most: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()

    def complaints(self, value: str) -> Iterator[str]:
        """Yield every constraint that the value breaks."""
        if self.most is not None and len(value) > self.most:
            yield f"Member must have length less than or equal to {self.most}"
        if len(value) < self.least:
            yield f"Member must have length greater than or equal to {self.least}"
        if self.pattern is not None and not _compiled(self.pattern).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {self.pattern}"
        if self.enum and value not in self.enum:
            yield f"Member must satisfy enum value set: [{', '.join(self.enum)}]"


@dataclass(frozen=True)
class Number:
    """The limits of a number."""

    name: str
    least: int | None = None
    most: int | None = None

    def complaints(self, value: str) -> Iterator[str]:
        """Yield every constraint that the value breaks.

        Raises:
            AWSError: it is no number of 32 bits.
        """
        number = _int32(self.name, value)
        if self.least is not None and number < self.least:
            yield f"Member must have value greater than or equal to {self.least}"
        if self.most is not None and number > self.most:
            yield f"Member must have value less than or equal to {self.most}"


def validate(
    parameters: Parameters, limits: Iterable[Text | Number], required: Iterable[str] = ()
) -> None:
    """Refuse parameters of STS that are out of their limits, all of them in one message.

    Raises:
        AWSError: one is missing, or out of its limits.
    """
    found = [
        f"Value null at '{_member(name)}' failed to satisfy constraint: Member must not be null"
        for name in required
        if name not in parameters
    ]
    for limit in limits:
        if limit.name in parameters:
            value = parameters[limit.name]
            found += [
                f"Value '{value}' at '{_member(limit.name)}' failed to satisfy constraint: {text}"
                for text in limit.complaints(value)
            ]
    complain(found)


def validate_iam(operation: str, parameters: Parameters) -> None:
    """Refuse parameters of IAM that are out of the limits that botocore's model of IAM has.

    Raises:
        AWSError: one is missing, or out of its limits, or two tags differ in case alone.
    """
    shape = input_shape("iam", operation)
    if shape is None:
        return
    # A name or a path that is not well-formed has a sentence of its own, and is told of alone.
    for name, member in shape.members.items():
        sentence = IAM_SENTENCES.get(member.metadata.get("pattern", ""))
        if sentence and name in parameters and _breaks_pattern_alone(member, parameters[name]):
            text = f"The specified value for {_member(name)} is invalid. {sentence}"
            raise AWSError(400, "ValidationError", text)
    complain(_iam_complaints(shape, parameters, "", ""))
    keys = [value.lower() for _, value in tag_pairs(parameters, "Key")]
    if len(set(keys)) < len(keys):
        raise AWSError(400, "InvalidInput", DUPLICATE_TAGS)


def known_parameters(operation: str, parameters: Parameters) -> Parameters:
    """Return the parameters that a call of IAM has; IAM leaves others unread."""
    known = members("iam", operation)
    return {name: value for name, value in parameters.items() if name.partition(".")[0] in known}


def tag_pairs(parameters: Parameters, part: str = "Key") -> list[tuple[int, str]]:
    """Return number and value of that part of each tag among the parameters."""
    found = ((re.fullmatch(rf"Tags\.member\.(\d+)\.{part}", n), v) for n, v in parameters.items())
    return sorted((int(match[1]), value) for match, value in found if match)


def given_tags(parameters: Parameters) -> dict[str, str]:
    """Return the tags among the parameters of a call of IAM, which are valid."""
    values = dict(tag_pairs(parameters, "Value"))
    return {key: values.get(number, "") for number, key in tag_pairs(parameters, "Key")}


def page(name: str, items: list[dict[str, Any]], given: Parameters) -> dict[str, Any]:
    """Return the page of a list that a call asks for, by a marker that an earlier page gave.

    Args:
        name: what the answer calls the list.
        items: the whole list.
        given: the parameters of the call, which are valid.

    Raises:
        AWSError: no page of this list has given that marker.
    """
    check_marker(given)
    start = int(given.get("Marker", "0"))
    if start > len(items):
        raise _invalid_marker()
    end = start + int(given.get("MaxItems", USUAL_PAGE))
    found: dict[str, Any] = {name: items[start:end], "IsTruncated": end < len(items)}
    if found["IsTruncated"]:
        found["Marker"] = end
    return found


def check_marker(given: Parameters) -> None:
    """Refuse a marker that no list of the simulator or of moto gives.

    Raises:
        AWSError: it is none.
    """
    if not re.fullmatch(r"\d{1,9}", given.get("Marker", "0"), re.ASCII):
        raise _invalid_marker()


def _invalid_marker() -> AWSError:
    return AWSError(400, "ValidationError", "Invalid Marker.")


def complain(complaints: Iterable[str]) -> None:
    """Refuse a call with every complaint there is, if there is one."""
    found = tuple(complaints)
    if found:
        errors = "error" if len(found) == 1 else "errors"
        message = f"{len(found)} validation {errors} detected: {'; '.join(found)}"
        raise AWSError(400, "ValidationError", message)


def _iam_complaints(shape: Any, given: Parameters, prefix: str, place: str) -> Iterator[str]:
    """Yield what IAM says of the members of a structure.

    Args:
        shape: the structure, as botocore models it.
        given: all parameters.
        prefix: what the names of the structure's own begin with: ``Tags.member.1.``.
        place: what IAM calls the structure: ``tags.1.member.``.
    """
    for name, member in shape.members.items():
        where = f"Value at '{place}{_member(name)}' failed to satisfy constraint:"
        inside = [other for other in given if other.startswith(f"{prefix}{name}.")]
        if f"{prefix}{name}" not in given and not inside:
            if name in shape.required_members:
                yield f"{where} Member must not be null"
        elif member.type_name == "list":
            yield from _iam_list(member, given, inside, prefix + name, place + _member(name))
        elif limits := _limits(name, member):
            value = given.get(f"{prefix}{name}", "")
            yield from (f"{where} {text}" for text in limits.complaints(value))


def _iam_list(
    shape: Any, given: Parameters, inside: list[str], name: str, place: str
) -> Iterator[str]:
    found = (re.match(r"\.member\.(\d+)", other[len(name) :]) for other in inside)
    numbers = sorted({int(match[1]) for match in found if match})
    where = f"Value at '{place}' failed to satisfy constraint:"
    most = shape.metadata.get("max")
    if most is not None and len(numbers) > most:
        yield f"{where} Member must have length less than or equal to {most}"
    for number in numbers:
        part = f"{place}.{number}.member"
        if shape.member.type_name == "structure":
            inner = f"{name}.member.{number}."
            yield from _iam_complaints(shape.member, given, inner, f"{part}.")
        elif limits := _limits(name, shape.member):
            value = given.get(f"{name}.member.{number}", "")
            where = f"Value at '{part}' failed to satisfy constraint:"
            yield from (f"{where} {text}" for text in limits.complaints(value))


def _limits(name: str, shape: Any) -> Text | Number | None:
    """Return the limits that a model has for a plain value; None for what is not judged."""
    about = shape.metadata
    if shape.type_name == "string":
        least, most = about.get("min", 0), about.get("max")
        return Text(name, least, most, about.get("pattern"), tuple(about.get("enum", ())))
    if shape.type_name == "integer":
        return Number(name, about.get("min"), about.get("max"))
    return None


def _breaks_pattern_alone(shape: Any, value: str) -> bool:
    limits = _limits("", shape)
    broken = list(limits.complaints(value)) if limits else []
    return len(broken) == 1 and broken[0].startswith("Member must satisfy regular expression")


def _int32(name: str, value: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,20}", value, re.ASCII) or int(value) not in INT32:
        raise AWSError(400, "MalformedInput", f"{name} is not a number")
    return int(value)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of AWS's, which is Java's, as Python's.

    Tags may have letters, digits and separators of all scripts; elsewhere a letter is an ASCII one,
    as it is in Java.
    """
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _member(name: str) -> str:
    return name[0].lower() + name[1:]


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
        raise errors.malformed(call, UNEXPECTED.get(type(value), OTHERWISE_UNEXPECTED))
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
