"""Foreign writers at every moment of our write: nothing that they wrote is lost, nor our session.

Our write is stopped before each of its system calls. At each stop a foreign writer of every kind
does its work, or begins it and goes on when ours has ended; or ours is killed there, after a
foreign file came out of the swap.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest
from tests.interleaving import KINDS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has ptrace like this")
ROOT = Path(__file__).parents[2]
# Most of the time all of them sleep: until a file is quiet, or a foreign writer has ended.
AT_ONCE = 24
PARTS = 4


def interleave(folder: Path, kinds: list[str]) -> tuple[int, dict[str, object]]:
    """Go through all stops with these kinds; return how many there were, and what was wrong."""

    def run(job: tuple[str, int]) -> dict[str, object]:
        kind, part = job
        place = folder / f"{kind}-{part}"
        command = [sys.executable, "-m", "tests.interleaving", str(place), kind, f"{part}/{PARTS}"]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    jobs = list(product(kinds, range(PARTS)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(run, jobs))
    wrong = {f"{kind} {part}": one["wrong"] for (kind, part), one in zip(jobs, found, strict=True)}
    wrong = {job: faults for job, faults in wrong.items() if faults}
    return sum(one["stops"] for one in found), wrong


GROUPS = {
    "at once": [name for name, kind in KINDS.items() if not (kind.waits or kind.from_swap)],
    "after ours": [name for name, kind in KINDS.items() if kind.waits],
    "killed": [name for name, kind in KINDS.items() if kind.from_swap],
}


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_is_lost_whenever_a_foreign_writer_writes(
    tmp_path: Path, group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that the foreign writer wrote is there, and our session; or an error says what is where.

    Only a writer that writes back what it read before our write can undo that, and no more.
    """
    stops, wrong = interleave(tmp_path, GROUPS[group])
    with capsys.disabled():
        sys.stdout.write(f"\n{stops} interleavings ({group})\n")
    assert wrong == {}
    assert stops > 30 * len(GROUPS[group])


def test_without_an_atomic_swap_writers_in_place_lose_nothing(tmp_path: Path) -> None:
    """Hard links replace the swap on bindfs, and the rename to a name that must be free."""
    (tmp_path / "below").mkdir()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    mount = ["bindfs", str(tmp_path / "below"), str(mounted)]
    if os.geteuid() != 0 or not shutil.which("bindfs") or subprocess.call(mount):
        pytest.skip("bindfs is not installed, or cannot mount (CI installs it)")
    try:
        _, wrong = interleave(mounted, ["append", "rewrite", "make", "rename-a-first"])
    finally:
        subprocess.check_call(["umount", str(mounted)])
    assert wrong == {}
