"""The manual page: made from the table of commands, and read by the real programs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mfakit.cli.commands import COMMANDS

PROGRAM = Path(__file__).parents[2] / "docs" / "_ext" / "man_page.py"


@pytest.fixture(scope="module")
def page() -> str:
    """Its source."""
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not on the PATH")
def test_groff_shows_every_option_without_a_warning(page: str) -> None:
    """Each option is shown as it is typed, and no help text is cut."""
    command = ["groff", "-man", "-Tascii", "-ww", "-P-cbou", "-rHY=0", "-rLL=200n"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = " ".join(done.stdout.split())
    for command in COMMANDS.values():
        assert command.example in shown
        for option in command.options:
            assert option.names[-1] in shown or option.is_positional
            assert " ".join(option.settings["help"].split()) in shown


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not on the PATH")
def test_mandoc_accepts_the_man_page(page: str) -> None:
    """macOS, Alpine and the BSDs read it with mandoc."""
    command = ["mandoc", "-T", "lint", "-W", "warning"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    complaints = done.stdout.splitlines()
    assert [line for line in complaints if not re.search("missing date|outdated", line)] == []
