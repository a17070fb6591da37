"""Real dialogs, answered as a person would: pinentry on a terminal, zenity on an X server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pyte
import pytest
from tests.exchange.conftest import TerminalProcess

LIFE_SECONDS = 12 * 3600
CHECK = [sys.executable, "-m", "mfakit", "check", "--prompt"]
needs_pinentry = pytest.mark.skipif(
    not shutil.which("pinentry-curses"), reason="pinentry-curses is not installed"
)
needs_zenity = pytest.mark.skipif(
    not all(map(shutil.which, ("zenity", "Xvfb", "xdotool"))),
    reason="zenity, Xvfb or xdotool is not installed",
)


@pytest.fixture
def due(aws, home, alice):
    """A user whose session has just ended, without any dialog program."""
    aws.clock.advance(seconds=-LIFE_SECONDS)
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    aws.clock.advance(seconds=LIFE_SECONDS)
    programs = home.folder / "programs"
    programs.mkdir()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "GNUPGHOME"):
        home.environ.pop(name, None)
    home.environ |= {"PATH": str(programs), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    alice.programs = programs
    return alice


@pytest.fixture
def at_terminal(home, due) -> Iterator:
    """Check on a terminal of its own, where pinentry-curses is the pinentry."""
    (due.programs / "pinentry").symlink_to(shutil.which("pinentry-curses"))
    started = []

    def start(*arguments: str) -> TerminalProcess:
        started.append(TerminalProcess([*CHECK, *arguments], home.environ))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


@needs_pinentry
def test_pinentry_renews_and_shows_why_a_code_was_refused(home, due, at_terminal) -> None:
    """It takes the screen for the question, and restores it."""
    terminal = at_terminal()
    terminal.read_until("Not this time")
    assert "AWS session mfa ended" in terminal.screen
    assert due.device.serial_number in terminal.screen
    terminal.type("000000\r")
    terminal.read_until("AWS refused the code")
    terminal.read_until("Not this time")
    terminal.type(f"{due.device.code()}\r")
    assert terminal.wait() == 0
    assert "mfa: valid" in terminal.screen
    assert home.mfakit("check").returncode == 0


@needs_pinentry
def test_pinentry_asks_in_chinese(home, due, at_terminal) -> None:
    """It needs a locale whose letters it can show; its messages alone are Chinese here."""
    home.environ |= {"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}
    terminal = at_terminal()
    terminal.read_until("暂不登录")
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(terminal.screen)
    shown = "\n".join(screen.display)
    for text in ("AWS 会话 mfa 已于", "的 MFA 代码 (code):", "登录"):
        assert text in shown
    terminal.type(f"{due.device.code()}\r")
    assert terminal.wait() == 0


@needs_pinentry
def test_a_no_to_pinentry_is_remembered(home, due, at_terminal) -> None:
    """The next check asks nobody."""
    terminal = at_terminal()
    terminal.read_until("Not this time")
    terminal.type("\t\t\r")
    assert terminal.wait() == 2
    assert "answered with no" in terminal.screen
    terminal = at_terminal()
    assert terminal.wait() == 2
    assert "Not this time" not in terminal.screen


@needs_pinentry
def test_pinentry_ends_in_time_and_the_next_check_asks_again(home, due, at_terminal) -> None:
    terminal = at_terminal("--prompt-timeout", "5")
    terminal.read_until("Not this time")
    assert terminal.wait() == 2
    assert "nobody answered the dialog within 5 s" in terminal.screen
    at_terminal().read_until("Not this time")


@needs_pinentry
def test_ctrl_c_ends_pinentry_and_counts_as_no_answer(home, due, at_terminal) -> None:
    """The terminal is restored."""
    terminal = at_terminal()
    before = termios.tcgetattr(terminal._slave)
    terminal.read_until("Not this time")
    assert termios.tcgetattr(terminal._slave) != before
    terminal.type("\x03")
    assert terminal.wait(10) == 3
    assert termios.tcgetattr(terminal._slave) == before
    terminal = at_terminal()
    terminal.read_until("Not this time")
    terminal.type("\x03")  # or pinentry would go on without a terminal, and take all of a processor
    assert terminal.wait(10) == 3


class Screen:
    """An X server, with keyboard and mouse."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def do(self, *words: str, check: bool = True) -> str:
        command = ["xdotool", *words]
        done = subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=check, timeout=60
        )
        return done.stdout

    def windows(self) -> list[str]:
        return self.do("search", "--onlyvisible", "--name", "^mfakit$", check=False).split()

    def wait_for_window(self, seconds: float = 30, after: str = "") -> str:
        """Return the window, once it belongs to another process than the last one."""
        end = time.monotonic() + seconds
        while not (found := [one for one in self.windows() if self.owner(one) not in ("", after)]):
            assert time.monotonic() < end, "there is no window"
            time.sleep(0.1)
        time.sleep(0.5)  # it takes no keys at once
        return found[0]

    def owner(self, window: str) -> str:
        """Return the id of the process that made a window; empty if it is gone."""
        return self.do("getwindowpid", window, check=False).strip()

    def answer(self, window: str, text: str) -> None:
        self.do("windowfocus", "--sync", window)
        self.do("type", "--delay", "30", text)
        self.do("key", "Return")


