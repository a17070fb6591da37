"""The request that moto gets: written anew from what was judged, and from nothing else.

moto reads some requests differently from AWS: it finds an Action in a body that is no form, takes a
header with underscores, and reads a path only up to a semicolon. So nothing of the original request
is passed on that it could take for another call than the one that was judged.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from mfakit.testing import refusals
from mfakit.testing.hosts import aws_host
from mfakit.testing.wire import FORM, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.testing.actions import Call
    from mfakit.testing.models import Operation
    from mfakit.testing.signature import Claim

# Beginnings of headers that AWS heeds although they are not signed, and that no policy reads.
UNSIGNED = (
    "content-",
    "cache-control",
    "expires",
    "range",
    "if-",
    "accept",
    "origin",
    "user-agent",
)
# Headers about the connection, and about the caller, who is known by now.
SETTLED = frozenset(
    {
        "authorization",
        "connection",
        "expect",
        "host",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    }
)
# Fields of a presigned URL: the signature's own.
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
JSON_TYPES = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")
LARGEST_UNPACKED = 70 << 20


def cleaned(request: Request, claim: Claim | None) -> Request:
    """Return a request without what is not signed, and without the signature.

    Parameters of a presigned URL that stand for headers become headers.

    Raises:
        ValueError: a header is there twice in different ways, or the URL has too many parameters.
    """
    headers: dict[str, str] = {}
    for spelled, value in request.headers:
        name = spelled.lower()
        if _passes(name, claim):
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    url = _hoist(request, headers) if request.parts.query else request.url
    pairs = (("host", request.host), *headers.items())
    return Request(request.method, url, pairs, request.content)


def _hoist(request: Request, headers: dict[str, str]) -> str:
    """Add the parameters of a presigned URL that stand for headers to these; return what is left.

    Raises:
        ValueError: a header is there in different ways, or the URL has too many parameters.
    """
    kept = []
    for name, value in request.query_pairs():
        lower = name.lower()
        if not lower.startswith("x-amz-"):
            kept.append((name, value))
        elif lower not in OF_SIGNATURE and headers.setdefault(lower, value) != value:
            raise ValueError(f"The header {lower} was given more than once.")
    query = urlencode(kept, quote_via=quote)
    return request.parts._replace(query=query, fragment="").geturl()


def _passes(name: str, claim: Claim | None) -> bool:
    if name in SETTLED or ("_" in name and not name.startswith(META)):
        return False
    return name.startswith(UNSIGNED) or claim is None or name in claim.signed_headers


def rebuilt(call: Call, request: Request, region: str) -> Request:
    """Write a new request for the call that was read from another one.

    Args:
        call: what it calls.
        request: that other one, cleaned.
        region: the one that it is signed for.

    Raises:
        AWSError: its body cannot be read.
    """
    if call.shape is not None:
        return _rest(call, call.shape, request, region)
    if call.protocol in ("query", "ec2"):
        path = request.parts.path if call.service == "sqs" else "/"
        form = urlencode(call.parameters).encode()
        return _request(call, request, region, "POST", path, {"content-type": FORM}, form)
    if call.protocol == "json":
        return _json(call, request, region)
    headers = {n: request.header(n) for n in ("content-type", "smithy-protocol", "accept")}
    path = request.parts.path + "?x-id=" + call.operation
    return _request(call, request, region, "POST", path, headers, _unpacked(call, request))


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
    headers = {n: v for n, v in _by_name(request) if _is_of(shape, n)}
    if "x-amz-copy-source" in headers:
        headers["x-amz-copy-source"] = _canonical_source(call, headers["x-amz-copy-source"])
    path, query = _path(call, shape), _query(call, shape)
    body: bytes | Any = request.content if call.service == "s3" else _unpacked(call, request)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if shape.body is not None and not shape.body:
        body = b""
        # moto takes the protocol from this header, whatever protocol the service has.
        if call.service != "s3":
            headers.pop("content-type", "")
    elif call.protocol == "rest-json" and shape.body is not None:
        body = _json_text(call, body, shape.body)
        kind = headers["content-type"] = "application/json"
    elif call.service != "s3":
        # With something in its query, moto does not look for an Action in the body.
        query.append(("x-id", call.operation))
    if "content-type" in headers and (kind == FORM or kind.startswith("multipart/")):
        headers["content-type"] = "binary/octet-stream"
    if query:
        path += "?" + urlencode(query, quote_via=quote)
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
    pairs = tuple((name, value) for name, value in named.items() if value)
    return Request(method, f"{request.parts.scheme}://{host}{path}", pairs, body)


def _host(call: Call, request: Request, region: str) -> str:
    """Return the host that the SDKs send the call to, without prefixes that moto does not need."""
    prefix = call.model.endpoint_prefix if call.model is not None else call.service
    before = call.shape.host_prefix if call.shape is not None else ""
    if call.shape is None or "{" not in before:
        return aws_host(prefix, region)
    given = {member: request.header(name) for name, member in call.shape.headers.items()}
    label = {**given, **call.parameters}.get(before.strip("{}."), "")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", label, re.ASCII):
        raise refusals.malformed(call, f"{before.strip('{}.')} is no part of a host name.")
    return f"{label}.{aws_host(prefix, region)}"


def _by_name(request: Request) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in request.headers if name != "host")


def _is_of(shape: Operation, name: str) -> bool:
    if name.startswith("x-amz-") or not name.startswith(UNSIGNED):
        return name in shape.headers or name.startswith(shape.header_prefixes or ("\n",))
    return name != "user-agent"


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
        raise refusals.malformed(call, BAD_SOURCE)
    version = f"?versionId={quote(version, safe='')}" if version else ""
    return f"{quote(bucket, safe='')}/{quote(key, safe='/')}{version}"


def copy_source(header: str) -> tuple[str, str, str]:
    """Return bucket, key and version of what S3 is to copy."""
    path, _, version = header.partition("?versionId=")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return bucket, key, unquote(version)


def _unpacked(call: Call, request: Request) -> bytes:
    """Return the body, unpacked if it came packed: SDKs pack large metrics and logs."""
    if request.header("content-encoding").strip().lower() != "gzip":
        return request.body
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        body = unpack.decompress(request.body, LARGEST_UNPACKED)
    except zlib.error:
        raise refusals.malformed(call, "The body is not packed as its header says.") from None
    if unpack.unconsumed_tail:
        raise refusals.too_large(call)
    return body


def _json_text(call: Call, body: bytes, known: frozenset[str] | None) -> bytes:
    """Return the same JSON, spelled so that nobody can take it for a form.

    Members of the object that are not in `known` are left out; None keeps all of them.
    """
    if not body.strip():
        return b""
    try:
        text = body.decode()
        content = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise refusals.malformed(call, "The body is no JSON that can be read.") from None
    if not isinstance(content, dict):
        raise refusals.malformed(call, "Start of structure or map found where not expected.")
    if known is not None and not known >= content.keys():
        text = json.dumps({name: value for name, value in content.items() if name in known})
    # In JSON both signs occur only within strings, where they may be escaped.
    return text.replace("&", "\\u0026").replace("=", "\\u003d").encode()


def _no_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which are no JSON though Python reads them."""
    raise ValueError(name)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found
