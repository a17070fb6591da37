"""Exchange: a token code for a session. Here: the form of codes, and where they come from.

Only this package calls AWS.
"""

from __future__ import annotations

import os
import sys
import time

from mfakit.errors import ExchangeError, UsageError
from mfakit.language import translate
from mfakit.programs import find_words, run_on_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Asker(Protocol):
        """Asks the user, on the terminal or in a window, or refuses to ask.

        Attributes:
            when_asked: called as soon as a question for a code is shown.
        """

        when_asked: Callable[[], object]

        def check(self) -> None:
            """Raise an ExchangeError if the user cannot be asked."""

        def ask_code(self, question: str) -> str:
            """Ask until the answer has the form of a code; return it."""

        def choose(self, question: str, answers: list[str]) -> int:
            """Ask for a choice; return its number, counted from 0."""

        def say(self, text: str) -> object:
            """Show a message."""

        def count_down(self, seconds: float, what: str) -> None:
            """Wait, and show how much time is left."""

    class Codes(Protocol):
        """A source of codes."""

        @property
        def asker(self) -> Asker | None:
            """What can ask other questions too; None if the user cannot be asked."""

        @property
        def may_try_again(self) -> bool:
            """Whether another code can follow a refused one."""

        def check(self) -> None:
            """Raise an error if it is already known that there is no code."""

        def when_asked(self, begin: Callable[[], object]) -> None:
            """Call `begin` while the user types; immediately if nothing is typed."""

        def get(self, serial_number: str) -> str:
            """Return a code of the device."""

        def report(self, refusal: str, *, is_used: bool) -> None:
            """Show why the last code was refused, and wait until there is another one."""


STEP_SECONDS = 30  # authenticators show a new code at each half minute
_COMMAND_RUNS = 3
_COMMAND_SECONDS = 60
_SEE_IT = "run it by hand and see what it prints; it should be the code"


def check_code(text: str) -> str:
    """Return a code without its spaces, in plain digits.

    Raises:
        UsageError: it is not six digits. The message does not contain the code.
    """
    # input methods for Chinese and Japanese type full-width digits
    code = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text if sign.strip())
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        raise UsageError("a token code is six digits", "type the code that the device shows now")
    return code


class GivenCode:
    """A code from the command line; no other can follow it."""

    may_try_again = False
    asker = None

    def __init__(self, given: str) -> None:
        self._given = given
        if given != "-":
            check_code(given)

    def check(self) -> None:
        """Do nothing: the form of the code is checked already."""

    def when_asked(self, begin: Callable[[], object]) -> None:
        """Call `begin` immediately."""
        begin()

    def get(self, serial_number: str) -> str:
        """Return the code; for ``-``, read it from the first line of standard input."""
        if self._given != "-":
            return check_code(self._given)
        if sys.stdin is None:
            raise ExchangeError("standard input is closed", "give the code: --token-code 123456")
        return check_code(sys.stdin.buffer.readline().decode("utf-8", "replace"))

    def report(self, refusal: str, *, is_used: bool) -> None:
        """Do nothing: there is no other code to try."""


class TypedCode:
    """Codes that the user types."""

    may_try_again = True

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    def check(self) -> None:
        """Check that the user can be asked."""
        self.asker.check()

    def when_asked(self, begin: Callable[[], object]) -> None:
        """Call `begin` when the question is shown, which loading modules would delay."""
        self.asker.when_asked = begin

    def get(self, serial_number: str) -> str:
        """Ask the user for a code."""
        return self.asker.ask_code(translate("MFA code for {device}: ", device=serial_number))

    def report(self, refusal: str, *, is_used: bool) -> None:
        """Show why; wait for a new code only if this one was used, and not mistyped."""
        self.asker.say(refusal)
        if is_used:
            _await_next_code(self.asker)


class CommandCode:
    """Codes that a command prints, such as ``ykman oath accounts code -s aws``."""

    asker = None

    def __init__(self, command: str, asker: Asker) -> None:
        self._command = command
        self._screen = asker
        self._runs = 0

    @property
    def may_try_again(self) -> bool:
        """Whether the command may run again, which it does twice at most."""
        return self._runs < _COMMAND_RUNS

    def check(self) -> None:
        """Check that the command exists."""
        check_command(self._command)

    def when_asked(self, begin: Callable[[], object]) -> None:
        """Call `begin` immediately."""
        begin()

    def get(self, serial_number: str) -> str:
        """Run the command."""
        self._runs += 1
        return run_token_command(self._command)

    def report(self, refusal: str, *, is_used: bool) -> None:
        """Show why, and wait: the command prints a new code only in the next half minute."""
        self._screen.say(refusal)
        _await_next_code(self._screen)


def _await_next_code(asker: Asker) -> None:
    asker.count_down(STEP_SECONDS - time.time() % STEP_SECONDS, translate("the next code"))


def check_command(command: str) -> list[str]:
    """Split a token command into its words, and check that its program is installed.

    Raises:
        UsageError: it cannot be split, or its program is not installed.
    """
    fix = "install it, or mend mfakit_token_command or --token-command"
    return find_words(command, "the token command", fix)


def run_token_command(command: str) -> str:
    """Run a command that prints a code, on the terminal and without a shell.

    Args:
        command: the program and its arguments, quoted as in a shell.

    Returns:
        The code.

    Raises:
        UsageError: the program is not installed.
        ExchangeError: it failed, took more than a minute, or did not print exactly one code.
    """
    import re

    words = check_command(command)
    name = f"the token command {os.path.basename(words[0])}"
    output = run_on_terminal(words, name, _SEE_IT, _COMMAND_SECONDS).decode("utf-8", "replace")
    codes = set(map(check_code, re.findall(r"(?<!\d)\d{6}(?!\d)", output)))
    if len(codes) != 1:
        found = "no code" if not codes else "several codes"
        raise ExchangeError(f"{name} printed {found}", _SEE_IT)
    return codes.pop()
