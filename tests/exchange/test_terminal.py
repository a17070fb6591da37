"""The question on the terminal: odd input, job control, closed streams and timeouts."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import termios
import time

import pytest
from tests.exchange.conftest import TerminalProcess

pytestmark = pytest.mark.pythons

LOGIN = f"{shlex.quote(sys.executable)} -m mfakit login"


@pytest.fixture
def in_shell(home):
    """Yield a function that runs a shell script on a terminal of its own."""
    started = []

    def start(script: str) -> TerminalProcess:
        started.append(TerminalProcess(["sh", "-c", script], home.environ))
        return started[-1]

    yield start
    for process in started:
        process.close()


def test_bytes_that_are_not_utf_8_are_asked_for_again(home, alice, on_terminal) -> None:
    """They are handled like any malformed code."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    os.write(terminal._master, b"\xff\xfe12\x80\n")
    terminal.screen = ""
    terminal.read_until("a token code is six digits")
    terminal.read_until("MFA code for ")
    terminal.type(f"{alice.device.code()}\n")
    assert terminal.wait() == 0


def test_a_question_continues_after_the_process_was_stopped(home, alice, on_terminal) -> None:
    """Ctrl-Z and fg stop and continue it; what was typed before still counts."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    code = alice.device.code()
    terminal.type(code[:3])
    terminal.process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    terminal.process.send_signal(signal.SIGCONT)
    terminal.type(f"{code[3:]}\n")
    assert terminal.wait() == 0


def test_ctrl_c_restores_the_terminals_settings(home, alice, on_terminal) -> None:
    """The cursor is on a new line then, too."""
    terminal = on_terminal("login")
    before = termios.tcgetattr(terminal._slave)
    terminal.read_until("MFA code for ")
    terminal.type("12\x03")
    assert terminal.wait() == 130
    assert termios.tcgetattr(terminal._slave) == before
    terminal.read_until("^C\r\n")


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_login_asks_on_the_terminal_though_the_standard_streams_are_closed(
    home, alice, in_shell, closed: str
) -> None:
    """Files that are opened then get their numbers, and must receive no messages."""
    terminal = in_shell(f"{LOGIN} {closed}; code=$?; sleep 0.3; echo code $code")
    terminal.read_until("MFA code for ")
    terminal.type(f"{alice.device.code()}\n")
    terminal.read_until("code 0")
    assert home.mfakit("check").returncode == 0
    assert "mfakit:" not in home.credentials.read_text()


def test_a_token_command_may_ask_on_the_terminal(home, alice, in_shell) -> None:
    """It may need a password or a touch while standard input and error are redirected."""
    code = alice.device.code()
    program = home.folder / "token"
    program.write_text(
        f"#!/bin/sh\nprintf 'PIN: ' >&2; read -r pin; [ \"$pin\" = 42 ] && echo {code}\n"
    )
    program.chmod(0o755)
    terminal = in_shell(f"{LOGIN} --token-command {program} < /dev/null 2> /dev/null; echo code $?")
    terminal.read_until("PIN: ")
    terminal.type("42\n")
    terminal.read_until("code 0")


def test_the_time_to_the_next_code_is_counted_down(home) -> None:
    """Afterwards the line is cleared for the next question."""
    script = (
        "from mfakit.exchange.terminal import Terminal\n"
        "moments = iter([0, 0, 1, 1.2, 1.2])\n"
        "Terminal(clock=lambda: next(moments)).count_down(1.1, 'next')\n"
    )
    terminal = TerminalProcess([sys.executable, "-c", script], home.environ)
    try:
        terminal.read_until("\rnext in  2 s ")
        terminal.read_until("\rnext in  1 s \r\x1b[K")
    finally:
        terminal.close()


def test_a_question_on_the_terminal_ends_after_its_timeout(home, alice) -> None:
    """SDKs kill a process that takes too long. Half a code is no answer either."""
    script = (
        "import os, sys, time\n"
        "from mfakit.exchange.login import login\n"
        "from mfakit.profiles.profile import open_profile\n"
        "from mfakit.exchange.recipe import LoginRequest\n"
        "from mfakit.exchange.terminal import Terminal\n"
        "moments = iter([0, 0, 3600])\n"
        "def clock():\n"
        "    moment = next(moments)\n"
        "    while moment and not os.path.exists(sys.argv[1]):\n"
        "        time.sleep(0.01)\n"
        "    return moment\n"
        "try:\n"
        "    login(open_profile('mfa'), LoginRequest(asker=Terminal(3600, clock)))\n"
        "except Exception as error:\n"
        "    print(f'{error.message}; {error.hint}')\n"
    )
    an_hour_later = home.folder / "an-hour-later"
    command = [sys.executable, "-c", script, str(an_hour_later)]
    terminal = TerminalProcess(command, home.environ)
    try:
        terminal.read_until("MFA code for ")
        terminal.type("1\n")
        terminal.read_until("six digits")
        terminal.type("123")
        an_hour_later.touch()
        terminal.read_until("nobody typed a code within 3600 s; log in: mfakit login")
    finally:
        terminal.close()


@pytest.mark.parametrize("has_cli", [True, False])
def test_a_login_without_the_aws_cli_names_what_else_works(
    home, alice, on_terminal, has_cli: bool
) -> None:
    (home.folder / "bin").mkdir()
    home.environ |= {"PATH": str(home.folder / "bin")}
    if has_cli:
        (home.folder / "bin" / "aws").symlink_to("/bin/true")
    terminal = on_terminal("login", "--token-code", alice.device.code())
    assert terminal.wait() == 0
    assert ("mfakit exec --profile mfa -- PROGRAM" in terminal.screen) is not has_cli
