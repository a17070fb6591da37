"""Authentication: Signature Version 4, verified with botocore's own canonical form.

The head of a request is read before its body arrives, so that an unknown key is refused at once.
The body is parsed only if the signature is valid.
"""

from __future__ import annotations

import hmac
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials as SigningCredentials

from mfakit.testing import errors
from mfakit.testing.actions import identify, protocol_of
from mfakit.testing.errors import AWSError, not_supported, unknown_host
from mfakit.testing.form_uploads import is_form_upload, not_of_a_bucket, read_form_upload
from mfakit.testing.keys import ANONYMOUS, Identity, LongTermKey, Session
from mfakit.testing.models import Call, frozen, is_region, partition
from mfakit.testing.network import is_aws
from mfakit.testing.rebuilding import (
    HTTP_DATE,
    SIGNED_CHUNKS,
    UNSIGNED_CHUNKS,
    Chain,
    cleaned,
    is_chunked,
    rebuilt,
    unchunked,
)
from mfakit.testing.wire import Response, error_response

if TYPE_CHECKING:
    from mfakit.testing.devices import Clock
    from mfakit.testing.form_uploads import FormUpload
    from mfakit.testing.keys import Credentials, KeyStore
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


FIELD = re.compile(r"(?<!\w)(\w+)=([^,\s]+)")
ONLY_VERSION_4 = (
    "the simulator verifies Signature Version 4 with SHA-256 only: with boto3, make the client with"
    ' config=Config(signature_version="s3v4")'
)
WRONG_SERVICE = "Credential should be scoped to correct service: '{}'."
AT_S3 = re.compile(r"(^|[.])s3[.-]")
# In bytes: of a call, of one that brings code for Lambda, of one that nobody signed.
LARGEST_BODY = 16 << 20
LARGEST_CODE = 70 << 20
LARGEST_UNSIGNED = 1 << 20
UNBOUNDED = ("PutObject", "UploadPart")
WITH_PROVIDER = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")


