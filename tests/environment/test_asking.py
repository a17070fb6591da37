"""`--shell auto` finds the shell, whatever runs between it and mfakit."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

import pytest

ENV = f"{sys.executable} -m mfakit env"
SESSION = (
    "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = token\n"
    "expiration = 2126-01-01T00:00:00Z\n"
)
SH = "export AWS_SESSION_TOKEN='token'"
FISH = "set -gx AWS_SESSION_TOKEN 'token'"
CSH = "setenv AWS_SESSION_TOKEN 'token'"
ELVISH = "set-env AWS_SESSION_TOKEN 'token'"
XONSH = "$AWS_SESSION_TOKEN = 'token'"


@pytest.fixture(autouse=True)
def session(home) -> None:
    home.write_credentials(SESSION)


def run(home, *command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (CI installs it)")
    done = home.run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", SH), ("dash", SH), ("zsh", SH), ("ksh", SH), ("mksh", SH), ("fish", FISH),
        ("tcsh", CSH), ("elvish", ELVISH),
    ],
)  # fmt: skip
def test_auto_finds_the_shell_that_runs_mfakit(home, shell: str, line: str) -> None:
    """Some shells become the last program that they run, so a `;` follows it."""
    echo = "; echo done"
    lines = run(home, shell, "-c", ENV + echo).splitlines()
    assert line in [one.removesuffix(";") for one in lines]


def test_auto_finds_the_shell_of_busybox(home) -> None:
    assert SH in run(home, "busybox", "sh", "-c", f"{ENV}; echo done")


def test_auto_finds_xonsh_as_a_script_and_as_a_module(home) -> None:
    assert XONSH in run(home, sys.executable, "-m", "xonsh", "--no-rc", "-c", ENV)
    script = os.path.join(os.path.dirname(sys.executable), "xonsh")
    assert XONSH in run(home, script, "--no-rc", "-c", ENV)


def test_auto_takes_the_nearest_of_nested_shells(home) -> None:
    """It is the one that reads the output."""
    inner = f"{ENV}; echo done"
    assert SH in run(home, "fish", "--no-config", "-c", f"bash -c {shlex.quote(inner)}; echo done")
    assert FISH in run(home, "bash", "-c", f"fish --no-config -c {shlex.quote(inner)}; echo done")


@pytest.mark.parametrize("between", ["env", "nice", "timeout 50", "setsid -w", "xargs"])
def test_auto_ignores_programs_between_the_shell_and_mfakit(home, between: str) -> None:
    assert FISH in run(home, "fish", "--no-config", "-c", f"{between} {ENV}; echo done")


def test_auto_ignores_a_python_program_that_runs_mfakit(home, tmp_path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import subprocess\nsubprocess.run({ENV.split()!r})\n")
    line = f"{sys.executable} {program}; echo done"
    assert FISH in run(home, "fish", "--no-config", "-c", line)


@pytest.mark.parametrize(
    ("first", "line"), [("#!/usr/bin/env bash", SH), ("#!/usr/bin/env fish", FISH)]
)
def test_auto_finds_the_shell_of_a_script(home, tmp_path, first: str, line: str) -> None:
    """The process bears the script's name."""
    script = tmp_path / "script"
    script.write_text(f"{first}\n{ENV}\necho done\n")
    script.chmod(0o755)
    assert line in run(home, str(script))


def test_auto_finds_a_login_shell_with_a_dash_before_its_name(home) -> None:
    """Every terminal of macOS starts one."""
    assert SH in run(home, "bash", "-c", f"exec -a -zsh bash -c {shlex.quote(ENV + '; true')}")
