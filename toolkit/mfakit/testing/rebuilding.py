"""The request that moto gets: rebuilt from the call that was judged, and from nothing else.

moto reads some requests differently from AWS: it finds an Action in a body that is no form, accepts
headers with underscores, and reads a path only up to a semicolon. So nothing of the original
request is passed on that moto could mistake for another call.

S3's bodies in chunks are joined, as in "Signature calculations ... transferring payload in multiple
chunks" and "... including trailing headers" of the "Amazon S3 API Reference".
"""

from __future__ import annotations

import hmac
import json
import re
import time
import zlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from mfakit.testing import errors
from mfakit.testing.errors import AWSError
from mfakit.testing.models import aws_host
from mfakit.testing.wire import FORM, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.testing.models import Call, Operation

    Headers = tuple[tuple[str, str], ...]

# The beginnings of headers that AWS honours without a signature, and that no policy reads.
UNSIGNED_HEADERS = (
    *("content-", "cache-control", "expires", "range", "if-"),
    *("accept", "origin", "user-agent"),
)
# Headers about the connection and the caller, which are of no use to moto.
SETTLED = frozenset(
    (
        *("authorization", "connection", "expect", "host", "transfer-encoding"),
        *("x-amz-content-sha256", "x-amz-date", "x-amz-security-token"),
    )
)
# The fields of a presigned URL that belong to the signature.
OF_SIGNATURE = frozenset(
    f"x-amz-{name}"
    for name in (
        *("algorithm", "credential", "date", "expires", "signedheaders", "signature"),
        *("security-token", "content-sha256"),
    )
)
BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
BAD_SOURCE = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
META = "x-amz-meta-"
RANGE = re.compile(r"bytes=(\d+-\d*|-\d+)", re.ASCII)  # S3 takes one range
SINCE = ("if-modified-since", "if-unmodified-since")
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"
BREAK = re.compile(r"[\r\n\0]")
JSON_TYPES = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")
LARGEST_UNPACKED = 70 << 20
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_CHUNKS = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
EMPTY = sha256(b"").hexdigest()
HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
TRAILER_SIGNATURE = "x-amz-trailer-signature"
SIGNATURE = "The request signature we calculated does not match the signature you provided."


def cleaned(request: Request, signed: frozenset[str] | None) -> Request:
    """Return a request without its signature and without headers that are not signed.

    Parameters of a presigned URL that stand for headers become headers. `signed` has the lower-case
    names of signed headers; None: nobody signed the request.

    Raises:
        ValueError: a header has two values or more than one line, or the URL has too many
            parameters.
    """
    headers = {"host": request.host}
    headers |= {name: v for name, v in request.named.items() if _passes(name, signed)}
    url = _hoist(request, headers) if request.parts.query else request.url
    for name, value in headers.items():
        if BREAK.search(value):
            raise ValueError(f"The header {name} holds the end of a line or of a text.")
    return Request.of(request.method, url, headers, request.content)


def _hoist(request: Request, headers: dict[str, str]) -> str:
    """Move the parameters of a presigned URL that stand for headers there; return the new URL."""
    kept = []
    for name, value in request.query_pairs():
        lower = name.lower()
        if not lower.startswith("x-amz-"):
            kept.append((name, value))
        elif lower not in OF_SIGNATURE and headers.setdefault(lower, value) != value:
            raise ValueError(f"The header {lower} was given more than once.")
    if len(kept) == len(request.query_pairs()):
        return request.url
    query = urlencode(kept, quote_via=quote)
    return request.parts._replace(query=query, fragment="").geturl()


def _passes(name: str, signed: frozenset[str] | None) -> bool:
    if name in SETTLED or ("_" in name and not name.startswith(META)):
        return False
    return name.startswith(UNSIGNED_HEADERS) or signed is None or name in signed


def rebuilt(call: Call, request: Request, region: str) -> Request:
    """Return a new request for a call, given the cleaned one; refuse unreadable bodies."""
    if call.shape is not None:
        return _rest(call, call.shape, request, region)
    if call.protocol in ("query", "ec2"):
        path = request.parts.path if call.service == "sqs" else "/"
        form = urlencode(call.parameters, quote_via=_quoted).encode()
        return _request(call, request, region, "POST", path, {"content-type": FORM}, form)
    if call.protocol == "json":
        return _json(call, request, region)
    headers = {n: request.header(n) for n in ("content-type", "smithy-protocol", "accept")}
    path = request.parts.path + "?x-id=" + call.operation
    return _request(call, request, region, "POST", path, headers, _unpacked(call, request))


@lru_cache(1024)  # names, and most values, come again and again
def _quoted(text: str, *safe: Any) -> str:
    return quote(text, *safe)


def _json(call: Call, request: Request, region: str) -> Request:
    kind = request.header("content-type").partition(";")[0].strip()
    headers = {
        "content-type": kind if kind in JSON_TYPES else JSON_TYPES[-1],
        "x-amz-target": f"{call.model.target_prefix if call.model else ''}.{call.operation}",
        "x-amzn-query-mode": request.header("x-amzn-query-mode"),
    }
    body = _json_text(call, _unpacked(call, request), None)
    return _request(call, request, region, "POST", "/", headers, body)


