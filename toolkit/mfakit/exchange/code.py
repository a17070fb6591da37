"""The six digits: from the option, from standard input, or typed on the terminal."""

from __future__ import annotations

import os
import sys

from mfakit.errors import ExchangeError, UsageError


def check_code(text: str) -> str:
    """Take the spaces out of a code and refuse what AWS would refuse for its form alone.

    Raises:
        UsageError: it is not six digits. The code is not in the message.
    """
    code = "".join(text.split())
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        raise UsageError("a token code is six digits", "type the code that the device shows now")
    return code


def get_code(given: str | None, serial_number: str) -> str:
    """Get the code for a device.

    Args:
        given: the code, ``-`` to read it from standard input, None to ask on the terminal.
        serial_number: the device that the question names.

    Raises:
        UsageError: it is not six digits.
        ExchangeError: there is no terminal to ask on.
    """
    if given == "-":
        return check_code(sys.stdin.readline())
    if given is not None:
        return check_code(given)
    return check_code(_ask(f"MFA code for {serial_number}: "))


def _ask(question: str) -> str:
    """Ask on the terminal itself, whatever standard input and error are connected to."""
    reading, writing = ("CONIN$", "CONOUT$") if os.name == "nt" else ("/dev/tty", "/dev/tty")
    try:
        with open(writing, "w") as out, open(reading) as keyboard:
            out.write(question)
            out.flush()
            return keyboard.readline()
    except OSError:
        raise ExchangeError(
            "there is no terminal to ask for the code on",
            "give the code: --token-code 123456, or --token-code - to read it from standard input",
        ) from None
