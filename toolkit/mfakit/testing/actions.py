"""Which operation a request calls, with which parameters, and what a demand of a call is."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mfakit.testing import errors
from mfakit.testing.errors import AWSError, not_supported
from mfakit.testing.models import Call, frozen, members, models_of, possible
from mfakit.testing.network import is_aws
from mfakit.testing.rebuilding import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mfakit.testing.models import Operation
    from mfakit.testing.wire import Request


PASSING = "iam:PassRole"

# The resource of a call about no particular resource.
NOTHING = "*"


# Operations of S3 that moto carries out. It would take any other one for its nearest relative:
# DELETE ?analytics for the deletion of the bucket, GET ?retention for that of the object.
_KNOWN_OF_S3 = """
    AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload
    DeleteBucket DeleteBucketCors DeleteBucketEncryption DeleteBucketLifecycle
    DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketReplication DeleteBucketTagging
    DeleteBucketWebsite DeleteObject DeleteObjectTagging DeleteObjects DeletePublicAccessBlock
    GetBucketAccelerateConfiguration GetBucketAcl GetBucketCors GetBucketEncryption
    GetBucketInventoryConfiguration GetBucketLifecycleConfiguration GetBucketLocation
    GetBucketLogging GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy
    GetBucketPolicyStatus GetBucketReplication GetBucketTagging GetBucketVersioning
    GetBucketWebsite GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold
    GetObjectLockConfiguration GetObjectTagging GetPublicAccessBlock HeadBucket HeadObject
    ListBucketInventoryConfigurations ListBuckets ListMultipartUploads ListObjectVersions
    ListObjects ListObjectsV2 ListParts PutBucketAccelerateConfiguration PutBucketAcl
    PutBucketCors PutBucketEncryption PutBucketInventoryConfiguration
    PutBucketLifecycleConfiguration PutBucketLogging PutBucketNotificationConfiguration
    PutBucketOwnershipControls PutBucketPolicy PutBucketReplication PutBucketTagging
    PutBucketVersioning PutBucketWebsite PutObject PutObjectAcl PutObjectLegalHold
    PutObjectLockConfiguration PutObjectRetention PutObjectTagging PutPublicAccessBlock
    RestoreObject SelectObjectContent UploadPart UploadPartCopy
"""
S3_OPERATIONS = frozenset(_KNOWN_OF_S3.split())
RPC = "smithy-rpc-v2-cbor"
RPC_PATH = re.compile(r"/service/[\w.]+/operation/(\w+)", re.ASCII)


def protocol_of(request: Request, service: str) -> str:
    """Return the protocol of a request as far as its head shows it, for refusals."""
    if service == "s3":
        return "rest-xml"
    if request.header("x-amz-target"):
        return "json"
    if RPC_PATH.fullmatch(request.parts.path):
        return RPC
    if request.is_form or "Action" in request.query:
        return "ec2" if service == "ec2" else "query"
    return next((m.protocol for m in models_of(service) if m.routes), "query")


def identify(request: Request, service: str) -> Call:
    """Return the call that a request is; refuse what can be read in several ways or in none."""
    if service == "s3" or all(model.routes for model in models_of(service)):
        return _identify_rest(request, service)
    target = request.header("x-amz-target")
    rpc = RPC_PATH.fullmatch(request.parts.path)
    try:
        named = "Action" in request.parameters
    except ValueError as error:
        raise _malformed(request, service, str(error)) from None
    if bool(target) + (rpc is not None) + named > 1:
        raise _malformed(request, service, "The request names more than one operation.")
    if target:
        return _identify_json(service, target)
    if rpc:
        return _identify_named(service, rpc[1], RPC, {})
    if named:
        protocol = "ec2" if service == "ec2" else "query"
        given = request.parameters
        return _identify_named(service, given["Action"], protocol, given)
    return _identify_rest(request, service)


def _identify_json(service: str, target: str) -> Call:
    prefix, _, operation = target.rpartition(".")
    models = (m for m in models_of(service) if m.target_prefix and m.target_prefix == prefix)
    model = next((m for m in models if m.has(operation)), None)
    if model is None:
        raise errors.no_such_operation(Call(service, operation, "json"))
    return Call(service, operation, "json", model=model)


def _identify_named(
    service: str, operation: str, protocol: str, parameters: Mapping[str, str]
) -> Call:
    models = (m for m in models_of(service) if m.has_rpc or protocol != RPC)
    model = next((m for m in models if not m.routes and m.has(operation)), None)
    call = Call(service, operation, protocol, parameters, model=model)
    if model is None:
        raise errors.no_such_operation(call)
    return call


def bucket_in_host(host: str) -> str:
    """Return the bucket in a virtual host, as in ``bucket.s3.amazonaws.com``; else nothing."""
    name = (host.rpartition(":")[0] or host).lower()
    found = re.fullmatch(r"(.+?)\.s3[.-].*" if is_aws(name) else r"(.+)\.localhost", name)
    return found[1] if found else ""


def _identify_rest(request: Request, service: str) -> Call:
    path = request.parts.path or "/"
    control = service == "s3" and _is_s3_control(request)
    if service == "s3" and not control:
        bucket = bucket_in_host(request.host)
        path = f"/{bucket}{path}" if bucket else path
    protocol = "rest-xml" if service == "s3" else "rest-json"
    for model in models_of(service):
        if service == "s3" and control != (model.endpoint_prefix != "s3"):
            continue
        protocol = model.protocol if model.routes else protocol
        routes = possible(model, request.method, frozenset(request.query))
        operation = next((o for o in routes if _fits(o, request, path)), None)
        if operation is not None:
            return _read_rest(operation, request, service, path)
    call = Call(service, "", protocol)
    if service != "s3":
        raise errors.no_such_operation(call)
    raise AWSError(
        405, "MethodNotAllowed", "The specified method is not allowed against this resource."
    )


def _is_s3_control(request: Request) -> bool:
    """Whether a request is for S3 Control, which has hosts and paths of its own."""
    host = request.host.lower()
    if not host.endswith(("localhost", "127.0.0.1")) and ".s3-control." in f".{host}":
        return True
    return bool(request.header("x-amz-account-id")) and request.parts.path.startswith("/v20180820/")


def _fits(operation: Operation, request: Request, path: str) -> bool:
    """Whether a request is a call of an operation; its query has the names that this needs."""
    return (
        all(value in ("", request.query[name]) for name, value in operation.literals)
        and all(request.header(name) for name in operation.needs_headers)
        and operation.pattern.fullmatch(path) is not None
    )


def _read_rest(operation: Operation, request: Request, service: str, path: str) -> Call:
    call = Call(
        service, operation.name, operation.model.protocol, {}, (), operation.model, operation
    )
    if service == "s3":
        _check_s3(call, operation, request)
    found = operation.pattern.fullmatch(path)
    try:
        labels = {
            name: unquote(value, errors="strict")
            for name, value in (found.groupdict() if found else {}).items()
        }
        pairs = request.query_pairs(strict=True)
    except ValueError:
        raise errors.malformed(call, "Couldn't parse the specified URI.") from None
    _check_bucket(labels.get("Bucket", "b"))
    single, several = _known_query(call, operation, pairs)
    return replace(call, parameters=single | labels, several=several)


def _check_bucket(name: str) -> None:
    if not name.startswith("arn:") and (not BUCKET.fullmatch(name) or name in (".", "..")):
        raise AWSError(400, "InvalidBucketName", "The specified bucket is not valid.")


def _known_query(
    call: Call, operation: Operation, pairs: Iterable[tuple[str, str]]
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Return the parameters that the operation has; like AWS, ignore any other."""
    single: dict[str, str] = {}
    several = []
    for name, value in pairs:
        if operation.query.get(name):
            several.append((name, value))
        elif not (name in operation.query or (operation.takes_any_query and name != "Action")):
            continue
        elif single.setdefault(name, value) != value:
            raise errors.malformed(call, f"The parameter {name} was given more than once.")
    return single, tuple(several)


