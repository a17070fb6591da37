"""The instructions of the commands that run at every prompt, compared with a bare interpreter.

valgrind counts them, so the figures are the same however busy the machine is. Each command runs as
it is installed: by the console script of a wheel, in a venv of its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.measure import Row
from bench.start import home_with_session, install

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 1.62
COMMANDS = (
    ["env", "--shell", "sh"],
    ["check"],
    ["status", "--short"],
    ["credential-process"],
)


def rows() -> Iterator[Row]:
    """Count, where valgrind is installed."""
    if shutil.which("valgrind") is None:
        print("left out: valgrind, which counts instructions, is not installed")
        return
    with TemporaryDirectory() as folder:
        programs = install(Path(folder), "--no-deps")  # these commands need no other library
        # the order of sets and dictionaries must not differ from run to run
        environ = home_with_session(Path(folder)) | {"PYTHONHASHSEED": "0"}
        # not -I, which would leave the seed out
        bare = instructions([programs / "python", "-P", "-s", "-c", "pass"], environ)
        for words in COMMANDS:
            ours = instructions([programs / "mfakit", *words], environ)
            figure = ours / bare
            yield Row(f"instructions of {' '.join(words)}", bare, ours, figure, BUDGET, "x", "M")


def instructions(command: list[str | Path], environ: dict[str, str]) -> float:
    """Return how many millions of instructions a command takes, once its modules are compiled."""
    subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        check=True,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    found = re.search(r"Collected : (\d+)", counted.stderr)
    assert found is not None, counted.stderr
    return int(found[1]) / 1e6
