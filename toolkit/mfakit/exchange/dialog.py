"""Asking for the code in a window instead of the terminal."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cached_property, partial

from mfakit.errors import ExchangeError, UsageError
from mfakit.exchange import check_code
from mfakit.exchange.dialog_programs import (
    TITLE,
    NotShownError,
    Question,
    ask_osascript,
    ask_powershell,
    ask_zenity,
    declined,
    find_zenity,
    not_answered,
    not_shown,
    show,
)
from mfakit.exchange.terminal import TRIES, chosen, foreground_terminal, numbered
from mfakit.language import translate
from mfakit.programs import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn


class Dialog:
    """Asks the user with the first program that can show a dialog here.

    Args:
        occasion: the reason for the questions, a line above each of them.
        seconds: how long each question waits for an answer.
        environ: the environment of the dialog programs.

    Attributes:
        when_asked: called as soon as a question is shown.
    """

    def __init__(self, occasion: str, seconds: float, environ: Mapping[str, str]) -> None:
        self._occasion = occasion
        self._seconds = seconds
        self._environ = environ
        self._reason = ""
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> None:
        """Check that a dialog program is installed.

        Raises:
            ExchangeError: there is none.
        """
        if not self._programs:
            raise ExchangeError(
                "there is no dialog to ask for the code in",
                "install pinentry, or zenity on a desktop; or log in: mfakit login",
            )

    def check_without_terminal(self) -> None:
        """Check that one of the programs can show a window without a terminal.

        Raises:
            ExchangeError: none can.
        """
        self.check()
        if all(
            ask is _ask_pinentry and _needs_terminal(program, self._environ)
            for ask, program in self._programs
        ):
            raise ExchangeError(
                "there is no desktop here to ask for the code on",
                "log in to the desktop, or be told otherwise: --notify TAG, --on-expiring COMMAND",
            )

    def ask_code(self, question: str) -> str:
        """Ask until the answer has the form of a code, three times at most.

        Raises:
            ExchangeError: as ``check``; the user declined, or did not answer in time.
        """
        for _ in range(TRIES):
            try:
                return check_code(self._ask(question))
            except UsageError as error:
                self._reason = f"{error.message}; {error.hint}"
        raise ExchangeError("no code was typed", "try again when the device is at hand")

    def choose(self, question: str, answers: list[str]) -> int:
        """Ask the user to choose one of several answers.

        Returns:
            Its number, counted from 0.

        Raises:
            ExchangeError: as ``ask_code``; or nothing was chosen.
        """
        return chosen(self._ask(numbered(question, answers)), answers)

    def say(self, text: str) -> None:
        """Show a message above the next question."""
        self._reason = text

    def count_down(self, seconds: float, what: str) -> None:
        """Wait without a dialog."""
        time.sleep(max(0, seconds))

    @cached_property
    def _programs(self) -> list[tuple[Callable[[str, Question], str], str]]:
        # Pinentry, which users choose for such questions, comes before the platform's own dialogs.
        kinds = (
            (_find_pinentry, _ask_pinentry),
            (partial(find_program, "osascript"), ask_osascript),  # of macOS
            (partial(find_program, "powershell"), ask_powershell),  # of Windows
            (find_zenity, ask_zenity),
        )
        found = [(ask, find(self._environ)) for find, ask in kinds]
        return [(ask, program) for ask, program in found if program is not None]

    def _ask(self, text: str) -> str:
        self.check()
        shown = f"{self._occasion}\n\n{text.strip()}"
        question = Question(shown, self._reason, self._seconds, self._environ, self.when_asked)
        self._reason = ""
        failures = []
        for ask, program in self._programs:
            try:
                return ask(program, question)
            except NotShownError as error:
                failures.append(error.message)
        raise ExchangeError("; ".join(failures), "log in: mfakit login")


# Error codes of libgpg-error: the lower half of the number, whose upper half is the error's source.
_TIMED_OUT = 62
_NO = {99, 114, 198}  # cancelled, not confirmed, fully cancelled
_CODE_BITS = 0xFFFF
_FLAVOR_SECONDS = 10


def _find_pinentry(environ: Mapping[str, str]) -> str | None:
    """Find the pinentry that gpg-agent is configured with, else the one on the PATH."""
    home = environ.get("GNUPGHOME") or os.path.join(os.path.expanduser("~"), ".gnupg")
    program = "pinentry"
    with suppress(OSError, UnicodeDecodeError), open(os.path.join(home, "gpg-agent.conf")) as file:
        for line in file:
            match line.split(None, 1):
                case ["pinentry-program", named]:
                    program = named.strip()
    return find_program(program, environ)


def _needs_terminal(program: str, environ: Mapping[str, str]) -> bool:
    """Whether this pinentry would draw on a terminal here, as its ``GETINFO flavor`` says.

    For a graphical one it includes the fallback without a desktop, such as ``gtk2:curses``.

    Raises:
        NotShownError, NotAnsweredError: it cannot be run.
    """
    question = Question("", "", _FLAVOR_SECONDS, environ, lambda: None)
    _, output = show([program], question, commands="GETINFO flavor\nBYE\n")
    flavor = next((line[2:] for line in output.splitlines() if line.startswith("D ")), "")
    return flavor.endswith(("curses", "tty"))


def _ask_pinentry(program: str, question: Question) -> str:
    """Ask the question; return what was typed, or raise as ``answer_by_code`` does."""
    commands = [*_options(question.environ), *_texts(question), "GETPIN"]
    lines = "".join(f"{command}\n" for command in (*commands, "BYE"))
    _, output = show([program], question, commands=lines)
    return _answer(output, len(commands), question)


def _options(environ: Mapping[str, str]) -> list[str]:
    """Return pinentry's options; its window must not grab the keyboard from others."""
    options = ["OPTION no-grab"]
    if terminal := foreground_terminal():
        options += [f"OPTION ttyname={terminal}", f"OPTION ttytype={environ.get('TERM', 'dumb')}"]
    return options


def _texts(question: Question) -> list[str]:
    texts = {
        "SETTITLE": TITLE,
        "SETDESC": question.text,
        "SETPROMPT": translate("Code:"),
        "SETERROR": question.reason,
        "SETOK": translate("Log in"),
        "SETCANCEL": translate("Not this time"),
        "SETTIMEOUT": str(question.whole_seconds),
    }
    return [f"{command} {_escaped(text)}" for command, text in texts.items() if text]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _answer(output: str, number: int, question: Question) -> str:
    """Return the answer to the last of a number of commands.

    The greeting and each answer end with OK or ERR; the typed text is in the D line before that.
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
