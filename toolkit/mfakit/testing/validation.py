"""Validation of parameters, in AWS's words.

STS and IAM word it differently: STS quotes the wrong value; IAM does not, and has sentences of its
own for names and paths. Of other services, only calls in which moto fails are validated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mfakit.testing import errors
from mfakit.testing.actions import document
from mfakit.testing.errors import AWSError
from mfakit.testing.models import input_shape, members
from mfakit.testing.wire import parsed_xml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mfakit.testing.models import Call, Model
    from mfakit.testing.wire import Request

    Parameters = Mapping[str, str]

USUAL_PAGE = 100
INT32 = range(-(2**31), 2**31)
DUPLICATE_TAGS = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
# IAM's texts about values that break these patterns of its model; from public threads, except that
# of the prefix, which is the likeliest one.
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

TYPES: dict[str, Any] = {"structure": dict, "map": dict, "list": list, "string": str}
UNEXPECTED: dict[type, str] = {
    dict: "Start of structure or map found where not expected.",
    list: "Start of list found where not expected.",
}
OTHERWISE_UNEXPECTED = "Unexpected value type in payload."
GRANT = re.compile(r'\s*[^=]+="?[^"]+')  # id="..." or uri="..."


@dataclass(frozen=True)
class Text:
    """The limits of a text parameter, by its name in the API: ``TokenCode``."""

    name: str
    least: int = 0
    most: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()

    def complaints(self, value: str) -> Iterator[str]:
        """Yield every constraint that the value violates."""
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
        """Yield every constraint that the value violates; refuse what is no 32-bit number."""
        number = _int32(self.name, value)
        if self.least is not None and number < self.least:
            yield f"Member must have value greater than or equal to {self.least}"
        if self.most is not None and number > self.most:
            yield f"Member must have value less than or equal to {self.most}"


def validate(
    parameters: Parameters, limits: Iterable[Text | Number], required: Iterable[str] = ()
) -> None:
    """Refuse parameters of STS that are missing or outside their limits, in one message."""
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
    """Refuse parameters of IAM that are missing, outside the model's limits, or duplicate tags."""
    shape = input_shape("iam", operation)
    if shape is None:
        return
    # A malformed name or path has a sentence of its own, and is the only complaint.
    for name, member in shape.members.items():
        if name not in parameters:
            continue
        sentence = IAM_SENTENCES.get(member.metadata.get("pattern", ""))
        if sentence and _breaks_pattern_alone(member, parameters[name]):
            text = f"The specified value for {_member(name)} is invalid. {sentence}"
            raise AWSError(400, "ValidationError", text)
    complain(_iam_complaints(shape, parameters, "", ""))
    keys = [value.lower() for _, value in tag_pairs(parameters, "Key")]
    if len(set(keys)) < len(keys):
        raise AWSError(400, "InvalidInput", DUPLICATE_TAGS)


def known_parameters(operation: str, parameters: Parameters) -> Parameters:
    """Return the parameters that an operation of IAM has; IAM ignores others."""
    known = members("iam", operation)
    return {name: value for name, value in parameters.items() if name.partition(".")[0] in known}


def tag_pairs(parameters: Parameters, part: str = "Key") -> list[tuple[int, str]]:
    """Return number and value of a part, ``Key`` or ``Value``, of each tag."""
    tags = ((n, v) for n, v in parameters.items() if n.startswith("Tags."))
    found = ((re.fullmatch(rf"Tags\.member\.(\d+)\.{part}", n), v) for n, v in tags)
    return sorted((int(match[1]), value) for match, value in found if match)


def given_tags(parameters: Parameters) -> dict[str, str]:
    """Return the tags among the valid parameters of a call of IAM."""
    values = dict(tag_pairs(parameters, "Value"))
    return {key: values.get(number, "") for number, key in tag_pairs(parameters, "Key")}


def page(name: str, items: list[dict[str, Any]], given: Parameters) -> dict[str, Any]:
    """Return the page of a list, by its name in the answer, that valid parameters ask for."""
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
    """Refuse a marker that no list of the simulator or of moto ends with."""
    if not re.fullmatch(r"\d{1,9}", given.get("Marker", "0"), re.ASCII):
        raise _invalid_marker()


