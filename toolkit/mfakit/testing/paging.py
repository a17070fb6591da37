"""Lists of IAM, given out page by page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError

if TYPE_CHECKING:
    from collections.abc import Mapping

USUAL_SIZE = 100


def page(name: str, items: list[dict[str, Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the page of a list that a call asks for, by a marker that an earlier page gave.

    Args:
        name: what the answer calls the list.
        items: the whole list.
        given: the parameters of the call, which are valid.

    Raises:
        AWSError: no page of this list has given that marker.
    """
    check_marker(given)
    start = int(given.get("Marker", "0"))
    if start > len(items):
        raise _invalid_marker()
    end = start + int(given.get("MaxItems", USUAL_SIZE))
    found: dict[str, Any] = {name: items[start:end], "IsTruncated": end < len(items)}
    if found["IsTruncated"]:
        found["Marker"] = end
    return found


def check_marker(given: Mapping[str, str]) -> None:
    """Refuse a marker that no list of the simulator or of moto gives.

    Raises:
        AWSError: it is none.
    """
    if not re.fullmatch(r"\d{1,9}", given.get("Marker", "0"), re.ASCII):
        raise _invalid_marker()


def _invalid_marker() -> AWSError:
    return AWSError(400, "ValidationError", "Invalid Marker.")
