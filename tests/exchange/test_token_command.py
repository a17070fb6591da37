"""Commands that print the code: a YubiKey's, a password manager's, oathtool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.exchange.conftest import Person

from mfakit.exchange.login import login
from mfakit.exchange.recipe import LoginRequest
from mfakit.profiles.own_files import OwnFile
from mfakit.profiles.profile import open_profile

pytestmark = pytest.mark.pythons


@pytest.fixture
def script(home):
    """Return a function that writes a shell script into the home."""

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


def test_a_token_command_from_the_option_or_the_config_provides_the_code(
    home, alice, script
) -> None:
    """Other text around the code in its output is ignored."""
    command = script("token", f"echo 'aws:alice   {alice.device.code()}'")
    done = home.mfakit("login", "--token-command", command)
    assert done.returncode == 0, done.stderr
    command = script("token", f"echo {alice.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    assert home.mfakit("login", "--force").returncode == 0


def test_a_token_command_runs_without_a_shell(home, alice, script) -> None:
    """Nothing in it is expanded, but quotes group words."""
    command = script("token", "[ \"$1\" = '$HOME; a' ] && echo " + alice.device.code())
    done = home.mfakit("login", "--token-command", f"{command} '$HOME; a'")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["argument", "standard input", "token command"])
def test_full_width_digits_are_digits_wherever_a_code_comes_from(
    home, alice, script, way: str
) -> None:
    """A token command may ask in a window, where an input method writes them."""
    code = "".join(chr(ord(digit) + 0xFEE0) for digit in alice.device.code())
    options = {
        "argument": ("--token-code", code),
        "standard input": ("--token-code", "-"),
        "token command": ("--token-command", script("token", f"echo {code}")),
    }
    done = home.mfakit("login", *options[way], stdin=f"{code}\n")
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
def test_a_token_command_that_prints_no_single_code_is_an_error(
    home, alice, script, body: str, message: str
) -> None:
    """The error does not show its output."""
    done = home.mfakit("login", "--token-command", script("token", body))
    refused(done, message)
    assert "123456" not in done.stderr


@pytest.mark.parametrize("command", ["no-such-program --code", "'", ""])
def test_a_token_command_that_cannot_run_is_an_error_before_aws_is_called(
    home, alice, command: str
) -> None:
    home.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    done = home.mfakit("login", "--token-command", command or " ")
    refused(done, "token command", 64)


def test_a_code_that_is_printed_twice_counts_as_one(home, alice, script) -> None:
    """Some programs print it again in a note that it was copied to the clipboard."""
    code = alice.device.code()
    command = script("token", f"echo {code}; echo {code} copied")
    assert home.mfakit("login", "--token-command", command).returncode == 0


def test_a_token_command_is_run_again_only_in_the_next_half_minute(here, alice) -> None:
    """Until then it would print the refused code again."""
    used, fresh = alice.device.code(), alice.device.code()
    assert here.mfakit("login", "--token-code", used).returncode == 0
    person = Person()
    command = here.token_command(used, fresh)
    request = LoginRequest(token_command=command, asker=person, force=True)
    login(open_profile("mfa", here.environ), request)
    assert "it was used before" in person.heard[0]
    assert [round(until) % 30 for until in person.waited_until] == [0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize(
    ("kind", "name"),
    [("records", "mfa"), ("turns", "mfa"), ("attempts", "arn:aws:iam::123456789012:mfa/alice")],
)
def test_a_named_pipe_in_place_of_an_own_file_blocks_no_command(
    home, alice, kind: str, name: str
) -> None:
    """Opening it would wait for another program, which may never come."""
    first, second = home.token_command(alice.device.code()), alice.device.code()
    done = home.mfakit("login", "--token-command", first)
    assert done.returncode == 0, done.stderr
    place = OwnFile.of(str(home.credentials), kind, name).path
    Path(place).unlink()
    os.mkfifo(place, 0o600)
    command = [sys.executable, "-m", "mfakit"]
    renew = [*command, "login", "--force", "--token-command", home.token_command(second)]
    for line in ([*command, "check"], renew):
        done = subprocess.run(
            line, env=home.environ, stdin=subprocess.DEVNULL, check=False, timeout=30
        )
        assert done.returncode == 0
