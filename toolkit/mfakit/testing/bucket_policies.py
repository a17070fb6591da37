"""The policies of S3 buckets, kept at moto's and asked from there over the wire."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mfakit.policy import Kind, MalformedPolicyError, parse
from mfakit.testing.errors import AWSError
from mfakit.testing.hosts import aws_host
from mfakit.testing.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.policy import Statement
    from mfakit.testing.actions import Call

CHANGES = ("PutBucketPolicy", "DeleteBucketPolicy", "CreateBucket", "DeleteBucket")
# Says of a policy at moto's that it holds another one.
ENVELOPE = "mfakit:"


NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been"
    " aborted or completed."
)


class BucketPolicies:
    """The policies, by bucket.

    moto judges them too, but knows no condition and hardly a principal, and denies what it cannot
    tell. So it gets each policy in an envelope: as the Id of one that denies nothing.

    Args:
        forward: passes a request on to moto.
        region: where S3 is asked.
    """

    def __init__(self, forward: Callable[[Request], Response], region: str) -> None:
        self._forward = forward
        self._region = region
        self._statements: dict[str, tuple[Statement, ...]] = {}

    def of(self, bucket: str) -> tuple[Statement, ...]:
        """Return what a bucket's policy says; nothing if there is no policy, or no bucket.

        Raises:
            MalformedPolicyError: it is there, and is no policy.
        """
        if bucket not in self._statements:
            host = aws_host("s3", self._region)
            url = f"https://{host}/{quote(bucket)}?policy"
            response = self._forward(Request("GET", url, (("Host", host),)))
            found = response.status < 300
            self._statements[bucket] = _read(_opened(response.body), bucket) if found else ()
        return self._statements[bucket]

    def pass_on(self, call: Call, request: Request) -> Response:
        """Let moto answer a call of S3.

        Raises:
            AWSError: what is to be kept is no policy.
        """
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
        """Forget what a call may have changed. CloudFormation may have changed anything."""
        if call.service == "cloudformation":
            self._statements.clear()
        elif call.service == "s3" and call.operation in CHANGES:
            self._statements.pop(call.parameters.get("Bucket", ""), None)


def _enveloped(body: bytes, bucket: str) -> bytes:
    try:
        _read(body, bucket)
    except MalformedPolicyError as error:
        raise AWSError(400, "MalformedPolicy", error.message) from None
    text = body.decode()
    statements: Any = json.loads(text)["Statement"]
    items = [statements] if isinstance(statements, dict) else statements
    # By what is left, moto tells whether a bucket is public.
    harmless = [s for s in items if s["Effect"] == "Allow" and "Condition" not in s]
    envelope = {"Version": "2012-10-17", "Id": ENVELOPE + text, "Statement": harmless}
    return json.dumps(envelope).encode()


def _opened(body: bytes) -> bytes:
    """Return the policy in an envelope; what is in none came by another way, as it is."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    held = content.get("Id") if isinstance(content, dict) else None
    if not isinstance(held, str) or not held.startswith(ENVELOPE):
        return body
    return held.removeprefix(ENVELOPE).encode()


def _read(body: bytes, bucket: str) -> tuple[Statement, ...]:
    return parse(body.decode("utf-8", "replace"), f"of bucket {bucket}", Kind.RESOURCE)
