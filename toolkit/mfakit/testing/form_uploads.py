"""Uploads to S3 by HTML form, such as those of boto3's `generate_presigned_post`.

What a form says is in its fields, and its signature is that of the policy among them, so a form is
turned into the call of PutObject that means the same. Sources: "POST Object", "POST Policy" and
"Browser-based uploads using POST" in the "Amazon S3 API Reference"; the texts of refusals are those
that S3 was seen to answer.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from mfakit.testing.actions import bucket_in_host
from mfakit.testing.errors import AWSError, access_denied, malformed_xml
from mfakit.testing.wire import Request, Response, parsed_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree import ElementTree as ET

MULTIPART = "multipart/form-data"
LARGEST_FIELDS = 20_000  # bytes, without the content of the file
HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-type", "expires")
# These need no condition in the policy.
WITHOUT_CONDITION = ("x-amz-signature", "file", "policy")
IGNORED = "x-ignore-"
KEPT = {"\r": "&#13;"}  # a parser would read it as the end of a line
COPYING = "x-amz-copy-source"  # with it, PutObject would be another call
OF_SIGNATURE = ("algorithm", "content-sha256", "credential", "date", "security-token", "signature")


class FormUpload(NamedTuple):
    """A form that was sent to a bucket.

    Attributes:
        request: the call of PutObject that it stands for, not signed.
        fields: the fields before the file by lower-case name, and ``bucket``.
        size: of the file, in bytes.
    """

    request: Request
    fields: dict[str, str]
    size: int

    @property
    def is_signed(self) -> bool:
        """Whether it has a part of a signature, of whichever version."""
        names = ("x-amz-algorithm", "x-amz-credential", "x-amz-signature")
        return not self.fields.keys().isdisjoint((*names, "awsaccesskeyid", "signature"))

    @property
    def claim(self) -> dict[str, str]:
        """What the form claims about its signature, by the names in an Authorization header."""
        names = {"Credential": "credential", "Date": "date", "Signature": "signature"}
        found = {ours: self.fields.get(f"x-amz-{name}", "") for ours, name in names.items()}
        return found | {"SignedHeaders": ";".join(("host", *self.request.named))}

    @property
    def session_token(self) -> str:
        """The token of the session that signed the form, or an empty text."""
        return self.fields.get("x-amz-security-token", "")

    def check_policy(self, now: float) -> None:
        """Refuse what the form's policy does not allow at a time in seconds since 1970."""
        try:
            policy = json.loads(base64.b64decode(self.fields.get("policy", ""), validate=True))
            ends = datetime.fromisoformat(policy["expiration"])
            conditions = [c for condition in policy["conditions"] for c in _read(condition)]
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            raise _invalid("Invalid JSON.") from None
        if now >= ends.replace(tzinfo=ends.tzinfo or UTC).timestamp():
            raise access_denied("Invalid according to Policy: Policy expired.")
        for operator, name, value in conditions:
            self._check(operator, name, value)
        named = {name.lower() for _, name, _ in conditions}
        extra = [n for n in self.fields if n not in named and not _needs_no_condition(n)]
        if extra:
            raise access_denied(f"Invalid according to Policy: Extra input fields: {extra[0]}")

    def _check(self, operator: str, name: str, value: Any) -> None:
        if operator == "content-length-range":
            self._check_size(*value)
            return
        given = self.fields.get(name.lower(), "")
        if not (given == value if operator == "eq" else given.startswith(value)):
            shown = json.dumps([operator, f"${name}", value])
            raise access_denied(f"Invalid according to Policy: Policy Condition failed: {shown}")

    def _check_size(self, least: int, most: int) -> None:
        if self.size > most:
            text = "Your proposed upload exceeds the maximum allowed size"
            raise AWSError(400, "EntityTooLarge", text)
        if self.size < least:
            text = "Your proposed upload is smaller than the minimum allowed size"
            raise AWSError(400, "EntityTooSmall", text)

    def answer(self, carry_out: Callable[[], Response]) -> Response:
        """Carry PutObject out, and return the response to the form."""
        response = carry_out()
        if response.status != 200:
            return response
        named = {name.lower(): value for name, value in response.headers}
        etag, key = named.get("etag", ""), self.fields["key"]
        status = self.fields.get("success_action_status", "")
        location = self.request.url
        headers = (*response.headers, ("Location", location))
        found = urlencode({"bucket": self.fields["bucket"], "key": key, "etag": etag})
        if redirect := self._redirect(found):
            return replace(response, status=303).with_header("Location", redirect)
        if status == "201":
            parts = {
                "Location": location,
                "Bucket": self.fields["bucket"],
                "Key": key,
                "ETag": etag,
            }
            inner = "".join(f"<{n}>{escape(v, KEPT)}</{n}>" for n, v in parts.items())
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'
            made = Response(201, headers, body.encode())
            return made.with_header("Content-Type", "application/xml")
        return Response(200 if status == "200" else 204, headers, b"")

    def _redirect(self, found: str) -> str:
        """Return where the browser goes, with `found` in the query; S3 ignores what is no URL."""
        to = self.fields.get("success_action_redirect") or self.fields.get("redirect", "")
        try:
            parts = urlsplit(quote(to, safe="%/:=&?~#+!$,;'@()*[]"))
        except ValueError:
            return ""
        if not (parts.scheme in ("http", "https") and parts.netloc):
            return ""
        return parts._replace(query=f"{parts.query}&{found}".lstrip("&")).geturl()


