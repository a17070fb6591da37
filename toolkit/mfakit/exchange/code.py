"""The six digits: their form, who asks for them, and where else they come from."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager

from mfakit.errors import ExchangeError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Protocol

    class Asker(Protocol):
        """Asks a person: on the terminal, in a window; or stands where nobody is to be asked.

        Attributes:
            when_asked: what to do as soon as a question for a code can be seen.
        """

        when_asked: Callable[[], object]

        def check(self) -> None:
            """Raise an ExchangeError if there is nobody to ask."""

        def ask_code(self, question: str) -> str:
            """Ask until the answer has the form of a code, and return that."""

        def choose(self, question: str, answers: list[str]) -> int:
            """Ask which of several it is, and return its number, counted from 0."""

        def say(self, text: str) -> object:
            """Show a message."""

        def count_down(self, seconds: float, what: str) -> None:
            """Wait, and show how much time is left."""

    class Codes(Protocol):
        """Where codes come from."""

        @property
        def asker(self) -> Asker | None:
            """Who may be asked something else too; None if nobody is there."""

        @property
        def may_try_again(self) -> bool:
            """Whether there is another code after one that was refused."""

        def check(self) -> None:
            """Raise an error if it is known that there is no code."""

        def when_asked(self, begin: Callable[[], object]) -> None:
            """Begin what may go on while a person types; at once if nobody does."""

        def get(self, serial_number: str) -> str:
            """Return a code of the device with this serial number."""

        def report(self, refusal: str, *, is_used: bool) -> None:
            """Say why the last code was refused, and wait until there is another to try."""


STEP_SECONDS = 30  # every authenticator shows another code on each half minute
_COMMAND_RUNS = 3
_COMMAND_SECONDS = 60
_SEE_IT = "run it by hand and see what it prints; it should be the code"


def check_code(text: str) -> str:
    """Take the spaces out of a code and refuse what AWS would refuse for its form alone.

    Raises:
        UsageError: it is not six digits. The code is not in the message.
    """
    code = "".join(text.split())
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        raise UsageError("a token code is six digits", "type the code that the device shows now")
    return code


class GivenCode:
    """A code that was given with the command: there is no other after it."""

    may_try_again = False
    asker = None

    def __init__(self, given: str) -> None:
        self._given = given
        if given != "-":
            check_code(given)

    def check(self) -> None:
        """Nothing more can be known of it before it is used."""

    def when_asked(self, begin: Callable[[], object]) -> None:
        """Begin at once."""
        begin()

    def get(self, serial_number: str) -> str:
        """Return the code; ``-`` is the first line of standard input."""
        if self._given != "-":
            return check_code(self._given)
        if sys.stdin is None:
            raise ExchangeError("standard input is closed", "give the code: --token-code 123456")
        return check_code(sys.stdin.buffer.readline().decode("ascii", "replace"))

    def report(self, refusal: str, *, is_used: bool) -> None:
        """Do nothing: the refusal is the end."""


class TypedCode:
    """Codes that a person types."""

    may_try_again = True

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    def check(self) -> None:
        """Check that there is somebody to ask."""
        self.asker.check()

    def when_asked(self, begin: Callable[[], object]) -> None:
        """Begin when the question stands: to load would slow it down."""
        self.asker.when_asked = begin

    def get(self, serial_number: str) -> str:
        """Ask for one."""
        return self.asker.ask_code(f"MFA code for {serial_number}: ")

    def report(self, refusal: str, *, is_used: bool) -> None:
        """Say why; a code that was mistyped may be typed again at once."""
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
        """The command is run again twice at most."""
        return self._runs < _COMMAND_RUNS

    def check(self) -> None:
        """Check that the command exists."""
        check_command(self._command)

    def when_asked(self, begin: Callable[[], object]) -> None:
        """Begin at once."""
        begin()

    def get(self, serial_number: str) -> str:
        """Run the command."""
        self._runs += 1
        return run_token_command(self._command)

    def report(self, refusal: str, *, is_used: bool) -> None:
        """Say why; until the next half minute the command would print the same code."""
        self._screen.say(refusal)
        _await_next_code(self._screen)


def _await_next_code(asker: Asker) -> None:
    asker.count_down(STEP_SECONDS - time.time() % STEP_SECONDS, "the next code")


def check_command(command: str) -> list[str]:
    """Split a command into its words, and make sure that its program is there.

    Raises:
        UsageError: it cannot be split, or there is no such program.
    """
    import shlex
    import shutil

    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"the token command cannot be read: {error}", "mend its quotes") from None
    if not words or shutil.which(words[0]) is None:
        raise UsageError(
            f"there is no program {words[0] if words else ''!r} for the token command",
            "install it, or mend mfakit_token_command or --token-command",
        )
    return words


def run_token_command(command: str) -> str:
    """Run a command that prints a code, without a shell.

    The terminal is its standard input and error, so that it can ask for a touch or a password
    while an SDK has those of this process. What it prints is never shown.

    Args:
        command: the program and its arguments, quoted as in a shell.

    Returns:
        The code.

    Raises:
        UsageError: there is no such program.
        ExchangeError: it failed, took more than a minute, or did not print exactly one code.
    """
    import re
    import subprocess

    words = check_command(command)
    name = os.path.basename(words[0])
    with _keyboard() as keyboard, _screen() as screen:
        try:
            done = subprocess.run(
                words,
                check=False,
                stdin=keyboard,
                stdout=subprocess.PIPE,
                stderr=screen,
                timeout=_COMMAND_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ExchangeError(
                f"the token command {name} took more than {_COMMAND_SECONDS} s", _SEE_IT
            ) from None
        except OSError as error:
            raise ExchangeError(
                f"the token command {name} cannot be run: {error.strerror}", _SEE_IT
            ) from None
    if done.returncode:
        raise ExchangeError(f"the token command {name} failed ({done.returncode})", _SEE_IT)
    codes = set(re.findall(r"(?<!\d)\d{6}(?!\d)", done.stdout.decode("utf-8", "replace"), re.ASCII))
    if len(codes) != 1:
        found = "no code" if not codes else "several codes"
        raise ExchangeError(f"the token command {name} printed {found}", _SEE_IT)
    return str(codes.pop())


@contextmanager
def _screen() -> Iterator[int | None]:
    """Open the terminal for writing; where there is none, standard error has to do."""
    try:
        screen = os.open("CONOUT$" if os.name == "nt" else "/dev/tty", os.O_WRONLY)
    except OSError:
        yield None
        return
    try:
        yield screen
    finally:
        os.close(screen)


def _keyboard() -> IO[bytes]:
    """Open the terminal for reading; where there is none, nothing can be read."""
    try:
        return open("CONIN$" if os.name == "nt" else "/dev/tty", "rb", buffering=0)
    except OSError:
        return open(os.devnull, "rb", buffering=0)
