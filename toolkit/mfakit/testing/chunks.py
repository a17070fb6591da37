"""S3's bodies in chunks (``aws-chunked``), whose signatures follow from that of the request.

The form is that of the "Amazon S3 API Reference": "Signature calculations ... transferring payload
in multiple chunks", and "... including trailing headers".
"""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from mfakit.testing.errors import AWSError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.testing.wire import Request

    Headers = tuple[tuple[str, str], ...]

UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
EMPTY = sha256(b"").hexdigest()
HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
TRAILER_SIGNATURE = "x-amz-trailer-signature"
SIGNATURE = "The request signature we calculated does not match the signature you provided."


class Chain:
    """The signatures of chunks, each of which builds on the one before.

    Args:
        sign: makes a signature of a string, with the key of the request.
        timestamp, scope: as in the request's own string to sign.
        signature: the request's own.
    """

    def __init__(
        self, sign: Callable[[str], str], timestamp: str, scope: str, signature: str
    ) -> None:
        self._sign = sign
        self._begin = f"{timestamp}\n{scope}"
        self._previous = signature

    def check(self, kind: str, content: bytes, claimed: str) -> None:
        """Refuse what does not bear the signature that follows.

        Raises:
            AWSError: it does not.
        """
        hashes = [sha256(content).hexdigest()]
        if kind == "PAYLOAD":
            hashes.insert(0, EMPTY)
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", self._begin, self._previous, *hashes))
        self._previous = self._sign(text)
        if not hmac.compare_digest(self._previous, claimed):
            raise AWSError(403, "SignatureDoesNotMatch", SIGNATURE)


def is_chunked(request: Request) -> bool:
    """Tell whether the body of a request is in chunks."""
    return request.header("x-amz-content-sha256") in (UNSIGNED, *SIGNED)


def unchunked(request: Request, sent: Request, chain: Chain | None) -> Request:
    """Return a request whose body is what its chunks hold, and whose headers are those after them.

    Args:
        request: what is to be passed on.
        sent: the same, with all of its headers.
        chain: what checks the signatures of the chunks; None if nobody signed it.

    Raises:
        AWSError: they are cut, or are not signed as they have to be, or hold more or less.
    """
    kind = sent.header("x-amz-content-sha256")
    length, announced = (sent.header(f"x-amz-{n}") for n in ("decoded-content-length", "trailer"))
    body, trailers = decode(sent.body, length, announced, chain if kind in SIGNED else None)
    if any(not name.startswith("x-amz-checksum-") or request.header(name) for name, _ in trailers):
        raise _malformed_trailer()
    encodings = (e.strip() for e in request.header("content-encoding").split(","))
    encoding = ",".join(e for e in encodings if e and e.lower() != "aws-chunked")
    headers = tuple((n, v) for n, v in request.headers if n != "content-encoding")
    return replace(
        request, headers=(*headers, ("content-encoding", encoding), *trailers), content=body
    )


def decode(body: bytes, length: str, announced: str, chain: Chain | None) -> tuple[bytes, Headers]:
    """Return what is in the chunks, and the headers that come after them.

    Args:
        body: the chunks.
        length: ``x-amz-decoded-content-length``.
        announced: ``x-amz-trailer``: which headers come after them.
        chain: what checks their signatures; None if they are not signed.

    Raises:
        AWSError: they are cut, or are not signed as they have to be, or hold more or less.
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
        name, _, value = line.partition(":")
        if name:
            yield name.strip().lower(), value.strip()


def _malformed_trailer() -> AWSError:
    why = "The request contained trailing data that was not well-formed or did not conform."
    return AWSError(400, "MalformedTrailerError", why)


def _incomplete() -> AWSError:
    why = "The request body terminated unexpectedly"
    return AWSError(400, "IncompleteBody", why)