def not_of_a_bucket() -> AWSError:
    """Return the refusal of a form that is sent to anything but a bucket."""
    text = "The specified method is not allowed against this resource."
    return AWSError(405, "MethodNotAllowed", text)


def is_form_upload(request: Request, service: str) -> bool:
    """Whether a request is a form that was sent to a bucket of S3."""
    kind = request.header("content-type").partition(";")[0].strip().lower()
    return service == "s3" and request.method == "POST" and kind == MULTIPART


def read_form_upload(request: Request) -> FormUpload:
    """Read a form; refuse one that is malformed, or has no file or no key."""
    fields, file_name, content = _split(request)
    bucket = bucket_in_host(request.host)
    path = unquote(request.parts.path.strip("/"))
    if (bucket and path) or not (bucket or path) or "/" in path:
        raise not_of_a_bucket()
    if not fields.get("key"):
        text = "Bucket POST must contain a field named 'key'.  If it is specified, please check the"
        raise AWSError(400, "InvalidArgument", f"{text} order of the fields.")
    own_name = file_name.replace("\\", "/").rpartition("/")[2]
    fields = {name: value.replace("${filename}", own_name) for name, value in fields.items()}
    named = {"host": request.host, "user-agent": request.header("user-agent"), **_headers(fields)}
    place = "/".join(quote(part) for part in (path, fields["key"]) if part)
    url = f"{request.parts.scheme}://{request.parts.netloc}/{place}"
    put = Request.of("PUT", url, named, content)
    return FormUpload(put, fields | {"bucket": bucket or path}, len(content))


def _split(request: Request) -> tuple[dict[str, str], str, bytes]:
    """Return the fields before the file by lower-case name, the file's name, and its content.

    What follows the file is ignored, as S3 does.
    """
    fields: dict[str, str] = {}
    try:
        for name, file_name, content in _parts(request):
            if name == "file":
                _check_size_of(fields)
                return fields, file_name, content
            if fields.setdefault(name, text := content.decode("utf-8")) != text:
                raise ValueError(name)  # noqa: TRY301 - it is malformed, as those that werkzeug finds
    except ValueError:
        text = "The body of your POST request is not well-formed multipart/form-data."
        raise AWSError(400, "MalformedPOSTRequest", text) from None
    _check_size_of(fields)
    text = "POST requires exactly one file upload per request."
    raise AWSError(400, "IncorrectNumberOfFilesInPostRequest", text)


def _parts(request: Request) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, file name and content of each part; raise ValueError if they are malformed."""
    from werkzeug.http import parse_options_header
    from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

    boundary = parse_options_header(request.header("content-type"))[1].get("boundary", "")
    decoder = MultipartDecoder(boundary.encode())
    decoder.receive_data(request.body)
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, (Field, File)):
            if not event.name:
                raise ValueError(event)
            name, file_name = event.name.lower(), getattr(event, "filename", "")
            content = b""
        elif isinstance(event, Data):
            content += event.data
            if not event.more_data:
                yield name, file_name, content


def _check_size_of(fields: dict[str, str]) -> None:
    if sum(map(len, fields.values())) > LARGEST_FIELDS:
        text = "Your POST request fields preceding the upload file were too large."
        raise AWSError(400, "MaxPostPreDataLengthExceeded", text)


def _headers(fields: dict[str, str]) -> dict[str, str]:
    """Return the headers of PutObject for which the fields stand."""
    found = {name: fields[name] for name in HEADERS if name in fields}
    of_signature = [f"x-amz-{name}" for name in OF_SIGNATURE]
    found |= {
        name: value
        for name, value in fields.items()
        if name.startswith("x-amz-") and not name.startswith((COPYING, *of_signature))
    }
    if "acl" in fields:
        found["x-amz-acl"] = fields["acl"]
    if "tagging" in fields:
        found["x-amz-tagging"] = _tags(parsed_xml(fields["tagging"].encode()))
    return found


def _tags(tagging: ET.Element) -> str:
    """Return the tags of a form, which are XML, as a header has them."""
    for element in tagging.iter():
        element.tag = element.tag.rpartition("}")[2]
    tags = [(tag.findtext("Key"), tag.findtext("Value")) for tag in tagging.iter("Tag")]
    if any(part is None for tag in tags for part in tag):
        raise malformed_xml()
    return urlencode([(key or "", value or "") for key, value in tags])


def _invalid(why: str) -> AWSError:
    return AWSError(400, "InvalidPolicyDocument", f"Invalid Policy: {why}")


def _needs_no_condition(name: str) -> bool:
    return name in WITHOUT_CONDITION or name.startswith(IGNORED)


def _read(condition: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield the operator, field and value of a condition; raise ValueError if it is none."""
    if isinstance(condition, dict):
        condition = [["eq", f"${name}", value] for name, value in condition.items()]
    else:
        condition = [condition]
    for operator, name, value in condition:
        if operator == "content-length-range":
            yield operator, "", (int(name), int(value))
        elif operator in ("eq", "starts-with") and name.startswith("$") and isinstance(value, str):
            yield operator, name[1:], value
        elif operator == "eq" and name.startswith("$"):
            raise _invalid("Invalid Simple-Condition: value must be a string.")
        else:
            raise ValueError(operator)