def _invalid_marker() -> AWSError:
    return AWSError(400, "ValidationError", "Invalid Marker.")


def complain(complaints: Iterable[str], code: str = "ValidationError") -> None:
    """Refuse a call with all complaints in one message, if there is any."""
    found = tuple(complaints)
    if found:
        errors = "error" if len(found) == 1 else "errors"
        message = f"{len(found)} validation {errors} detected: {'; '.join(found)}"
        raise AWSError(400, code, message)


def _iam_complaints(shape: Any, given: Parameters, prefix: str, place: str) -> Iterator[str]:
    """Yield IAM's complaints about the members of a structure.

    Args:
        shape: the structure, as botocore models it.
        given: all parameters.
        prefix: of the names of the structure's own parameters: ``Tags.member.1.``.
        place: IAM's name for the structure: ``tags.1.member.``.
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


@cache
def _limits(name: str, shape: Any) -> Text | Number | None:
    """Return the limits of a string or an integer in a model; None for other shapes."""
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
    r"""Compile a pattern of AWS's, which is written for Java.

    ``\p{L}`` and its kin match all scripts; elsewhere a letter is an ASCII letter, as in Java.
    """
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _member(name: str) -> str:
    return name[0].lower() + name[1:]


def refusal_of_form(call: Call, request: Request) -> AWSError | None:
    """Return AWS's refusal of a call with missing parameters, or with values of another type.

    None: the parameters satisfy the service's model.
    """
    if call.model is None:
        return None
    name = call.model.input_of(call.operation)
    try:
        if call.protocol == "rest-xml":
            _check_outside_of_body(call, call.model, request)
            if call.shape is not None and call.shape.body and request.body:
                _check_root(call.model.shapes[name], parsed_xml(request.body).tag)
        elif call.shape is None and call.protocol in ("query", "ec2"):
            _check_form(call, call.model.shapes.get(name, {}))
        elif name:
            found = _complaints(call.model, call, name, document(call, request), "")
            complain(found, "ValidationException")
    except AWSError as error:
        return error
    return None


def _check_outside_of_body(call: Call, model: Model, request: Request) -> None:
    """Refuse values of S3's headers and queries that the model rules out, and malformed grants."""
    members = model.shapes.get(model.input_of(call.operation), {}).get("members", {})
    for key, member in members.items():
        name, place = member.get("locationName", key), member.get("location")
        shape = model.shapes[member["shape"]]
        value = request.header(name) if place == "header" else call.parameters.get(name)
        if place == "querystring" and value is not None and shape["type"] == "integer":
            _int32_of_s3(name, value)
        if place != "header" or not value:
            continue
        if value not in shape.get("enum", (value,)):
            named = {"ArgumentName": name, "ArgumentValue": value}
            raise AWSError(400, "InvalidArgument", "", **named)
        if name.startswith("x-amz-grant-") and not all(map(GRANT.match, value.split(","))):
            raise AWSError(400, "InvalidArgument", "Argument format not recognized")


def _check_root(shape: Mapping[str, Any], tag: str) -> None:
    """Refuse a body of S3 that is another element than the one in the model."""
    payload = shape["members"].get(shape.get("payload"), {})
    if payload and tag.rpartition("}")[2] != payload.get("locationName", payload["shape"]):
        raise errors.malformed_xml()


def _int32_of_s3(name: str, value: str) -> None:
    try:
        _int32(name, value)
    except AWSError:
        text = f"Provided {name} not an integer or within integer range"
        named = {"ArgumentName": name, "ArgumentValue": value}
        raise AWSError(400, "InvalidArgument", text, **named) from None


def _check_form(call: Call, shape: Mapping[str, Any]) -> None:
    given = {name.partition(".")[0].lower() for name in call.parameters}
    for key in shape.get("required", ()):
        member = shape["members"][key]
        names = {key, member.get("locationName", key), member.get("queryName", key)}
        if given.isdisjoint(name.partition(".")[0].lower() for name in names):
            if call.protocol == "ec2":
                text = f"The request must contain the parameter {key}"
                raise AWSError(400, "MissingParameter", text)
            complain([_missing(key)])


def _complaints(model: Model, call: Call, name: str, value: Any, place: str) -> Iterator[str]:
    """Yield complaints about missing required members; refuse values of another type."""
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
