"""The six digits: from the option, from standard input, or typed on the terminal."""

from __future__ import annotations

import os
import sys

from mfakit.errors import ExchangeError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_TRIES = 3
_GIVE_IT = "give the code: --token-code 123456, or --token-code - to read it from standard input"


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
        UsageError: what was given is not six digits.
        ExchangeError: there is no terminal to ask on, or no answer.
    """
    if given == "-":
        if sys.stdin is None:
            raise ExchangeError("standard input is closed", _GIVE_IT)
        return check_code(sys.stdin.buffer.readline().decode("ascii", "replace"))
    if given is not None:
        return check_code(given)
    return _ask(f"MFA code for {serial_number}: ")


def _ask(question: str) -> str:
    """Ask on the terminal itself, whatever standard input and error are connected to."""
    reading, writing = ("CONIN$", "CONOUT$") if os.name == "nt" else ("/dev/tty", "/dev/tty")
    try:
        with open(writing, "w") as out, open(reading, errors="replace") as keyboard:
            return _ask_on(out, keyboard, question)
    except OSError:
        raise ExchangeError("there is no terminal to ask for the code on", _GIVE_IT) from None


def _ask_on(out: TextIO, keyboard: TextIO, question: str) -> str:
    for _ in range(_TRIES):
        out.write(question)
        out.flush()
        try:
            typed = keyboard.readline()
        except KeyboardInterrupt:
            out.write("\n")
            raise
        if not typed:
            out.write("\n")
            break
        try:
            return check_code(typed)
        except UsageError as error:
            out.write(f"{error.message}\n")
    raise ExchangeError("no code was typed", "log in again when the device is at hand")
