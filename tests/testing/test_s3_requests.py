"""S3's own kinds of requests: without credentials, with MFA Delete, and with bodies in chunks."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from tests.testing.sending import send, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import AWSSimulator, User


class TestAnonymous:
    """Calls without credentials reach only what a bucket policy opens to everyone."""

    @pytest.fixture
    def nobody(self, clients: Any) -> Any:
        return boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=clients.endpoint_url,
            config=Config(signature_version=UNSIGNED),
        )

    def open_up(self, s3: Any, *actions: str, principal: Any = "*") -> None:
        statement = {
            "Effect": "Allow",
            "Principal": principal,
            "Action": list(actions),
            "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/open/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps(policy))

    def test_what_the_policy_opens_is_allowed(self, nobody: Any, s3: Any) -> None:
        self.open_up(s3, "s3:GetObject", "s3:PutObject", "s3:ListBucket")
        nobody.put_object(Bucket="bucket", Key="open/k", Body=b"from nobody")
        assert nobody.get_object(Bucket="bucket", Key="open/k")["Body"].read() == b"from nobody"
        assert nobody.list_objects_v2(Bucket="bucket")["KeyCount"] == 2

    def test_everything_else_is_refused(
        self, nobody: Any, s3: Any, refusal: Callable[..., Any]
    ) -> None:
        self.open_up(s3, "s3:GetObject")
        denied = (403, "AccessDenied", "Access Denied")
        assert refusal(nobody.get_object, Bucket="bucket", Key="key") == denied
        assert refusal(nobody.put_object, Bucket="bucket", Key="open/k") == denied
        assert refusal(nobody.list_buckets) == denied
        assert refusal(nobody.create_bucket, Bucket="mine") == denied
        assert refusal(nobody.delete_bucket_policy, Bucket="bucket") == denied

    def test_opening_it_to_the_account_does_not_open_it_to_everyone(
        self, nobody: Any, s3: Any, refusal: Callable[..., Any]
    ) -> None:
        self.open_up(s3, "s3:GetObject", principal={"AWS": "123456789012"})
        s3.put_object(Bucket="bucket", Key="open/k")
        assert refusal(nobody.get_object, Bucket="bucket", Key="open/k")[0] == 403

    def test_other_services_refuse_calls_without_credentials(self, url: str) -> None:
        answer = requests.post(url, data={"Action": "ListUsers"}, timeout=5)
        assert (answer.status_code, "MissingAuthenticationToken" in answer.text) == (403, True)


class TestMFADelete:
    """S3's MFA Delete is refused, rather than accepted without a code."""

    def test_mfa_delete_cannot_be_enabled(self, clients: Any, aws: AWSSimulator, s3: Any) -> None:
        root = clients.of(aws.root, "s3")
        both = {"Status": "Enabled", "MFADelete": "Enabled"}
        with pytest.raises(root.exceptions.ClientError, match="MFA Delete"):
            root.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=both)
        both["MFADelete"] = "Disabled"
        root.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=both)

    def test_a_deletion_with_a_code_is_refused(
        self, clients: Any, aws: AWSSimulator, s3: Any
    ) -> None:
        root = clients.of(aws.root, "s3")
        with pytest.raises(root.exceptions.ClientError, match="MFA Delete"):
            root.delete_object(Bucket="bucket", Key="key", MFA="arn:aws:iam::1:mfa/x 123456")


class TestChunks:
    """Bodies in chunks are joined, and their signatures are verified."""

    def upload(self, url: str, user: User, body: bytes, **headers: str) -> tuple[int, bytes]:
        key = (user.access_key_id, user.secret_access_key)
        given = {n.replace("_", "-"): v for n, v in headers.items()}
        known = signed(url, key, "PUT", "/bucket/chunked", "s3", given)
        return send(url, "PUT", "/bucket/chunked", known, body)

    def test_a_changed_chunk_is_refused(self, url: str, alice: User, s3: Any) -> None:
        for change, status in ((None, 200), (b"X", 403)):
            sent, headers = chunked(url, alice, [b"a" * 8192, b"rest"], change)
            assert send(url, "PUT", "/bucket/chunked", headers, sent)[0] == status
        assert s3.get_object(Bucket="bucket", Key="chunked")["Body"].read() == b"a" * 8192 + b"rest"

    @pytest.mark.parametrize(
        ("body", "length", "status"),
        [
            (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n", "3", 200),
            (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n", "4", 400),
            (b"3\r\nab", "3", 400),
            (b"zz\r\nab\r\n0\r\n\r\n", "2", 400),
            (b"3\r\nabc\r\n0\r\nx-amz-acl:public-read\r\n\r\n", "3", 400),
            (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:a\nb\r\n\r\n", "3", 400),
            (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:a\0b\r\n\r\n", "3", 400),
        ],
    )
    def test_incomplete_chunks_and_wrong_trailers_are_refused(
        self, url: str, alice: User, s3: Any, body: bytes, length: str, status: int
    ) -> None:
        got = self.upload(
            *(url, alice, body),
            X_Amz_Content_SHA256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            x_amz_decoded_content_length=length,
            x_amz_trailer="x-amz-checksum-crc32",
            Content_Encoding="aws-chunked",
        )
        assert got[0] == status
        if status == 200:
            stored = s3.get_object(Bucket="bucket", Key="chunked")
            assert stored["Body"].read() == b"abc"
            assert "ContentEncoding" not in stored


def chunked(
    url: str, user: User, pieces: list[bytes], change: bytes | None
) -> tuple[bytes, dict[str, str]]:
    """Return a body in signed chunks, and its headers; with `change` at its very begin."""
    request: Any = AWSRequest("PUT", f"{url}/bucket/chunked")
    request.headers["X-Amz-Content-SHA256"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request.headers["x-amz-decoded-content-length"] = str(sum(map(len, pieces)))
    signer: Any = S3SigV4Auth(
        Credentials(user.access_key_id, user.secret_access_key), "s3", "us-east-1"
    )
    signer.payload = lambda _: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    signer.add_auth(request)
    previous = request.headers["Authorization"].rpartition("Signature=")[2]
    stamp, scope = request.context["timestamp"], signer.credential_scope(request)
    body = b""
    for piece in [*pieces, b""]:
        hashes = f"{sha256(b'').hexdigest()}\n{sha256(piece).hexdigest()}"
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{hashes}"
        previous = signer.signature(text, request)
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
    if change:
        at = body.index(b"\r\n") + 2
        body = body[:at] + change + body[at + len(change) :]
    return body, dict(request.headers)
