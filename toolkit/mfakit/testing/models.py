"""AWS's models of its services, as botocore ships them: the operations and how each is called."""

from __future__ import annotations

import gzip
import os
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping


# Where a policy's prefix is not the name that requests are signed for.
PREFIXES = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "tagging": "tag",
    "iotdata": "iot",
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
    "s3:SelectObjectContent": "s3:GetObject",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:PutBucketAccelerateConfiguration": "s3:PutAccelerateConfiguration",
    "s3:GetBucketInventoryConfiguration": "s3:GetInventoryConfiguration",
    "s3:ListBucketInventoryConfigurations": "s3:GetInventoryConfiguration",
    "s3:PutBucketInventoryConfiguration": "s3:PutInventoryConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
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

# A model begins with its metadata; this much of the file holds what the index needs.
HEAD = 8192
LABEL = re.compile(r"(\{[^}]+\})")


@dataclass(frozen=True)
class Operation:
    """How an operation is called.

    Attributes:
        name: the operation.
        model: the service that has it.
        method: the HTTP method.
        template: the path of a REST operation, ``/{Bucket}/{Key+}``.
        host_prefix: what stands before the service's host, ``{AccountId}.``; mostly nothing.
        literals: names and values that the query has to hold; of an empty value, just the name.
        query: the other parameters in the query, and whether each may be there several times;
            ``*`` stands for those of a map, which may have any name.
        headers: the parameters that are headers, by lower-case name.
        header_prefixes: of parameters that are several headers, such as ``x-amz-meta-``.
        needs_query, needs_headers: those without which it is another operation.
        body: names of the parameters in the body; None: the body is one parameter, whole;
            empty: there is no body.
    """

    name: str
    model: Model = field(repr=False)
    method: str
    template: str
    host_prefix: str
    literals: tuple[tuple[str, str], ...]
    query: Mapping[str, bool]
    headers: Mapping[str, str]
    header_prefixes: tuple[str, ...]
    needs_query: tuple[str, ...]
    needs_headers: tuple[str, ...]
    body: frozenset[str] | None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the path looks like, as it is sent."""
        pattern = ""
        for part in LABEL.split(self.template):
            if not part.startswith("{"):
                pattern += re.escape(part)
                continue
            name = re.sub(r"\W", "_", part.strip("{}+"))
            pattern += f"(?P<{name}>.+)" if part.endswith("+}") else f"(?P<{name}>[^/]+)"
        pattern = pattern.rstrip("/") + "/?" if pattern != "/" else "/?"
        return re.compile(pattern, re.DOTALL)

    @cached_property
    def path_parts(self) -> list[tuple[str, str, str]]:
        """What the path is made of: text, or the name of a label and what it may hold unquoted."""
        found = []
        for part in LABEL.split(self.template):
            if part.startswith("{"):
                name = re.sub(r"\W", "_", part.strip("{}+"))
                found.append(("", name, "/~" if part.endswith("+}") else "~"))
            elif part:
                found.append((part, "", ""))
        return found

    @property
    def takes_any_query(self) -> bool:
        """Whether parameters may be called anything: those of some are a map."""
        return "*" in self.query

    @property
    def rank(self) -> tuple[int, int]:
        """How specific it is: of several that fit a request, the highest is meant."""
        parts = [p for p in self.template.split("/") if p and not p.startswith("{")]
        return len(parts), len(self.literals) + len(self.needs_query) + len(self.needs_headers)


@dataclass(frozen=True, eq=False)
class Model:
    """A service.

    Attributes:
        endpoint_prefix: what its hosts begin with.
        protocol: the one that botocore lists first.
        has_rpc: whether operations may be named in the path, with a body in CBOR.
        target_prefix: what stands before the operation in ``X-Amz-Target``; empty if it has none.
    """

    endpoint_prefix: str
    protocol: str
    target_prefix: str
    has_rpc: bool
    _content: Mapping[str, Any] = field(repr=False)

    def has(self, operation: str) -> bool:
        """Tell whether it has an operation of exactly that name."""
        return operation in self._content["operations"]

    @property
    def shapes(self) -> Mapping[str, Any]:
        """The shapes of parameters and results, by name."""
        found: Mapping[str, Any] = self._content["shapes"]
        return found

    def input_of(self, operation: str) -> str:
        """Return the name of the shape that an operation takes; empty if it takes nothing."""
        return str(self._content["operations"][operation].get("input", {}).get("shape", ""))

    def parts(self, shape: str, value: Any) -> Iterator[tuple[str, str, Any]]:
        """Yield the parts of a value in JSON: how a refusal names it, its shape, and itself.

        A value of another type than the shape's has none.
        """
        about = self.shapes.get(shape, {})
        match about.get("type"), value:
            case "structure", dict():
                for name, member in about["members"].items():
                    inner = value.get(member.get("locationName", name))
                    if inner is not None:
                        yield name, member["shape"], inner
            case "list", list():
                for number, inner in enumerate(value, 1):
                    yield f"{number}.member", about["member"]["shape"], inner
            case "map", dict():
                for name, inner in value.items():
                    yield f"{name}.member", about["value"]["shape"], inner

    @cached_property
    def routes(self) -> dict[str, list[Operation]]:
        """Its operations by HTTP method, the most specific first. Only REST services have any."""
        found: dict[str, list[Operation]] = {}
        if not self.protocol.startswith("rest"):
            return found
        for name, operation in self._content["operations"].items():
            # Those that were replaced are called in the same way as what replaced them.
            if not operation.get("deprecated"):
                read = _operation(self, name, operation, self._content["shapes"])
                found.setdefault(read.method, []).append(read)
        for operations in found.values():
            operations.sort(key=lambda o: o.rank, reverse=True)
        return found

    @cached_property
    def routes_without_query(self) -> dict[str, list[Operation]]:
        """Those that nothing in the query is needed for."""
        return {
            method: [o for o in operations if not o.literals and not o.needs_query]
            for method, operations in self.routes.items()
        }


def models_of(service: str) -> Iterator[Model]:
    """Return the services that requests are signed for by that name.

    The one of the same name comes first: looking for the others takes time.
    """
    names = _index.get(service)
    if names is None:
        first = _load(service) if service in _available() else None
        if first is not None and _signing_name(first) == service:
            yield _model(service)
        names = _all_signed_as(service)
        _index[service] = names
        yield from (_model(name) for name in names if first is None or name != service)
        return
    yield from (_model(name) for name in names)


_index: dict[str, tuple[str, ...]] = {}


@cache
def _all_signed_as(service: str) -> tuple[str, ...]:
    found = [name for name, signed in _signing_names().items() if signed == service]
    return tuple(sorted(found, key=lambda name: name != service))


@cache
def _signing_names() -> dict[str, str]:
    """Return what requests to each service are signed for, without reading the models whole."""
    return {name: _peek(path) for name, path in _available().items()}


def _peek(path: str) -> str:
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
        head = file.read(HEAD)
    found = re.search(rb'"signingName"\s*:\s*"([^"]+)"', head)
    found = found or re.search(rb'"endpointPrefix"\s*:\s*"([^"]+)"', head)
    return found[1].decode() if found else ""


@cache
def _available() -> dict[str, str]:
    import botocore

    root = os.path.join(os.path.dirname(botocore.__file__), "data")
    found = {}
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        versions = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for version in reversed(versions):
            paths = (os.path.join(folder, version, f"service-2.json{e}") for e in (".gz", ""))
            path = next(filter(os.path.exists, paths), None)
            if path is not None:
                found[name] = path
                break
    return found


@cache
def _load(name: str) -> Any:
    from botocore.loaders import Loader

    return Loader().load_service_model(name, "service-2")


def _signing_name(content: Any) -> str:
    metadata = content["metadata"]
    return str(metadata.get("signingName") or metadata["endpointPrefix"])


@cache
def _model(name: str) -> Model:
    content = _load(name)
    metadata = content["metadata"]
    return Model(
        metadata["endpointPrefix"],
        metadata["protocol"],
        metadata.get("targetPrefix", ""),
        "smithy-rpc-v2-cbor" in metadata.get("protocols", (metadata["protocol"],)),
        content,
    )


def _operation(
    model: Model, name: str, content: Mapping[str, Any], shapes: Mapping[str, Any]
) -> Operation:
    path, _, query = content["http"]["requestUri"].partition("?")
    pairs = (part.partition("=") for part in query.split("&") if part)
    shape = shapes[content["input"]["shape"]] if "input" in content else {}
    members: dict[str, Any] = shape.get("members", {})

    def at(location: str) -> dict[str, str]:
        return {
            member.get("locationName", key): key
            for key, member in members.items()
            if member.get("location") == location
        }

    in_query, in_headers, required = at("querystring"), at("header"), shape.get("required", ())
    return Operation(
        name,
        model,
        content["http"]["method"],
        path,
        content.get("endpoint", {}).get("hostPrefix", ""),
        tuple((key, value) for key, _, value in pairs if "{" not in value and key != "x-id"),
        _query(in_query, members, shapes),
        {n.lower(): key for n, key in in_headers.items()},
        tuple(prefix.lower() for prefix in at("headers")),
        tuple(n for n, key in in_query.items() if key in required),
        tuple(n.lower() for n, key in in_headers.items() if key in required),
        _body(shape, members, shapes),
    )


def _query(
    names: Mapping[str, str], members: Mapping[str, Any], shapes: Mapping[str, Any]
) -> dict[str, bool]:
    types = {name: shapes[members[key]["shape"]]["type"] for name, key in names.items()}
    found = {name: kind == "list" for name, kind in types.items() if kind != "map"}
    return found | ({"*": False} if "map" in types.values() else {})


def _body(
    shape: Mapping[str, Any], members: Mapping[str, Any], shapes: Mapping[str, Any]
) -> frozenset[str] | None:
    payload = shape.get("payload")
    if payload is not None:
        whole = shapes[members[payload]["shape"]]
        if whole["type"] != "structure" or whole.get("document"):
            return None
        return frozenset(m.get("locationName", k) for k, m in whole["members"].items())
    inside = (m.get("locationName", k) for k, m in members.items() if "location" not in m)
    return frozenset(inside)


@dataclass(frozen=True)
class Call:
    """What a request calls.

    Attributes:
        service: the name that requests to the service are signed for.
        operation: the operation; empty if it cannot be told.
        protocol: ``query``, ``ec2``, ``json``, ``rest-json``, ``rest-xml``, ``smithy-rpc-v2-cbor``.
        parameters: those in the URL or the form; of REST calls, those in the path too.
        several: of REST calls, the parameters in the URL that are lists.
        model: the service as AWS describes it; None where the operation is not known.
        shape: of REST calls, how AWS describes the operation.
    """

    service: str
    operation: str
    protocol: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    several: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    model: Model | None = field(default=None, repr=False)
    shape: Operation | None = field(default=None, repr=False)

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
        """The status of those errors."""
        return 403 if self.protocol == "rest-json" else 400


@cache
def aws_host(service: str, region: str) -> str:
    """Return where the SDKs send what is for that service and region.

    Args:
        service: what its hosts begin with, ``api.sagemaker``.
        region: a region.
    """
    if service == "s3":
        return f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    endpoint: Any = _resolver().construct_endpoint(service, region) or {}
    return str(endpoint.get("hostname") or f"{service}.{region}.amazonaws.com")


def is_region(region: str) -> bool:
    """Tell whether AWS has a region of that name."""
    return region in _regions()


@cache
def _regions() -> frozenset[str]:
    from botocore.loaders import Loader

    partitions: Any = Loader().load_data("endpoints")
    return frozenset(name for part in partitions["partitions"] for name in part["regions"])


def partition(region: str) -> str:
    """Return the partition of a region: ``aws``, ``aws-cn``, ``aws-us-gov``."""
    return str(_resolver().get_partition_for_region(region))


@cache
def _resolver() -> Any:
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    kind: Any = EndpointResolver
    return kind(Loader().load_data("endpoints"))


def members(service: str, operation: str) -> Container[str]:
    """Return the names of the parameters that an operation has, as botocore models it."""
    shape = input_shape(service, operation)
    return shape.members if shape is not None else ()


@cache
def input_shape(service: str, operation: str) -> Any:
    """Return what an operation takes, as botocore models it; None if that is not known."""
    from botocore.model import OperationNotFoundError

    try:
        return service_model(service).operation_model(operation).input_shape
    except OperationNotFoundError:
        return None


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)
