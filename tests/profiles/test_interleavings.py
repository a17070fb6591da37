"""Other programs that write exactly when our new file is swapped in.

The proof of the same name has them write at every other system call too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interleaving import KINDS, OTHER, OURS, Place, Run, write

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this way to stop a process")
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.waits])
def test_text_that_another_program_writes_during_the_swap_is_kept(
    tmp_path: Path, kind: str
) -> None:
    """Our session is kept as well."""
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this way to stop a process")
def test_a_file_that_is_removed_and_made_again_with_the_number_of_ours_is_not_taken_for_ours(
    tmp_path: Path,
) -> None:
    """The kernel gives the number of a removed file away once no process has it open."""
    place = Place(tmp_path / "place", linked=False, missing=False)
    run, ours, probe = Run(place), 0, place.folder / "probe"
    for _ in run.calls():
        if not ours and OURS in place.text():
            ours = place.path.stat().st_ino
            place.path.unlink()
        elif ours and not place.path.exists():
            write(probe, OTHER)
            if probe.stat().st_ino == ours:
                probe.replace(place.path)
            else:
                probe.unlink()
    assert run.end() == (0, "")
    assert OURS in place.text()
