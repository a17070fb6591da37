"""Requests that are signed and sent as they stand: no SDK would write them."""

from __future__ import annotations

import hashlib
import http.client
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing import User

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}


def signed(
    url: str,
    key: tuple[str, str],
    method: str,
    path: str,
    service: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    region: str = "us-east-1",
) -> dict[str, str]:
    """Return the headers of a signed request, with all those that are given among the signed."""
    given = dict(headers or {})
    if service == "s3":
        given.setdefault("X-Amz-Content-SHA256", hashlib.sha256(body).hexdigest())
    request: Any = AWSRequest(method, url + path, headers=given, data=body)
    kind: Any = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(*key), service, region)
    if service == "s3":
        signer.payload = lambda _: given["X-Amz-Content-SHA256"]
    signer.add_auth(request)
    return dict(request.headers)


def send(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, bytes]:
    """Send a request as it stands; return the status and the body of the answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def call(
    url: str,
    user: User,
    method: str,
    path: str,
    service: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    region: str = "us-east-1",
    unsigned: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Sign a request, add what is not to be signed, and send it."""
    key = (user.access_key_id, user.secret_access_key)
    known = signed(url, key, method, path, service, headers, body, region)
    return send(url, method, path, {**known, **(unsigned or {})}, body)
