"""The terminal itself: where a code is asked for, whatever the standard streams are connected to.

Under an SDK, standard input and output belong to somebody else, and standard error is swallowed.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress

from mfakit.errors import ExchangeError, NobodyToAskError, UsageError
from mfakit.exchange.code import check_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn


TRIES = 3
_READING, _WRITING = ("CONIN$", "CONOUT$") if os.name == "nt" else ("/dev/tty", "/dev/tty")
_GIVE_IT = "give the code: --token-code 123456, or --token-code - to read it from standard input"


class Terminal:
    """Asks a person, if there is one to ask.

    Args:
        patience: seconds from now on that there are for all answers; None is for ever.
        clock: the seconds that have gone by, since whenever; by default the system's clock.

    Attributes:
        when_asked: what to do as soon as a question for a code stands on the screen.
    """

    def __init__(
        self, patience: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._end = None if patience is None else clock() + patience
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> None:
        """Check that a person can be asked, without asking anything.

        Raises:
            ExchangeError: there is no terminal, or this process is in its background, where
                reading from it would stop the process.
        """
        with _opened() as (keyboard, _):
            _check_foreground(keyboard)

    def ask_code(self, question: str) -> str:
        """Ask until the answer has the form of a code, three times at most.

        Raises:
            ExchangeError: as ``check``; or there was no such answer, or none in time.
        """
        with _opened() as (keyboard, screen):
            _check_foreground(keyboard)
            for _ in range(TRIES):
                try:
                    _write(screen, question)
                    self.when_asked()
                    typed = self._read_line(keyboard)
                except BaseException:
                    _write(screen, "\n")
                    raise
                if not typed:
                    _write(screen, "\n")
                    break
                try:
                    return check_code(typed)
                except UsageError as error:
                    _write(screen, f"{error.message}\n")
        raise ExchangeError("no code was typed", "try again when the device is at hand")

    def ask(self, question: str) -> str:
        """Ask for a line; empty if just the return key was hit.

        Raises:
            ExchangeError: as ``check``.
        """
        with _opened() as (keyboard, screen):
            _check_foreground(keyboard)
            _write(screen, question)
            return self._read_line(keyboard).strip()

    def choose(self, question: str, answers: list[str]) -> int:
        """Ask a person to choose one of several.

        Returns:
            Its number, counted from 0.

        Raises:
            ExchangeError: as ``check``; or nothing was chosen.
        """
        return chosen(self.ask(numbered(question, answers)), answers)

    def say(self, text: str) -> None:
        """Show the person a message, if there is a terminal."""
        with suppress(ExchangeError), _opened() as (_, screen):
            _write(screen, f"{text}\n")

    def count_down(self, seconds: float, what: str) -> None:
        """Wait, and show how much time is left."""
        end = self._clock() + seconds
        with suppress(ExchangeError), _opened() as (_, screen):
            while (left := end - self._clock()) > 0:
                _write(screen, f"\r{what} in {int(left) + 1:2} s ")
                time.sleep(min(1, left))
            _write(screen, "\r\x1b[K")
        time.sleep(max(0, end - self._clock()))

    def _read_line(self, keyboard: int) -> str:
        """Read a line; without the terminal's echo being touched, what is typed is seen."""
        if self._end is not None and os.name == "posix":
            import select

            left = max(0, self._end - self._clock())
            if not select.select([keyboard], [], [], left)[0]:
                raise ExchangeError(
                    f"nobody typed a code within {self._patience:g} s", "log in: mfakit login"
                )
        line = b""
        while not line.endswith((b"\n", b"\r")) and (byte := os.read(keyboard, 1)):
            line += byte
        return line.decode("utf-8", "replace")


def numbered(question: str, answers: list[str]) -> str:
    """Write a question with its answers, one of which is to be chosen by its number."""
    lines = [f"{number}  {answer}" for number, answer in enumerate(answers, 1)]
    return "\n".join([*lines, f"{question} [1-{len(answers)}] "])


def chosen(typed: str, answers: list[str]) -> int:
    """Return the number that was typed, counted from 0.

    Raises:
        ExchangeError: it is none of theirs.
    """
    if typed.isdecimal() and 1 <= int(typed) <= len(answers):
        return int(typed) - 1
    raise ExchangeError("nothing was chosen", f"type a number from 1 to {len(answers)}")


def foreground_terminal() -> str | None:
    """Name the terminal that this process may ask on; None if there is none."""
    with suppress(ExchangeError), _opened() as (keyboard, _):
        _check_foreground(keyboard)
        return terminal_name(keyboard) if os.name == "posix" else None
    return None


def terminal_name(descriptor: int) -> str:
    """Name the terminal; /dev/tty itself has no better name, so a standard stream may tell."""
    for stream in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(stream)
    return os.ttyname(descriptor)


@contextmanager
def _opened() -> Iterator[tuple[int, int]]:
    try:
        keyboard = os.open(_READING, os.O_RDWR)
        screen = os.open(_WRITING, os.O_RDWR) if _WRITING != _READING else os.dup(keyboard)
    except OSError:
        raise NobodyToAskError("there is no terminal to ask for the code on", _GIVE_IT) from None
    try:
        yield keyboard, screen
    finally:
        os.close(keyboard)
        os.close(screen)


def _check_foreground(keyboard: int) -> None:
    if os.name == "posix" and os.tcgetpgrp(keyboard) != os.getpgrp():
        raise ExchangeError(
            "this runs in the terminal's background, where no code can be asked for",
            "log in yourself: mfakit login",
        )


def _write(screen: int, text: str) -> None:
    with suppress(OSError):
        os.write(screen, text.encode("utf-8", "replace"))


class Unattended:
    """Stands where the terminal would, and asks nobody.

    Args:
        note: is told what a person would be.
    """

    def __init__(self, note: Callable[[str], object]) -> None:
        self.say = note
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> NoReturn:
        """Refuse.

        Raises:
            ExchangeError: always.
        """
        raise ExchangeError(
            "there is no token command to renew it with",
            "name one: mfakit configure --token-command COMMAND; or log in: mfakit login",
        )

    def ask_code(self, question: str) -> NoReturn:
        """Refuse, as ``check`` does."""
        self.check()

    def choose(self, question: str, answers: list[str]) -> NoReturn:
        """Refuse to choose.

        Raises:
            ExchangeError: always.
        """
        raise ExchangeError(f"{question} {', '.join(answers)}", "name it: mfakit configure")

    def count_down(self, seconds: float, what: str) -> None:
        """Wait."""
        time.sleep(max(0, seconds))
