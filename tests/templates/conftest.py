"""What the tests of the templates share: projects made of them, as cookiecutter makes them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from tests.templates.catalogue import TEMPLATES, Template

Bake = Callable[..., Path]


def as_typed(answer: str) -> str:
    """Let cookiecutter take an answer as at its prompt: a given one would be a template itself."""
    return f"{{% raw %}}{answer}{{% endraw %}}"


@pytest.fixture(scope="session")
def cookiecutter_config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Keep what cookiecutter notes down out of the home."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    path = folder / "config.yaml"
    path.write_text(f"cookiecutters_dir: {folder}/clones\nreplay_dir: {folder}/replay\n")
    return str(path)


@pytest.fixture(scope="session")
def bake(tmp_path_factory: pytest.TempPathFactory, cookiecutter_config: str) -> Callable[..., Path]:
    """Make a project of a template, in a new folder or the one that is named."""

    def make(template: Template, folder: Path | None = None, /, **answers: str) -> Path:
        chosen = {
            question: answer
            if isinstance(template.questions.get(question), list)
            else as_typed(answer)
            for question, answer in answers.items()
        }
        made = cookiecutter(
            str(template.folder),
            no_input=True,
            extra_context=chosen,
            output_dir=str(folder or tmp_path_factory.mktemp("project")),
            config_file=cookiecutter_config,
        )
        return Path(made)

    return make


@pytest.fixture(params=TEMPLATES, ids=lambda template: template.name)
def template(request: pytest.FixtureRequest) -> Template:
    """Each template."""
    return request.param


def files_in(project: Path) -> dict[str, Path]:
    """Find the files of a project, by their names in it."""
    found = (Path(folder, name) for folder, _, names in os.walk(project) for name in names)
    return {path.relative_to(project).as_posix(): path for path in found}