def _rest(call: Call, shape: Operation, request: Request, region: str) -> Request:
    named = request.named.items()
    headers = {n: v for n, v in named if n != "host" and _is_of(shape, n) and _is_read(n, v)}
    if "x-amz-copy-source" in headers:
        headers["x-amz-copy-source"] = _canonical_source(call, headers["x-amz-copy-source"])
    path, query = _path(call, shape), _query(call, shape)
    body: bytes | Any = request.content if call.service == "s3" else _unpacked(call, request)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if shape.body is not None and not shape.body:
        body = b""
        # moto reads the protocol from this header, whichever protocol the service has.
        if call.service != "s3":
            headers.pop("content-type", "")
    elif call.protocol == "rest-json" and shape.body is not None:
        body = _json_text(call, body, shape.body)
        kind = headers["content-type"] = "application/json"
    elif call.service != "s3":
        # If the query is not empty, moto does not look for an Action in the body.
        query.append(("x-id", call.operation))
    if "content-type" in headers and (kind == FORM or kind.startswith("multipart/")):
        headers["content-type"] = "binary/octet-stream"
    if query:
        path += "?" + urlencode(query, quote_via=_quoted)
    return _request(call, request, region, shape.method, path, headers, body)


def _request(
    call: Call,
    request: Request,
    region: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: Any,
) -> Request:
    host = _host(call, request, region)
    named = {"host": host, "user-agent": request.header("user-agent"), **headers}
    named.pop("content-encoding", "") if call.service != "s3" else None
    size = len(body) if isinstance(body, bytes) else body.size
    named["content-length"] = str(size)
    kept = {name: value for name, value in named.items() if value}
    return Request.of(method, f"{request.parts.scheme}://{host}{path}", kept, body)


def _host(call: Call, request: Request, region: str) -> str:
    """Return the host of the call, with its prefix only where that is a parameter."""
    prefix = call.model.endpoint_prefix if call.model is not None else call.service
    before = call.shape.host_prefix if call.shape is not None else ""
    if call.shape is None or "{" not in before:
        return aws_host(prefix, region)
    given = {member: request.header(name) for name, member in call.shape.headers.items()}
    label = {**given, **call.parameters}.get(before.strip("{}."), "")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", label, re.ASCII):
        raise errors.malformed(call, f"{before.strip('{}.')} is no part of a host name.")
    return f"{label}.{aws_host(prefix, region)}"


def _is_of(shape: Operation, name: str) -> bool:
    if name.startswith("x-amz-") or not name.startswith(UNSIGNED_HEADERS):
        return name in shape.headers or name.startswith(shape.header_prefixes or ("\n",))
    return name != "user-agent"


def _is_read(name: str, value: str) -> bool:
    """Whether a header counts: a range or a date that is malformed is ignored (RFC 9110)."""
    if name == "range":
        return RANGE.fullmatch(value) is not None
    if name in SINCE:
        with suppress(ValueError):
            return bool(time.strptime(value, HTTP_DATE))
        return False
    return True


def _path(call: Call, shape: Operation) -> str:
    return "".join(
        text or quote(call.parameters[name], safe=safe) for text, name, safe in shape.path_parts
    )


def _query(call: Call, shape: Operation) -> list[tuple[str, str]]:
    labels = shape.pattern.groupindex
    single = [(n, v) for n, v in call.parameters.items() if n not in labels]
    return [*shape.literals, *single, *call.several]


def _canonical_source(call: Call, header: str) -> str:
    bucket, key, version = copy_source(header)
    if not (BUCKET.fullmatch(bucket) or bucket.startswith("arn:")) or not key:
        raise errors.malformed(call, BAD_SOURCE)
    version = f"?versionId={quote(version, safe='')}" if version else ""
    return f"{quote(bucket, safe='')}/{quote(key, safe='/')}{version}"


def copy_source(header: str) -> tuple[str, str, str]:
    """Return bucket, key and version of the object to copy."""
    path, _, version = header.partition("?versionId=")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return bucket, key, unquote(version)


def _unpacked(call: Call, request: Request) -> bytes:
    """Return the body, decompressed: SDKs compress large metrics and logs."""
    if request.header("content-encoding").strip().lower() != "gzip":
        return request.body
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        body = unpack.decompress(request.body, LARGEST_UNPACKED)
    except zlib.error:
        raise errors.malformed(call, "The body is not packed as its header says.") from None
    if unpack.unconsumed_tail:
        raise errors.too_large(call)
    return body


