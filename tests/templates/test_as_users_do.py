"""The commands that a user types, at a bare clone of this repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.conftest import TerminalProcess
from tests.templates.catalogue import BY_NAME, ROOT, TEMPLATES, Template
from tests.templates.conftest import Bake, files_in, head_of, serve


class User:
    """A user who types commands, at first in an empty folder."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self._environ = environ

    def types(
        self, *command: str, answers: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            cwd=cwd or self.folder,
            env=self._environ,
            input=answers,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def user(place: Any, tmp_path: Path) -> User:
    folder = tmp_path / "work"
    folder.mkdir()
    return User(folder, place.environ)


@pytest.fixture
def url(place: Any, clone: Path) -> str:
    """Return the address of this repository on a git server."""
    return serve(place, clone)


def test_the_menu_offers_every_template_in_order() -> None:
    offered = json.loads((ROOT / "cookiecutter.json").read_text())["templates"]
    assert list(offered) == [template.name for template in TEMPLATES]
    assert set(offered) == set(os.listdir(ROOT / "templates"))
    for name, entry in offered.items():
        assert entry == {"path": f"./templates/{name}", "title": name} | {
            "description": entry["description"]
        }


def test_a_project_can_be_made_from_the_menu_with_the_defaults(
    user: User, url: str, clone: Path, template: Template
) -> None:
    """mfakit is the template's own, at the commit that the template was taken from."""
    number = TEMPLATES.index(template) + 1
    answers = f"{number}\n" + "\n" * len(template.questions)
    done = user.types("cookiecutter", url, answers=answers)
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    assert set(files_in(project)) == template.files_of({})
    assert f" @ git+{url}@{head_of(clone)}" in (project / "pyproject.toml").read_text()


def test_a_project_can_be_made_directly_with_directory(
    user: User, url: str, clone: Path, template: Template
) -> None:
    where = f"templates/{template.name}"
    done = user.types("cookiecutter", "--no-input", url, "--directory", where)
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    assert set(files_in(project)) == template.files_of({})


def test_every_wrong_answer_is_reported_on_a_line_and_nothing_is_written(
    user: User, clone: Path
) -> None:
    answers = "1\n{{ 7 * 7 }}\nNo Slug\n" + "\n" * 7
    done = user.types("cookiecutter", f"file://{clone}", answers=answers)
    assert done.returncode != 0
    for question in "team", "slug":
        assert [line for line in done.stderr.splitlines() if line.startswith(f"{question} cannot")]
    assert os.listdir(user.folder) == []


def test_at_a_terminal_a_refused_answer_is_a_line_and_the_other_answers_are_kept(
    place: Any, clone: Path, tmp_path: Path
) -> None:
    """The command that is shown asks again, with them as what the return key takes."""
    place.environ |= {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    where = ["--directory", "templates/shell-wrapper", "--output-dir", str(tmp_path / "out")]
    asked = TerminalProcess(["cookiecutter", f"file://{clone}", *where], place.environ)
    try:
        for answer in "Ops & Co", "No Slug", "", "", "9h", "", "mfakit":
            asked.read_until("): ", 60)
            asked.type(f"{answer}\n")
        assert asked.wait(60) == 1
        screen = asked.screen
    finally:
        asked.close()
    assert "Traceback" not in screen
    assert "slug cannot be 'No Slug'" in screen
    [again] = re.findall(r"with your other answers: (.*)", screen)
    assert os.listdir(tmp_path / "out") == []
    command = shlex.split(again.strip())
    done = place.run(*command, "--no-input", "--output-dir", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path / "out" / "ops-co-shell" / "shell" / "functions.sh"
    assert "9h" in made.read_text()


@pytest.mark.parametrize(
    ("template", "maker"),
    [
        *(pytest.param(one, "cookiecutter", id=one.name) for one in TEMPLATES),
        pytest.param(TEMPLATES[0], "cruft", id="made by cruft"),  # as it makes any template
    ],
)
def test_cruft_updates_a_project_and_keeps_the_teams_changes(
    user: User, clone: Path, template: Template, tmp_path: Path, place: Any, maker: str
) -> None:
    """It knows the answers and the commit, whichever of the two tools made the project."""
    server, upstream = tmp_path / "server" / "mfakit.git", tmp_path / "upstream"
    user.types("git", "clone", "--quiet", "--bare", str(clone), str(server))
    url = serve(place, server)
    before = head_of(server)
    where = ["--directory", f"templates/{template.name}"]
    if maker == "cruft":
        command = ["cruft", "create", url, *where, "--no-input", "--extra-context"]
        done = user.types(*command, '{"team": "Ops"}')
    else:
        done = user.types("cookiecutter", url, *where, "--no-input", "team=Ops")
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    ours = project / ".gitignore"
    ours.write_text(f"{ours.read_text()}/ours/\n")
    commit(user, project)

    user.types("git", "clone", "--quiet", str(server), str(upstream))
    readme = upstream / "templates" / template.name / "{{cookiecutter.__folder}}" / "README.md"
    readme.write_text(f"{readme.read_text()}\nImproved for {{{{ cookiecutter.team }}}}.\n")
    commit(user, upstream)
    assert user.types("git", "push", "--quiet", cwd=upstream).returncode == 0

    assert user.types("cruft", "check", cwd=project).returncode == 1
    done = user.types("cruft", "update", "--skip-apply-ask", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "README.md").read_text().endswith("\nImproved for Ops.\n")
    assert ours.read_text().endswith("\n/ours/\n")
    assert user.types("cruft", "check", cwd=project).returncode == 0
    raised = (project / "pyproject.toml").read_text()
    assert (head_of(server) in raised, before in raised) == (True, False)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="that pip needs an older Python")
def test_pip_of_debian_12_installs_mfakit_from_a_folder(
    bake: Bake, place: Any, clone: Path, tmp_path: Path
) -> None:
    """pipx of Debian 12 uses that pip, 23.0.1, too."""
    folder, venv = tmp_path / "my mfakit", tmp_path / "venv"
    place.run("git", "clone", "--quiet", str(clone), str(folder))
    assert place.run("uv", "venv", "--quiet", str(venv)).returncode == 0
    old = place.run("uv", "pip", "install", "--quiet", "pip==23.0.1", VIRTUAL_ENV=str(venv))
    assert old.returncode == 0, old.stderr
    requirements = set()
    for source in str(folder), folder.as_uri():
        project = bake(BY_NAME["team-cli"], mfakit_source=source)
        written = (project / "pyproject.toml").read_text()
        requirements |= set(re.findall(r'"(mfakit @ .*?)"', written))
    [required] = requirements
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--quiet", "install", "--no-deps"]
    done = place.run(*pip, required)
    assert done.returncode == 0, done.stderr


def commit(user: User, folder: Path) -> None:
    user.types("git", "init", "--quiet", cwd=folder)
    user.types("git", "add", "--all", cwd=folder)
    assert user.types("git", "commit", "--quiet", "--message", "Change", cwd=folder).returncode == 0
