"""Signature Version 4, verified with botocore's own canonical form."""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.credentials import Credentials

from mfakit.testing import chunks
from mfakit.testing.chunks import Chain
from mfakit.testing.errors import AWSError, not_supported

if TYPE_CHECKING:
    from mfakit.testing.wire import Request

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
TOLERANCE = 15 * 60
LONGEST_LINK = 7 * 24 * 3600
S3_LIKE = ("s3", "s3-outposts")
HASH = re.compile(r"[0-9a-f]{64}")
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
# Which SDK it is: some send it without signing it.
CLIENT = "x-amz-user-agent"
TWO_WAYS = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query"
    " string parameter or the Authorization header should be specified"
)


@dataclass(frozen=True)
class Claim:
    """What a signed request says about who signed it, when, and what for.

    Attributes:
        timestamp: as written, ``20261122T180000Z``.
        valid_for: for how many seconds a presigned link serves; None if it is no link.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: frozenset[str]
    signature: str
    timestamp: str
    session_token: str = field(repr=False)
    valid_for: int | None = None

    @cached_property
    def signed_at(self) -> int:
        """The timestamp, in seconds since 1970."""
        return int(datetime.fromisoformat(self.timestamp).timestamp())


def read_claim(request: Request) -> Claim | None:
    """Return what a request claims, in its header or its URL; None if it is not signed.

    Raises:
        AWSError: it is signed, but not in a form that the simulator knows.
    """
    authorization = request.header("authorization")
    presigned = {"AWSAccessKeyId", "X-Amz-Algorithm"} & set(request.query)
    if authorization and presigned:
        raise AWSError(400, "InvalidArgument", TWO_WAYS)
    if authorization.startswith(ALGORITHM):
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", authorization))
        fields["Date"] = request.header("x-amz-date") or _http_date(request.header("date"))
        return _claim(fields, request.header("x-amz-security-token"))
    if request.query.get("X-Amz-Algorithm") == ALGORITHM:
        fields = _fields_of_link(request)
        return _claim(fields, fields.get("Security-Token", ""), fields.get("Expires", ""))
    if authorization.startswith("AWS") or presigned:
        raise not_supported("the simulator verifies Signature Version 4 with SHA-256 only")
    if authorization:
        raise AWSError(400, "InvalidArgument", "Unsupported Authorization Type")
    return None


def _fields_of_link(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.query_pairs():
        if name.startswith("X-Amz-") and found.setdefault(name[6:], value) != value:
            raise AWSError(403, "IncompleteSignature", f"{name} was given more than once.")
    return found


def matches(claim: Claim, request: Request, secret_access_key: str) -> bool:
    """Tell whether that secret made the signature of this request."""
    subject = _Subject(claim, request)
    signer = _signer(claim, secret_access_key)
    text = signer.string_to_sign(subject, signer.canonical_request(subject))
    return hmac.compare_digest(_signed(claim, secret_access_key, text), claim.signature)


def chain_of(claim: Claim, secret_access_key: str) -> Chain:
    """Return what checks the signatures of the chunks of a body."""
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    return Chain(
        partial(_signed, claim, secret_access_key), claim.timestamp, scope, claim.signature
    )


def _signed(claim: Claim, secret_access_key: str, text: str) -> str:
    key = _signing_key(secret_access_key, claim.date, claim.region, claim.service)
    return hmac.new(key, text.encode(), "sha256").hexdigest()


@lru_cache  # it is the same for a day
def _signing_key(secret_access_key: str, *scope: str) -> bytes:
    key = f"AWS4{secret_access_key}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def unsigned_headers(claim: Claim, request: Request) -> list[str]:
    """Return the headers that mean something to AWS and are not among the signed ones."""
    names = dict.fromkeys(name.lower() for name, _ in request.headers)
    return [
        name
        for name in names
        if name.startswith("x-amz-") and name not in claim.signed_headers and name != CLIENT
    ]


def body_fits(claim: Claim, request: Request) -> bool:
    """Tell whether the body is the one whose hash was signed; in chunks, each is signed itself."""
    claimed = _claimed_hash(claim, request)
    if not claimed:
        return True
    if HASH.fullmatch(claimed):
        return claimed == request.body_sha256
    if claimed == UNSIGNED_PAYLOAD:
        return claim.service in S3_LIKE or not _operation_in_body(request)
    return claim.service == "s3" and claimed in (chunks.UNSIGNED, *chunks.SIGNED)


def _claimed_hash(claim: Claim, request: Request) -> str:
    if claim.valid_for is None:
        return request.header("x-amz-content-sha256")
    return request.query.get("X-Amz-Content-Sha256", "")


def _operation_in_body(request: Request) -> bool:
    return request.is_form or bool(request.header("x-amz-target"))


def complaint_about_time(claim: Claim, now: float) -> str:
    """Return AWS's text about a request signed too long ago or in the future; else nothing."""
    signed_at, present = claim.signed_at, int(now)
    age_allowed = TOLERANCE if claim.valid_for is None else claim.valid_for
    if present - signed_at > age_allowed:
        limit = _stamp(present - TOLERANCE)
        return (
            f"Signature expired: {claim.timestamp} is now earlier than {limit}"
            f" ({_stamp(present)} - 15 min.)"
        )
    if signed_at - present > TOLERANCE:
        limit = _stamp(present + TOLERANCE)
        return (
            f"Signature not yet current: {claim.timestamp} is still later than {limit}"
            f" ({_stamp(present)} + 15 min.)"
        )
    return ""


