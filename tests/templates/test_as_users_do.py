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


def test_the_menu_offers_every_template_in_order() -> None:
    offered = json.loads((ROOT / "cookiecutter.json").read_text())["templates"]
    assert list(offered) == [template.name for template in TEMPLATES]
    assert set(offered) == set(os.listdir(ROOT / "templates"))
    for name, entry in offered.items():
        assert entry == {"path": f"./templates/{name}", "title": name} | {
            "description": entry["description"]
        }


def test_a_project_can_be_made_from_the_menu_with_the_defaults(
    user: User, clone: Path, template: Template
) -> None:
    number = TEMPLATES.index(template) + 1
    answers = f"{number}\n" + "\n" * len(template.questions)
    done = user.types("cookiecutter", f"file://{clone}", answers=answers)
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    assert set(files_in(project)) == template.files_of({})


def test_a_project_can_be_made_directly_with_directory(
    user: User, clone: Path, template: Template
) -> None:
    where = f"templates/{template.name}"
    done = user.types("cookiecutter", "--no-input", f"file://{clone}", "--directory", where)
    assert done.returncode == 0, done.stdout + done.stderr
    [project] = user.folder.iterdir()
    assert set(files_in(project)) == template.files_of({})


def test_every_wrong_answer_is_reported_on_a_line_and_nothing_is_written(
    user: User, clone: Path
) -> None:
    answers = "1\n{{ 7 * 7 }}\nNo Slug\n" + "\n" * 6
    done = user.types("cookiecutter", f"file://{clone}", answers=answers)
    assert done.returncode != 0
    for question in "team", "slug":
        assert [line for line in done.stderr.splitlines() if line.startswith(f"{question} cannot")]
    assert os.listdir(user.folder) == []


def test_cruft_updates_a_project_and_keeps_the_teams_changes(
    user: User, clone: Path, template: Template, tmp_path: Path
) -> None:
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
