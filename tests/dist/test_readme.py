"""With the README alone, a newcomer gets from the project's files to a session."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dist.conftest import ROOT, Environment

if sys.platform == "win32":
    pytest.skip("the README's lines are for a POSIX shell", allow_module_level=True)

from tests.docs.conftest import Reader
from tests.docs.page import steps

_PIP = 'python3 -m venv .venv && .venv/bin/pip install . && export PATH="$PWD/.venv/bin:$PATH"'
_OF_THE_NETWORK = ("PIP_", "UV_", "SSL_CERT_")


class Newcomer(Reader):
    """A newcomer who has Python, the AWS CLI, an access key, and only the named programs besides.

    Args:
        folder: an empty folder.
        programs: what is installed, by whole paths.
        language: as LANG has it.
    """

    def __init__(self, folder: Path, programs: list[Path], language: str) -> None:
        self._programs = programs
        self._language = language
        super().__init__(folder)

    def move(self) -> None:
        """Change to a machine where nothing has been done yet."""
        super().move()
        home = self._home.folder
        for program in self._programs:
            (home / "bin" / program.name).symlink_to(program)
        places = (home / "bin", home / ".local/bin", Path(sys.base_prefix, "bin"))
        kept = {name: value for name, value in os.environ.items() if _is_of_the_network(name)}
        self._home.environ = kept | {
            name: self._home.environ[name]
            for name in ("HOME", "SHELL", "TERM", "COLUMNS", "LINES", "TZ", *self._environ)
        }
        self._home.environ |= {
            "PATH": os.pathsep.join([*map(str, places), os.defpath]),
            "LANG": self._language,
        }

    def unpack(self, sdist: Path) -> None:
        """Unpack the project's files, and change to their folder."""
        with tarfile.open(sdist) as archive:
            archive.extractall(self._home.folder, filter="data")
        self.paste(f"cd {sdist.name.removesuffix('.tar.gz')}\n")

    def paste(self, text: str) -> str:
        """Paste lines, each of which has to succeed; return what they show."""
        return self._shell("").script(text)


def _is_of_the_network(name: str) -> bool:
    return name.startswith(_OF_THE_NETWORK) or name.lower().endswith("_proxy")


@pytest.fixture(scope="session")
def aws_cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the AWS CLI, whose requirements are at odds with those of other tools."""
    environment = Environment(tmp_path_factory.mktemp("aws-cli"))
    environment.install("awscli")
    return Path(environment.program("aws"))


@pytest.fixture
def newcomer(
    tmp_path: Path, sdist: Path, aws_cli: Path, programs: tuple[str, ...], language: str
) -> Iterator[Newcomer]:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    installed = [aws_cli, *(Path(sys.prefix, "bin", name) for name in programs)]
    someone = Newcomer(tmp_path, installed, language)
    try:
        someone.unpack(sdist)
        yield someone
    finally:
        someone.close()


@pytest.mark.parametrize(
    ("page", "language", "programs", "install"),
    [
        ("README.md", "C", ("pipx",), "pipx install ."),
        ("README.md", "en_US.UTF-8", ("uv", "uvx"), "uv tool install ."),
        ("README.zh-CN.md", "zh_CN.UTF-8", (), _PIP),
    ],
    ids=["pipx", "uv", "pip"],
)
def test_the_lines_of_the_readme_lead_to_a_session(newcomer: Newcomer, page: str, install: str) -> None:
    """Pasted unchanged, they show the main job, install, and log in."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert f"`{install}`" in text or f"\n{install}\n" in text
    demo, *_ = (step.text for step in steps(page) if step.kind == "sh")
    assert "All of it worked." in newcomer.paste(demo)
    newcomer.paste(f"{install}\n")
    transcripts = [step for step in steps(page) if step.kind == "console"]
    assert transcripts
    for step in transcripts:
        newcomer.take(step)