def _signer(claim: Claim, secret_access_key: str) -> Any:
    """Return botocore's signer, made to sign exactly the headers that were signed."""
    kind: Any = S3SigV4Auth if claim.service in S3_LIKE else SigV4Auth
    credentials = Credentials(claim.access_key_id, secret_access_key)
    signer = kind(credentials, claim.service, claim.region)
    signer.headers_to_sign = lambda subject: subject.signed
    signer.payload = lambda subject: subject.payload
    return signer


class _Subject:
    """A request in the shape that botocore's signer reads."""

    def __init__(self, claim: Claim, request: Request) -> None:
        self.method = request.method
        link = claim.valid_for is not None
        self.url = _without_signature(request.url) if link else request.url
        self.params: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.signed = _SignedHeaders()
        unsigned = link and claim.service in S3_LIKE
        self.payload = UNSIGNED_PAYLOAD if unsigned else request.body_sha256
        self.context = {"timestamp": claim.timestamp}
        hashed = _claimed_hash(claim, request)
        if hashed:
            self.headers["X-Amz-Content-SHA256"] = hashed
        self._take_signed_headers(claim, request)

    def _take_signed_headers(self, claim: Claim, request: Request) -> None:
        for name, value in request.headers:
            if name.lower() in claim.signed_headers:
                self.signed.setdefault(name.lower(), []).append(value)
        if "host" in claim.signed_headers and not request.header("host"):
            self.signed["host"] = [request.host]


class _SignedHeaders(dict[str, list[str]]):
    """The headers that were signed, read in the way botocore reads its own."""

    def get_all(self, name: str) -> list[str]:
        return self[name]


def _claim(fields: dict[str, str], session_token: str, expires: str | None = None) -> Claim:
    scope = fields.get("Credential", "").rsplit("/", 4)
    timestamp = fields.get("Date", "")
    signature = fields.get("Signature", "")
    signed_headers = frozenset(fields.get("SignedHeaders", "").split(";"))
    well_formed = (
        len(scope) == 5
        and scope[4] == "aws4_request"
        and re.fullmatch(r"\d{8}T\d{6}Z", timestamp, re.ASCII)
        and timestamp.startswith(scope[1])
        and signature.isascii()
        and "host" in signed_headers
        and (expires is None or re.fullmatch(r"\d{1,6}", expires, re.ASCII))
    )
    if not well_formed:
        raise AWSError(403, "IncompleteSignature", "The request's signature is incomplete.")
    key_id, date, region, service, _ = scope
    valid_for = None if expires is None else min(int(expires), LONGEST_LINK)
    claim = Claim(
        key_id, date, region, service, signed_headers, signature, timestamp, session_token,
        valid_for,
    )  # fmt: skip
    _check_calendar(claim)
    return claim


def _check_calendar(claim: Claim) -> None:
    try:
        _ = claim.signed_at
    except ValueError:
        raise AWSError(403, "IncompleteSignature", "The request's date is no date.") from None


def _http_date(value: str) -> str:
    try:
        return time.strftime(TIMESTAMP, time.strptime(value, "%a, %d %b %Y %H:%M:%S GMT"))
    except ValueError:
        return ""


def _without_signature(url: str) -> str:
    parts = urlsplit(url)
    kept = [p for p in parts.query.split("&") if not p.startswith("X-Amz-Signature=")]
    return parts._replace(query="&".join(kept)).geturl()


def _stamp(at: float) -> str:
    return time.strftime(TIMESTAMP, time.gmtime(at))
