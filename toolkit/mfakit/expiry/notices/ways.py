"""The ways to tell people, as they are asked for on the command line."""

from __future__ import annotations

from mfakit.expiry.notices.apprise_way import (
    environment_way,
    input_way,
    read_standard_input,
    tag_way,
)
from mfakit.expiry.notices.desktop import DesktopWay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.expiry.notices.way import Way


def parse_way(text: str, read_input: Callable[[], str] = read_standard_input) -> Way:
    """Read what ``--notify`` names.

    Args:
        text: ``desktop``; ``env``, for apprise URLs in ``MFAKIT_NOTIFY``; ``-``, for apprise URLs
            on standard input; or a tag of apprise's own config file.
        read_input: reads standard input, at once if it is asked for.

    Raises:
        UsageError: it is none of these. It is not repeated, since it may be a URL.
    """
    if text == "desktop":
        return DesktopWay()
    if text == "env":
        return environment_way()
    return input_way(read_input) if text == "-" else tag_way(text)
