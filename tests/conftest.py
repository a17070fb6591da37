"""Fixtures of all tests: a home for each, the real command, and the simulator on loopback."""

from __future__ import annotations

import gc
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tests.shared  # noqa: F401
from hypothesis import settings
from tests.warm import can_be_warm, warm

from mfakit.testing import AWSSimulator

# There is no deadline, since the time for an example depends on the machine's load.
settings.register_profile("mfakit", settings.default, deadline=None)
settings.load_profile("mfakit")

# What botocore and moto keep is millions of objects; Python's default is to go through them often.
gc.set_threshold(100_000, 50, 100)

# A background job ignores SIGINT, and so would all processes that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests look for English messages, whatever the language of the person who runs them.
if everything := os.environ.pop("LC_ALL", ""):
    os.environ["LC_CTYPE"] = everything
os.environ |= {"LC_MESSAGES": "C", "LANGUAGE": ""}

# They lead to the venv that the tests run in; in a test's home, uv would install into that venv.
OF_THIS_VENV = ("UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "VIRTUAL_ENV")

# What the next command of a line, or only a shell, knows.
SHELL_STATE = re.compile(r"\b(export|unset|eval|cd|set)\b|\n")
SHELL_SYNTAX = re.compile(r"[$`|<>;*?~#&]")


class Home:
    """An empty home, and its environment, without the AWS variables of the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.credentials = folder / ".aws" / "credentials"
        self.config = folder / ".aws" / "config"
        self.credentials.parent.mkdir(mode=0o700)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MFAKIT_", *OF_THIS_VENV))
            and not name.lower().endswith("_proxy")
        }
        self.environ = kept | {
            "HOME": str(folder),
            "USERPROFILE": str(folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def write_credentials(self, text: str) -> None:
        self.credentials.write_bytes(text.encode())
        self.credentials.chmod(0o600)

    def write_config(self, text: str) -> None:
        self.config.write_bytes(text.encode())

    def token_command(self, *codes: str) -> str:
        """Write a program that prints the next of these codes at each run; return its command."""
        kept, program = self.folder / "codes", self.folder / "token.py"
        kept.write_text("\n".join(codes))
        program.write_text(
            f"path = {str(kept)!r}\n"
            "first, *rest = open(path).read().split()\n"
            "open(path, 'w').write('\\n'.join(rest))\n"
            "print(first)\n"
        )
        return f"{sys.executable} {program}"

    def run(
        self, *command: str, stdin: str | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in this home."""
        return subprocess.run(
            command,
            check=False,
            env=self.environ | environ,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=180,  # so that a command that hangs fails the test
        )

    def mfakit(
        self, *arguments: str, stdin: str | None = None, terminal: bool = True, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the real command in this home, and check that it prints no traceback.

        Args:
            terminal: whether it may find the terminal of the tests, if they have one.
        """
        whole = self.environ | environ
        if can_be_warm(whole):
            session = "" if terminal else None
            done = warm().run([*arguments], whole, stdin, timeout=180, terminal=session)
        else:
            command = [*([] if terminal else ["setsid"]), sys.executable, "-m", "mfakit"]
            done = self.run(*command, *arguments, stdin=stdin, **environ)
        assert "Traceback" not in done.stderr
        return done

    def shell(self, line: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a line as a shell does that finds mfakit and the AWS CLI on its PATH."""
        commands = [line] if SHELL_STATE.search(line) else line.split(" && ")
        path = f"{Path(sys.executable).parent}:{self.environ['PATH']}"
        for command in commands:
            if command.startswith("mfakit ") and not SHELL_SYNTAX.search(command):
                done = self.mfakit(*shlex.split(command)[1:], **environ)
            else:
                done = self.run("sh", "-c", command, **{"PATH": path} | environ)
            if done.returncode != 0:
                break
        return done


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return Home(folder)


@pytest.fixture
def aws() -> Iterator[AWSSimulator]:
    with AWSSimulator() as simulator:
        yield simulator


@pytest.fixture
def endpoint(aws: AWSSimulator, home: Home) -> Iterator[str]:
    """Serve the simulator over HTTP as the AWS endpoint of every program in the home."""
    with aws.serve() as url:
        home.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
        yield url


@pytest.fixture
def alice(aws, home, endpoint):
    """Return a user with a device, whose keys are in the home's default profile."""
    user = aws.create_user("alice")
    home.write_credentials(
        f"# keys\n[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    user.device = user.enable_virtual_mfa()
    return user