@pytest.fixture
def screen(home, due) -> Iterator[Screen]:
    """A new X server, where zenity is the only dialog program."""
    (due.programs / "zenity").symlink_to(shutil.which("zenity"))
    reading, writing = os.pipe()
    # Without -noreset it starts anew, and lets nobody in, whenever its last client leaves: xdotool.
    options = ["-noreset", "-nolisten", "tcp", "-screen", "0", "800x600x24"]
    command = ["Xvfb", "-displayfd", str(writing), *options]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        home.environ |= {"DISPLAY": f":{number}", "GTK_A11Y": "none", "NO_AT_BRIDGE": "1"}
        yield Screen({**os.environ, "DISPLAY": f":{number}"})
        server.terminate()


@pytest.fixture
def start(home) -> Iterator:
    """Start checks without a terminal, as cron does."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*CHECK, *arguments],
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate()


def outcome(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out + err


@needs_zenity
def test_zenity_renews_and_asks_again_after_a_wrong_code(home, due, screen, start) -> None:
    check = start()
    first = screen.wait_for_window()
    owner = screen.owner(first)
    screen.answer(first, "000000")
    second = screen.wait_for_window(after=owner)
    code = due.device.code()
    screen.answer(second, code)
    exit_code, said = outcome(check)
    assert exit_code == 0, said
    assert "mfa: valid" in said
    assert code not in said
    assert home.mfakit("check").returncode == 0


@needs_zenity
def test_a_no_to_zenity_is_remembered(home, due, screen, start) -> None:
    """The button and the escape key both count as a no."""
    check = start()
    screen.do("windowfocus", "--sync", screen.wait_for_window())
    screen.do("key", "Escape")
    exit_code, said = outcome(check)
    assert exit_code == 2
    assert "answered with no" in said
    assert "not renewed" not in outcome(start())[1]
    assert screen.windows() == []


@needs_zenity
def test_zenity_ends_in_time_and_the_next_check_asks_again(home, due, screen, start) -> None:
    check = start("--prompt-timeout", "10")  # on a busy machine a window takes seconds to appear
    screen.wait_for_window()
    exit_code, said = outcome(check)
    assert exit_code == 2
    assert "nobody answered the dialog within 10 s" in said
    assert screen.windows() == []
    start()
    screen.wait_for_window()


@needs_zenity
def test_many_checks_at_once_show_one_dialog(home, due, screen, start) -> None:
    """The others go on without one."""
    checks = [start() for _ in range(6)]
    window = screen.wait_for_window()
    ended: list[subprocess.Popen[str]] = []
    end = time.monotonic() + 60
    while len(ended) < 5 and time.monotonic() < end:
        ended = [check for check in checks if check.poll() is not None]
        assert screen.windows() == [window]
    assert [check.returncode for check in ended] == [2] * 5
    screen.answer(window, due.device.code())
    codes = sorted(outcome(check)[0] for check in checks)
    assert codes == [0, 2, 2, 2, 2, 2]


@needs_zenity
def test_a_missing_display_is_no_answer(home, due, start) -> None:
    """zenity then exits with the code that means no by default."""
    (due.programs / "zenity").symlink_to(shutil.which("zenity"))
    home.environ["DISPLAY"] = ":4711"
    for _ in range(2):
        exit_code, said = outcome(start())
        assert exit_code == 2
        assert "zenity showed no dialog" in said
