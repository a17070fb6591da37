"""Which operation a request calls, and what IAM calls that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mfakit.testing import refusals
from mfakit.testing.errors import AWSError, not_supported
from mfakit.testing.models import models_of
from mfakit.testing.rebuilding import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mfakit.testing.models import Model, Operation
    from mfakit.testing.wire import Request

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
        """The status of those refusals."""
        return 403 if self.protocol == "rest-json" else 400


def protocol_of(request: Request, service: str) -> str:
    """Return the protocol of a request, as far as it shows without the body: for refusals."""
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
    """Tell what a request to that service calls, in the only way that it can be read.

    Raises:
        AWSError: it can be read in several ways, or AWS has no such operation.
    """
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
        raise refusals.no_such_operation(Call(service, operation, "json"))
    return Call(service, operation, "json", model=model)


def _identify_named(
    service: str, operation: str, protocol: str, parameters: Mapping[str, str]
) -> Call:
    models = (m for m in models_of(service) if m.has_rpc or protocol != RPC)
    model = next((m for m in models if not m.routes and m.has(operation)), None)
    call = Call(service, operation, protocol, parameters, model=model)
    if model is None:
        raise refusals.no_such_operation(call)
    return call


def bucket_in_host(host: str) -> str:
    """Return the bucket that a virtual host names, as in ``bucket.s3.amazonaws.com``."""
    name = host.rpartition(":")[0] or host
    found = re.fullmatch(r"(.+?)\.s3[.-].*amazonaws\.com(\.cn)?|(.+)\.localhost", name.lower())
    return (found[1] or found[3]) if found else ""


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
        routes = model.routes if request.query else model.routes_without_query
        fits = (o for o in routes.get(request.method, ()) if _fits(o, request, path))
        operation = next(fits, None)
        if operation is not None:
            return _read_rest(operation, request, service, path)
    call = Call(service, "", protocol)
    if service != "s3":
        raise refusals.no_such_operation(call)
    if request.header("content-type").startswith("multipart/form-data"):
        raise not_supported("the simulator does not verify the forms of presigned POST requests")
    raise AWSError(
        405, "MethodNotAllowed", "The specified method is not allowed against this resource."
    )


def _is_s3_control(request: Request) -> bool:
    """Tell whether a request is for S3's other API, whose hosts and paths are its own."""
    host = request.host.lower()
    if not host.endswith(("localhost", "127.0.0.1")) and ".s3-control." in f".{host}":
        return True
    return bool(request.header("x-amz-account-id")) and request.parts.path.startswith("/v20180820/")


def _fits(operation: Operation, request: Request, path: str) -> bool:
    query = request.query
    for name, value in operation.literals:
        if name not in query or value not in ("", query[name]):
            return False
    return (
        all(name in query for name in operation.needs_query)
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
        raise refusals.malformed(call, "Couldn't parse the specified URI.") from None
    _check_bucket(labels.get("Bucket", "b"))
    single, several = _known_query(call, operation, pairs)
    return replace(call, parameters=single | labels, several=several)


def _check_bucket(name: str) -> None:
    if not name.startswith("arn:") and (not BUCKET.fullmatch(name) or name in (".", "..")):
        raise AWSError(400, "InvalidBucketName", "The specified bucket is not valid.")


def _known_query(
    call: Call, operation: Operation, pairs: Iterable[tuple[str, str]]
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Return the parameters that the operation has; like AWS, take no notice of any other."""
    single: dict[str, str] = {}
    several = []
    for name, value in pairs:
        if operation.query.get(name):
            several.append((name, value))
        elif not (name in operation.query or (operation.takes_any_query and name != "Action")):
            continue
        elif single.setdefault(name, value) != value:
            raise refusals.malformed(call, f"The parameter {name} was given more than once.")
    return single, tuple(several)


def _check_s3(call: Call, operation: Operation, request: Request) -> None:
    """Refuse what asks for two things at once, and what moto would take for something else."""
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
    """Return the parameters that choose between operations of S3 by just being there."""
    model = next(iter(models_of("s3")))
    operations = (o for several in model.routes.values() for o in several)
    return frozenset(name for o in operations for name, value in o.literals if not value)


def _malformed(request: Request, service: str, why: str) -> AWSError:
    return refusals.malformed(Call(service, "", protocol_of(request, service)), why)
