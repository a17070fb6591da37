"""Helpers for logins: a terminal, a user who types codes, and a check of refusals."""

from __future__ import annotations

import codecs
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from tests.warm import can_be_warm, warm

MFAKIT = [sys.executable, "-m", "mfakit"]


def operations(aws) -> list[str]:
    """Return the names of the calls that reached AWS."""
    return [call.operation for call in aws.calls]


def log_in(home, alice, *arguments: str, **environ: str):
    """Log in with a fresh code."""
    return home.mfakit("login", "--token-code", alice.device.code(), *arguments, **environ)


def refused(home, done, message: str, code: int = 1) -> None:
    """Check that an error of two lines was printed, and no session was written."""
    assert done.returncode == code, done.stderr
    first, second = done.stderr.splitlines()
    assert message in first
    assert second.startswith("mfakit: try: ")
    assert done.stdout == ""
    assert "[mfa]" not in home.credentials.read_text()


class Person:
    """A user who types these codes without delay, and for whom waiting takes no time."""

    def __init__(self, *codes: str) -> None:
        self._codes = list(codes)
        self.heard: list[str] = []
        self.waited_until: list[float] = []
        self.when_asked = lambda: None

    def check(self) -> None: ...

    def ask_code(self, question: str) -> str:
        self.heard.append(question)
        self.when_asked()
        return self._codes.pop(0)

    def say(self, text: str) -> None:
        self.heard.append(text)

    def count_down(self, seconds: float, what: str) -> None:
        self.heard.append(what)
        self.waited_until.append(time.time() + seconds)


class TerminalProcess:
    """A process on a pseudo-terminal of its own."""

    def __init__(self, command: list[str], environ: dict[str, str], **streams) -> None:
        self._master, self._slave = pty.openpty()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.screen = ""
        name = os.ttyname(self._slave)

        ours = dict.fromkeys(("stdin", "stdout", "stderr"), self._slave) | streams
        if command[:3] == MFAKIT and can_be_warm(environ):
            files = [file if isinstance(file, int) else file.fileno() for file in ours.values()]
            self.process = warm().start(command[3:], environ, files, terminal=name)
            return

        def take_the_terminal() -> None:
            os.setsid()
            # A background job inherits an ignored SIGINT.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.close(os.open(name, os.O_RDWR))

        self.process = subprocess.Popen(
            command,
            env=environ,
            preexec_fn=take_the_terminal,  # noqa: PLW1509 - it takes no lock
            **ours,
        )

    def read_until(self, text: str, seconds: float = 30) -> str:
        end = time.monotonic() + seconds
        while text not in self.screen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} was not seen in: {self.screen}"
            self.read(left)
        return self.screen

    def read(self, seconds: float) -> None:
        """Append the next output to `screen`, if there is any within that time."""
        if select.select([self._master], [], [], seconds)[0]:
            self.screen += self._decoder.decode(os.read(self._master, 4096))

    def type(self, text: str) -> None:
        """Clear `screen`, then type the text."""
        self.screen = ""
        self.send(text)

    def send(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self, seconds: float = 30) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        code = self.process.wait(timeout=max(1, end - time.monotonic()))
        while select.select([self._master], [], [], 0)[0]:  # what it has written at its end
            self.read(0)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def here(home, alice, monkeypatch):
    """Set the home's environment for this very process, and return the home."""
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def on_terminal(home):
    """Yield a function that starts mfakit on a terminal of its own."""
    started = []

    def start(*arguments: str, **streams) -> TerminalProcess:
        started.append(TerminalProcess([*MFAKIT, *arguments], home.environ, **streams))
        return started[-1]

    yield start
    for process in started:
        process.close()
