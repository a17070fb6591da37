"""The policies of S3 buckets, asked from moto over the wire and kept until they may change."""

from __future__ import annotations

from typing import TYPE_CHECKING
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


class BucketPolicies:
    """The policies, by bucket.

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
            self._statements[bucket] = _read(response.body, bucket) if found else ()
        return self._statements[bucket]

    def learn(self, call: Call) -> None:
        """Forget what a call changed. CloudFormation may have changed anything."""
        if call.service == "cloudformation":
            self._statements.clear()
        elif call.service == "s3" and call.operation in CHANGES:
            self._statements.pop(call.parameters.get("Bucket", ""), None)


def check_bucket_policy(call: Call, request: Request) -> None:
    """Refuse to keep for a bucket what is no policy: moto would take anything.

    Raises:
        AWSError: it is none.
    """
    if (call.service, call.operation) == ("s3", "PutBucketPolicy"):
        try:
            _read(request.body, call.parameters.get("Bucket", ""))
        except MalformedPolicyError as error:
            raise AWSError(400, "MalformedPolicy", error.message) from None


def _read(body: bytes, bucket: str) -> tuple[Statement, ...]:
    return parse(body.decode("utf-8", "replace"), f"of bucket {bucket}", Kind.RESOURCE)
