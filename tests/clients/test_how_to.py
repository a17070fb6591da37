"""The programs in the how-to do what it says of them, as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture
def program(home: Any, tmp_path: Path) -> Any:
    """Save the one program in that language to a file; the programs of this Python come first."""
    beside = str(Path(sys.executable).parent)
    home.environ["PATH"] = os.pathsep.join((beside, home.environ["PATH"]))
    text = (ROOT / "docs" / "how-to" / "test-your-login-tool.md").read_text()

    def save(language: str, path: Path) -> Path:
        [code] = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        path.write_text(code)
        return path

    return save


def test_the_pytest_example_works_with_the_plugins_fixtures_alone(
    home: Any, program: Any, tmp_path: Path
) -> None:
    test = program("python", tmp_path / "test_login.py")
    done = home.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test))
    assert (done.returncode, "5 passed" in done.stdout) == (0, True), done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the PATH")
def test_the_shell_example_works_and_its_simulator_ends(
    home: Any, program: Any, tmp_path: Path
) -> None:
    done = home.run("sh", str(program("sh", tmp_path / "test-login.sh")))
    assert (done.returncode, done.stdout.count("ok: ")) == (0, 3), done.stderr


def test_the_javascript_example_works_in_nodes_test_runner(
    home: Any, program: Any, javascript: Path
) -> None:
    test = program("js", javascript / "login.test.mjs")
    done = home.run("node", "--test", str(test))
    assert done.returncode == 0, done.stdout