def _json_text(call: Call, body: bytes, known: frozenset[str] | None) -> bytes:
    """Return the same JSON without characters that would make it look like a form.

    Members that are not in `known` are left out; None keeps all.
    """
    if not body.strip():
        return b""
    try:
        text = body.decode()
        content = STRICT.decode(text)
    except (ValueError, RecursionError):
        raise errors.malformed(call, "The body is no JSON that can be read.") from None
    if not isinstance(content, dict):
        raise errors.malformed(call, "Start of structure or map found where not expected.")
    if known is not None and not known >= content.keys():
        text = json.dumps({name: value for name, value in content.items() if name in known})
    # In JSON both signs occur only within strings, where they may be escaped.
    return text.replace("&", "\\u0026").replace("=", "\\u003d").encode()


def _no_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python accepts as JSON."""
    raise ValueError(name)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


STRICT = json.JSONDecoder(object_pairs_hook=_without_doubles, parse_constant=_no_constant)


class Chain:
    """The signatures of chunks, each of which depends on the one before.

    Args:
        sign: signs a string with the key of the request.
        timestamp, scope: as in the request's own string to sign.
        signature: the signature of the request itself.
    """

    def __init__(
        self, sign: Callable[[str], str], timestamp: str, scope: str, signature: str
    ) -> None:
        self._sign = sign
        self._begin = f"{timestamp}\n{scope}"
        self._previous = signature

    def check(self, kind: str, content: bytes, claimed: str) -> None:
        """Refuse a chunk or a trailer without the next signature in the chain."""
        hashes = [sha256(content).hexdigest()]
        if kind == "PAYLOAD":
            hashes.insert(0, EMPTY)
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", self._begin, self._previous, *hashes))
        self._previous = self._sign(text)
        if not hmac.compare_digest(self._previous, claimed):
            raise AWSError(403, "SignatureDoesNotMatch", SIGNATURE)


def is_chunked(request: Request) -> bool:
    """Whether the body of a request is in chunks."""
    return request.header("x-amz-content-sha256") in (UNSIGNED_CHUNKS, *SIGNED_CHUNKS)


def unchunked(request: Request, sent: Request, chain: Chain | None) -> Request:
    """Return a request with its chunks joined and the headers after them added.

    The request `sent` has all of its headers. Chunks that are incomplete, of another length, or not
    signed as the chain has it are refused; a chain of None: nobody signed the request.
    """
    kind = sent.header("x-amz-content-sha256")
    length, announced = (sent.header(f"x-amz-{n}") for n in ("decoded-content-length", "trailer"))
    body, trailers = decode(sent.body, length, announced, chain if kind in SIGNED_CHUNKS else None)
    if any(not name.startswith("x-amz-checksum-") or request.header(name) for name, _ in trailers):
        raise _malformed_trailer()
    encodings = (e.strip() for e in request.header("content-encoding").split(","))
    encoding = ",".join(e for e in encodings if e and e.lower() != "aws-chunked")
    headers = tuple((n, v) for n, v in request.headers if n != "content-encoding")
    return replace(
        request, headers=(*headers, ("content-encoding", encoding), *trailers), content=body
    )


def decode(body: bytes, length: str, announced: str, chain: Chain | None) -> tuple[bytes, Headers]:
    """Return the content of chunks, and the headers after them, as `unchunked` does.

    `length` is ``x-amz-decoded-content-length``; `announced` is ``x-amz-trailer``, the names of the
    headers after the chunks.
    """
    content = bytearray()
    at = 0
    while True:
        head = HEAD.match(body, at)
        if head is None or (chain is not None) != (head[2] is not None):
            raise _incomplete()
        size, at = int(head[1], 16), head.end()
        piece = body[at : at + size]
        if len(piece) < size:
            raise _incomplete()
        if chain is not None:
            chain.check("PAYLOAD", piece, head[2].decode())
        at += size
        if size == 0:
            break
        if body[at : at + 2] != b"\r\n":
            raise _incomplete()
        content += piece
        at += 2
    if length != str(len(content)):
        raise _incomplete()
    return bytes(content), _trailers(body[at:], announced, chain)


def _trailers(rest: bytes, announced: str, chain: Chain | None) -> Headers:
    wanted = {name.strip().lower() for name in announced.split(",") if name.strip()}
    found = dict(_headers(rest))
    claimed = found.pop(TRAILER_SIGNATURE, "")
    if set(found) != wanted:
        raise _malformed_trailer()
    if chain is not None and wanted:
        canonical = "".join(f"{name}:{value}\n" for name, value in sorted(found.items()))
        chain.check("TRAILER", canonical.encode(), claimed)
    return tuple(found.items())


def _headers(rest: bytes) -> Iterator[tuple[str, str]]:
    for line in rest.decode("latin-1").split("\r\n"):
        if BREAK.search(line):
            raise _malformed_trailer()
        name, _, value = line.partition(":")
        if name:
            yield name.strip().lower(), value.strip()


def _malformed_trailer() -> AWSError:
    why = "The request contained trailing data that was not well-formed or did not conform."
    return AWSError(400, "MalformedTrailerError", why)


def _incomplete() -> AWSError:
    why = "The request body terminated unexpectedly"
    return AWSError(400, "IncompleteBody", why)