@frozen
class Claim:
    """The claim of a signed request about its signer, date and scope.

    Attributes:
        timestamp: as written, ``20261122T180000Z``.
        valid_for: for how many seconds a presigned link is valid; None if it is no link.
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

    @property
    def signed_at(self) -> int:
        """The timestamp, in seconds since 1970."""
        return _seconds(self.timestamp)

    @property
    def scope(self) -> str:
        """What the signature is valid for."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class Received:
    """A request, and what is known of it so far.

    Attributes:
        claim: None if it is not signed.
        caller: the credentials with the claimed key id, verified or not.
        upload: the form that `request` was, before it was turned into a call of PutObject.
        response: None until it is answered.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.call = Call("", "", "query")
        self.claim: Claim | None = None
        self.caller: Credentials | None = None
        self.upload: FormUpload | None = None
        self.response: Response | None = None

    def refusal(self, error: AWSError) -> Response:
        """Return a refusal in the protocol of the call."""
        return error_response(error, self.call.protocol, self.call.service)

    def named_call(self) -> Call:
        """Return the call; if it was refused early, with the operation that its head names."""
        if self.call.operation or self.request.is_form:
            return self.call
        try:
            return identify(cleaned(self.request, _signed(self.claim)), self.call.service)
        except (AWSError, ValueError):
            return self.call


@dataclass(frozen=True)
class Authentication:
    """Authenticates requests in the partition of the account's region."""

    keys: KeyStore
    clock: Clock
    region: str

    def claim_of(self, received: Received) -> Claim | None:
        """Return the claim of a request, None if it is not signed."""
        return _read_claim(received)

    def credentials_of(self, claim: Claim) -> Credentials | None:
        """Return the credentials with the claimed key id; None if there are none."""
        return self.keys.find(claim.access_key_id, self.clock.timestamp())

    def read_head(self, received: Received) -> None:
        """Read the claim of a request, and refuse what can be refused without its body."""
        request = received.request
        claim = received.claim = self.claim_of(received)
        if claim is None:
            received.call = _unread(request, _guessed_service(request))
            if received.call.service != "s3" and not request.is_form:
                raise errors.unsigned(received.call)
            return
        received.call = _unread(request, claim.service)
        self._find_caller(received, claim)

    def _find_caller(self, received: Received, claim: Claim) -> None:
        credentials = received.caller = self.credentials_of(claim)
        if credentials is None:
            raise errors.unknown_key(received.call)
        if credentials.judged:
            self._check_head(received, claim, credentials)

    def _read_form(self, received: Received) -> None:
        """Turn a form into a call of PutObject; who signed its policy signed that call."""
        upload = received.upload = read_form_upload(received.request)
        received.request = upload.request
        if not upload.is_signed:
            return
        if upload.fields.get("x-amz-algorithm") != ALGORITHM:
            raise not_supported(ONLY_VERSION_4)
        longest = str(LONGEST_LINK)  # the policy says when it expires
        received.claim = _claim(upload.claim, upload.session_token, longest)
        if received.claim.service != "s3":
            raise errors.wrong_signature(received.call, WRONG_SERVICE.format("s3"))
        self._find_caller(received, received.claim)

    def _check_head(self, received: Received, claim: Claim, credentials: Credentials) -> None:
        request, call = received.request, received.call
        if not _has_its_token(credentials, claim):
            raise errors.wrong_token(call)
        self._check_time(call, claim)
        _check_scope(request, call)
        if not is_region(claim.region):
            raise errors.wrong_region(call, claim.region, self.region)
        # An account is in one partition, and no other one knows its keys.
        if partition(claim.region) != credentials.owner.arn.split(":")[1]:
            raise errors.unknown_key(call)
        unsigned = unsigned_headers(claim, request)
        if unsigned:
            raise errors.not_signed(call, unsigned)

    def verify(self, received: Received) -> tuple[Credentials, Claim, Request]:
        """Verify the signature; return caller, claim, and the request for judge and moto."""
        if received.claim is None and is_form_upload(received.request, received.call.service):
            self._read_form(received)
        request, call = received.request, received.call
        claim, caller = received.claim, received.caller
        secret = ""
        if claim is None or caller is None:
            if call.service != "s3":
                raise _without_signature(request, call)
            claim, caller = nobody(self.region)
        elif caller.judged:
            secret = caller.secret_access_key
            self._check_signature(received, claim, caller)
        try:
            signed = _signed(received.claim) if caller.judged else None
            clean = cleaned(request, signed)
        except ValueError as error:
            raise errors.malformed(call, str(error)) from None
        call = received.call = identify(clean, call.service)
        if received.upload is not None and call.operation != "PutObject":
            raise not_of_a_bucket()
        if call.service == "s3" and is_chunked(request):
            clean = unchunked(clean, request, chain_of(claim, secret) if secret else None)
        return caller, claim, rebuilt(call, clean, claim.region)

    def _check_signature(self, received: Received, claim: Claim, caller: Credentials) -> None:
        request, call, upload = received.request, received.call, received.upload
        if upload is not None:
            signed = _signature(claim, caller.secret_access_key, upload.fields.get("policy", ""))
            if not hmac.compare_digest(signed, claim.signature):
                raise errors.wrong_signature(call)
            upload.check_policy(self.clock.wire_timestamp())
        elif not matches(claim, request, caller.secret_access_key):
            raise errors.wrong_signature(call)
        elif not body_fits(claim, request):
            raise errors.wrong_body(call)
        if isinstance(caller, Session) and self.clock.timestamp() >= caller.expires:
            raise errors.expired(call)

    def _check_time(self, call: Call, claim: Claim) -> None:
        complaint = complaint_about_time(claim, self.clock.wire_timestamp())
        if complaint:
            refuse = errors.wrong_time if claim.valid_for is None else errors.link_expired
            raise refuse(call, complaint)


def largest_body(received: Received) -> int | None:
    """Return how many bytes the body may have; None: any number."""
    service = received.call.service
    if received.claim is None and service != "s3":
        return LARGEST_UNSIGNED
    if service == "lambda":
        return LARGEST_CODE
    if service == "s3":
        with suppress(AWSError):
            if identify(received.request, "s3").operation in UNBOUNDED:
                return None
    return LARGEST_BODY


