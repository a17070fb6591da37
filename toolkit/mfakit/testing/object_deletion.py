"""S3's DeleteObjects: it deletes what policies allow, and tells which objects they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from mfakit.testing.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
END = "</DeleteResult>"


def delete_objects(
    request: Request, refused: Mapping[int, str], forward: Callable[[Request], Response]
) -> Response:
    """Let moto delete the objects that are not refused.

    Args:
        request: the call.
        refused: why an object is not to be deleted, by its place among those of the call.
        forward: passes a request on to moto.
    """
    if not refused:
        return forward(request)
    # The document comes from the test's own client.
    root = ET.fromstring(request.body)  # noqa: S314
    for element in root.iter():
        # ElementTree would write each name with a prefix, which moto does not understand.
        element.tag = element.tag.rpartition("}")[2]
    objects = root.findall("Object")
    errors = "".join(_error(objects[place], why) for place, why in refused.items())
    for place in refused:
        root.remove(objects[place])
    if len(refused) < len(objects):
        response = forward(request.with_body(ET.tostring(root)))
        if response.status >= 300:
            return response
        body = response.body.decode().replace(END, errors + END)
    else:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="{NAMESPACE}">'
        body += errors + END
    return Response(200, (("Content-Type", "application/xml"),), body.encode())


def _error(element: ET.Element, why: str) -> str:
    named = {child.tag: child.text or "" for child in element}
    shown = {
        "Key": named.get("Key", ""),
        "VersionId": named.get("VersionId", ""),
        "Code": "AccessDenied",
        "Message": why,
    }
    inner = "".join(f"<{n}>{escape(value)}</{n}>" for n, value in shown.items() if value)
    return f"<Error>{inner}</Error>"
