"""The cost of the plugin for tests that do not use it."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.measure import difference, elapsed, in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measure import Row

BUDGET_MS = 20
ROUNDS = 15


def rows() -> Iterator[Row]:
    """Measure."""
    with TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        without = [*pytest, "-p", "no:mfakit"]
        run = partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        plain, ours = in_turns(lambda: run(without), lambda: run(pytest), ROUNDS, elapsed)
        yield difference("pytest start with the plugin", plain, ours, BUDGET_MS)
