"""Events that ``--debug`` reports, one line each, and never a secret.

Each decision is reported where it is made. While ``--debug`` is off, ``event`` returns at once, and
``mfakit.cli.debugging``, which writes the lines, is not loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECRET_LETTERS = 40

_write: Callable[[str], object] | None = None


def turn_on(write: Callable[[str], object]) -> None:
    """Hand the text of each event to ``write`` from now on."""
    global _write  # noqa: PLW0603 - a process has one standard error, and one --debug
    _write = write


def is_on() -> bool:
    """Whether events are reported; ask before computing a text that takes time."""
    return _write is not None


def event(template: str, *values: object) -> None:
    """Report an event, if ``--debug`` is on.

    Args:
        template: what happened, in the form of ``str.format``. No value in it may be a secret;
            the id of a key goes through ``key_id``.
        values: what is put into its braces.
    """
    if _write is not None:
        _write(template.format(*values))


def key_id(access_key_id: str) -> str:
    """Shorten the id of an access key to what tells it from others: ``AKIA...MPLE``."""
    if may_be_secret(access_key_id):
        return "(perhaps a secret)"
    return f"{access_key_id[:4]}...{access_key_id[-4:]}" if len(access_key_id) > 8 else "(short)"


def may_be_secret(access_key_id: str) -> bool:
    """Whether what stands in the place of a key's id looks like a secret of AWS.

    Those have 40 letters of Base64, and ids have capitals and digits alone. Both may stand there.
    """
    is_mixed = len(access_key_id) >= _SECRET_LETTERS and not access_key_id.isupper()
    return is_mixed or "/" in access_key_id or "+" in access_key_id
