"""Which operation a request calls, and what IAM calls that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mfakit.testing.wire import Request

# Where a policy's prefix is not the name that requests are signed for.
PREFIXES = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "tagging": "tag",
    "iotdata": "iot",
}
# Where the model of a REST service is not called what its requests are signed for.
MODELS = {
    "s3": ("s3", "s3control"),
    "es": ("opensearch", "es"),
    "geo": ("location",),
    "elasticfilesystem": ("efs",),
    "ses": ("sesv2",),
    "apigateway": ("apigateway", "apigatewayv2"),
    "bedrock": ("bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"),
    "iotdata": ("iot-data",),
}
# Where IAM's name for an operation is not the operation's own.
ACTIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3:HeadObject": "s3:GetObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:UploadPartCopy": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:PutBucketCors": "s3:PutBucketCORS",
    "s3:DeleteBucketCors": "s3:PutBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:PutBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeleteBucketReplication": "s3:PutReplicationConfiguration",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "lambda:Invoke": "lambda:InvokeFunction",
}


@dataclass(frozen=True)
class Call:
    """What a request calls.

    Attributes:
        service: the name that requests to the service are signed for.
        operation: the operation; empty if it cannot be told.
        protocol: ``query``, ``ec2``, ``json``, ``rest-json``, ``rest-xml``, ``smithy-rpc-v2-cbor``.
        parameters: those in the URL or the form; of REST calls, those in the path too.
    """

    service: str
    operation: str
    protocol: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def action(self) -> str:
        """What policies call it: ``s3:GetObject``."""
        name = f"{PREFIXES.get(self.service, self.service)}:{self.operation}"
        return ACTIONS.get(name, name)

    @property
    def is_json(self) -> bool:
        """Whether it belongs to the services whose refusals end in ``Exception``."""
        return self.protocol in ("json", "rest-json", "smithy-rpc-v2-cbor")

    @property
    def json_status(self) -> int:
        """The status of those refusals."""
        return 403 if self.protocol == "rest-json" else 400


def identify(request: Request, service: str) -> Call:
    """Tell what a request to that service calls."""
    target = request.header("x-amz-target")
    if target:
        return Call(service, target.rpartition(".")[2], "json")
    rpc = re.fullmatch(r"/service/[^/]+/operation/([^/]+)", request.parts.path)
    if rpc:
        return Call(service, rpc[1], "smithy-rpc-v2-cbor")
    if service != "s3" and "Action" in request.parameters:
        protocol = "ec2" if service == "ec2" else "query"
        return Call(service, request.parameters["Action"], protocol, request.parameters)
    return _identify_rest(request, service)


def bucket_in_host(host: str) -> str:
    """Return the bucket that a virtual host names, as in ``bucket.s3.amazonaws.com``."""
    name = host.rpartition(":")[0] or host
    found = re.fullmatch(r"(.+)\.s3[.-].*amazonaws\.com(\.cn)?|(.+)\.localhost", name)
    return (found[1] or found[3]) if found else ""


def path_style(request: Request, service: str) -> str:
    """Return the path of a request, the bucket in front even if the host names it."""
    bucket = bucket_in_host(request.host) if service == "s3" else ""
    return f"/{bucket}{request.parts.path}" if bucket else request.parts.path or "/"


def _identify_rest(request: Request, service: str) -> Call:
    path = path_style(request, service)
    protocol = "rest-xml" if service == "s3" else "rest-json"
    for name in MODELS.get(service, (service,)):
        routes, protocol = _routes(name)
        best = next((route for route in routes if route.fits(request, path)), None)
        if best is not None:
            return Call(service, best.operation, protocol, best.parameters(request, path))
    return Call(service, "", protocol)


@dataclass(frozen=True)
class _Route:
    """How a REST operation is called, from the service's model."""

    operation: str
    method: str
    path: re.Pattern[str]
    literals: int
    query: tuple[tuple[str, str], ...]
    required_query: tuple[str, ...]
    required_headers: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int]:
        needs = len(self.query) + len(self.required_query) + len(self.required_headers)
        return self.literals, needs

    def fits(self, request: Request, path: str) -> bool:
        return (
            self.method == request.method
            and self.path.fullmatch(path) is not None
            and all(name in request.query for name in self.required_query)
            and all(request.header(name) for name in self.required_headers)
            and all(request.query.get(name) == value for name, value in self.query)
        )

    def parameters(self, request: Request, path: str) -> dict[str, str]:
        found = self.path.fullmatch(path)
        in_path = found.groupdict() if found else {}
        return request.query | {name: unquote(value) for name, value in in_path.items()}


@cache
def _routes(model_name: str) -> tuple[list[_Route], str]:
    """Return how each operation of a service is called, the most specific first."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader

    try:
        model = Loader().load_service_model(model_name, "service-2")
    except UnknownServiceError:
        return [], "rest-json"
    protocol = model["metadata"]["protocol"]
    if not protocol.startswith("rest"):
        return [], protocol
    operations = model["operations"].items()
    routes = [_route(name, operation, model["shapes"]) for name, operation in operations]
    return sorted(routes, key=lambda route: route.rank, reverse=True), protocol


def _route(name: str, operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> _Route:
    path, _, query = operation["http"]["requestUri"].partition("?")
    pairs = (part.partition("=") for part in query.split("&") if part)
    literal = tuple((key, value) for key, _, value in pairs if "{" not in value and key != "x-id")
    shape = shapes[operation["input"]["shape"]] if "input" in operation else {}
    return _Route(
        name,
        operation["http"]["method"],
        _path_pattern(path),
        len([part for part in path.split("/") if part and not part.startswith("{")]),
        literal,
        tuple(_required(shape, "querystring")),
        tuple(header.lower() for header in _required(shape, "header")),
    )


def _required(shape: Mapping[str, Any], location: str) -> Iterable[str]:
    for name in shape.get("required", ()):
        member = shape["members"][name]
        if member.get("location") == location:
            yield member["locationName"]


def _path_pattern(path: str) -> re.Pattern[str]:
    pattern = ""
    for part in re.split(r"(\{[^}]+\})", path):
        if not part.startswith("{"):
            pattern += re.escape(part)
            continue
        name = re.sub(r"\W", "_", part.strip("{}+"))
        pattern += f"(?P<{name}>.+)" if part.endswith("+}") else f"(?P<{name}>[^/]+)"
    return re.compile(pattern.rstrip("/") + "/?" if pattern != "/" else "/?")
