"""The one place that prints, and decides what may be seen.

Standard output carries only what a program consumes; notes and errors go to standard error.
"""

from __future__ import annotations

import io
import os
import sys

from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def write(text: str) -> None:
    """Write what a program consumes, as it is.

    Raises:
        BrokenPipeError: nobody reads it any more.
        MFAKitError: standard output is closed, full, or of an encoding that has no such letters.
    """
    if sys.stdout is None:
        raise MFAKitError("standard output is closed", "leave it open, or send it to a file")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except UnicodeEncodeError as error:
        raise MFAKitError(
            f"standard output cannot show {error.object[error.start]!a} in {error.encoding}",
            "set the variable PYTHONUTF8=1, or a locale with UTF-8",
        ) from None
    except OSError as error:
        _give_up(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise MFAKitError(
            f"cannot write to standard output: {error.strerror}", "see where it is sent to"
        ) from None


def write_utf8(text: str) -> None:
    """Write what is UTF-8 in any locale, as ``write`` does."""
    _configure_stdout(encoding="utf-8", errors="backslashreplace")
    write(text)


def show(text: str) -> None:
    """Write what people read: a letter that their locale lacks is better escaped than not shown."""
    _configure_stdout(errors="backslashreplace")
    write(text)


def _configure_stdout(encoding: str | None = None, *, errors: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=encoding, errors=errors)


def note(text: str) -> None:
    """Write a note to standard error; that nobody can read it is no error."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"mfakit: {escape(text)}\n")
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def complain(error: MFAKitError) -> None:
    """Write what failed to standard error, and what to do about it."""
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


def _give_up(stream: TextIO) -> None:
    """Discard what is left in its buffer, or Python tries to write it again when it ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
