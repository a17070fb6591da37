"""The one place that prints, and decides what may be seen.

Standard output carries only what a program consumes; notes and errors go to standard error.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.errors import MFAKitError


def write(text: str) -> None:
    """Write what a program consumes, as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def note(text: str) -> None:
    """Tell the person something."""
    sys.stderr.write(f"mfakit: {escape(text)}\n")


def complain(error: MFAKitError) -> None:
    """Say what failed, and what to do about it."""
    note(error.message)
    if error.hint:
        note(f"try: {error.hint}")


def escape(text: str) -> str:
    """Make control characters visible: what stands in a file must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )
