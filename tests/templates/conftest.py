"""Fixtures for the templates: projects that cookiecutter makes of them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter
from tests.roles import make_role
from tests.schedule.conftest import write_desktop
from tests.templates.catalogue import ROOT, SERVER, TEMPLATES, Template

Bake = Callable[..., Path]


def as_typed(answer: str) -> str:
    """Escape an answer for cookiecutter, which would render it as a template otherwise."""
    return f"{{% raw %}}{answer}{{% endraw %}}"


@pytest.fixture(scope="session")
def cookiecutter_config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Keep cookiecutter's records out of the home."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    path = folder / "config.yaml"
    path.write_text(f"cookiecutters_dir: {folder}/clones\nreplay_dir: {folder}/replay\n")
    return str(path)


@pytest.fixture(scope="session")
def bake(tmp_path_factory: pytest.TempPathFactory, cookiecutter_config: str) -> Callable[..., Path]:
    """Make a project of a template, in a new folder or the one that is named.

    If nothing else is answered, mfakit comes from a package index.
    """

    def make(template: Template, folder: Path | None = None, /, **answers: str) -> Path:
        chosen = {
            question: answer
            if isinstance(template.questions.get(question), list)
            else as_typed(answer)
            for question, answer in {"mfakit_source": "mfakit", **answers}.items()
        }
        made = cookiecutter(
            str(template.folder),
            no_input=True,
            extra_context=chosen,
            output_dir=str(folder or tmp_path_factory.mktemp("project")),
            config_file=cookiecutter_config,
            overwrite_if_exists=True,
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


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone this repository bare, as a server has it, but with its last commit alone.

    Each of the many clones that are made of it would have the whole history packed again.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    path = tmp_path_factory.mktemp("server") / "mfakit.git"
    of_one_branch = ("--bare", "--shared", "--single-branch", "--no-tags")
    subprocess.run(["git", "clone", "--quiet", *of_one_branch, ROOT, path], check=True)
    git = ("git", "-C", str(path), "-c", "user.name=Eve", "-c", "user.email=eve@example.org")
    alone = _said_by(*git, "commit-tree", "-m", "All of it", "HEAD^{tree}")
    subprocess.run([*git, "update-ref", "HEAD", alone], check=True)
    return path


def head_of(repository: Path) -> str:
    """Return the commit that a repository is at."""
    return _said_by("git", "-C", str(repository), "rev-parse", "HEAD")


def serve(place: Any, repository: Path, server: str = SERVER) -> str:
    """Return a URL by which git, in this home, reaches a repository on the disk."""
    with (place.folder / ".gitconfig").open("a") as config:
        config.write(f'[url "file://{repository.parent}/"]\ninsteadOf = {server}/\n')
    return f"{server}/{repository.name}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build mfakit's wheel from this tree, once."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture
def place(home: Any, wheel: Path) -> Any:
    """A home where tools find mfakit as if it was published, with caches that all tests share.

    It has a desktop and schedulers of its own: nothing is shown to who runs this, nor installed.
    """
    programs = home.folder / ".local" / "bin"
    programs.mkdir(parents=True)
    write_desktop(programs)
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    links = os.environ.get("PIP_FIND_LINKS", "").split()
    home.environ |= {
        "PATH": os.pathsep.join(path),
        "PIPX_HOME": str(home.folder / "pipx"),
        "PIPX_BIN_DIR": str(programs),
        "PIP_CACHE_DIR": _said_once_by(sys.executable, "-m", "pip", "cache", "dir"),
        "UV_CACHE_DIR": _said_once_by("uv", "cache", "dir"),
        "PIP_NO_COMPILE": "no",  # pip's way to say that it is not to compile all of moto
        "PIP_FIND_LINKS": " ".join([*links, str(wheel.parent)]),
        "UV_FIND_LINKS": str(wheel.parent),
        "GIT_CONFIG_GLOBAL": str(home.folder / ".gitconfig"),
        "MYPY_CACHE_DIR": str(wheel.parent / "mypy"),
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere",
    }
    (home.folder / ".gitconfig").write_text("[user]\nname = Eve\nemail = eve@example.org\n")
    return home


@pytest.fixture
def engineer(place: Any, aws: Any, alice: Any, template: Template) -> Any:
    """A user whose codes come from a program, and whom the team's roles trust."""
    for role in template.roles:
        make_role(aws, role, alice.arn)
    script = place.folder / "code.py"
    script.write_text(
        "import json, urllib.request as web\n"
        f"url = {place.environ['AWS_ENDPOINT_URL']!r} + '/_mfakit/code?user=alice&advance=true'\n"
        f"headers = {{'X-Mfakit-Token': {aws.control_token!r}}}\n"
        "request = web.Request(url, method='POST', headers=headers)\n"
        "print(json.load(web.urlopen(request))['code'])\n"
    )
    command = shlex.join([sys.executable, str(script)])
    place.write_config(f"[default]\nmfakit_token_command = {command}\n")
    return alice


@cache
def _said_once_by(*command: str) -> str:
    return _said_by(*command)


def _said_by(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
