"""Renewing what a check finds to be due: by a token command, or by a person at a dialog.

The dialogs' programs here are small ones that answer as the real ones do; those are in the proofs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from mfakit import read_session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")

LIFE = timedelta(hours=12).total_seconds()


class Programs:
    """A folder of programs that is all that the command finds on its PATH."""

    def __init__(self, home) -> None:
        self._folder = home.folder / "programs"
        self._folder.mkdir()
        self.log = home.folder / "shown"
        home.environ |= {"PATH": str(self._folder), "SHOWN": str(self.log)}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "GNUPGHOME"):
            home.environ.pop(name, None)

    def make(self, name: str, body: str) -> str:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n")
        path.chmod(0o755)
        return str(path)

    @property
    def shown(self) -> list[str]:
        """What the dialogs had to show, of each of them in turn."""
        return self.log.read_text().split("-- end\n")[:-1] if self.log.exists() else []


# pinentry's side of the protocol: a line for each command, the code before the OK of GETPIN.
PINENTRY = """\
echo OK Pleased to meet you
while read -r line; do
    echo "$line" >> "$SHOWN"
    case $line in
        GETPIN) echo '-- end' >> "$SHOWN"; {answer} ;;
        OPTION*) echo ERR 83886254 Unknown option '<Pinentry>' ;;
        *) echo OK ;;
    esac
done"""


def type_into(codes: Path) -> str:
    """Answer each dialog with the next line of a file."""
    return (
        f'code=$(head -n 1 {codes}); sed -i 1d {codes}; echo "S PASSWORD_QUALITY";'
        ' [ -z "$code" ] || echo "D $code"; echo OK'
    )


@pytest.fixture
def programs(home) -> Programs:
    return Programs(home)


@pytest.fixture
def due(alice, aws, home):
    """A user whose session has just ended."""
    log_in_earlier(aws, home, alice)
    return alice


def log_in_earlier(aws, home, user, *arguments: str) -> None:
    """Log in as if it had been twelve hours ago."""
    aws.clock.advance(seconds=-LIFE)
    done = home.mfakit("login", "--token-code", user.device.code(), *arguments)
    assert done.returncode == 0, done.stderr
    aws.clock.advance(seconds=LIFE)


def key_id(home, profile: str = "mfa") -> str:
    return read_session(profile, environ=home.environ).access_key_id


@pytest.fixture
def codes(home) -> Path:
    return home.folder / "codes"


def pinentry(answer: str) -> str:
    return PINENTRY.replace("{answer}", answer)


def test_a_token_command_renews_without_a_person(home, due, programs) -> None:
    """What is valid afterwards is reported as that, and what is valid before is left alone."""
    assert home.mfakit("check").returncode == 2
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--renew")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mfa: valid, ends in 11h59m")
    before = key_id(home)
    assert home.mfakit("check", "--renew").returncode == 0
    assert key_id(home) == before
    command = programs.make("token", f"echo {due.device.code()}")
    assert home.mfakit("check", "--renew", "--warn", "13h").returncode == 1
    assert key_id(home) != before


def test_what_cannot_be_renewed_is_reported_as_it_is(home, due, programs) -> None:
    """The reason goes to standard error."""
    before = home.credentials.read_bytes()
    done = home.mfakit("check", "--renew", "--format", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["worst"] == "expired"
    assert "profile mfa was not renewed: there is no token command" in done.stderr
    command = programs.make("token", "echo 000000; exit 1")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--renew")
    assert done.returncode == 2
    assert "the token command token failed (1)" in done.stderr
    assert home.credentials.read_bytes() == before


def test_a_session_that_was_removed_is_not_renewed(home, due, programs) -> None:
    """Who logs out wants no session."""
    home.write_config(f"[default]\nmfakit_token_command = {programs.make('token', 'echo 1')}\n")
    assert home.mfakit("logout").returncode == 0
    assert home.mfakit("check", "--renew", "--prompt").returncode == 3


def test_of_all_sessions_only_those_that_mfakit_made_are_renewed(home, due, programs) -> None:
    """Another tool's are its own, and so is one that was only handed over."""
    home.write_config(f"[default]\nmfakit_token_command = {programs.make('token', 'false')}\n")
    foreign = "aws_access_key_id = ASIAFOREIGN\naws_secret_access_key = s\naws_session_token = t\n"
    ended = "expiration = 2026-01-01T00:00:00Z\n"
    with home.credentials.open("a") as file:
        file.write(f"[foreign]\n{foreign}{ended}")
    given = {"AccessKeyId": "ASIAGIVEN", "SecretAccessKey": "s", "SessionToken": "t"}
    given["Expiration"] = "2026-01-01T00:00:00Z"
    text = json.dumps({"Credentials": given})
    assert home.mfakit("login", "-p", "given", "--from-json", "-", stdin=text).returncode == 0
    done = home.mfakit("check", "--all", "--renew")
    assert done.returncode == 2
    assert done.stderr.count("was not renewed") == 1
    assert "profile mfa was not renewed" in done.stderr


def test_it_is_renewed_from_the_keys_that_it_was_made_from(home, due, aws, programs) -> None:
    """Though nothing but the session's record names them; another's keys would not do."""
    other = aws.create_user("other")
    device = other.enable_virtual_mfa()
    with home.credentials.open("a") as file:
        file.write(
            f"[work]\naws_access_key_id = {other.access_key_id}\n"
            f"aws_secret_access_key = {other.secret_access_key}\n"
        )
    other.device = device
    log_in_earlier(aws, home, other, "--profile", "prod", "--source-profile", "work")
    command = programs.make("token", f"echo {device.code()}")
    home.write_config(f"[profile prod]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--profile", "prod", "--renew")
    assert done.returncode == 0, done.stderr
    record = home.mfakit("env", "--profile", "prod", "--shell", "json")
    keys = json.loads(record.stdout)
    caller = aws_caller(home, keys)
    assert caller.endswith(":user/other")


def test_keys_of_the_environment_that_are_gone_have_no_stand_in(home, due, aws, programs) -> None:
    """A scheduler has none of the variables of a shell; and the default profile is another's."""
    other = aws.create_user("other")
    other.device = other.enable_virtual_mfa()
    keys = {
        "AWS_ACCESS_KEY_ID": other.access_key_id,
        "AWS_SECRET_ACCESS_KEY": other.secret_access_key,
    }
    shell = dict(home.environ)
    home.environ |= keys
    log_in_earlier(aws, home, other, "--profile", "mine")
    home.environ.clear()
    home.environ |= shell
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mine]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--profile", "mine", "--renew")
    assert done.returncode == 2
    assert "made with keys of the environment, which are not there" in done.stderr


def test_a_session_of_aws_is_not_renewed_by_a_simulator(home, due, programs) -> None:
    """Nor the other way round: the variable that makes the difference may be in one shell only."""
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--renew", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")
    assert done.returncode == 2
    assert "and a new one would come from AWS" in done.stderr


def aws_caller(home, keys: dict[str, str]) -> str:
    """Ask the simulator whose session it is."""
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = home.run(sys.executable, "-c", script, **{k: str(v) for k, v in keys.items()})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
