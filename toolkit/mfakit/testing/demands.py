"""The demands of a call: the actions that it needs, on which resources.

Where the resource is not known, only a policy whose Resource is ``*`` can be judged; where the
action is not known, only one whose Action is ``*``.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from mfakit.testing.actions import NOTHING, PASSING, Demand, Place, document, json_body
from mfakit.testing.errors import AWSError
from mfakit.testing.iam import iam_demands
from mfakit.testing.models import members
from mfakit.testing.s3 import reading, s3_demands, writing
from mfakit.testing.wire import parsed_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mfakit.testing.models import Call, Model
    from mfakit.testing.wire import Request


def demands_of(
    call: Call,
    request: Request,
    place: Place,
    find_arn: Callable[[str, str], str | None],
    find_roles: Callable[[str, str], tuple[str, ...]],
) -> tuple[Demand, ...]:
    """Return the demands of a call, all of which have to be allowed.

    Args:
        call: the call.
        request: the request: some calls name their resources in the body.
        place: partition, region and account.
        find_arn: returns the ARN of the ``user``, ``group`` or ``role`` of a name, or of the
            caller's own user for an empty name.
        find_roles: returns the ARNs of the ``role``, or of the roles in the ``instance-profile``,
            of a name; none if there is none of that name.
    """
    own = _of_the_call_itself(call, request, place, find_arn)
    return (*own, *_passed_roles(call, request, place, find_roles))


def _of_the_call_itself(
    call: Call, request: Request, place: Place, find_arn: Callable[[str, str], str | None]
) -> tuple[Demand, ...]:
    match call.service:
        case "s3":
            return s3_demands(call, request, place)
        case "iam":
            return iam_demands(call, place, find_arn)
        case "sts":
            return (Demand(call.action, _of_sts(call, place)),)
        case "dynamodb":
            return _of_dynamodb(call, request, place)
        case "lambda":
            return _of_lambda(call, request, place)
    return (Demand(call.action, None), *_on_behalf(call, request))


ROLE, PROFILE = "role", "instance-profile"
# AssumeRole does not pass a role on, findings only describe roles, and `iam` has its own demands.
NOT_PASSING = ("iam", "securityhub", "sts")
# Operations that name a role to find or remove something.
READING = re.compile(
    r"(Batch)?(Describe|Get|List|Search|Lookup|Query|Delete|Remove|Disassociate|Deregister|Detach)"
)
NAMES_PROFILE = re.compile(r"instance_?profile(_?(arn|name))?$|jobflowrole$|instancerole$", re.I)
NAMES_ROLE = re.compile(r"(?!remove)\w*roles?(_?arns?)?$", re.I)
SHAPE_OF_ROLE = re.compile(r"role_?arns?$", re.I)
# Roles by other names: of flow logs, Cognito's SMS, API Gateway, RDS, Firewall Manager and DMS.
OTHER_NAMES = frozenset(
    (
        *("DeliverLogsPermissionArn", "SnsCallerArn", "CallerArn", "credentials", "CredentialsArn"),
        *("authorizerCredentials", "AuthorizerCredentialsArn", "DomainIAMRoleName", "SnsRoleName"),
        "KeyCacheSecretIamArn",
    )
)
# Members that may hold a role among other things: attributes of topics, patches of REST APIs, and
# parameters of automations.
OF_ANYTHING = {
    "apigateway": ("value",),
    "sns": ("Attributes", "AttributeValue"),
    "ssm": ("Parameters",),
}
ROLE_ARN = re.compile(r"arn:[\w-]+:iam::\d*:role/.+")
PROFILE_ARN = re.compile(r"arn:[\w-]+:iam::\d*:instance-profile/(?:.+/)?([\w+=,.@-]+)")
NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
# Services with a single documented principal, ``NAME.amazonaws.com``.
_NAMES = """
    apigateway appsync cloudformation cloudtrail codebuild codedeploy codepipeline config dms
    elasticmapreduce events firehose glue iot kinesisanalytics lambda pipes redshift s3 sagemaker
    scheduler states transfer
"""
WITH_ONE_PRINCIPAL = frozenset(_NAMES.split())
OF_TASKS = ("RegisterTaskDefinition", "RunTask", "StartTask")


def _passed_roles(
    call: Call, request: Request, place: Place, find_roles: Callable[[str, str], tuple[str, ...]]
) -> Iterator[Demand]:
    """Yield ``iam:PassRole`` on each role that a call hands to a service.

    Which parameters hold a role is read from botocore's models, so that no list of operations has
    to be kept: a member whose name, or whose shape's name, says that it is a role or an instance
    profile. Its value counts if it is the ARN of one, or the name of one that the account has.
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
    """Yield the ARN of each role that a value names, and the service that gets it."""
    profile = PROFILE_ARN.fullmatch(value)
    if ROLE_ARN.fullmatch(value):
        yield value, _principal(call, place, kind)
    elif profile:
        yield from ((arn, place.principal("ec2")) for arn in find_roles(PROFILE, profile[1]))
    elif NAME.fullmatch(value):
        yield from ((arn, _principal(call, place, kind)) for arn in find_roles(kind, value))


def _principal(call: Call, place: Place, kind: str) -> str | None:
    """Return the service that gets a role; None if it is not known."""
    if kind == PROFILE:
        return place.principal("ec2")
    if call.service == "ecs" and call.operation in OF_TASKS:
        return place.principal("ecs-tasks")
    return place.principal(call.service) if call.service in WITH_ONE_PRINCIPAL else None


