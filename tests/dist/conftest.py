"""The files to release, built by `nox -s dist`, and the environments to install them into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Find the wheel."""
    [path] = (ROOT / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist() -> Path:
    """Find the source distribution."""
    [path] = (ROOT / "dist").glob("*.tar.gz")
    return path


class Environment:
    """A virtual environment and its programs.

    Args:
        folder: where it is to be.
        has_pip: whether it has pip, as those have that uv did not make; else it is empty.
    """

    def __init__(self, folder: Path, *, has_pip: bool = True) -> None:
        self.folder = folder
        self._programs = folder / ("Scripts" if os.name == "nt" else "bin")
        seed = ["--seed"] if has_pip else []
        run("uv", "venv", "--quiet", *seed, "--python", sys.executable, str(folder))

    def install(self, *what: str) -> None:
        run("uv", "pip", "install", "--quiet", "--python", str(self.folder), *what)

    def program(self, name: str) -> str:
        return str(self._programs / name)


def run(*command: str) -> str:
    """Run a program; a failure shows its output."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def newest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the wheel with its newest dependencies, and no extra."""
    environment = Environment(tmp_path_factory.mktemp("newest"))
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="session")
def oldest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the wheel with the oldest dependencies that it allows."""
    environment = Environment(tmp_path_factory.mktemp("oldest"))
    environment.install("--resolution", "lowest-direct", str(wheel))
    return environment


@pytest.fixture(scope="session")
def testing(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install it with the extra that brings the simulator."""
    environment = Environment(tmp_path_factory.mktemp("testing"))
    environment.install(f"{wheel}[testing]")
    return environment


class Simulated:
    """An AWS that another process simulates, and its one user.

    Args:
        told: what `mfakit simulate --json` says of itself.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        [self._user] = told["users"]
        self.account_id = told["account_id"]

    def code(self) -> str:
        """Return a code that is valid now and new."""
        request = urllib.request.Request(
            f"{self._told['endpoint_url']}/_mfakit/code?user=alice&advance=true",
            method="POST",
            headers={"X-Mfakit-Token": self._told["control_token"]},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["code"]

    def move_in(self, home: Any) -> None:
        """Make the user's key the home's default profile, and this AWS the one that it calls."""
        home.write_credentials(
            f"[default]\naws_access_key_id = {self._user['access_key_id']}\n"
            f"aws_secret_access_key = {self._user['secret_access_key']}\n"
        )
        home.environ |= {
            "AWS_ENDPOINT_URL": self._told["endpoint_url"],
            "AWS_DEFAULT_REGION": self._told["region"],
        }


@contextmanager
def simulating(program: str, environ: dict[str, str]) -> Iterator[Simulated]:
    """Run the simulator while in the ``with`` block."""
    command = [program, "simulate", "--json", "--user", "alice"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Simulated(json.loads(process.stdout.readline()))
        finally:
            process.terminate()


@pytest.fixture
def simulated(testing: Environment, home: Any) -> Iterator[Simulated]:
    """An AWS of another environment's, and the home of its user."""
    with simulating(testing.program("mfakit"), home.environ) as aws:
        aws.move_in(home)
        yield aws
