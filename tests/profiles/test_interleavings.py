"""Foreign writers at the very moment at which our file and theirs are swapped.

The proof of the same name has them at every other moment too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interleaving import KINDS

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this way to stop a process")
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.waits])
def test_what_a_foreign_writer_does_at_the_swap_is_kept(tmp_path: Path, kind: str) -> None:
    """All that it wrote is there, and our session too."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.interleaving", str(tmp_path), kind, "swap"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["stops"] == 2
