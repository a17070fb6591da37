"""Asking on the terminal itself, whatever the standard streams are connected to.

Under an SDK, standard input and output are redirected, and standard error is discarded.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress

from mfakit import debug
from mfakit.errors import (
    ExchangeError,
    NobodyToAskError,
    OthersTurnError,
    UsageError,
)
from mfakit.exchange import check_code
from mfakit.language import translate
from mfakit.profiles.editing import NO_LOCKS, take_lock
from mfakit.profiles.own_files import OwnFile, make_own_folder
from mfakit.profiles.reading import file_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn


TRIES = 3
_READING, _WRITING = ("CONIN$", "CONOUT$") if os.name == "nt" else ("/dev/tty", "/dev/tty")
_GIVE_IT = "give the code: --token-code 123456, or --token-code - to read it from standard input"


class Terminal:
    """Asks the user on the terminal, if there is one.

    Args:
        patience: seconds from now for all answers together; None means forever.
        clock: a clock in seconds; by default the system's monotonic clock.

    Attributes:
        when_asked: called as soon as a question for a code is on the screen.
    """

    def __init__(
        self, patience: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._end = None if patience is None else clock() + patience
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> None:
        """Check that the user can be asked, without asking anything.

        Raises:
            ExchangeError: there is no terminal, or this process is a background job, which
                reading from it would stop.
        """
        with _opened() as (keyboard, _):
            _check_foreground(keyboard)

    def ask_code(self, question: str) -> str:
        """Ask until the answer has the form of a code, three times at most.

        Raises:
            ExchangeError: as ``check``; or no answer was a code, or none came in time.
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
        """Ask for a line; return "" if only the return key was pressed.

        Raises:
            ExchangeError: as ``check``.
        """
        with _opened() as (keyboard, screen):
            _check_foreground(keyboard)
            _write(screen, question)
            return self._read_line(keyboard).strip()

    def choose(self, question: str, answers: list[str]) -> int:
        """Ask the user to choose one of several answers.

        Returns:
            Its number, counted from 0.

        Raises:
            ExchangeError: as ``check``; or nothing was chosen.
        """
        return chosen(self.ask(numbered(question, answers)), answers)

    def size(self) -> os.terminal_size:
        """Return the columns and lines of the window; 80 and 24 if they are not known."""
        environ = os.environ
        known = [environ.get(name, "") for name in ("COLUMNS", "LINES")]
        default = [int(text) if text.isdecimal() else 0 for text in known]
        found = os.terminal_size((default[0] or 80, default[1] or 24))
        with suppress(ExchangeError, OSError), _opened() as (_, screen):
            real = os.get_terminal_size(screen)
            return real if real.columns and real.lines else found
        return found

    def say(self, text: str) -> None:
        """Show a message, if there is a terminal."""
        with suppress(ExchangeError), _opened() as (_, screen):
            _write(screen, f"{text}\n")

    def count_down(self, seconds: float, what: str, *, may_skip: bool = False) -> None:
        """Wait, and show how much time is left; what is typed meanwhile is no answer.

        Args:
            seconds: how long.
            what: what is due then.
            may_skip: whether the return key ends it.
        """
        end = self._clock() + seconds
        may_skip = may_skip and os.name == "posix"
        hint, up = translate(" (Enter, if it is there)") if may_skip else "", ""
        with suppress(ExchangeError), _opened() as (keyboard, screen):
            while (left := end - self._clock()) > 0:
                whole = f"{int(left) + 1:2}"
                line = translate(
                    "{what} in {seconds} s{hint} ", what=what, seconds=whole, hint=hint
                )
                _write(screen, f"\r{line}")
                if not may_skip:
                    time.sleep(min(1, left))
                elif _is_typed(keyboard, min(1, left)):
                    end, up = self._clock(), "\x1b[1A"  # back from the line that Enter began
            _discard_input(keyboard)
            _write(screen, f"{up}\r\x1b[K")
        time.sleep(max(0, end - self._clock()))

    def _read_line(self, keyboard: int) -> str:
        """Read a line; the terminal's echo stays on, so that the user sees the code."""
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
    """Return a question with its numbered answers."""
    lines = [f"{number}  {answer}" for number, answer in enumerate(answers, 1)]
    return "\n".join([*lines, f"{question} [1-{len(answers)}] "])


