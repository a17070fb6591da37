"""AWS as botocore's data describe it: services, their operations, regions; and a call of one."""

from __future__ import annotations

import gzip
import os
import re
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a class a dataclass that is never changed.

    The type checker sees to that: at run time, ``frozen`` costs more than all its fields.
    """
    return dataclass(unsafe_hash=True)(cls)


class lazy(Generic[T]):  # noqa: N801 - used as a decorator
    """`functools.cached_property` without a lock, which in Python 3.11 costs more than a value."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __get__(self, instance: Any, owner: type) -> T:
        value = instance.__dict__[self._compute.__name__] = self._compute(instance)
        return value


# Where a policy's prefix is not the name that requests are signed for.
PREFIXES = {"monitoring": "cloudwatch", "email": "ses", "tagging": "tag", "iotdata": "iot"}
# IAM's names of actions, and the operations that they stand for where those are called otherwise.
_ACTIONS = {
    "s3:ListAllMyBuckets": "ListBuckets",
    "s3:ListBucket": "HeadBucket ListObjects ListObjectsV2",
    "s3:ListBucketVersions": "ListObjectVersions",
    "s3:ListBucketMultipartUploads": "ListMultipartUploads",
    "s3:ListMultipartUploadParts": "ListParts",
    "s3:GetObject": "HeadObject SelectObjectContent",
    "s3:PutObject": (
        "CopyObject CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload"
    ),
    "s3:DeleteObject": "DeleteObjects",
    "s3:GetAccelerateConfiguration": "GetBucketAccelerateConfiguration",
    "s3:PutAccelerateConfiguration": "PutBucketAccelerateConfiguration",
    "s3:GetInventoryConfiguration": (
        "GetBucketInventoryConfiguration ListBucketInventoryConfigurations"
    ),
    "s3:PutInventoryConfiguration": "PutBucketInventoryConfiguration",
    "s3:PutBucketOwnershipControls": "DeleteBucketOwnershipControls",
    "s3:GetBucketCORS": "GetBucketCors",
    "s3:PutBucketCORS": "PutBucketCors DeleteBucketCors",
    "s3:GetEncryptionConfiguration": "GetBucketEncryption",
    "s3:PutEncryptionConfiguration": "PutBucketEncryption DeleteBucketEncryption",
    "s3:GetLifecycleConfiguration": "GetBucketLifecycleConfiguration",
    "s3:PutLifecycleConfiguration": "PutBucketLifecycleConfiguration DeleteBucketLifecycle",
    "s3:GetReplicationConfiguration": "GetBucketReplication",
    "s3:PutReplicationConfiguration": "PutBucketReplication DeleteBucketReplication",
    "s3:PutBucketTagging": "DeleteBucketTagging",
    "s3:GetBucketNotification": "GetBucketNotificationConfiguration",
    "s3:PutBucketNotification": "PutBucketNotificationConfiguration",
    "s3:GetBucketObjectLockConfiguration": "GetObjectLockConfiguration",
    "s3:PutBucketObjectLockConfiguration": "PutObjectLockConfiguration",
    "s3:GetBucketPublicAccessBlock": "GetPublicAccessBlock",
    "s3:PutBucketPublicAccessBlock": "PutPublicAccessBlock DeletePublicAccessBlock",
    "lambda:InvokeFunction": "Invoke",
}
ACTIONS = {
    f"{action.partition(':')[0]}:{operation}": action
    for action, operations in _ACTIONS.items()
    for operation in operations.split()
}

# A model begins with its metadata; this much of the file holds what the index needs.
HEAD = 8192
LABEL = re.compile(r"(\{[^}]+\})")


