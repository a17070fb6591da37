"""`mfakit demo`: all of it, by real processes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest


def at_work_in(folder: Path) -> list[str]:
    """Return the processes whose working directory is there, even if it was removed."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.readlink(process / "cwd").startswith(str(folder)):
                found.append(process.name)
    return found


@pytest.mark.long
def test_the_demo_does_what_it_claims_and_leaves_nothing(home, tmp_path) -> None:
    """It runs with the AWS CLI of these tests, and leaves the home of its user alone."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = home.mfakit("demo", TMPDIR=str(temporary))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it worked." in done.stdout
    assert "The AWS CLI is " in done.stdout
    assert "for the 15m that was asked for\n" in done.stdout
    assert os.listdir(temporary) == []
    assert os.listdir(home.credentials.parent) == []
    assert at_work_in(temporary) == []


def test_a_missing_extra_is_named_with_the_line_that_installs_it(home, tmp_path) -> None:
    """A plain installation has no simulator."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'moto' else find(name, *rest)\n"
    )
    done = home.mfakit("simulate", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "pip install " in done.stderr
    assert sys.executable in done.stderr
    assert "moto[s3]>=" in done.stderr
