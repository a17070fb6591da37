"""Roles that a call hands to a service: the caller has to be allowed to pass each of them.

Which parameters hold a role is read from botocore's models, so that no list of operations has to be
kept: it is a member whose name, or whose shape's name, says that it is a role or an instance
profile. What it holds counts where it is the ARN of one, or the name of one that the account has.
"""

from __future__ import annotations

import io
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from mfakit.testing.demands.model import Demand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mfakit.testing.actions import Call
    from mfakit.testing.demands.model import Place
    from mfakit.testing.models import Model
    from mfakit.testing.wire import Request

PASSING = "iam:PassRole"
ROLE, PROFILE = "role", "instance-profile"
# AssumeRole takes a role rather than passing it on; what IAM asks for is judged with IAM's calls.
NOT_PASSING = ("iam", "sts")
# Operations that name a role in order to find or to remove something.
READING = re.compile(
    r"(Batch)?(Describe|Get|List|Search|Lookup|Query|Delete|Remove|Disassociate|Deregister|Detach)"
)
NAMES_PROFILE = re.compile(r"instance_?profile(_?(arn|name))?$|jobflowrole$|instancerole$", re.I)
NAMES_ROLE = re.compile(r"(?!remove)\w*roles?(_?arns?)?$", re.I)
SHAPE_OF_ROLE = re.compile(r"role_?arns?$", re.I)
# Roles by other names: of flow logs, SMS of Cognito, integrations and authorizers of API Gateway.
OTHER_NAMES = {"DeliverLogsPermissionArn", "SnsCallerArn", "credentials", "CredentialsArn"}
OTHER_NAMES |= {"authorizerCredentials", "AuthorizerCredentialsArn"}
# Members that hold anything, a role's ARN among it: attributes of topics, patches of REST APIs, and
# parameters of automations.
OF_ANYTHING = {
    "apigateway": ("value",),
    "sns": ("Attributes", "AttributeValue"),
    "ssm": ("Parameters",),
}
ROLE_ARN = re.compile(r"arn:[\w-]+:iam::\d*:role/.+")
PROFILE_ARN = re.compile(r"arn:[\w-]+:iam::\d*:instance-profile/(?:.+/)?([\w+=,.@-]+)")
NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
# Services that AWS documents just one principal for, ``NAME.amazonaws.com``, whatever the call.
_NAMES = """
    apigateway appsync cloudformation cloudtrail codebuild codedeploy codepipeline config dms
    elasticmapreduce events firehose glue iot kinesisanalytics lambda pipes redshift s3 sagemaker
    scheduler states transfer
"""
WITH_ONE_PRINCIPAL = frozenset(_NAMES.split())
OF_TASKS = ("RegisterTaskDefinition", "RunTask", "StartTask")


def passed_roles(
    call: Call, request: Request, place: Place, find_roles: Callable[[str, str], tuple[str, ...]]
) -> Iterator[Demand]:
    """Yield ``iam:PassRole`` on each role that a call hands to a service.

    Args:
        call: the call.
        request: as it came.
        place: where.
        find_roles: returns the ARNs of the ``role``, or of the roles in the ``instance-profile``,
            of a name; none if there is none of that name.
    """
    model = call.model
    if model is None or call.service in NOT_PASSING or READING.match(call.operation):
        return
    kinds = _role_members(model, call.operation)
    if not kinds:
        return
    found = {
        arn: principal
        for kind, value in _values(call, request, kinds)
        for arn, principal in _roles(call, place, kind, value, find_roles)
    }
    for arn, principal in found.items():
        yield Demand(PASSING, arn, principal)


def _roles(
    call: Call, place: Place, kind: str, value: str, find_roles: Callable[[str, str], Iterable[str]]
) -> Iterator[tuple[str, str | None]]:
    """Yield the ARNs of the roles that a value stands for, and the service that gets each."""
    profile = PROFILE_ARN.fullmatch(value)
    if ROLE_ARN.fullmatch(value):
        yield value, _principal(call, place, kind)
    elif profile:
        yield from ((arn, place.principal("ec2")) for arn in find_roles(PROFILE, profile[1]))
    elif NAME.fullmatch(value):
        yield from ((arn, _principal(call, place, kind)) for arn in find_roles(kind, value))


