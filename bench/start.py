"""The time of the commands that run at every prompt, compared with a bare interpreter.

They run as they are installed: by the console script of a wheel, in a venv of its own. Behind
them stand other tools that hand on the same session, for which there is no budget.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from functools import partial
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.measure import elapsed, in_turns, ratio
from bench.peers import peers
from bench.profiles import credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measure import Row

ROUNDS = 30
BUDGET = 2.25
PROMPT_BUDGET = 4.0
SESSION = (
    "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
    "expiration = 2126-01-01T00:00:00Z\n"
)
# An id of the device's account, as its form tells: for any other key, AWS is asked before the user.
LONG_TERM = "[default]\naws_access_key_id = AKIARZPUZDIKAAAAAAAA\naws_secret_access_key = s\n"
SERIAL = "arn:aws:iam::123456789012:mfa/alice"


def rows() -> Iterator[Row]:
    """Measure."""
    with TemporaryDirectory() as folder:
        programs = install(Path(folder))
        environ = home_with_session(Path(folder))
        quiet = partial(subprocess.run, check=True, env=environ, stdout=subprocess.DEVNULL)
        bare = partial(quiet, [programs / "python", "-I", "-c", "pass"])
        for words in (
            ["env", "--shell", "sh"],
            ["env"],
            ["check"],
            ["status", "--short"],
            ["credential-process"],
            ["exec", "true"],
        ):
            command = partial(quiet, [programs / "mfakit", *words])
            plain, ours = in_turns(bare, command, ROUNDS, elapsed)
            yield ratio(f"mfakit {' '.join(words)}", plain, ours, BUDGET)
        ask = partial(until_prompt, [programs / "mfakit", "login", "--force"], environ)
        plain, ours = in_turns(bare, ask, ROUNDS, elapsed)
        yield ratio("mfakit login, until it asks", plain, ours, PROMPT_BUDGET)
        for command in peers(Path(folder), environ):
            plain, theirs = in_turns(bare, partial(quiet, command), ROUNDS, elapsed)
            name = " ".join([os.path.basename(command[0]), *command[1:3]])
            yield ratio(name, plain, theirs, inf)


def home_with_session(folder: Path) -> dict[str, str]:
    """Make a home with a session among 200 others; return the environment that leads there."""
    aws = folder / ".aws"
    aws.mkdir()
    path = credentials(aws / "credentials", 200)
    path.write_text(path.read_text() + SESSION + LONG_TERM)
    os.utime(path, (0, 0))
    return {"HOME": str(folder), "PATH": os.defpath, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


def install(folder: Path, *options: str) -> Path:
    """Build the wheel and install it into a venv of its own.

    Args:
        folder: where the venv is made.
        options: of ``pip install``.

    Returns:
        The folder of the venv's programs.
    """
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    programs = venv / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # the console scripts of older releases load the module re first
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, *options, Path(__file__).parent.parent], check=True)
    return programs


def until_prompt(command: list[str | Path], environ: dict[str, str]) -> None:
    """Start a login on a terminal of its own, and wait for its question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], [*map(str, command), "--serial-number", SERIAL], environ)
    said = b""
    while b"MFA code for" not in said:
        said += os.read(terminal, 1024)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(terminal)
