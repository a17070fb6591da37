"""S3: buckets, objects, the source of a copy, each object of a deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands.model import NOTHING, Demand
from mfakit.testing.object_deletion import deleted
from mfakit.testing.rebuilding import copy_source

if TYPE_CHECKING:
    from collections.abc import Iterator

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
# What making an object or a bucket asks for in addition, by the beginning of the header that asks
# for it ("Service Authorization Reference", and S3's API reference of CreateBucket and PutObject).
BY_HEADER: dict[str, dict[str, tuple[str, ...]]] = {
    "s3:PutObject": {
        "x-amz-acl": ("s3:PutObjectAcl",),
        "x-amz-grant-": ("s3:PutObjectAcl",),
        "x-amz-tagging": ("s3:PutObjectTagging",),
        "x-amz-object-lock-mode": ("s3:PutObjectRetention",),
        "x-amz-object-lock-retain-until-date": ("s3:PutObjectRetention",),
        "x-amz-object-lock-legal-hold": ("s3:PutObjectLegalHold",),
    },
    "s3:CreateBucket": {
        "x-amz-acl": ("s3:PutBucketAcl",),
        "x-amz-grant-": ("s3:PutBucketAcl",),
        "x-amz-bucket-object-lock-enabled": (
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketVersioning",
        ),
        "x-amz-object-ownership": ("s3:PutBucketOwnershipControls",),
    },
}
WITHOUT_HEADERS = ("UploadPart", "UploadPartCopy")
# With it, a retention that protects an object from others does not stand in the way.
BYPASS = "x-amz-bypass-governance-retention"
# Of S3's other API, whose operations are called like those upon buckets.
OF_ACCOUNT = {
    "GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "PutPublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "DeletePublicAccessBlock": "s3:PutAccountPublicAccessBlock",
}
BYPASSING = "s3:BypassGovernanceRetention"
# Values of headers that ask for what a bucket has, or a deletion does, without them.
ASKING_FOR_NOTHING = ("private", "false")


def demands(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return what S3 asks for; of a deletion, first one demand for each object, in their order."""
    if call.model is not None and call.model.endpoint_prefix != "s3":
        return (_of_control(call),)
    bucket, key = call.parameters.get("Bucket", ""), call.parameters.get("Key", "")
    if call.operation == "DeleteObjects":
        names = [(o.get("Key", ""), o.get("VersionId", "")) for o in deleted(request)]
        found = [_demand(call.action, place, bucket, *each) for each in names]
        if _bypasses(request):
            found += [_demand(BYPASSING, place, bucket, key) for key, _ in names]
        return tuple(found)
    version = call.parameters.get("versionId", "")
    found = [_demand(call.action, place, bucket, key, version)]
    found += [Demand(action, found[0].resource) for action in _in_addition(call, request)]
    source = request.header("x-amz-copy-source")
    if source:
        found.append(reading(place, *copy_source(source)))
    return tuple(found)


def _of_control(call: Call) -> Demand:
    """Return what S3's other API asks for, which is about the account, or about what it names."""
    if call.operation in OF_ACCOUNT:
        return Demand(OF_ACCOUNT[call.operation], NOTHING)
    named = call.parameters.get("ResourceArn") or call.parameters.get("resourceArn")
    return Demand(f"s3:{call.operation}", named)


def _in_addition(call: Call, request: Request) -> Iterator[str]:
    if call.operation in WITHOUT_HEADERS:
        return
    if _bypasses(request):
        yield BYPASSING
    if call.operation == "GetObjectAttributes":
        yield "s3:GetObjectVersion" if call.parameters.get("versionId") else "s3:GetObject"
    for beginning, actions in BY_HEADER.get(call.action, {}).items():
        asked = (v for name, v in request.headers if name.lower().startswith(beginning))
        if any(call.action != "s3:CreateBucket" or v not in ASKING_FOR_NOTHING for v in asked):
            yield from actions


def _bypasses(request: Request) -> bool:
    return request.header(BYPASS).lower() not in ("", "false")


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


def writing(place: Place, bucket: str, key: str) -> Demand:
    """Return what it takes to write an object."""
    return _demand("s3:PutObject", place, bucket, key)


def reading(place: Place, bucket: str, key: str, version: str = "") -> Demand:
    """Return what it takes to read an object: the source of a copy, the code of a function."""
    return _demand("s3:GetObject", place, bucket, key, version)
