"""The tools that write sessions into the credentials file, and homes for them."""

from __future__ import annotations

import os
import subprocess
import sys
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import Device, User

SOURCE, TARGET = "work-long-term", "work"


class Home:
    """A home with AWS files, a user of the simulator who lives in it, and her MFA device."""

    def __init__(self, folder: Path, url: str, user: User) -> None:
        self.folder = folder
        self.user = user
        self.device: Device = user.enable_virtual_mfa()
        self.file = folder / ".aws" / "credentials"
        self.file.parent.mkdir(mode=0o700, parents=True)
        self.config = folder / ".aws" / "config"
        self.config.write_text(
            f"[profile {SOURCE}]\nregion = us-east-1\nmfa_serial = {self.device.serial_number}\n"
        )
        self.environ = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def write(self, text: str, mode: int = 0o600) -> None:
        """Make the credentials file."""
        self.file.write_bytes(text.encode())
        self.file.chmod(mode)

    def run(self, command: list[str], answers: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program in this home, without a terminal."""
        return subprocess.run(
            command,
            check=False,
            env=self.environ,
            input=answers,
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,
            umask=0o022,
        )


def keys_of(path: Path, section: str) -> dict[str, str]:
    """Read a section as botocore's own reader, configparser, does."""
    parser = RawConfigParser()
    parser.read(path)
    return dict(parser[section]) if parser.has_section(section) else {}


@dataclass(frozen=True)
class Tool:
    """A tool: its name, its program, how it logs in, and what comes first where there is no file.

    ``command`` makes the command line for a home and a code, and what is typed at its questions.
    """

    name: str
    program: str
    command: Callable[[Home, str], tuple[list[str], str]]
    prepare: Callable[[Home], None]

    def login(self, home: Home, *around: str) -> subprocess.CompletedProcess[str]:
        """Log in with a fresh code."""
        command, answers = self.command(home, home.device.code())
        return home.run([*around, *command], answers)

    def login_surely(self, home: Home, *around: str) -> None:
        """Log in, and check that there is a session."""
        done = self.login(home, *around)
        if done.returncode or not keys_of(home.file, TARGET).get("aws_session_token"):
            sys.exit(f"{self.name} did not log in:\n{done.stdout}{done.stderr}")


def _mfakit(_home: Home, code: str) -> tuple[list[str], str]:
    """Log in with the keys that it finds for the profile."""
    return ["mfakit", "login", "--profile", TARGET, "--token-code", code], ""


def _aws_cli(home: Home, code: str) -> tuple[list[str], str]:
    """Log in by a script with the AWS CLI, which has no command for it."""
    script = (
        f"set -e; set -- $(aws --profile {SOURCE} sts get-session-token --output text"
        f" --serial-number {home.device.serial_number} --token-code {code}"
        " --query 'Credentials.[AccessKeyId, SecretAccessKey, SessionToken]')\n"
        f"aws configure set aws_access_key_id $1 --profile {TARGET}\n"
        f"aws configure set aws_secret_access_key $2 --profile {TARGET}\n"
        f"aws configure set aws_session_token $3 --profile {TARGET}\n"
    )
    return ["sh", "-c", script], ""


def _aws_mfa(home: Home, code: str) -> tuple[list[str], str]:
    """Log in with the keys of the profile with `-long-term` behind its name."""
    command = ["aws-mfa", "--profile", TARGET, "--force", "--device", home.device.serial_number]
    return command, f"{code}\n"


def _awsume(_home: Home, code: str) -> tuple[list[str], str]:
    """Log in, and write the session to a profile too."""
    return ["awsumepy", SOURCE, "--output-profile", TARGET, "--mfa-token", code], ""


def _keys_in_config(home: Home) -> None:
    """Write the long-term keys into the config file."""
    with home.config.open("a") as config:
        config.write(f"aws_access_key_id = {home.user.access_key_id}\n")
        config.write(f"aws_secret_access_key = {home.user.secret_access_key}\n")


def _aws_mfa_setup(home: Home) -> None:
    """Make the file by the setup of aws-mfa."""
    answers = f"y\n{TARGET}\n{home.user.access_key_id}\n{home.user.secret_access_key}\n"
    home.run(["aws-mfa", "--setup"], answers)


TOOLS = (
    Tool("mfakit", "mfakit", _mfakit, _keys_in_config),
    Tool("`aws configure set` (v1)", "aws", _aws_cli, _keys_in_config),
    Tool("aws-mfa", "aws-mfa", _aws_mfa, _aws_mfa_setup),
    Tool("awsume", "awsumepy", _awsume, _keys_in_config),
)