def nobody(region: str) -> tuple[Claim, LongTermKey]:
    """Return the stand-ins for signature and key of a request that has neither."""
    claim = Claim("", "", region, "s3", frozenset(), "", "", "")
    return claim, LongTermKey("", "", Identity(ANONYMOUS, "", "", ANONYMOUS))


def _signed(claim: Claim | None) -> frozenset[str] | None:
    return claim.signed_headers if claim is not None else None


def _check_scope(request: Request, call: Call) -> None:
    """Refuse a request that is signed for one service and sent to another."""
    if not is_aws(request.host):
        return
    if call.service == "s3" and not AT_S3.search(request.host):
        raise unknown_host(request.host)
    for service in ("iam", "sts"):
        there = request.host.startswith((f"{service}.", f"{service}-"))
        if there != (call.service == service):
            raise errors.wrong_signature(call, WRONG_SERVICE.format(service))


def _has_its_token(credentials: Credentials, claim: Claim) -> bool:
    expected = "" if isinstance(credentials, LongTermKey) else credentials.session_token
    return hmac.compare_digest(expected.encode(), claim.session_token.encode())


def _read_claim(received: Received) -> Claim | None:
    request = received.request
    try:
        _ = request.query
    except ValueError as error:
        raise errors.malformed(received.call, str(error)) from None
    try:
        return read_claim(request)
    except AWSError:
        received.call = _unread(request, _guessed_service(request))
        raise


def _without_signature(request: Request, call: Call) -> AWSError:
    """Return the refusal of an unsigned form: AWS takes those of identity providers."""
    with suppress(ValueError):
        if request.parameters.get("Action") in WITH_PROVIDER:
            return not_supported(errors.NO_FEDERATION)
    return errors.unsigned(call)


def _unread(request: Request, service: str) -> Call:
    return Call(service, "", protocol_of(request, service))


def _guessed_service(request: Request) -> str:
    """Return the service of an unsigned request, as far as its refusal needs it."""
    if is_aws(request.host) and not AT_S3.search(request.host):
        return request.host.partition(".")[0]
    if request.header("x-amz-target"):
        return ""
    return "sts" if request.is_form or "Action" in request.query else "s3"


def read_claim(request: Request) -> Claim | None:
    """Return the claim in header or URL, None if unsigned; refuse other kinds of signatures."""
    authorization = request.header("authorization")
    presigned = {"AWSAccessKeyId", "X-Amz-Algorithm"} & request.query.keys()
    if authorization and presigned:
        raise AWSError(400, "InvalidArgument", TWO_WAYS)
    if authorization.startswith(ALGORITHM):
        fields = dict(FIELD.findall(authorization))
        fields["Date"] = request.header("x-amz-date") or _http_date(request.header("date"))
        return _claim(fields, request.header("x-amz-security-token"))
    if request.query.get("X-Amz-Algorithm") == ALGORITHM:
        fields = _fields_of_link(request)
        return _claim(fields, fields.get("Security-Token", ""), fields.get("Expires", ""))
    if authorization.startswith("AWS") or presigned:
        raise not_supported(ONLY_VERSION_4)
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
    """Whether the signature of the request was made with that secret."""
    hashed = sha256(_canonical(claim, request).encode()).hexdigest()
    text = f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{hashed}"
    return hmac.compare_digest(_signature(claim, secret_access_key, text), claim.signature)


def _canonical(claim: Claim, request: Request) -> str:
    """Return the canonical form of a request with exactly the headers that were signed."""
    s3, link = claim.service in S3_LIKE, claim.valid_for is not None
    beginning = _beginning(s3, request.method, _unsigned_url(request.url) if link else request.url)
    headers = _signed_values(claim, request)
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    payload = _claimed_hash(claim, request)
    if not payload:
        payload = UNSIGNED_PAYLOAD if link and s3 else request.body_sha256
    return f"{beginning}\n{lines}\n{';'.join(sorted(headers))}\n{payload}"


def _signed_values(claim: Claim, request: Request) -> dict[str, str]:
    named = request.named
    found = {n: " ".join(named[n].split()) for n in claim.signed_headers if n in named}
    if "host" in claim.signed_headers:
        found.setdefault("host", request.host)
    return found


