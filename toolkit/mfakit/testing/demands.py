"""What a call has to be allowed: which actions, on which resources.

Where the resource cannot be told, only a policy whose Resource is ``*`` can be judged; where the
action cannot be told, only one whose Action is ``*``.
"""

from __future__ import annotations

import io
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from mfakit.testing.actions import NOTHING, PASSING, Demand, Place, json_body
from mfakit.testing.errors import AWSError
from mfakit.testing.iam import iam_demands
from mfakit.testing.models import members
from mfakit.testing.s3 import reading, s3_demands, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mfakit.testing.models import Call, Model
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
            return s3_demands(call, request, place)
        case "iam":
            return iam_demands(call, place, find_arn)
        case "sts":
            return (Demand(call.action, of_sts(call, place)),)
        case "dynamodb":
            return of_dynamodb(call, request, place)
        case "lambda":
            return of_lambda(call, request, place)
    return (Demand(call.action, None), *on_behalf(call, request))


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


# A stack may hold anything, and a tag be that of anything.
ANYTHING = Demand(None, None)
ONLY_READS = re.compile("Describe|Detect|Estimate|Get|List|Validate")
TAGGING = ("TagResources", "UntagResources")
# Parameters that are secrets, by the name under which Systems Manager gives them.
SECRETS = "/aws/reference/secretsmanager/"


def on_behalf(call: Call, request: Request) -> tuple[Demand, ...]:
    """Return what is asked for beside the call itself."""
    match call.service:
        case "cloudformation":
            # A template that is read from S3 is an object of which only the URL is known.
            only_reads = ONLY_READS.match(call.operation) and "TemplateURL" not in call.parameters
            return () if only_reads else (ANYTHING,)
        case "tagging":
            return (ANYTHING,) if call.operation in TAGGING else ()
        case "athena":
            # Its results are written into a bucket that the call or the work group names.
            starts = call.operation == "StartQueryExecution"
            return (Demand("s3:PutObject", None),) if starts else ()
        case "ssm":
            body = json_body(call, request)
            named = [body.get("Name"), *(body.get("Names") or ())]
            secret = any(str(name).startswith(SECRETS) for name in named)
            return (Demand("secretsmanager:GetSecretValue", None),) if secret else ()
    return ()


BATCHES = ("BatchGetItem", "BatchWriteItem")
# Actions that a transaction is made of, by what its items call them.
IN_TRANSACTIONS = {
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
NO_TABLE = ("DescribeEndpoints", "DescribeLimits")
ABOUT_ALL_TABLES = ("ListBackups", "ListTables", "ListStreams")
NAMED_WHOLE = ("ResourceArn", "BackupArn", "StreamArn", "TableArn", "ExportArn", "ImportArn")
# Where statements in PartiQL are; what they are called in policies depends on their first word.
PARTIQL = {
    "ExecuteStatement": None,
    "BatchExecuteStatement": "Statements",
    "ExecuteTransaction": "TransactStatements",
}
FIRST_WORD = re.compile(r"\s*(select|insert|update|delete)\b", re.IGNORECASE)
# This one names what it is about inside of a token.
UNTOLD = ("GetRecords",)


def of_dynamodb(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what DynamoDB asks for."""
    body = json_body(call, request)
    untold = (Demand(call.action, None),)
    if call.operation in BATCHES:
        return tuple(Demand(call.action, _table(n, place)) for n in _tables(body)) or untold
    if call.operation in ("TransactGetItems", "TransactWriteItems"):
        return tuple(_in_transaction(body, place)) or untold
    if call.operation in PARTIQL:
        inside = PARTIQL[call.operation]
        statements = body.get(inside) if inside else [body]
        given = statements if isinstance(statements, list) else [None]
        return tuple(map(_partiql, given)) or untold
    return (Demand(call.action, _table_of(call, body, place)), *_upon_buckets(call, body, place))


def _table_of(call: Call, body: Mapping[str, Any], place: Place) -> str | None:
    if call.operation in UNTOLD or call.operation.startswith("Restore"):
        return None
    if "TableName" in body:
        table, index = _table(str(body["TableName"]), place), body.get("IndexName")
        return f"{table}/index/{index}" if index else table
    for name in NAMED_WHOLE:
        if name in body:
            return str(body[name])
    if call.operation in ABOUT_ALL_TABLES:
        return _table("*", place)
    return NOTHING if call.operation in NO_TABLE else None


def _upon_buckets(call: Call, body: Mapping[str, Any], place: Place) -> tuple[Demand, ...]:
    """Return what it takes to write a table into a bucket, or to read it from there."""
    if call.operation == "ExportTableToPointInTime":
        bucket, prefix = body.get("S3Bucket", ""), body.get("S3Prefix") or ""
        return (writing(place, str(bucket), f"{prefix}/AWSDynamoDB/".lstrip("/")),)
    if call.operation == "ImportTable":
        source = body.get("S3BucketSource")
        given = source if isinstance(source, dict) else {}
        key = given.get("S3KeyPrefix") or "*"
        return (reading(place, str(given.get("S3Bucket", "")), str(key)),)
    return ()


def _tables(body: Mapping[str, Any]) -> list[str]:
    items = body.get("RequestItems")
    return list(items) if isinstance(items, dict) else []


def _partiql(item: Any) -> Demand:
    """Return what a statement asks for; one that cannot be told may do anything."""
    word = FIRST_WORD.match(str(item.get("Statement", ""))) if isinstance(item, dict) else None
    return Demand(f"dynamodb:PartiQL{word[1].capitalize()}" if word else None, None)


def _in_transaction(body: Mapping[str, Any], place: Place) -> Iterator[Demand]:
    items = body.get("TransactItems")
    parts = [p for i in items if isinstance(i, dict) for p in i.items()] if items else []
    for kind, part in parts:
        table = part.get("TableName") if isinstance(part, dict) else None
        if kind in IN_TRANSACTIONS and table:
            yield Demand(IN_TRANSACTIONS[kind], _table(str(table), place))


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


NO_FUNCTION = (
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


def of_lambda(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what Lambda asks for.

    To give a function code from S3, one has to be allowed to read that.

    Raises:
        AWSError: a function's name is none, or of one that cannot be reached from here.
    """
    body = json_body(call, request)
    found = [Demand(call.action, _function_of(call, body, place))]
    inside = CODE_IN.get(call.operation)
    code = body.get(inside) if inside else body
    if call.operation in CODE_IN and isinstance(code, dict) and code.get("S3Bucket"):
        given = (str(code.get(name) or "") for name in ("S3Bucket", "S3Key", "S3ObjectVersion"))
        found.append(reading(place, *given))
    return tuple(found)


def _function_of(call: Call, body: Mapping[str, Any], place: Place) -> str | None:
    known = members("lambda", call.operation)
    given = {name: value for name, value in call.parameters.items() if name in known}
    if call.operation in NO_FUNCTION:
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


def of_sts(call: Call, place: Place) -> str:
    """Return what the call is about."""
    if call.operation.startswith("AssumeRole"):
        return call.parameters.get("RoleArn", "")
    if call.operation == "GetFederationToken":
        name = call.parameters.get("Name", "")
        return place.global_arn("sts", f"federated-user/{name}")
    return NOTHING
