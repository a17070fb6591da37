"""A dialog that stands where the terminal would: the code is asked for in a window."""

from __future__ import annotations

import time
from functools import cached_property

from mfakit.errors import ExchangeError, UsageError
from mfakit.exchange import pinentry
from mfakit.exchange.code import check_code
from mfakit.exchange.dialog_programs import (
    NotShownError,
    Question,
    ask_osascript,
    ask_powershell,
    ask_zenity,
    find_osascript,
    find_powershell,
    find_zenity,
)
from mfakit.exchange.terminal import TRIES, chosen, numbered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


# The one that people choose for such questions, then the platform's own.
_KINDS = (
    (pinentry.find, pinentry.ask),
    (find_osascript, ask_osascript),
    (find_powershell, ask_powershell),
    (find_zenity, ask_zenity),
)


class Dialog:
    """Asks a person by the first program that can show a dialog here.

    Args:
        occasion: why something is asked, a line that stands above each question.
        seconds: how long each question waits for an answer.
        environ: the environment that a program with a window needs.

    Attributes:
        when_asked: what to do as soon as a question is shown.
    """

    def __init__(self, occasion: str, seconds: float, environ: Mapping[str, str]) -> None:
        self._occasion = occasion
        self._seconds = seconds
        self._environ = environ
        self._reason = ""
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> None:
        """Check that there is a program that can ask.

        Raises:
            ExchangeError: there is none.
        """
        if not self._programs:
            raise ExchangeError(
                "there is no dialog to ask for the code in",
                "install pinentry, or zenity on a desktop; or log in: mfakit login",
            )

    def check_without_terminal(self) -> None:
        """Check that one of the programs shows a window, for a time when there is no terminal.

        Raises:
            ExchangeError: none does.
        """
        self.check()
        if all(
            ask is pinentry.ask and pinentry.needs_terminal(program, self._environ)
            for ask, program in self._programs
        ):
            raise ExchangeError(
                "there is no desktop here to ask for the code on",
                "log in to the desktop, or be told otherwise: --notify TAG, --on-expiring COMMAND",
            )

    def ask_code(self, question: str) -> str:
        """Ask until the answer has the form of a code, three times at most.

        Raises:
            ExchangeError: as ``check``; the person said no, or did not answer in time.
        """
        for _ in range(TRIES):
            try:
                return check_code(self._ask(question))
            except UsageError as error:
                self._reason = f"{error.message}; {error.hint}"
        raise ExchangeError("no code was typed", "try again when the device is at hand")

    def choose(self, question: str, answers: list[str]) -> int:
        """Ask a person to choose one of several.

        Returns:
            Its number, counted from 0.

        Raises:
            ExchangeError: as ``ask_code``; or nothing was chosen.
        """
        return chosen(self._ask(numbered(question, answers)), answers)

    def say(self, text: str) -> None:
        """Show the person a message, above the next question."""
        self._reason = text

    def count_down(self, seconds: float, what: str) -> None:
        """Wait; there is no dialog meanwhile."""
        time.sleep(max(0, seconds))

    @cached_property
    def _programs(self) -> list[tuple[Callable[[str, Question], str], str]]:
        found = [(ask, find(self._environ)) for find, ask in _KINDS]
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
