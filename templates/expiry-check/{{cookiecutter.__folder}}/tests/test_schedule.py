"""What schedulers are given is what mfakit prints, and tells people in time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import render

from .conftest import PROFILE, WARN, Engineer

NAMES = sorted(path.name for path in render.FOLDER.iterdir())


@pytest.fixture(scope="session")
def printed() -> dict[str, str]:
    """Ask mfakit once."""
    return render.files()


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_what_mfakit_prints(printed: dict[str, str], name: str) -> None:
    """To the byte."""
    assert (render.FOLDER / name).read_bytes() == printed[name].encode(), "try: nox -s render"


def test_there_is_a_file_for_each_scheduler(printed: dict[str, str]) -> None:
    """And none besides."""
    assert sorted(printed) == NAMES


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_has_nothing_to_say_against_its_units(tmp_path: Path) -> None:
    """On a machine that has mfakit."""
    units = []
    for name in NAMES:
        if name.endswith((".service", ".timer")):
            text = (render.FOLDER / name).read_text().replace(render.PYTHON, sys.executable)
            units.append(tmp_path / name)
            units[-1].write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *units],
        check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_check_tells_once_when_a_session_is_due_and_when_it_has_ended(
    engineer: Engineer,
) -> None:
    """And nothing before."""
    for left, count in (2 * WARN, 0), (WARN / 2, 1), (-WARN, 2):
        engineer.session_ends_in(left)
        for _ in range(2):
            engineer.job_runs()
            assert len(engineer.told()) == count
    due, ended = engineer.told()
    assert f"AWS session {PROFILE} ends in " in due
    assert f"AWS session {PROFILE} ended " in ended
