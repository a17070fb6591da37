"""GnuPG's pinentry: a window on a desktop, or a screen of its own on a terminal.

It speaks the Assuan protocol on its standard streams: "The Assuan Protocol" in pinentry's manual.
"""

from __future__ import annotations

import os
from contextlib import suppress

from mfakit.exchange.dialog_programs import (
    DECLINE,
    LOG_IN,
    TITLE,
    Question,
    declined,
    not_answered,
    not_shown,
    show,
)
from mfakit.exchange.terminal import foreground_terminal
from mfakit.programs import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn


# The lower half of an error's number, as libgpg-error has them; the upper half tells who raised it.
_TIMED_OUT = 62
_NO = {99, 114, 198}  # cancelled, not confirmed, fully cancelled
_CODE_BITS = 0xFFFF
_FLAVOR_SECONDS = 10


def find(environ: Mapping[str, str]) -> str | None:
    """Find the pinentry that gpg-agent is told to use, else the one on the PATH."""
    home = environ.get("GNUPGHOME") or os.path.join(os.path.expanduser("~"), ".gnupg")
    program = "pinentry"
    with suppress(OSError, UnicodeDecodeError), open(os.path.join(home, "gpg-agent.conf")) as file:
        for line in file:
            match line.split(None, 1):
                case ["pinentry-program", named]:
                    program = named.strip()
    return find_program(program, environ)


def needs_terminal(program: str, environ: Mapping[str, str]) -> bool:
    """Whether this pinentry would draw on a terminal here, as its ``GETINFO flavor`` says.

    One with windows names in it what it falls back to without a desktop: ``gtk2:curses``.

    Raises:
        NotShownError, NotAnsweredError: it cannot be run.
    """
    question = Question("", "", _FLAVOR_SECONDS, environ, lambda: None)
    _, output = show([program], question, commands="GETINFO flavor\nBYE\n")
    flavor = next((line[2:] for line in output.splitlines() if line.startswith("D ")), "")
    return flavor.endswith(("curses", "tty"))


def ask(program: str, question: Question) -> str:
    """Ask; give what was typed.

    Raises:
        DeclinedError: the person said no.
        NotAnsweredError: nobody answered.
        NotShownError: there is neither a desktop nor a terminal for it.
    """
    commands = [*_options(question.environ), *_texts(question), "GETPIN"]
    lines = "".join(f"{command}\n" for command in (*commands, "BYE"))
    _, output = show([program], question, commands=lines)
    return _answer(output, len(commands), question)


def _options(environ: Mapping[str, str]) -> list[str]:
    """Return the options of its window, which must not grab the keyboard from other windows."""
    options = ["OPTION no-grab"]
    if terminal := foreground_terminal():
        options += [f"OPTION ttyname={terminal}", f"OPTION ttytype={environ.get('TERM', 'dumb')}"]
    return options


def _texts(question: Question) -> list[str]:
    texts = {
        "SETTITLE": TITLE,
        "SETDESC": question.text,
        "SETPROMPT": "Code:",
        "SETERROR": question.reason,
        "SETOK": LOG_IN,
        "SETCANCEL": DECLINE,
        "SETTIMEOUT": str(question.whole_seconds),
    }
    return [f"{command} {_escaped(text)}" for command, text in texts.items() if text]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _answer(output: str, number: int, question: Question) -> str:
    """Read the answer to the last of a number of commands.

    Each answer ends with a line OK or ERR, the greeting too; what was typed is the line D before.
    """
    from urllib.parse import unquote

    typed, answered = "", -1
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "D":
            typed = unquote(rest)
        elif word in ("OK", "ERR"):
            answered += 1
            if answered == number:
                return typed if word == "OK" else _refused(rest, question)
    raise not_shown("pinentry", "it ended without an answer")


def _refused(error: str, question: Question) -> NoReturn:
    number, _, text = error.partition(" ")
    code = int(number) & _CODE_BITS if number.isdecimal() else 0
    if code in _NO:
        raise declined()
    if code == _TIMED_OUT:
        raise not_answered(question)
    raise not_shown("pinentry", text or "an unknown error")
