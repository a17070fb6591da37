"""What all dialogs have in common: the question, the program that shows it, what may come of it."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from mfakit.errors import ExchangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from subprocess import Popen

TITLE = "mfakit"
DECLINE = "Not this time"
LOG_IN = "Log in"
# What a program exits with that tells by its exit code how it was answered.
NO = 10
TIMED_OUT = 5
_OVERTIME_SECONDS = 1  # a program that knows its time-out is given the time to keep it
_ENDING_SECONDS = 1


class DeclinedError(ExchangeError):
    """The person said no."""


class NotAnsweredError(ExchangeError):
    """Nobody answered in time."""


class NotShownError(ExchangeError):
    """The dialog could not be shown."""


class Question:
    """A question, and how it is to be shown.

    Args:
        text: what is asked, a few lines.
        reason: why the answer before would not do; empty if there was none.
        seconds: how long to wait for an answer.
        environ: the environment of the program that shows it.
        when_shown: what to do as soon as that program runs.
    """

    def __init__(
        self,
        text: str,
        reason: str,
        seconds: float,
        environ: Mapping[str, str],
        when_shown: Callable[[], object],
    ) -> None:
        self.text = text
        self.reason = reason
        self.seconds = seconds
        self.environ = environ
        self.when_shown = when_shown

    @property
    def whole_text(self) -> str:
        """The text, below the reason if there is one, for dialogs with one place for both."""
        return f"{self.reason}\n\n{self.text}" if self.reason else self.text

    @property
    def whole_seconds(self) -> int:
        """The time to wait, for programs that count whole seconds and take 0 for ever."""
        return max(1, round(self.seconds))


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Look a program up in the PATH that it would be run with."""
    import shutil

    return shutil.which(name, path=environ.get("PATH", os.defpath))


def show(
    command: list[str],
    question: Question,
    *,
    commands: str = "",
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run the program that shows a question, and wait for its end.

    Args:
        command: the program and its arguments.
        question: what it shows.
        commands: what it is told on its standard input.
        environ: what its environment has besides the question's.

    Returns:
        Its exit code, and what it wrote.

    Raises:
        NotAnsweredError: it did not end in time, and was ended.
        NotShownError: it cannot be run.
    """
    import subprocess

    with _running(command, {**question.environ, **(environ or {})}) as process:
        question.when_shown()
        try:
            output, _ = process.communicate(
                commands.encode(), timeout=question.seconds + _OVERTIME_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise not_answered(question) from None
    return process.returncode, output.decode("utf-8", "replace")


def declined() -> DeclinedError:
    """Return the error for a person who said no."""
    return DeclinedError("the dialog was answered with no", "log in when you like: mfakit login")


def not_answered(question: Question) -> NotAnsweredError:
    """Return the error for a dialog that nobody answered."""
    return NotAnsweredError(
        f"nobody answered the dialog within {question.seconds:g} s", "log in: mfakit login"
    )


def not_shown(program: str, why: str) -> NotShownError:
    """Return the error for a program that did not show the question."""
    return NotShownError(f"{program} showed no dialog: {why}", "log in: mfakit login")


def answer_by_code(program: str, code: int, output: str, question: Question) -> str:
    """Return what was typed into a program whose exit code says how it was answered.

    Raises:
        DeclinedError, NotAnsweredError, NotShownError: nothing was.
    """
    if code == NO:
        raise declined()
    if code == TIMED_OUT:
        raise not_answered(question)
    if code:
        raise not_shown(program, f"it failed ({code})")
    return output.strip()


@contextmanager
def _running(command: list[str], environ: Mapping[str, str]) -> Iterator[Popen[bytes]]:
    """Run a program; if it is not waited for to the end, it is ended with all that it started."""
    import subprocess

    try:
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows: no console
        )
    except OSError as error:
        raise not_shown(os.path.basename(command[0]), error.strerror or str(error)) from None
    with process:
        try:
            yield process
        except BaseException:
            _end(process)
            raise


def _end(process: Popen[bytes]) -> None:
    """End a program, first so that it can leave a terminal as it was."""
    import signal
    import subprocess

    for harder in (False, True):
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL if harder else signal.SIGTERM)
        else:
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)
            return
