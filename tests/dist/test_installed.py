"""The installed wheel, without and with its extras."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.dist.conftest import Environment, Simulated
from tests.listener import Listener

from mfakit.cli.commands import COMMANDS


@pytest.fixture
def mfakit(newest: Environment) -> str:
    """Find the command that is installed without an extra."""
    return newest.program("mfakit")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_without_an_extra(home: Any, mfakit: str, command: str) -> None:
    done = home.run(mfakit, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert COMMANDS[command].example in done.stdout


def test_the_installed_package_is_the_wheel(home: Any, newest: Environment, wheel: Path) -> None:
    where = home.run(newest.program("python"), "-c", "import mfakit; print(mfakit.__file__)")
    assert Path(where.stdout).is_relative_to(newest.folder)
    done = home.run(newest.program("mfakit"), "--version")
    assert done.stdout == f"mfakit {wheel.name.split('-')[1]}\n"


def test_every_module_but_the_simulators_can_be_imported_without_extras(home: Any, newest: Environment) -> None:
    program = (
        "import importlib, json, pkgutil, mfakit\n"
        "names = [m.name for m in pkgutil.walk_packages(mfakit.__path__, 'mfakit.')]\n"
        "missing = {}\n"
        "for name in names:\n"
        "    if name == 'mfakit.__main__':\n"
        "        continue\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ImportError as error:\n"
        "        missing[name] = str(error)\n"
        "print(json.dumps([names, missing]))\n"
    )
    done = home.run(newest.program("python"), "-c", program)
    names, missing = json.loads(done.stdout)
    assert len(names) > 100
    assert [name for name in missing if not name.startswith("mfakit.testing.")] == []


@pytest.mark.parametrize("installed", ["newest", "oldest"])
def test_the_core_works_without_an_extra(
    home: Any, simulated: Simulated, request: pytest.FixtureRequest, installed: str
) -> None:
    """It works with the newest and the oldest dependencies, from a code to the end of a session."""
    environment: Environment = request.getfixturevalue(installed)

    def mfakit(*arguments: str, **how: Any) -> subprocess.CompletedProcess[str]:
        done = home.run(environment.program("mfakit"), *arguments, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def says(*arguments: str, **how: Any) -> str:
        return mfakit(*arguments, **how).stdout

    assert "mfa/alice" in says("devices")
    told = json.loads(says("login", "--json", "--token-code", "-", stdin=simulated.code()))
    assert told["account"] == simulated.account_id
    assert "profile mfa" in mfakit("login").stderr  # kept: it needs no code
    assert "export AWS_SESSION_TOKEN=" in says("env", "--shell", "sh")
    assert "AWS_SESSION_TOKEN=" in says("env", "--shell", "dotenv")
    python = environment.program("python")
    asks = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    assert says("exec", "--", python, "-c", asks).endswith(":user/alice\n")
    assert json.loads(says("credential-process"))["Version"] == 1
    assert says("check").startswith("mfa: ")
    assert "mfa" in says("status")
    assert says("status", "--short").startswith("mfa ")
    assert "credentials file" in says("explain", "--profile", "mfa")
    scheduler = {"darwin": "launchd", "win32": "schtasks"}.get(sys.platform, "cron")
    written = says("schedule", "install", "--dry-run", "--using", scheduler)
    assert str(environment.folder) in written
    assert says("schedule", "--print-script").startswith("#!/bin/sh")
    assert "_mfakit" in says("completion", "bash")
    policy = says("policy", "require-mfa")
    assert "BoolIfExists" in policy
    assert mfakit("policy", "check", "-", stdin=policy).stdout
    mfakit("logout")
    assert home.run(environment.program("mfakit"), "check").returncode == 3


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_commands_that_need_the_simulator_name_the_line_that_installs_it(
    home: Any, newest: Environment, mfakit: str, command: str
) -> None:
    """The line names the content of the extra, and the Python that lacks it."""
    done = home.run(mfakit, command)
    assert (done.returncode, done.stdout) == (1, "")
    problem, hint = done.stderr.splitlines()
    assert "extra 'testing'" in problem
    assert f"{newest.folder}" in hint
    for name in "moto[s3]", "pyotp":
        assert f'"{name}>=' in hint


@pytest.mark.parametrize("has_pip", [True, False])
def test_the_line_that_installs_apprise_works(
    home: Any, wheel: Path, simulated: Simulated, tmp_path: Path, has_pip: bool
) -> None:
    """It works where `uv tool` installed mfakit, too."""
    environment = Environment(tmp_path / "environment", has_pip=has_pip)
    environment.install(str(wheel))
    mfakit = environment.program("mfakit")
    home.run(mfakit, "login", "--token-code", "-", "--duration", "15m", stdin=simulated.code())
    check = (mfakit, "check", "--warn", "30m", "--notify", "env")
    with Listener() as listener:
        home.environ["MFAKIT_NOTIFY"] = listener.url
        hint = home.run(*check).stderr.splitlines()[-1]
        assert ' "apprise>=' in hint
        line = hint.partition("try: ")[2]
        subprocess.run(line, shell=True, check=True, capture_output=True)
        done = home.run(*check)
        assert (done.returncode, done.stderr) == (1, "")
        assert len(listener.messages) == 1


def test_pytest_runs_without_the_testing_extra(home: Any, wheel: Path, tmp_path: Path) -> None:
    """The plugin needs the extra only where a test asks for the simulator."""
    environment = Environment(tmp_path / "environment")
    environment.install(str(wheel), "pytest")
    tests = home.folder / "test_it.py"
    tests.write_text("def test_one(): pass\ndef test_two(aws_simulator): pass\n")
    done = home.run(environment.program("python"), "-m", "pytest", str(tests))
    assert "1 passed, 1 error" in done.stdout
    assert "pip install 'mfakit[testing]'" in done.stdout


def test_the_testing_extra_is_all_that_tests_need(home: Any, testing: Environment) -> None:
    """A test that asks for the simulator gets it, and a code that it accepts."""
    tests = home.folder / "test_it.py"
    tests.write_text(
        "def test_it(aws_simulator):\n"
        "    alice = aws_simulator.create_user('alice')\n"
        "    device = alice.enable_virtual_mfa()\n"
        "    alice.session().client('sts').get_session_token(\n"
        "        SerialNumber=device.serial_number, TokenCode=device.code())\n"
    )
    done = home.run(testing.program("python"), "-m", "pytest", str(tests))
    assert "1 passed" in done.stdout, done.stdout
