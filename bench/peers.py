"""Other tools that print a session, each in a venv of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# What is asked of PyPI, the program, and its words for "print the session of the profile mfa".
FROM_PYPI = (
    (["awsume"], ["awsumepy", "-s", "mfa"]),
    # The last release of it fails with newer releases of botocore.
    (
        ["aws-export-credentials", "botocore<1.35"],
        ["aws-export-credentials", "--profile", "mfa", "--env-export"],
    ),
)
AWS_CLI = ["aws", "configure", "export-credentials", "--profile", "mfa", "--format", "env"]


def peers(folder: Path, environ: Mapping[str, str]) -> Iterator[list[str]]:
    """Install the available tools, and return the command of each that works here.

    Args:
        folder: where the venvs are made.
        environ: the environment of the commands.
    """
    for requirements, (program, *words) in FROM_PYPI:
        venv = folder / program
        command = [str(venv / ("Scripts" if os.name == "nt" else "bin") / program), *words]
        if installed(venv, requirements) and works(command, environ):
            yield command
    aws = shutil.which("aws")
    if aws and works([aws, *AWS_CLI[1:]], environ):
        yield [aws, *AWS_CLI[1:]]


def installed(venv: Path, requirements: list[str]) -> bool:
    """Install packages into a new venv; return whether that worked."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *requirements], check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"left out: {requirements[0]}, which cannot be installed", file=sys.stderr)
    return done.returncode == 0


def works(command: list[str], environ: Mapping[str, str]) -> bool:
    """Whether a tool prints the session; the first run may write its own files."""
    for _ in range(2):
        done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True)
    if done.returncode or "ASIA1" not in done.stdout:
        name = " ".join([os.path.basename(command[0]), *command[1:3]])
        print(f"left out: {name}, which does not print the session here", file=sys.stderr)
        return False
    return True
