"""What a command reads besides the AWS files."""

from __future__ import annotations

import os
import sys

from mfakit.errors import FileError, UsageError
from mfakit.profiles.reading import read_text


def read_input(name: str) -> str:
    """Read a file, or standard input for ``-``.

    Raises:
        UsageError: there is no such file.
        FileError: it cannot be read.
    """
    if name == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace") if sys.stdin else ""
    if not os.path.exists(name):
        raise UsageError(f"there is no file {name}", "name one, or - for standard input")
    try:
        return read_text(name)
    except FileError as error:
        # what helps with the AWS files is no help here
        hint = "name a file that you can read, of UTF-8 text, or - for standard input"
        raise FileError(error.message, hint) from None