def _check_s3(call: Call, operation: Operation, request: Request) -> None:
    """Refuse a call of two operations at once, or of one that moto would mistake for another."""
    asked = {name for name in request.query if name in _s3_subresources()}
    meant = {name for name, _ in operation.literals}
    others = asked - meant
    if others:
        both = ", ".join(sorted(asked))
        raise AWSError(400, "InvalidArgument", f"Conflicting query string parameters: {both}")
    if operation.model.endpoint_prefix == "s3" and operation.name not in S3_OPERATIONS:
        raise not_supported(f"moto does not know s3:{operation.name}")


@cache
def _s3_subresources() -> frozenset[str]:
    """Return the parameters whose presence selects an operation of S3."""
    model = next(iter(models_of("s3")))
    operations = (o for several in model.routes.values() for o in several)
    return frozenset(name for o in operations for name, value in o.literals if not value)


def _malformed(request: Request, service: str, why: str) -> AWSError:
    return errors.malformed(Call(service, "", protocol_of(request, service)), why)


@frozen
class Demand:
    """A permission that a call needs: an action on a resource.

    Attributes:
        action: its name in policies; None if it is not known.
        resource: an ARN; ``*`` for no particular resource; None if it is not known.
        passed_to: of ``iam:PassRole``, the service that gets the role, ``lambda.amazonaws.com``;
            None if it is not known; empty for any other action.
    """

    action: str | None
    resource: str | None
    passed_to: str | None = ""

    @property
    def condition_keys(self) -> Mapping[str, str | tuple[str, ...]]:
        """The condition keys of this demand; a key without a value is known to be absent."""
        return {} if self.passed_to is None else {"iam:passedtoservice": self.passed_to or ()}


@frozen
class Place:
    """The partition, region and account of a call."""

    partition: str
    region: str
    account_id: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this account that is in no region."""
        return f"arn:{self.partition}:{service}::{self.account_id}:{resource}"

    def principal(self, service: str) -> str | None:
        """Return the principal of a service; None in China, where some end in ``.cn``."""
        return None if self.partition == "aws-cn" else f"{service}.amazonaws.com"


def json_body(call: Call, request: Request) -> dict[str, Any]:
    """Return the parameters in a JSON body; none if it is no JSON object.

    Members that the operation does not have are left out: AWS does not read them.
    """
    body = _json_object(request.body)
    known = members(call.service, call.operation)
    return {n: v for n, v in body.items() if n in known}


def document(call: Call, request: Request) -> dict[str, Any]:
    """Return all parameters of a call with a body in JSON or CBOR, by their names on the wire."""
    model = call.model
    if model is None:
        return {}
    body = _cbor_object(request.body) if call.protocol == RPC else _json_object(request.body)
    shape = model.shapes.get(model.input_of(call.operation), {})
    payload = shape.get("payload")
    if payload is not None:
        body = {shape["members"][payload].get("locationName", payload): body}
    return {**call.parameters, **body}


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode())
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _cbor_object(body: bytes) -> dict[str, Any]:
    from botocore.parsers import RpcV2CBORParser

    parser: Any = RpcV2CBORParser()
    try:
        content = parser.parse_data_item(io.BufferedReader(io.BytesIO(body)))
    except Exception:
        return {}
    return content if isinstance(content, dict) else {}
