"""A person's bash on a terminal of its own, and what is typed into it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Home
from tests.docs.matching import Names, begins, match
from tests.exchange.conftest import TerminalProcess

_READY = "\x01ready\x02 "
QUESTION = re.compile(r"[:?\]] $")
_FRESH = "123456"  # on a page, a code that was not given before
COUNTDOWN = "(Enter, if it is there) "
_ERASED = re.compile(r"[^\n]*(?:\r?\n\x1b\[1A)?\r\x1b\[K")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SECONDS = 240  # to install what the README says, where the network is slow


class Shell:
    """An interactive bash on a terminal.

    Args:
        home: whose.
        folder: where the lines are put that it is to run.
        code: gives a code that was not given before, for a question or a command.
        names: what the page calls things, and what they are here.
    """

    def __init__(self, home: Home, folder: Path, code: Callable[[str], str], names: Names) -> None:
        self._home = home
        self._lines = folder / "lines"
        self._code = code
        self._names = names
        bash = ["bash", "--noprofile", "--norc", "--noediting", "-i"]
        self._terminal = TerminalProcess(bash, home.environ)
        self._is_busy = False
        self._read_until_ready(f"PS1=$'\\001'ready$'\\002 '; cd '{home.folder}'\n")

    def transcript(self, text: str, *, may_go_on: bool) -> None:
        """Type the commands of a transcript, and compare the output of each.

        Args:
            text: lines that begin with ``$`` are typed, and those with ``>`` go on; a line that
                asks for something is answered with what stands behind the question.
            may_go_on: whether a command that has shown it may still be running.
        """
        for command, expected in _commands(text):
            self._start(command)
            names = self._read(expected, may_go_on)
            assert names is not None, (
                f"{command}\n--- shows, by the page:\n"
                + "\n".join(expected)
                + "\n--- and shows here:\n"
                + "\n".join(self._shown())
            )
            self._names |= {said: here for said, here in names.items() if said != _FRESH}

    def script(self, text: str) -> str:
        """Run lines, each of which has to succeed; a question for a code is answered.

        Returns:
            What they show.
        """
        self._start(f"trap 'echo failed: $BASH_COMMAND' ERR\n{text}\ntrap - ERR\n")
        self._read([f"MFA code for …: {_FRESH}"], may_go_on=False)
        assert "failed: " not in self._terminal.screen, self._terminal.screen
        return self._terminal.screen

    def close(self) -> None:
        """End the running command, and the shell."""
        try:
            if self._is_busy and self._terminal.process.poll() is None:
                self._read_until_ready("\x03")
        finally:
            self._terminal.close()

    def _start(self, command: str) -> None:
        for said, here in self._names.items():
            command = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", here, command)
        command = re.sub(rf"\b{_FRESH}\b", lambda _: self._code(""), command)
        self._lines.write_text(command)
        self._terminal.type(f". {self._lines}\n")
        self._is_busy = True

    def _read(self, expected: list[str], may_go_on: bool) -> Names | None:
        """Answer questions until the shell is ready, then compare the output."""
        answered = 0
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            assert self._terminal.process.poll() is None, f"the shell ended: {self._shown()}"
            if self._terminal.screen.endswith(_READY):
                self._is_busy = False
                return match(expected, self._shown())
            if may_go_on and (names := match(expected, self._shown())) is not None:
                return names
            if len(self._terminal.screen) > answered:
                answered = self._answer(expected, answered)
            self._terminal.read(0.05)
        raise AssertionError(f"no end after {_SECONDS} s: {self._terminal.screen}")

    def _answer(self, expected: list[str], answered: int) -> int:
        """Answer the question on the screen's last line, if there is one.

        Returns:
            How much of the screen is done with.
        """
        last = self._terminal.screen.rpartition("\n")[2]
        if last.endswith(COUNTDOWN):
            self._terminal.send("\n")
            return len(self._terminal.screen)
        last = visible(last)
        if not QUESTION.search(last):
            return answered
        shown = [line for line in expected if line.strip() not in ("...", "…")]
        answers = [answer for line in shown if (answer := begins(line, last)) is not None]
        if not answers:
            return answered
        answer = (
            self._code(last) if answers[0] == _FRESH else self._names.get(answers[0], answers[0])
        )
        done = len(self._terminal.screen)
        self._terminal.send(f"{answer}\n")
        return done

    def _shown(self) -> list[str]:
        """Return the output since the command was typed, as the page would show it."""
        text = (
            _ERASED.sub("", self._terminal.screen)
            .replace("\r", "")
            .partition("\n")[2]
            .removesuffix(_READY)
        )
        text = _COLOUR.sub("", text).replace(str(self._home.folder), "/home/alice")
        return text.rstrip().split("\n") if text.strip() else []

    def _read_until_ready(self, typed: str) -> None:
        self._terminal.type(typed)
        self._terminal.read_until(_READY)


def visible(screen: str) -> str:
    """Return what is to be seen of what was written to a terminal."""
    return _COLOUR.sub("", _ERASED.sub("", screen))


def _commands(text: str) -> list[tuple[str, list[str]]]:
    """Cut a transcript into commands and what each shows."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        else:
            found[-1][1].append(line)
    return [(command, _without_last_blank(shown)) for command, shown in found]


def _without_last_blank(lines: list[str]) -> list[str]:
    return lines[:-1] if lines and not lines[-1] else lines
