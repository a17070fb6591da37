"""S3: the demands of its calls, deletions of several objects, and the policies of buckets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from mfakit.policy import Kind, MalformedPolicyError, parse
from mfakit.testing.actions import NOTHING, Demand
from mfakit.testing.errors import AWSError, malformed_xml, not_supported
from mfakit.testing.models import aws_host
from mfakit.testing.rebuilding import copy_source
from mfakit.testing.wire import Request, Response, parsed_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from xml.etree import ElementTree as ET

    from mfakit.policy import Statement
    from mfakit.testing.actions import Place
    from mfakit.testing.models import Call


# Names of actions where the call names a version ("Service Authorization Reference").
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
# Further actions that creating an object or a bucket asks for, by the beginning of a header
# ("Service Authorization Reference", and S3's API reference of CreateBucket and PutObject).
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
# With it, a retention does not protect an object.
BYPASS = "x-amz-bypass-governance-retention"
# Of S3 Control, whose operations are named like those on buckets.
OF_ACCOUNT = {
    "GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "PutPublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "DeletePublicAccessBlock": "s3:PutAccountPublicAccessBlock",
}
BYPASSING = "s3:BypassGovernanceRetention"
# Values of headers that change nothing.
ASKING_FOR_NOTHING = ("private", "false")


def s3_demands(call: Call, request: Request, place: Place) -> tuple[Demand, ...]:
    """Return the demands of a call of S3; of DeleteObjects, first one for each object, in order."""
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
    """Return the demand of a call of S3 Control: on the account, or on a resource it names."""
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
    """Return the bucket in an ARN of S3; empty if there is none."""
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
    """Return the demand of writing an object."""
    return _demand("s3:PutObject", place, bucket, key)


def reading(place: Place, bucket: str, key: str, version: str = "") -> Demand:
    """Return the demand of reading an object: the source of a copy, the code of a function."""
    return _demand("s3:GetObject", place, bucket, key, version)


NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
END = "</DeleteResult>"
MOST = 1000


def deleted(request: Request) -> list[dict[str, str]]:
    """Return the objects to delete, each with its ``Key`` and perhaps its ``VersionId``."""
    return _objects_in(request)[0]


def delete_objects(
    request: Request, refused: Mapping[int, str], forward: Callable[[Request], Response]
) -> Response:
    """Let moto delete the objects that are not refused, by their position; return the answer."""
    objects, quiet = _objects_in(request)
    errors = "".join(_error(objects[place], why) for place, why in refused.items())
    allowed = [each for place, each in enumerate(objects) if place not in refused]
    if allowed:
        response = forward(request.with_body(_written(allowed, quiet)))
        if response.status >= 300:
            return response
        body = response.body.decode()
        body = body.replace(END, errors + END).replace(
            "<DeleteResult/>", f"<DeleteResult>{errors}{END}"
        )
    else:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="{NAMESPACE}">'
        body += errors + END
    return Response(200, (("Content-Type", "application/xml"),), body.encode())


def check_mfa_delete(call: Call, request: Request) -> None:
    """Refuse a call that uses MFA Delete or turns it on: moto would accept it without a code."""
    if call.service != "s3":
        return
    if request.header("x-amz-mfa") or (
        call.operation == "PutBucketVersioning" and _asks_for_mfa_delete(request.body)
    ):
        raise not_supported("the simulator does not know S3's MFA Delete")


def _asks_for_mfa_delete(body: bytes) -> bool:
    elements = (e for e in parsed_xml(body).iter() if _name(e) == "MfaDelete")
    return any((each.text or "").strip() != "Disabled" for each in elements)


def _objects_in(request: Request) -> tuple[list[dict[str, str]], bool]:
    root = parsed_xml(request.body)
    objects = [_parts(child) for child in root if _name(child) == "Object"]
    if _name(root) != "Delete" or not 0 < len(objects) <= MOST:
        raise malformed_xml()
    if not all(each.get("Key") for each in objects):
        raise malformed_xml()
    quiet = _parts(root).get("Quiet", "").strip().lower() == "true"
    return objects, quiet


def _parts(element: ET.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in element:
        name = _name(part)
        if name in found and name != "Object":
            raise malformed_xml()
        found[name] = part.text or ""
    return found


def _written(objects: list[dict[str, str]], quiet: bool) -> bytes:
    inner = "".join(f"<Object>{_elements(each)}</Object>" for each in objects)
    start = "<Quiet>true</Quiet>" if quiet else ""
    return f'<Delete xmlns="{NAMESPACE}">{start}{inner}</Delete>'.encode()


def _elements(named: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{_escaped(value)}</{name}>" for name, value in named.items() if value)


def _escaped(text: str) -> str:
    # A parser would read an unescaped carriage return as the end of a line.
    return escape(text, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def _error(named: Mapping[str, str], why: str) -> str:
    shown = {
        "Key": named.get("Key", ""),
        "VersionId": named.get("VersionId", ""),
        "Code": "AccessDenied",
        "Message": why,
    }
    return f"<Error>{_elements(shown)}</Error>"


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


CHANGES_OF_POLICIES = ("PutBucketPolicy", "DeleteBucketPolicy", "CreateBucket", "DeleteBucket")
# Marks the Id of a policy in moto as another policy.
ENVELOPE = "mfakit:"
NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been"
    " aborted or completed."
)


class BucketPolicies:
    """The policies of buckets, which moto keeps.

    moto judges them too, but knows no conditions and hardly any principals, and denies what it does
    not understand. So it gets each policy as the Id of another policy, which denies nothing.
    """

    def __init__(self, forward: Callable[[Request], Response], region: str) -> None:
        self._forward = forward
        self._region = region
        self._statements: dict[str, tuple[Statement, ...]] = {}

    def of(self, bucket: str) -> tuple[Statement, ...]:
        """Return the statements of a bucket's policy; none without a policy or a bucket."""
        if bucket not in self._statements:
            host = aws_host("s3", self._region)
            url = f"https://{host}/{quote(bucket)}?policy"
            response = self._forward(Request("GET", url, (("Host", host),)))
            found = _opened(response.body) if response.status < 300 else None
            self._statements[bucket] = () if found is None else _statements_in(found, bucket)
        return self._statements[bucket]

    def pass_on(self, call: Call, request: Request) -> Response:
        """Return moto's answer to a call of S3; refuse malformed policies and unknown uploads."""
        if call.operation == "PutBucketPolicy":
            request = request.with_body(_enveloped(request.body, call.parameters["Bucket"]))
        upload = call.parameters.get("uploadId")
        try:
            response = self._forward(request)
        except KeyError as error:
            if upload is None or error.args != (upload,):
                raise
            raise AWSError(404, "NoSuchUpload", NO_UPLOAD) from None
        if call.operation == "GetBucketPolicy" and response.status < 300:
            body = _opened(response.body)
            response = replace(response, body=body)
            response = response.with_header("Content-Length", str(len(body)))
        return response

    def learn(self, call: Call) -> None:
        """Forget the policies that a call may have changed; CloudFormation changes any."""
        if call.service == "cloudformation":
            self._statements.clear()
        elif call.service == "s3" and call.operation in CHANGES_OF_POLICIES:
            self._statements.pop(call.parameters.get("Bucket", ""), None)


def _enveloped(body: bytes, bucket: str) -> bytes:
    try:
        _statements_in(body, bucket)
    except MalformedPolicyError as error:
        raise AWSError(400, "MalformedPolicy", error.message) from None
    text = body.decode()
    statements: Any = json.loads(text)["Statement"]
    items = [statements] if isinstance(statements, dict) else statements
    # From these, moto derives whether a bucket is public.
    harmless = [s for s in items if s["Effect"] == "Allow" and "Condition" not in s]
    envelope = {"Version": "2012-10-17", "Id": ENVELOPE + text, "Statement": harmless}
    return json.dumps(envelope).encode()


def _opened(body: bytes) -> bytes:
    """Return the policy in an envelope; one without, which came another way, as it is."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    held = content.get("Id") if isinstance(content, dict) else None
    if not isinstance(held, str) or not held.startswith(ENVELOPE):
        return body
    return held.removeprefix(ENVELOPE).encode()


def _statements_in(body: bytes, bucket: str) -> tuple[Statement, ...]:
    return parse(body.decode("utf-8", "replace"), f"of bucket {bucket}", Kind.RESOURCE)
