"""Commands that print the code: a YubiKey's, a password manager's, oathtool."""

from __future__ import annotations

import pytest
from tests.exchange.conftest import Person

from mfakit.exchange.login import login
from mfakit.exchange.recipe import LoginRequest

pytestmark = pytest.mark.pythons


@pytest.fixture
def script(home):
    """Make a program of its own in the home, on the PATH."""

    def make(name: str, body: str) -> str:
        path = home.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return make


def refused(done, message: str, code: int = 1) -> None:
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "mfakit: try: " in done.stderr


def test_it_gives_the_code(home, alice, script) -> None:
    """Named by the option, or by the config; what it prints around the code does not matter."""
    command = script("token", f"echo 'aws:alice   {alice.device.code()}'")
    done = home.mfakit("login", "--token-command", command)
    assert done.returncode == 0, done.stderr
    command = script("token", f"echo {alice.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    assert home.mfakit("login", "--force").returncode == 0


def test_it_runs_without_a_shell(home, alice, script) -> None:
    """Nothing in it is expanded; quotes hold words together."""
    command = script("token", "[ \"$1\" = '$HOME; a' ] && echo " + alice.device.code())
    done = home.mfakit("login", "--token-command", f"{command} '$HOME; a'")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("exit 3", "failed (3)"),
        ("echo 123456; exit 1", "failed (1)"),
        ("true", "printed no code"),
        ("echo 1234567", "printed no code"),
        ("echo 123456 654321", "printed several codes"),
    ],
)
def test_one_that_gives_no_code(home, alice, script, body: str, message: str) -> None:
    """What it printed is not shown."""
    done = home.mfakit("login", "--token-command", script("token", body))
    refused(done, message)
    assert "123456" not in done.stderr


@pytest.mark.parametrize("command", ["no-such-program --code", "'", ""])
def test_one_that_cannot_be_run(home, alice, command: str) -> None:
    """It is found out before anything is asked of AWS."""
    home.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    done = home.mfakit("login", "--token-command", command or " ")
    refused(done, "token command", 64)


def test_the_same_code_twice_does_for_one(home, alice, script) -> None:
    """Some programs print a code and put it on the clipboard with a note."""
    code = alice.device.code()
    command = script("token", f"echo {code}; echo {code} copied")
    assert home.mfakit("login", "--token-command", command).returncode == 0


def test_it_is_run_again_only_in_the_next_half_minute(here, alice) -> None:
    """Until then it would print the code that was refused."""
    used, fresh = alice.device.code(), alice.device.code()
    assert here.mfakit("login", "--token-code", used).returncode == 0
    person = Person()
    command = here.token_command(used, fresh)
    login(LoginRequest(token_command=command, asker=person, force=True), here.environ)
    assert "it was used before" in person.heard[0]
    assert [round(until) % 30 for until in person.waited_until] == [0]
