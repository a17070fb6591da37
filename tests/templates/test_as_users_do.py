"""The commands that a user types, at a bare clone of this repository."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.templates.catalogue import ROOT, TEMPLATES, Template
from tests.templates.conftest import files_in


class User:
    """Somebody who types commands, at first in an empty folder."""

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


def test_the_menu_offers_every_template() -> None:
    """Those that are there, in the order of the menu."""
    offered = json.loads((ROOT / "cookiecutter.json").read_text())["templates"]
    assert list(offered) == [template.name for template in TEMPLATES]
    assert set(offered) == set(os.listdir(ROOT / "templates"))
    for name, entry in offered.items():
        assert entry == {"path": f"./templates/{name}", "title": name} | {
            "description": entry["description"]
        }


def test_from_the_menu(user: User, clone: Path, template: Template) -> None:
    """Which one is asked first; the defaults work as they stand."""
    number = TEMPLATES.index(template) + 1
    answers = f"{number}\n" + "\n" * len(template.questions)
    done = user.types("cookiecutter", f"file://{clone}", answers=answers)
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    assert set(files_in(project)) == template.files_of({})


def test_directly(user: User, clone: Path, template: Template) -> None:
    """With --directory, one template is taken without the menu."""
    where = f"templates/{template.name}"
    done = user.types("cookiecutter", "--no-input", f"file://{clone}", "--directory", where)
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    assert set(files_in(project)) == template.files_of({})


def test_a_wrong_answer_is_told_as_such(user: User, clone: Path) -> None:
    """All of them, each in a line; and nothing is written."""
    answers = "1\n{{ 7 * 7 }}\nNo Slug\n" + "\n" * 6
    done = user.types("cookiecutter", f"file://{clone}", answers=answers)
    assert done.returncode != 0
    for question in "team", "slug":
        assert [line for line in done.stderr.splitlines() if line.startswith(f"{question} cannot")]
    assert os.listdir(user.folder) == []


def test_what_is_improved_is_taken_up(
    user: User, clone: Path, template: Template, tmp_path: Path
) -> None:
    """By cruft, from an older tag; what the team has changed stays."""
    server, upstream = tmp_path / "server.git", tmp_path / "upstream"
    user.types("git", "clone", "--quiet", "--bare", str(clone), str(server))
    user.types("git", "tag", "before", cwd=server)
    where = ["--directory", f"templates/{template.name}"]
    done = user.types(
        "cruft", "create", f"file://{server}", *where, "--checkout", "before", "--no-input"
    )
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
    assert (project / "README.md").read_text().endswith("\nImproved for Payments.\n")
    assert ours.read_text().endswith("\n/ours/\n")
    assert user.types("cruft", "check", cwd=project).returncode == 0


def commit(user: User, folder: Path) -> None:
    user.types("git", "init", "--quiet", cwd=folder)
    user.types("git", "add", "--all", cwd=folder)
    assert user.types("git", "commit", "--quiet", "--message", "Change", cwd=folder).returncode == 0
