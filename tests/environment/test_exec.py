"""`mfakit exec`: a command with the session in its environment."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mfakit import SessionCredentials, read_session, write_session

pytestmark = pytest.mark.pythons


def keep(home, minutes: float = 600) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    write_session("mfa", SessionCredentials("ASIA1", "s", "token", end), environ=home.environ)


def test_the_command_alone_has_the_session(home) -> None:
    """And nothing that contradicts it."""
    keep(home)
    script = "import os; print(*sorted(k for k in os.environ if k[:3] in ('AWS', 'MFA')))"
    done = home.mfakit("exec", "-p", "mfa", "--", sys.executable, "-c", script, AWS_PROFILE="x")
    assert done.returncode == 0, done.stderr
    names = done.stdout.split()
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(names)
    assert "AWS_PROFILE" not in names


@pytest.mark.parametrize("code", [0, 1, 42])
def test_the_exit_code_is_passed_on(home, code: int) -> None:
    """Whatever it is."""
    keep(home)
    assert home.mfakit("exec", "--", "sh", "-c", f"exit {code}").returncode == code


def test_its_own_exit_codes(home) -> None:
    """125 failed, 126 cannot be run, 127 not found; wrong usage is a failure too."""
    assert home.mfakit("exec", "--", "true").returncode == 125
    keep(home)
    assert home.mfakit("exec", "--", str(home.credentials)).returncode == 126
    assert home.mfakit("exec", "--", "no-such-program").returncode == 127
    assert home.mfakit("exec", "--", "").returncode == 127
    program = home.folder / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    done = home.mfakit("exec", "--", str(program))
    assert (done.returncode, "first line" in done.stderr) == (126, True)
    assert home.mfakit("exec").returncode == 125
    assert home.mfakit("exec", "--frobnicate", "--", "true").returncode == 125


def test_standard_input_is_the_commands(home) -> None:
    """mfakit reads none of it."""
    keep(home)
    assert home.mfakit("exec", "--", "cat", stdin="for the command\n").stdout == "for the command\n"


def test_options_behind_the_command_are_its_own(home) -> None:
    """Even if mfakit has some of the same name."""
    keep(home)
    assert home.mfakit("exec", "--", "echo", "--profile", "-h").stdout == "--profile -h\n"


def test_signals_reach_the_command(home) -> None:
    """It has taken mfakit's place; no process stands between."""
    keep(home)
    script = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    command = [sys.executable, "-m", "mfakit", "exec", "--", "sh", "-c", script]
    with subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "got it\n"
        assert process.wait() == 7


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
def test_signals_are_to_the_command_what_they_were(home) -> None:
    """Python ignores some, which would be inherited."""
    keep(home)
    script = "grep SigIgn /proc/self/status"
    ignored = home.run("sh", "-c", script).stdout
    ours = home.mfakit("exec", "--", "sh", "-c", script).stdout
    assert standard_signals(ours) == standard_signals(ignored)
    ignored = home.run("sh", "-c", f"trap '' HUP INT; {script}").stdout
    line = f"trap '' HUP INT; {sys.executable} -m mfakit exec -- {script}"
    assert standard_signals(home.run("sh", "-c", line).stdout) == standard_signals(ignored)


def standard_signals(line: str) -> int:
    """Give the mask without the real-time signals, of which the C library keeps two to itself."""
    return int(line.split()[1], 16) & 0x7FFFFFFF


def test_it_logs_in_first_if_need_be(home, alice) -> None:
    """By the token command; a session that would end too early is renewed."""
    codes = [alice.device.code() for _ in range(2)]
    program = home.folder / "token"
    program.write_text(f"#!/bin/sh\necho {codes[0]}\n")
    program.chmod(0o755)
    home.write_config(f"[profile mfa]\nmfakit_token_command = {program}\n")
    url = home.environ["AWS_ENDPOINT_URL"]
    command = ["aws", "--endpoint-url", url, "sts", "get-caller-identity"]
    done = home.mfakit("exec", "--", *command)
    assert done.returncode == 0, done.stderr
    assert alice.arn in done.stdout
    before = read_session("mfa", environ=home.environ)
    program.write_text(f"#!/bin/sh\necho {codes[1]}\n")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {program}\nmfakit_duration = 20h\n")
    assert home.mfakit("exec", "--min-remaining", "13h", "--", "true").returncode == 0
    assert read_session("mfa", environ=home.environ) != before


def test_a_session_that_is_due_but_lives_has_to_do(home, alice) -> None:
    """Where nobody can be asked; unless more was demanded."""
    keep(home, minutes=20)
    command = ["setsid", sys.executable, "-m", "mfakit", "exec"]
    done = home.run(*command, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "could not be renewed" in done.stderr
    assert home.run(*command, "--min-remaining", "1h", "--", "echo", "ran").returncode == 125
