"""Asking for the code, on a real terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from mfakit import read_session

WRONG = "000000"


def test_it_is_asked_last_and_echoed(home, alice, on_terminal) -> None:
    """A session comes of what is typed; spaces are fine."""
    terminal = on_terminal("login")
    terminal.read_until(f"MFA code for {alice.device.serial_number}: ")
    code = alice.device.code()
    terminal.type(f"{code[:3]} {code[3:]}\n")
    terminal.read_until("logged in to profile mfa")
    assert code[:3] in terminal.screen
    assert terminal.wait() == 0
    assert read_session("mfa", environ=home.environ)


def test_it_works_where_an_sdk_has_the_standard_streams(home, alice, on_terminal, tmp_path) -> None:
    """Standard error closed or swallowed, standard input a pipe with data for somebody else."""
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


def test_what_is_no_code_is_asked_for_again(home, alice, on_terminal) -> None:
    """Without a try being spent on it."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    terminal.type("12345\n")
    terminal.read_until("a token code is six digits")
    terminal.read_until("MFA code for ")
    terminal.type(f"{alice.device.code()}\n")
    assert terminal.wait() == 0


def test_a_wrong_code_is_explained_and_asked_for_again(home, alice, on_terminal) -> None:
    """With the tries that are left, at most."""
    terminal = on_terminal("login")
    terminal.read_until("MFA code for ")
    terminal.type(f"{WRONG}\n")
    said = terminal.read_until("tries are left")
    assert "it is wrong, or was used before elsewhere" in said
    terminal.read_until("MFA code for ")
    terminal.type(f"{alice.device.code()}\n")
    assert terminal.wait() == 0


def test_end_of_input_and_interrupt_end_it(home, alice, on_terminal) -> None:
    """With a line of its own on the screen, and no traceback."""
    for typed, code in (("\x04", 1), ("\x03", 130)):
        terminal = on_terminal("login")
        terminal.read_until("MFA code for ")
        time.sleep(1)  # a signal that comes while a module is being loaded may be lost
        terminal.type(typed)
        assert terminal.wait() == code
        assert "Traceback" not in terminal.screen


def test_in_the_background_it_fails_at_once(home, alice, on_terminal) -> None:
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


def test_of_several_devices_the_person_chooses(home, alice, on_terminal) -> None:
    """Without a terminal that is an error that lists them."""
    other = alice.enable_virtual_mfa("phone")
    done = home.run("setsid", sys.executable, "-m", "mfakit", "login")
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


def test_of_many_processes_one_asks(home, alice, on_terminal) -> None:
    """The others say for whom they wait, and use what it got."""
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


def test_who_asked_for_another_duration_is_not_given_that_session(
    home, alice, aws, on_terminal
) -> None:
    """What was asked for is never ignored, not even after waiting for another's session."""
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


def test_who_asks_and_was_stopped_blocks_nobody_for_long(home, alice, on_terminal) -> None:
    """After a while the others give up, with an error that names it."""
    first = on_terminal("login")
    first.read_until("MFA code for ")
    first.process.send_signal(signal.SIGSTOP)
    script = (
        "import sys\n"
        "from mfakit.exchange.turn import turn_to_ask\n"
        "from mfakit.errors import ExchangeError\n"
        "try:\n"
        "    with turn_to_ask(sys.argv[1], 'mfa', print, patience=0.5): pass\n"
        "except ExchangeError as error:\n"
        "    print(error.message)\n"
    )
    done = home.run(sys.executable, "-c", script, str(home.credentials))
    assert f"process {first.process.pid} on" in done.stdout
    assert "has been asking for the code for more than 0.5 s" in done.stdout
