"""Other programs that write exactly when our new file is swapped in.

The proof of the same name has them write at every other system call too.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.interleaving import KINDS, OTHER, OURS, Place, Run, write

ROOT = Path(__file__).parents[2]


def interleave(folder: Path, kind: str, which: str) -> dict[str, Any]:
    """Run our write beside writers of a kind in a process of its own; return the result."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.interleaving", str(folder), kind, which],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this way to stop a process")
@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.waits])
def test_text_that_another_program_writes_during_the_swap_is_kept(
    tmp_path: Path, kind: str
) -> None:
    """Our session is kept as well."""
    found = interleave(tmp_path, kind, "swap")
    assert found["wrong"] == {}
    assert found["stops"] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this way to stop a process")
def test_the_page_says_how_many_interleavings_there_are() -> None:
    """The number of system calls differs a little between versions of Python.

    It grows with the depth of the folder, too, since each part of the path is resolved.
    """
    page = (ROOT / "docs" / "explanation" / "credentials-file.md").read_text("utf-8")
    said = r"about (\d+), with `ptrace`.*About ([\d,]+) interleavings\s+of (\d+) kinds"
    match = re.search(said, page, re.DOTALL)
    assert match
    calls, stops, kinds = (int(number.replace(",", "")) for number in match.groups())
    with TemporaryDirectory() as folder:
        counted = [interleave(Path(folder), kind, "count") for kind in KINDS]
    assert kinds == len(KINDS)
    assert calls == pytest.approx(statistics.median(one["calls"] for one in counted), rel=0.1)
    assert stops == pytest.approx(sum(one["stops"] for one in counted), rel=0.1)


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