def chosen(typed: str, answers: list[str]) -> int:
    """Return the number that was typed, counted from 0.

    Raises:
        ExchangeError: it is not the number of an answer.
    """
    if typed.isdecimal() and 1 <= int(typed) <= len(answers):
        return int(typed) - 1
    raise ExchangeError("nothing was chosen", f"type a number from 1 to {len(answers)}")


def foreground_terminal() -> str | None:
    """Return the name of the terminal that this process may ask on; None if there is none."""
    with suppress(ExchangeError), _opened() as (keyboard, _):
        _check_foreground(keyboard)
        return terminal_name(keyboard) if os.name == "posix" else None
    return None


def terminal_name(descriptor: int) -> str:
    """Return the terminal's name, from a standard stream first: /dev/tty has no better one."""
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


def _is_typed(keyboard: int, seconds: float) -> bool:
    """Whether a line is typed within that time."""
    import select

    return bool(select.select([keyboard], [], [], seconds)[0])


def _discard_input(keyboard: int) -> None:
    """Discard what was typed and not read yet."""
    if sys.platform != "win32":
        import termios

        with suppress(termios.error):
            termios.tcflush(keyboard, termios.TCIFLUSH)
    else:
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()


def _write(screen: int, text: str) -> None:
    with suppress(OSError):
        os.write(screen, text.encode("utf-8", "replace"))


class Unattended:
    """Asks nobody, instead of the terminal.

    Args:
        note: called with the messages for the user.
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
        raise ExchangeError(
            f"nobody is there to answer: {question} {', '.join(answers)}",
            "name it: mfakit configure",
        )

    def count_down(self, seconds: float, what: str) -> None:
        """Wait."""
        time.sleep(max(0, seconds))


PATIENCE_SECONDS = 50
ALL_PROFILES = ""  # no profile has this name
_PAUSE_SECONDS = 0.05
_NOTE_AFTER_SECONDS = 0.5


@contextmanager
def turn_to_ask(
    turn: OwnFile,
    note: Callable[[str], object],
    patience: float = PATIENCE_SECONDS,
) -> Iterator[None]:
    """Wait until no other process is asking for a code for the same.

    Args:
        turn: the own file of the kind ``turns`` of a session profile, of a device, or of
            ``ALL_PROFILES``, so that one process asks at a time.
        note: called with the process that this waits for, if it takes a while.
        patience: seconds to wait; a process that is stopped while it asks would block forever.

    Raises:
        OthersTurnError: another process was asking during all that time.
        FileError: mfakit's own folder cannot be written.
    """
    path = turn.path
    try:
        make_own_folder(path)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise file_error("write", path, error) from error
    try:
        _wait_for_lock(descriptor, path, note, patience)
        _sign(path)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(
    descriptor: int, path: str, note: Callable[[str], object], patience: float
) -> None:
    debug.event("wait for the turn to ask: {}", path)
    began = time.monotonic()
    told = False
    while not _take_lock(descriptor):
        waited = time.monotonic() - began
        if waited > patience:
            raise _still_asking(path, patience)
        if waited > _NOTE_AFTER_SECONDS and not told:
            note(f"waiting for {_holder(path)}, which is asking for the code")
            told = True
        time.sleep(_PAUSE_SECONDS)
    debug.event("it is this process's turn to ask, after {:.1f} s", time.monotonic() - began)


def _take_lock(descriptor: int) -> bool:
    try:
        return take_lock(descriptor)
    except OSError as error:
        # without locks, several processes may ask, which is better than none
        if error.errno in NO_LOCKS:
            return True
        raise


def _still_asking(path: str, patience: float) -> OthersTurnError:
    since = f" for more than {patience:g} s" if patience else ""
    return OthersTurnError(
        f"{_holder(path)} has been asking for the code{since}",
        "answer it, or end it, and try again",
    )


def _sign(path: str) -> None:
    """Write this process and its terminal to the file, for the processes that wait."""
    terminal = "no terminal"
    with suppress(OSError):
        descriptor = os.open("/dev/tty", os.O_RDONLY)
        try:
            terminal = terminal_name(descriptor)
        finally:
            os.close(descriptor)
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)  # for a named pipe
    with suppress(OSError), open(os.open(path, flags, 0o600), "w") as file:
        file.truncate()
        file.write(f"process {os.getpid()} on {terminal}")


def _holder(path: str) -> str:
    with suppress(OSError):
        return OwnFile(path).read() or "another process"
    return "another process"
