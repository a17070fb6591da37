"""S3: buckets, objects, the source of a copy, each object of a deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands.model import Demand
from mfakit.testing.object_deletion import deleted
from mfakit.testing.rebuilding import copy_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.actions import Call
    from mfakit.testing.demands.model import Place
    from mfakit.testing.wire import Request

# What actions are called where the call names a version ("Service Authorization Reference").
OF_VERSIONS = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
    "s3:PutObjectAcl": "s3:PutObjectVersionAcl",
    "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
    "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
}
# What writing an object asks for in addition, by the header that asks for it.
BY_HEADER = {
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-grant-": "s3:PutObjectAcl",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
# What making a bucket asks for in addition ("API Reference", CreateBucket).
OF_NEW_BUCKETS = {
    "x-amz-acl": "s3:PutBucketAcl",
    "x-amz-grant-": "s3:PutBucketAcl",
    "x-amz-object-ownership": "s3:PutBucketOwnershipControls",
    "x-amz-bucket-object-lock-enabled": "s3:PutBucketObjectLockConfiguration",
}
BYPASS = {"x-amz-bypass-governance-retention": "s3:BypassGovernanceRetention"}
ASKING_FOR_NOTHING = ("private", "false")


def demands(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what S3 asks for."""
    bucket, key = call.parameters.get("Bucket", ""), call.parameters.get("Key", "")
    if call.operation == "DeleteObjects":
        names = ((o.get("Key", ""), o.get("VersionId", "")) for o in deleted(request))
        return tuple(_demand(call.action, place, bucket, *each) for each in names)
    version = call.parameters.get("versionId", "")
    found = [_demand(call.action, place, bucket, key, version)]
    if call.action == "s3:PutObject" and call.operation not in ("UploadPart", "UploadPartCopy"):
        found += _asked_by_headers(request, BY_HEADER, found[0].resource)
    if call.operation == "CreateBucket":
        found += _asked_by_headers(request, OF_NEW_BUCKETS, found[0].resource)
    found += _asked_by_headers(request, BYPASS, found[0].resource)
    source = request.header("x-amz-copy-source")
    if source:
        found.append(_source(source, place))
    return tuple(found)


def _asked_by_headers(
    request: Request, actions: Mapping[str, str], resource: str | None
) -> list[Demand]:
    asked = {
        action
        for name, value in request.headers
        for header, action in actions.items()
        if (name.startswith(header) if header.endswith("-") else name == header)
        and value.lower() not in (ASKING_FOR_NOTHING if actions is not BY_HEADER else ("",))
    }
    return [Demand(action, resource) for action in sorted(asked)]


def bucket_of(resource: str | None) -> str:
    """Return the bucket that an ARN of S3 is about; empty if it is about none."""
    _, _, name = (resource or "").partition(":s3:::")
    bucket = name.partition("/")[0]
    return "" if bucket == "*" else bucket


def _demand(action: str, place: Place, bucket: str, key: str = "", version: str = "") -> Demand:
    if bucket.startswith("arn:"):
        return Demand(action, None)
    name = f"{bucket}/{key}" if key else bucket or "*"
    action = OF_VERSIONS.get(action, action) if version else action
    return Demand(action, f"arn:{place.partition}:s3:::{name}")


def _source(header: str, place: Place) -> Demand:
    return _demand("s3:GetObject", place, *copy_source(header))
