"""The files of the schedulers are what mfakit prints, and their job notifies users in time."""

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
    """Return the files as mfakit prints them, once for all tests."""
    return render.files()


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_what_mfakit_prints(printed: dict[str, str], name: str) -> None:
    """The two are compared byte for byte."""
    assert (render.FOLDER / name).read_bytes() == printed[name].encode(), "try: nox -s render"


def test_each_scheduler_has_its_files_and_there_are_no_others(printed: dict[str, str]) -> None:
    """A file that mfakit does not print would grow old unnoticed."""
    assert sorted(printed) == NAMES


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_its_units(tmp_path: Path) -> None:
    """The units name this Python here, since systemd wants the program to exist."""
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


def test_the_check_notifies_once_when_a_session_is_due_and_once_when_it_has_ended(
    engineer: Engineer,
) -> None:
    """Before that, it sends nothing."""
    for left, count in (2 * WARN, 0), (WARN / 2, 1), (-WARN, 2):
        engineer.session_ends_in(left)
        for _ in range(2):
            engineer.job_runs()
            assert len(engineer.told()) == count
    due, ended = engineer.told()
    assert f"AWS session {PROFILE} ends in " in due
    assert f"AWS session {PROFILE} ended " in ended
