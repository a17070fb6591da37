"""Asking for the code, on a real terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from mfakit import read_session

WRONG = "000000"


def test_the_typed_code_is_echoed_and_may_contain_spaces(home, alice, on_terminal) -> None:
    terminal = on_terminal("login")
    terminal.read_until(f"MFA code for {alice.device.serial_number}: ")
    code = alice.device.code()
    terminal.type(f"{code[:3]} {code[3:]}\n")
    terminal.read_until("logged in to profile mfa")
    assert code[:3] in terminal.screen
    assert terminal.wait() == 0
    assert read_session("mfa", environ=home.environ)


def test_login_asks_on_the_terminal_while_an_sdk_owns_the_standard_streams(
    home, alice, on_terminal, tmp_path
) -> None:
    """Standard error is redirected, and standard input has data for another program."""
    reading, writing = os.pipe()
    os.write(writing, b"data for another program\n")
    with (tmp_path / "swallowed").open("wb") as swallowed:
        terminal = on_terminal("login", stdin=reading, stdout=swallowed, stderr=swallowed)
        terminal.read_until("MFA code for ")
        terminal.type(f"{alice.device.code()}\n")
        assert terminal.wait() == 0
    os.close(writing)
    assert os.read(reading, 100) == b"data for another program\n"
    os.close(reading)


def test_a_malformed_code_is_asked_for_again(home, alice, on_terminal) -> None:
    """It is not sent to AWS, so no try is used up."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    terminal.type("12345\n")
    terminal.read_until("a token code is six digits")
    terminal.read_until("MFA code for ")
    terminal.type(f"{alice.device.code()}\n")
    assert terminal.wait() == 0


def test_a_wrong_code_is_explained_and_asked_for_again(home, alice, on_terminal) -> None:
    """The message says how many tries are left at most."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    terminal.type(f"{WRONG}\n")
    said = terminal.read_until("tries are left")
    assert "it is wrong, or was used before elsewhere" in said
    terminal.read_until("MFA code for ")
    terminal.type(f"{alice.device.code()}\n")
    assert terminal.wait() == 0


def test_what_is_typed_during_the_countdown_is_no_answer(home) -> None:
    from tests.exchange.conftest import TerminalProcess

    script = (
        "from mfakit.exchange.terminal import Terminal; terminal = Terminal();"
        "terminal.count_down(2, 'the next code'); print(terminal.ask_code('MFA code: '))"
    )
    terminal = TerminalProcess([sys.executable, "-c", script], home.environ)
    try:
        terminal.read_until("the next code in")
        terminal.send("111111\n")
        terminal.read_until("MFA code: ")
        terminal.type("222222\n")
        assert terminal.wait() == 0
        assert "222222\r\n222222" in terminal.screen
    finally:
        terminal.close()


def test_full_width_digits_are_digits(home, alice, on_terminal) -> None:
    """Input methods for Chinese and Japanese type them."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    code = alice.device.code()
    terminal.type("".join(chr(ord(digit) + 0xFEE0) for digit in code) + "\n")
    assert terminal.wait() == 0


def test_end_of_input_and_ctrl_c_end_the_question_without_a_traceback(
    home, alice, on_terminal
) -> None:
    for typed, code in (("\x04", 1), ("\x03", 130)):
        terminal = on_terminal("login")
        terminal.read_until("MFA code for ")
        time.sleep(1)  # a signal during the import of a module may be lost
        terminal.type(typed)
        assert terminal.wait() == code
        assert "Traceback" not in terminal.screen


def test_login_in_a_background_job_fails_immediately(home, alice, on_terminal) -> None:
    """Reading from the terminal would stop the process."""
    script = f"set -m; {sys.executable} -m mfakit login & wait $!; echo code $?"
    from tests.exchange.conftest import TerminalProcess

    terminal = TerminalProcess(["sh", "-c", script], home.environ)
    try:
        terminal.read_until("code 1")
        assert "in the terminal's background" in terminal.screen
        assert "mfakit login" in terminal.screen
    finally:
        terminal.close()


def test_the_user_chooses_among_several_devices(home, alice, on_terminal) -> None:
    """Several devices are an error without a terminal."""
    other = alice.enable_virtual_mfa("phone")
    done = home.mfakit("login", terminal=False)
    assert done.returncode == 1
    assert "no terminal" in done.stderr or other.serial_number in done.stderr
    terminal = on_terminal("login")
    said = terminal.read_until("Which device? [1-2] ")
    number = 1 + [line for line in said.splitlines() if ":mfa/" in line].index(
        next(line for line in said.splitlines() if line.endswith(other.serial_number))
    )
    terminal.type(f"{number}\n")
    terminal.read_until(f"MFA code for {other.serial_number}: ")
    terminal.type(f"{other.code()}\n")
    assert terminal.wait() == 0


def test_only_one_of_many_processes_asks_for_the_code(home, alice, on_terminal) -> None:
    """The others name the process that they wait for, and reuse its session."""
    first = on_terminal("login")
    first.read_until("MFA code for ")
    others = [
        subprocess.Popen(
            ["setsid", sys.executable, "-m", "mfakit", "login", "--json"],
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(7)
    ]
    for process in others:
        said = process.stderr.readline()
        assert f"waiting for process {first.process.pid} on /dev/pts/" in said
    first.type(f"{alice.device.code()}\n")
    assert first.wait() == 0
    for process in others:
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert '"reused": true' in out


def test_a_waiting_process_does_not_reuse_a_session_of_another_duration(
    home, alice, aws, on_terminal
) -> None:
    """An explicit --duration is never ignored, not even after a wait."""
    first = on_terminal("login")
    first.read_until("MFA code for ")
    second = on_terminal("login", "--duration", "1h")
    second.read_until("waiting for process ")
    first.type(f"{alice.device.code()}\n")
    assert first.wait() == 0
    second.read_until("MFA code for ")
    second.type(f"{alice.device.code()}\n")
    second.read_until("ends in 59m")
    assert second.wait() == 0


def test_a_stopped_process_that_is_asking_blocks_others_only_for_a_while(
    home, alice, on_terminal
) -> None:
    """After that, the others give up with an error that names it."""
    first = on_terminal("login")
    first.read_until("MFA code for ")
    first.process.send_signal(signal.SIGSTOP)
    script = (
        "import sys\n"
        "from mfakit.exchange.terminal import turn_to_ask\n"
        "from mfakit.profiles.own_files import OwnFile\n"
        "from mfakit.errors import ExchangeError\n"
        "try:\n"
        "    with turn_to_ask(OwnFile.of(sys.argv[1], 'turns', 'mfa'), print, patience=0.5): pass\n"
        "except ExchangeError as error:\n"
        "    print(error.message)\n"
    )
    done = home.run(sys.executable, "-c", script, str(home.credentials))
    assert f"process {first.process.pid} on" in done.stdout
    assert "has been asking for the code for more than 0.5 s" in done.stdout