def _principal(call: Call, place: Place, kind: str) -> str | None:
    """Return the service that gets a role; None where it cannot be told."""
    if kind == PROFILE:
        return place.principal("ec2")
    if call.service == "ecs" and call.operation in OF_TASKS:
        return place.principal("ecs-tasks")
    return place.principal(call.service) if call.service in WITH_ONE_PRINCIPAL else None


def _kind(name: str, shape: str, service: str) -> str:
    """Return what a member holds: a ``role``, an ``instance-profile``, or nothing of that kind."""
    if NAMES_PROFILE.search(name):
        return PROFILE
    named = NAMES_ROLE.fullmatch(name) or SHAPE_OF_ROLE.search(shape) or name in OTHER_NAMES
    return ROLE if named or name in OF_ANYTHING.get(service, ()) else ""


@cache
def _role_members(model: Model, operation: str) -> dict[str, str]:
    """Return the members of an operation that hold roles, by each name that they have on the wire.

    Members of members are among them.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    left = [model.input_of(operation)]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = model.shapes.get(name, {})
        for key, member in shape.get("members", {}).items():
            left.append(member["shape"])
            kind = _kind(key, member["shape"], model.endpoint_prefix)
            for spelled in (key, member.get("locationName"), member.get("queryName")):
                if kind and spelled:
                    found[spelled] = found[spelled[0].upper() + spelled[1:]] = kind
        left += [shape[part]["shape"] for part in ("member", "value") if part in shape]
    return found


def _values(call: Call, request: Request, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the strings in a call that stand where roles are expected, and what each may be."""
    if call.shape is None and call.protocol in ("query", "ec2"):
        pattern = _in_forms(tuple(kinds))
        for name, value in call.parameters.items():
            if named := pattern.search(name):
                yield kinds[named[1]], value
    elif call.protocol == "rest-xml":
        yield from _in_xml(request.body, kinds)
    else:
        yield from _in_document(call, request)


@cache
def _in_forms(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches a parameter of one of these names, or of a part or an item of it."""
    return re.compile(rf"(?:^|\.)({'|'.join(map(re.escape, names))})(?:\.\w+){{0,2}}$")


def _in_xml(body: bytes, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        root = ET.fromstring(body)  # noqa: S314 - the document comes from the test's own client
    except (ET.ParseError, ValueError, LookupError):
        return
    for element in root.iter():
        kind = kinds.get(element.tag.rpartition("}")[2])
        if kind:
            yield from ((kind, text.strip()) for text in element.itertext())


def _in_document(call: Call, request: Request) -> Iterator[tuple[str, str]]:
    """Yield what is in JSON or CBOR, and of REST calls, in path and query too."""
    assert call.model is not None
    name = call.model.input_of(call.operation)
    try:
        content = _cbor(request.body) if "cbor" in call.protocol else json.loads(request.body)
    except (ValueError, RecursionError):
        content = {}
    shape = call.model.shapes.get(name, {})
    if "payload" in shape:
        content = {
            shape["members"][shape["payload"]].get("locationName", shape["payload"]): content
        }
    if isinstance(content, dict):
        yield from _in_shape(call.model, name, {**call.parameters, **content}, "")


def _cbor(body: bytes) -> Any:
    from botocore.parsers import RpcV2CBORParser

    parser: Any = RpcV2CBORParser()
    try:
        return parser.parse_data_item(io.BufferedReader(io.BytesIO(body)))
    except Exception:
        return {}


def _in_shape(model: Model, name: str, value: Any, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the strings of a value that are roles, or parts of what is named as one."""
    if kind and isinstance(value, str):
        yield kind, value
    for part, shape, inner in model.parts(name, value):
        inside = kind or _kind(part, shape, model.endpoint_prefix)
        yield from _in_shape(model, shape, inner, inside)
