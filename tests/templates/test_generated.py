"""Projects made of the templates: installed, tested and used, as their README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.templates.catalogue import TEMPLATES, Template
from tests.templates.conftest import Bake, serve

VARIANTS = [
    pytest.param(template, variant, id=f"{template.name}-{number}")
    for template in TEMPLATES
    for number, variant in enumerate(template.variants)
]


def commands_of(readme: str) -> list[str]:
    """Collect the commands of a README: its blocks for a shell, then those in its tables."""
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    rows = [line for line in readme.splitlines() if line.startswith("| ")]
    return blocks + [command for row in rows for command in re.findall(r"`([^`]+ [^`]+)`", row)]


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment for project after project, since a new one compiles all of moto.

    The one of the README's test is new for each template.
    """
    path = tmp_path_factory.mktemp("venv") / "venv"
    subprocess.run(["uv", "venv", "--quiet", path], check=True)
    return path


def skip_without(template: Template) -> None:
    missing = [program for program in template.needs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} is not installed")


@pytest.mark.usefixtures("engineer")
def test_every_command_of_the_readme_works(
    place: Any, clone: Path, template: Template, tmp_path: Path
) -> None:
    """A user with a device runs them at a simulated AWS, from the installation to the tests.

    The project is made with all defaults, so mfakit is the one of the last commit.
    """
    skip_without(template)
    made = place.run(
        "cookiecutter",
        "--no-input",
        f"--output-dir={tmp_path}",
        serve(place, clone),
        f"--directory=templates/{template.name}",
    )
    assert made.returncode == 0, made.stdout + made.stderr
    [project] = (path.parent for path in tmp_path.glob("*/.cruft.json"))
    if (options := project / "hosts.options").exists():  # here is no node_exporter
        folder = "/var/lib/prometheus/node-exporter"
        options.write_text(options.read_text().replace(folder, str(tmp_path)))
    commands = commands_of((project / "README.md").read_text())
    assert len(commands) > 1
    for command in commands:
        done = subprocess.run(
            [*template.typed_in, command],
            check=False,
            cwd=project,
            env=place.environ,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("template", "variant"), VARIANTS)
def test_the_tests_of_each_generated_project_pass(
    bake: Bake,
    place: Any,
    wheel: Path,
    clone: Path,
    venv: Path,
    template: Template,
    variant: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They pass with other answers, too, and with mfakit from another source."""
    skip_without(template)
    answers = {key: value.format(wheel=wheel) for key, value in variant.items()}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", place.environ["GIT_CONFIG_GLOBAL"])
    serve(place, clone)
    project = bake(template, **answers)
    environ = place.environ | {"VIRTUAL_ENV": str(venv)}
    environ["PATH"] = os.pathsep.join([str(venv / "bin"), environ["PATH"]])
    install = f"uv pip install --quiet {' '.join(template.installs)}"
    done = subprocess.run(
        ["sh", "-euc", f"{install}\n{template.tests}"],
        check=False,
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