def _kind(name: str, shape: str, service: str) -> str:
    """Return ``role`` or ``instance-profile`` if a member holds one; else an empty string."""
    if NAMES_PROFILE.search(name):
        return PROFILE
    named = NAMES_ROLE.fullmatch(name) or SHAPE_OF_ROLE.search(shape) or name in OTHER_NAMES
    return ROLE if named or name in OF_ANYTHING.get(service, ()) else ""


@cache
def _role_members(model: Model, operation: str) -> dict[str, str]:
    """Return the kinds of all members of an operation that hold roles, by their wire names."""
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
    """Yield the kind and the value of each string where a call may name a role."""
    model = call.model
    if call.shape is None and call.protocol in ("query", "ec2"):
        pattern = _in_forms(tuple(kinds))
        for name, value in call.parameters.items():
            if named := pattern.search(name):
                yield kinds[named[1]], value
    elif call.protocol == "rest-xml":
        yield from _in_xml(request.body, kinds)
    elif model is not None:
        yield from _in_shape(model, model.input_of(call.operation), document(call, request), "")


@cache
def _in_forms(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern of parameters with one of these names, and of parts and items of them."""
    return re.compile(rf"(?:^|\.)({'|'.join(map(re.escape, names))})(?:\.\w+){{0,2}}$")


def _in_xml(body: bytes, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    with suppress(AWSError):
        for element in parsed_xml(body).iter():
            kind = kinds.get(element.tag.rpartition("}")[2])
            if kind:
                yield from ((kind, text.strip()) for text in element.itertext())


def _in_shape(model: Model, name: str, value: Any, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the strings of a value that are in a member for roles."""
    if kind and isinstance(value, str):
        yield kind, value
    for part, shape, inner in model.parts(name, value):
        inside = kind or _kind(part, shape, model.endpoint_prefix)
        yield from _in_shape(model, shape, inner, inside)


# A stack may contain anything, and anything may be tagged.
ANYTHING = Demand(None, None)
ONLY_READS = re.compile("Describe|Detect|Estimate|Get|List|Validate")
TAGGING = ("TagResources", "UntagResources")
# The prefix of parameters of Systems Manager that are secrets.
SECRETS = "/aws/reference/secretsmanager/"


def _on_behalf(call: Call, request: Request) -> tuple[Demand, ...]:
    """Return the demands of other services that a service calls on behalf of the caller."""
    match call.service:
        case "cloudformation":
            # Of a template in S3 only the URL is known, not the object.
            only_reads = ONLY_READS.match(call.operation) and "TemplateURL" not in call.parameters
            return () if only_reads else (ANYTHING,)
        case "tagging":
            return (ANYTHING,) if call.operation in TAGGING else ()
        case "athena":
            # The call or the work group names the bucket for the results.
            starts = call.operation == "StartQueryExecution"
            return (Demand("s3:PutObject", None),) if starts else ()
        case "ssm":
            body = json_body(call, request)
            named = [body.get("Name"), *(body.get("Names") or ())]
            secret = any(str(name).startswith(SECRETS) for name in named)
            return (Demand("secretsmanager:GetSecretValue", None),) if secret else ()
    return ()


BATCHES = ("BatchGetItem", "BatchWriteItem")
# The actions of the items of a transaction.
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
# The member with the PartiQL statements; the action of each depends on its first word.
PARTIQL = {
    "ExecuteStatement": None,
    "BatchExecuteStatement": "Statements",
    "ExecuteTransaction": "TransactStatements",
}
FIRST_WORD = re.compile(r"\s*(select|insert|update|delete)\b", re.IGNORECASE)
# The table is inside of a token.
TABLE_IN_TOKEN = ("GetRecords",)


def _of_dynamodb(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    body = json_body(call, request)
    unknown = (Demand(call.action, None),)
    if call.operation in BATCHES:
        return tuple(Demand(call.action, _table(n, place)) for n in _tables(body)) or unknown
    if call.operation in ("TransactGetItems", "TransactWriteItems"):
        return tuple(_in_transaction(body, place)) or unknown
    if call.operation in PARTIQL:
        inside = PARTIQL[call.operation]
        statements = body.get(inside) if inside else [body]
        given = statements if isinstance(statements, list) else [None]
        return tuple(map(_partiql, given)) or unknown
    return (Demand(call.action, _table_of(call, body, place)), *_upon_buckets(call, body, place))


def _table_of(call: Call, body: Mapping[str, Any], place: Place) -> str | None:
    if call.operation in TABLE_IN_TOKEN or call.operation.startswith("Restore"):
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
    """Return the demand of exporting a table to a bucket, or importing it from there."""
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
    """Return the demand of a statement; one that is not understood may do anything."""
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
    *("GetAccountSettings", "ListCodeSigningConfigs", "ListEventSourceMappings"),
    *("ListFunctions", "ListLayers", "ListLayerVersions"),
)
# The member of the body that names code in S3; None: the body itself.
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


def _of_lambda(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return the demands on a function of this account and region, and on its code in S3."""
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
    """Return the ARN of a function, which has to be in this region and account as moto's are."""
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


def _of_sts(call: Call, place: Place) -> str:
    if call.operation.startswith("AssumeRole"):
        return call.parameters.get("RoleArn", "")
    if call.operation == "GetFederationToken":
        name = call.parameters.get("Name", "")
        return place.global_arn("sts", f"federated-user/{name}")
    return NOTHING