@dataclass(frozen=True)
class Operation:
    """How a REST operation is called.

    Attributes:
        template: the path, ``/{Bucket}/{Key+}``.
        host_prefix: a prefix of the service's host, ``{AccountId}.``; mostly empty.
        literals: names and values that the query has to hold; an empty value allows any.
        query: the other parameters in the query, and whether each may occur several times; ``*``
            stands for those of a map, which may have any name.
        headers: the parameters that are headers, by lower-case name.
        header_prefixes: of parameters that are several headers, such as ``x-amz-meta-``.
        needs_query, needs_headers: the parameters without which it is another operation.
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
        """The path as it is sent, as a pattern."""
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
        """The parts of the path: a text, or the name of a label and its safe characters."""
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
        """Whether the query may hold parameters of any name, which form a map."""
        return "*" in self.query

    @property
    def rank(self) -> tuple[int, int]:
        """How specific it is: of several that match a request, the highest is meant."""
        parts = [p for p in self.template.split("/") if p and not p.startswith("{")]
        return len(parts), len(self.literals) + len(self.needs_query) + len(self.needs_headers)


@dataclass(frozen=True, eq=False)
class Model:
    """A service.

    Attributes:
        endpoint_prefix: the first part of its hosts.
        protocol: the one that botocore lists first.
        target_prefix: the prefix of the operation in ``X-Amz-Target``; empty if it has none.
        has_rpc: whether operations may be named in the path, with a body in CBOR.
    """

    endpoint_prefix: str
    protocol: str
    target_prefix: str
    has_rpc: bool
    _content: Mapping[str, Any] = field(repr=False)

    @cached_property
    def signing_name(self) -> str:
        """The name that requests to it are signed for."""
        return str(self._content["metadata"].get("signingName") or self.endpoint_prefix)

    def has(self, operation: str) -> bool:
        """Whether it has an operation of exactly that name."""
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
        """The operations of a REST service by HTTP method, the most specific first."""
        found: dict[str, list[Operation]] = {}
        if not self.protocol.startswith("rest"):
            return found
        for name, operation in self._content["operations"].items():
            # Deprecated ones are called in the same way as their replacements.
            if not operation.get("deprecated"):
                read = _operation(self, name, operation, self._content["shapes"])
                found.setdefault(read.method, []).append(read)
        for operations in found.values():
            operations.sort(key=lambda o: o.rank, reverse=True)
        return found


@lru_cache(1024)
def possible(model: Model, method: str, given: frozenset[str]) -> list[Operation]:
    """Return the operations that a request may be whose query has parameters of these names."""
    return [
        operation
        for operation in model.routes.get(method, ())
        if given.issuperset(name for name, _ in operation.literals)
        and given.issuperset(operation.needs_query)
    ]


@frozen
class Call:
    """A call of an operation.

    Attributes:
        service: the name that requests to the service are signed for.
        operation: the operation; empty if it is not known.
        protocol: ``query``, ``ec2``, ``json``, ``rest-json``, ``rest-xml``, ``smithy-rpc-v2-cbor``.
        parameters: those in the URL or the form; of REST calls, those in the path too.
        several: of REST calls, the parameters in the URL that are lists.
        model: the service; None where the operation is not known.
        shape: of REST calls, the operation.
    """

    service: str
    operation: str
    protocol: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    several: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    model: Model | None = field(default=None, repr=False)
    shape: Operation | None = field(default=None, repr=False)

    @lazy
    def action(self) -> str:
        """Its name in policies: ``s3:GetObject``."""
        name = f"{PREFIXES.get(self.service, self.service)}:{self.operation}"
        return ACTIONS.get(name, name)

    @property
    def is_json(self) -> bool:
        """Whether the error codes of the service end in ``Exception``."""
        return self.protocol in ("json", "rest-json", "smithy-rpc-v2-cbor")

    @property
    def json_status(self) -> int:
        """The status with which such a service refuses credentials."""
        return 403 if self.protocol == "rest-json" else 400


def models_of(service: str) -> Iterator[Model]:
    """Yield the services that requests are signed for by that name.

    The one of the same name comes first: the search for the others is slow.
    """
    first = _model(service) if service in _available() else None
    if first is not None and first.signing_name == service:
        yield first
    yield from (model for model in _all_signed_as(service) if model is not first)


@cache
def _all_signed_as(service: str) -> tuple[Model, ...]:
    return tuple(_model(name) for name, signed in _signing_names().items() if signed == service)


@cache
def _signing_names() -> dict[str, str]:
    """Return the signing name of each service, without reading the models whole."""
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


@cache
def aws_host(service: str, region: str) -> str:
    """Return the host to which SDKs send calls, by endpoint prefix (``api.sagemaker``)."""
    if service == "s3":
        return f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    endpoint: Any = _resolver().construct_endpoint(service, region) or {}
    return str(endpoint.get("hostname") or f"{service}.{region}.amazonaws.com")


def is_region(region: str) -> bool:
    """Whether AWS has a region of that name."""
    return region in _regions()


@cache
def _regions() -> frozenset[str]:
    from botocore.loaders import Loader

    partitions: Any = Loader().load_data("endpoints")
    return frozenset(name for part in partitions["partitions"] for name in part["regions"])


@cache
def partition(region: str) -> str:
    """Return the partition of a region: ``aws``, ``aws-cn``, ``aws-us-gov``."""
    return str(_resolver().get_partition_for_region(region))


@cache
def region_of(partition: str) -> str:
    """Return a region of a partition; empty if AWS has no such partition."""
    from botocore.loaders import Loader

    found: Any = Loader().load_data("endpoints")
    regions = (each["regions"] for each in found["partitions"] if each["partition"] == partition)
    return next((region for names in regions for region in names), "")


@cache
def _resolver() -> Any:
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    kind: Any = EndpointResolver
    return kind(Loader().load_data("endpoints"))


def members(service: str, operation: str) -> Container[str]:
    """Return the names of an operation's parameters."""
    shape = input_shape(service, operation)
    return shape.members if shape is not None else ()


@cache
def input_shape(service: str, operation: str) -> Any:
    """Return botocore's shape of what an operation takes; None if the operation is not known."""
    from botocore.model import OperationNotFoundError

    try:
        return service_model(service).operation_model(operation).input_shape
    except OperationNotFoundError:
        return None


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service."""
    from botocore.model import ServiceModel

    return ServiceModel(_load(service), service)