@lru_cache  # most services are called at a single URL
def _beginning(s3: bool, method: str, url: str) -> str:
    """Return the lines of method, path and query, as botocore's signer writes them."""
    kind: Any = S3SigV4Auth if s3 else SigV4Auth
    signer = kind(SigningCredentials("", ""), "", "")
    signer.headers_to_sign = lambda _: HTTPHeaders()
    subject = AWSRequest(method, url, headers={"X-Amz-Content-SHA256": ""})
    written: str = signer.canonical_request(subject)
    return "\n".join(written.split("\n", 3)[:3])


def chain_of(claim: Claim, secret_access_key: str) -> Chain:
    """Return the verifier of the signatures of a body's chunks."""
    sign = partial(_signature, claim, secret_access_key)
    return Chain(sign, claim.timestamp, claim.scope, claim.signature)


def _signature(claim: Claim, secret_access_key: str, text: str) -> str:
    key = _signing_key(secret_access_key, claim.date, claim.region, claim.service)
    return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache  # it is the same for a day
def _signing_key(secret_access_key: str, *scope: str) -> bytes:
    key = f"AWS4{secret_access_key}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def unsigned_headers(claim: Claim, request: Request) -> list[str]:
    """Return the unsigned headers that have a meaning at AWS."""
    return [
        name
        for name in request.named
        if name.startswith("x-amz-") and name not in claim.signed_headers and name != CLIENT
    ]


def body_fits(claim: Claim, request: Request) -> bool:
    """Whether the body has the hash that was signed; chunks have signatures of their own."""
    claimed = _claimed_hash(claim, request)
    if not claimed:
        return True
    if HASH.fullmatch(claimed):
        return claimed == request.body_sha256
    if claimed == UNSIGNED_PAYLOAD:
        return claim.service in S3_LIKE or not _operation_in_body(request)
    return claim.service == "s3" and claimed in (UNSIGNED_CHUNKS, *SIGNED_CHUNKS)


def _claimed_hash(claim: Claim, request: Request) -> str:
    if claim.valid_for is None:
        return request.header("x-amz-content-sha256")
    return request.query.get("X-Amz-Content-Sha256", "")


def _operation_in_body(request: Request) -> bool:
    return request.is_form or bool(request.header("x-amz-target"))


def complaint_about_time(claim: Claim, now: float) -> str:
    """Return AWS's text about a request signed too long ago or in the future; else an empty one."""
    signed_at, present = claim.signed_at, int(now)
    age_allowed = TOLERANCE if claim.valid_for is None else claim.valid_for
    if present - signed_at > age_allowed:
        begin, limit, sign = "expired: {} is now earlier", present - TOLERANCE, "-"
    elif signed_at - present > TOLERANCE:
        begin, limit, sign = "not yet current: {} is still later", present + TOLERANCE, "+"
    else:
        return ""
    begin = begin.format(claim.timestamp)
    return f"Signature {begin} than {_stamp(limit)} ({_stamp(present)} {sign} 15 min.)"


def _claim(fields: dict[str, str], session_token: str, expires: str | None = None) -> Claim:
    scope = fields.get("Credential", "").rsplit("/", 4)
    timestamp = fields.get("Date", "")
    signature = fields.get("Signature", "")
    signed_headers = frozenset(fields.get("SignedHeaders", "").split(";"))
    well_formed = (
        len(scope) == 5
        and scope[4] == "aws4_request"
        and re.fullmatch(r"\d{8}T\d{6}Z", timestamp, re.ASCII)
        and timestamp[:8] == scope[1]
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


@lru_cache  # the requests of a second share it
def _seconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp())


def _http_date(value: str) -> str:
    try:
        return time.strftime(TIMESTAMP, time.strptime(value, HTTP_DATE))
    except ValueError:
        return ""


def _unsigned_url(url: str) -> str:
    parts = urlsplit(url)
    kept = [p for p in parts.query.split("&") if not p.startswith("X-Amz-Signature=")]
    return parts._replace(query="&".join(kept)).geturl()


def _stamp(at: float) -> str:
    return time.strftime(TIMESTAMP, time.gmtime(at))
