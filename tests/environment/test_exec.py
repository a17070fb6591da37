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


def test_exec_gives_the_session_to_the_command_alone(home) -> None:
    """Nothing in its environment contradicts the session."""
    keep(home)
    script = "import os; print(*sorted(k for k in os.environ if k[:3] in ('AWS', 'MFA')))"
    done = home.mfakit("exec", "-p", "mfa", "--", sys.executable, "-c", script, AWS_PROFILE="x")
    assert done.returncode == 0, done.stderr
    names = done.stdout.split()
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(names)
    assert "AWS_PROFILE" not in names


@pytest.mark.parametrize("command", [["exec", "--", "true"], ["env", "--shell", "sh"]])
@pytest.mark.parametrize("name", ["default", "prod"])
def test_exec_and_env_say_that_they_leave_the_role_of_the_profile_out(
    home, name: str, command: list[str]
) -> None:
    """AWS tools would assume it, where `AWS_PROFILE` or `default` has one."""
    keep(home)
    header = name if name == "default" else f"profile {name}"
    arn = "arn:aws:iam::123456789012:role/prod"
    home.write_config(f"[{header}]\nrole_arn = {arn}\nsource_profile = mfa\n")
    environ = {} if name == "default" else {"AWS_PROFILE": name}
    done = home.mfakit(*command, **environ)
    assert done.returncode == 0
    assert f"not as the role of {name}: mfakit exec --role-arn {arn} gives that" in done.stderr
    named = [command[0], "-p", "mfa", *command[1:]]
    assert home.mfakit(*named, **environ).stderr == ""


@pytest.mark.parametrize("code", [0, 1, 42])
def test_exec_passes_the_exit_code_on(home, code: int) -> None:
    keep(home)
    assert home.mfakit("exec", "--", "sh", "-c", f"exit {code}").returncode == code


def test_exec_has_exit_codes_of_its_own(home) -> None:
    """They are 125 for a failure, wrong usage included, 126 for what cannot be run, and 127 for
    what is not found.
    """
    assert home.mfakit("exec", "--", "true").returncode == 125
    keep(home)
    assert home.mfakit("exec", "--", str(home.credentials)).returncode == 126
    assert home.mfakit("exec", "--", "no-such-program").returncode == 127
    assert home.mfakit("exec", "--", "").returncode == 127
    for command, meant in [
        (("A=b c", "env"), "env 'A=b c' PROGRAM"),
        (("echo hi",), "sh -c 'echo hi'"),
    ]:
        done = home.mfakit("exec", "--", *command)
        assert done.returncode == 127
        assert done.stderr.endswith(f": mfakit exec -- {meant}\n")
    program = home.folder / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    done = home.mfakit("exec", "--", str(program))
    assert (done.returncode, "first line" in done.stderr) == (126, True)
    assert home.mfakit("exec").returncode == 125
    assert home.mfakit("exec", "--frobnicate", "--", "true").returncode == 125


def test_exec_leaves_standard_input_to_the_command(home) -> None:
    keep(home)
    assert home.mfakit("exec", "--", "cat", stdin="for the command\n").stdout == "for the command\n"


def test_exec_leaves_options_after_the_command_to_it(home) -> None:
    """This holds even for options that mfakit has too."""
    keep(home)
    assert home.mfakit("exec", "--", "echo", "--profile", "-h").stdout == "--profile -h\n"


def test_signals_reach_the_command(home) -> None:
    """The command replaces mfakit, and no process is between."""
    keep(home)
    script = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    command = [sys.executable, "-m", "mfakit", "exec", "--", "sh", "-c", script]
    with subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "got it\n"
        assert process.wait() == 7


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
def test_the_command_has_the_default_signal_handlers(home) -> None:
    """Python ignores some signals, which would be inherited."""
    keep(home)
    script = "grep SigIgn /proc/self/status"
    ignored = home.run("sh", "-c", script).stdout
    ours = home.mfakit("exec", "--", "sh", "-c", script).stdout
    assert standard_signals(ours) == standard_signals(ignored)
    ignored = home.run("sh", "-c", f"trap '' HUP INT; {script}").stdout
    line = f"trap '' HUP INT; {sys.executable} -m mfakit exec -- {script}"
    assert standard_signals(home.run("sh", "-c", line).stdout) == standard_signals(ignored)


def standard_signals(line: str) -> int:
    """Return the mask without the real-time signals, of which the C library reserves two."""
    return int(line.split()[1], 16) & 0x7FFFFFFF


def test_exec_renews_by_the_token_command_first_if_needed(home, alice) -> None:
    """A session that would end too early is renewed, too."""
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


def test_exec_uses_a_due_session_where_nobody_can_be_asked(home, alice) -> None:
    """It does not if the session ends before --min-remaining."""
    keep(home, minutes=20)
    done = home.mfakit("exec", "--", "echo", "ran", terminal=False)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "could not be renewed" in done.stderr
    enough = ("--min-remaining", "1h")
    assert home.mfakit("exec", *enough, "--", "echo", "ran", terminal=False).returncode == 125
