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
from tests.docs.page import Step, steps

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
            # Both take longer than all else that the two do: a terminal is read here, too.
            "PIP_NO_COMPILE": "no",  # which is how pip is told not to compile
            "UV_NO_PROGRESS": "1",
        }

    def take(self, step: Step) -> None:
        """Carry out one step; where a page goes on at another machine, go on without a session."""
        if step.kind == "new home":
            self._leave()
            self.paste("mfakit logout\n")
        else:
            super().take(step)

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


_ENGLISH = ("README.md", "docs/tutorial/first-session.md")
_CHINESE = ("README.zh-CN.md", "docs/zh-CN/tutorial/first-session.md")


@pytest.mark.parametrize("page", [_ENGLISH[0], _CHINESE[0]])
def test_the_first_lines_of_the_readme_are_those_that_ci_runs(page: str) -> None:
    demo, tests, *_ = (step.text.strip() for step in steps(page) if step.kind == "sh")
    done = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    assert f"\n{demo}\n" in done
    assert f"\ntime {tests}\n" in done


@pytest.mark.parametrize(
    ("pages", "language", "programs", "installer"),
    [
        (_ENGLISH, "C", ("pipx",), "pipx install"),
        (_ENGLISH[:1], "en_US.UTF-8", (), _PIP),
        (_CHINESE, "zh_CN.UTF-8", ("uv", "uvx"), "uv tool install"),
    ],
    ids=["pipx", "pip", "uv"],
)
def test_the_lines_of_readme_and_tutorial_lead_to_a_session(
    newcomer: Newcomer, pages: tuple[str, ...], installer: str
) -> None:
    """Pasted unchanged, they install and log in."""
    for page, what in zip(pages, (".", "--force '.[testing]'"), strict=False):
        line = installer if installer == _PIP else f"{installer} {what}"
        text = (ROOT / page).read_text(encoding="utf-8")
        assert f"`{line}`" in text or f"\n{line}\n" in text
        newcomer.paste(f"{line}\n")
        taken = [step for step in steps(page) if step.kind in ("console", "before", "new home")]
        assert any(step.kind == "console" for step in taken)
        for step in taken:
            if step.not_run is None:
                newcomer.take(step)
