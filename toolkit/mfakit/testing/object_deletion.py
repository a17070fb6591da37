"""S3's DeleteObjects: it deletes what policies allow, and tells which objects they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from mfakit.testing.errors import AWSError, not_supported
from mfakit.testing.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.actions import Call

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
END = "</DeleteResult>"
MOST = 1000
NOT_WELL_FORMED = (
    "The XML you provided was not well-formed or did not validate against our published schema"
)


def deleted(request: Request) -> list[dict[str, str]]:
    """Return what names each object that is to be deleted: ``Key``, mostly, and ``VersionId``.

    Raises:
        AWSError: the body is not what S3 takes.
    """
    return _read(request)[0]


def delete_objects(
    request: Request, refused: Mapping[int, str], forward: Callable[[Request], Response]
) -> Response:
    """Let moto delete the objects that are not refused.

    Args:
        request: the call.
        refused: why an object is not to be deleted, by its place among those of the call.
        forward: passes a request on to moto.
    """
    objects, quiet = _read(request)
    errors = "".join(_error(objects[place], why) for place, why in refused.items())
    allowed = [each for place, each in enumerate(objects) if place not in refused]
    if allowed:
        response = forward(request.with_body(_written(allowed, quiet)))
        if response.status >= 300:
            return response
        body = response.body.decode()
        body = body.replace(END, errors + END).replace(
            "<DeleteResult/>", f"<DeleteResult>{errors}{END}"
        )
    else:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="{NAMESPACE}">'
        body += errors + END
    return Response(200, (("Content-Type", "application/xml"),), body.encode())


def check_mfa_delete(call: Call, request: Request) -> None:
    """Refuse what has to do with MFA Delete, which moto takes without a code.

    Raises:
        AWSError: the call names a device and a code, or asks for such a versioning.
    """
    if call.service != "s3":
        return
    if request.header("x-amz-mfa") or (
        call.operation == "PutBucketVersioning" and _asks_for_mfa_delete(request.body)
    ):
        raise not_supported("the simulator does not know S3's MFA Delete")


def _asks_for_mfa_delete(body: bytes) -> bool:
    try:
        root = ET.fromstring(body)  # noqa: S314
    except (ET.ParseError, ValueError, LookupError):
        raise _malformed() from None
    return any(
        _name(e) == "MfaDelete" and (e.text or "").strip() != "Disabled" for e in root.iter()
    )


def _read(request: Request) -> tuple[list[dict[str, str]], bool]:
    try:
        # The document comes from the test's own client.
        root = ET.fromstring(request.body)  # noqa: S314
    except (ET.ParseError, ValueError, LookupError):
        raise _malformed() from None
    objects = [_parts(child) for child in root if _name(child) == "Object"]
    if _name(root) != "Delete" or not 0 < len(objects) <= MOST:
        raise _malformed()
    if not all(each.get("Key") for each in objects):
        raise _malformed()
    quiet = _parts(root).get("Quiet", "").strip().lower() == "true"
    return objects, quiet


def _parts(element: ET.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in element:
        name = _name(part)
        if name in found and name != "Object":
            raise _malformed()
        found[name] = part.text or ""
    return found


def _written(objects: list[dict[str, str]], quiet: bool) -> bytes:
    inner = "".join(f"<Object>{_elements(each)}</Object>" for each in objects)
    start = "<Quiet>true</Quiet>" if quiet else ""
    return f'<Delete xmlns="{NAMESPACE}">{start}{inner}</Delete>'.encode()


def _elements(named: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{_escaped(value)}</{name}>" for name, value in named.items() if value)


def _escaped(text: str) -> str:
    # A carriage return that is not written so is read as the end of a line.
    return escape(text, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def _error(named: Mapping[str, str], why: str) -> str:
    shown = {
        "Key": named.get("Key", ""),
        "VersionId": named.get("VersionId", ""),
        "Code": "AccessDenied",
        "Message": why,
    }
    return f"<Error>{_elements(shown)}</Error>"


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _malformed() -> AWSError:
    return AWSError(400, "MalformedXML", NOT_WELL_FORMED)
