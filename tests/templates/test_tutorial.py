"""The tutorial, step by step, at a simulated AWS, by two people with a terminal each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Home
from tests.exchange.conftest import TerminalProcess
from tests.roles import make_role
from tests.templates.catalogue import ROOT
from tests.templates.conftest import serve

PAGE = ROOT / "docs" / "tutorial" / "team-wrapper.md"
SECONDS = 120


@pytest.fixture
def steps(tmp_path: Path, clone: Path, place: Home) -> list[str]:
    """The page's lines for a shell, for which a folder is the example's git server."""
    server = tmp_path / "server"
    server.mkdir()
    (server / "mfakit.git").symlink_to(clone)
    serve(place, server / "payments-mfa.git")
    page = PAGE.read_text()
    return [page, *re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]


@pytest.fixture
def terminal() -> Iterator[Any]:
    """Start a shell on a terminal of its own, which ends at the first line that fails."""
    started = []

    def start(home: Home, folder: Path, script: str) -> TerminalProcess:
        environ = home.environ | {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
        script = f"cd '{folder}'\n{script}"
        started.append(TerminalProcess(["sh", "-euxc", script], environ))
        return started[-1]

    yield start
    for process in started:
        process.close()


def test_the_tutorial_leads_to_a_teammates_first_login(
    place: Home, aws: Any, alice: Any, steps: list[str], terminal: Any, tmp_path: Path
) -> None:
    page, *blocks = steps
    generate, see, publish, first_login, work = blocks
    repository = tmp_path / "server" / "payments-mfa.git"
    author = terminal(place, tmp_path, f"git init --bare -b main {repository}\n{generate}")
    for question, answer in re.findall(r"^\| ([A-Z][^|]+) \| ([^|]+) \|$", page, re.MULTILINE):
        author.read_until(question, SECONDS)
        author.read_until("): ", SECONDS)
        author.type(f"{answer}\n")
    assert author.wait(SECONDS) == 0, author.screen
    author = terminal(place, tmp_path, see + publish)
    assert author.wait(SECONDS) == 0, author.screen
    assert re.search(r"\d+ passed", author.screen)

    for role in "developer", "admin":
        make_role(aws, role, alice.arn)
    teammate = terminal(place, tmp_path, first_login + work)
    teammate.read_until(alice.device.serial_number, SECONDS)
    teammate.type(f"{alice.device.code()}\n")
    assert teammate.wait(SECONDS) == 0, teammate.screen
    roles = re.findall(r":assumed-role/(\w+)/", teammate.screen)
    assert list(dict.fromkeys(roles)) == ["developer", "admin"]
    assert re.search(r"^payments-mfa: valid, until .*\(7h59m left\)", teammate.screen, re.MULTILINE)
