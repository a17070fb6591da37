"""HTTP requests and responses, and how AWS writes results and errors in each protocol."""

from __future__ import annotations

import base64
import html
import json
import uuid
from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

from mfakit.testing.errors import malformed_xml
from mfakit.testing.models import frozen, lazy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from mfakit.testing.errors import AWSError


Headers = tuple[tuple[str, str], ...]

NAMESPACES = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
}
FORM = "application/x-www-form-urlencoded"
MOST_PARAMETERS = 10_000
IN_MEMORY = 1 << 20
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


@frozen
class Request:
    """A request, whose URL has path and query exactly as they were sent."""

    method: str
    url: str = field(repr=False)  # a presigned one holds a token
    headers: Headers = field(repr=False)
    content: bytes | Spool = field(default=b"", repr=False)

    @lazy
    def body(self) -> bytes:
        """The body, in memory."""
        return self.content if isinstance(self.content, bytes) else self.content.read()

    @lazy
    def body_sha256(self) -> str:
        """The SHA-256 of the body, in hexadecimal."""
        if isinstance(self.content, bytes):
            return sha256(self.content).hexdigest()
        return self.content.sha256

    @lazy
    def parts(self) -> SplitResult:
        """The parts of the URL."""
        return urlsplit(self.url)

    @classmethod
    def of(cls, method: str, url: str, named: dict[str, str], content: bytes | Spool) -> Request:
        """Return a request with one header of each name, in lower case."""
        made = cls(method, url, tuple(named.items()), content)
        made.__dict__["named"] = named
        return made

    def query_pairs(self, *, strict: bool = False) -> tuple[tuple[str, str], ...]:
        """Return the parameters in the URL, decoded, in their order.

        Raises:
            ValueError: there are too many; with `strict`, also if they are no UTF-8.
        """
        query = self.parts.query
        return _query_pairs(query, "strict" if strict else "replace") if query else ()

    @lazy
    def query(self) -> dict[str, str]:
        """The parameters in the URL, decoded; the last one of each name."""
        return dict(self.query_pairs())

    @lazy
    def parameters(self) -> dict[str, str]:
        """The parameters of a call of the query protocols, in the URL or a form.

        Raises:
            ValueError: there are too many, or two of one name, or they are no UTF-8.
        """
        pairs = [*self.query_pairs(strict=True)]
        if self.is_form:
            pairs += _pairs(self.body.decode("utf-8"), "strict")
        found: dict[str, str] = {}
        for name, value in pairs:
            if name in found:
                raise ValueError(f"The parameter {name} was given more than once.")
            found[name] = value
        return found

    @lazy
    def is_form(self) -> bool:
        """Whether the body is a form, in which the query protocols name the operation."""
        return self.header("content-type").partition(";")[0].strip().lower() == FORM

    @lazy
    def named(self) -> dict[str, str]:
        """The headers by lower-case name; several of one name are joined by commas."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            key = name.lower()
            found[key] = f"{found[key].rstrip()},{value.lstrip()}" if key in found else value
        return found

    @lazy
    def host(self) -> str:
        """The host that it was sent to, with the port unless it is the default."""
        return self.header("host") or self.parts.netloc

    def with_body(self, body: bytes) -> Request:
        """Return the same request with another body, and without headers about the old one."""
        about = ("content-length", "content-md5", "x-amz-checksum-")
        kept = tuple((n, v) for n, v in self.headers if not n.lower().startswith(about))
        headers = (*kept, ("Content-Length", str(len(body))))
        return Request(self.method, self.url, headers, body)

    def header(self, name: str, default: str = "") -> str:
        """Return a header by its lower-case name."""
        return self.named.get(name, default)


@frozen
class Response:
    """A whole response.

    Attributes:
        delay: by how many real seconds it is delayed.
        dropped: whether the connection is closed instead.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    delay: float = 0.0
    dropped: bool = False

    def with_header(self, name: str, value: str) -> Response:
        """Return the same response with this header in place of others of its name."""
        others = tuple((n, v) for n, v in self.headers if n.lower() != name.lower())
        headers = (*others, (name, value))
        return Response(self.status, headers, self.body, self.delay, self.dropped)


def parsed_xml(body: bytes) -> ET.Element:
    """Return the root of a document of the test's own client; refuse malformed ones."""
    try:
        return ET.fromstring(body)  # noqa: S314
    except (ET.ParseError, ValueError, LookupError):
        raise malformed_xml() from None


@lru_cache  # each request asks several times
def _query_pairs(query: str, errors: str) -> tuple[tuple[str, str], ...]:
    return tuple(_pairs(query, errors))


def _pairs(text: str, errors: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors=errors, max_num_fields=MOST_PARAMETERS)


def query_response(service: str, operation: str, result: Mapping[str, Any] | None) -> Response:
    """Return the response with the result of a call of STS or IAM."""
    request_id = str(uuid.uuid4())
    inner = "" if result is None else f"<{operation}Result>{_xml(result)}</{operation}Result>"
    body = (
        f'<{operation}Response xmlns="{NAMESPACES[service]}">{inner}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        f"</{operation}Response>"
    )
    return _response(200, request_id, "text/xml", body)


def error_response(error: AWSError, protocol: str, service: str = "") -> Response:
    """Return the response with an error, in the protocol of the service that was called."""
    request_id = str(uuid.uuid4())
    code = f"<Code>{_escaped(error.code)}</Code><Message>{_escaped(error.message)}</Message>"
    kind, extra = "text/xml", ("x-amzn-RequestId", request_id)
    body: str | bytes
    match protocol:
        case "json":
            kind = "application/x-amz-json-1.0"
            body = json.dumps({"__type": error.code, "message": error.message})
        case "rest-json":
            kind, extra = "application/json", ("x-amzn-ErrorType", error.code)
            body = json.dumps({"message": error.message})
        case "smithy-rpc-v2-cbor":
            kind, extra = "application/cbor", ("smithy-protocol", "rpc-v2-cbor")
            texts = ("__type", error.code, "message", error.message)
            body = b"\xa2" + b"".join(map(_cbor_text, texts))
        case "ec2":
            body = (
                f"{XML_DECLARATION}<Response><Errors><Error>{code}</Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>"
            )
        case "rest-xml" if service == "s3":
            kind, extra = "application/xml", ("x-amz-request-id", request_id)
            body = (
                f"{XML_DECLARATION}<Error>{code}{_xml(error.details)}"
                f"<RequestId>{request_id}</RequestId></Error>"
            )
        case _:
            attribute = f' xmlns="{NAMESPACES[service]}"' if service in NAMESPACES else ""
            sender = "Sender" if error.status < 500 else "Receiver"
            body = (
                f"<ErrorResponse{attribute}><Error><Type>{sender}</Type>{code}"
                f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
    return _response(error.status, request_id, kind, body).with_header(*extra)


def _response(status: int, request_id: str, content_type: str, body: str | bytes) -> Response:
    content = body.encode() if isinstance(body, str) else body
    headers = (("Content-Type", content_type), ("x-amzn-RequestId", request_id))
    return Response(status, headers, content)


def _cbor_text(text: str) -> bytes:
    content = text.encode()
    return b"\x79" + len(content).to_bytes(2, "big") + content


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(inner)}</member>" for inner in value)
    return _escaped(_scalar(value))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


class Spool:
    """A body in memory, or in a temporary file once it is large; write it first, then read it."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is deleted with this object
        self._hash = sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all pieces, in hexadecimal."""
        return self._hash.hexdigest()

    def read(self) -> bytes:
        """Return the whole body."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Delete the body."""
        self._file.close()
