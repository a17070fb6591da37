"""The generated projects, for every choice and many typed answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.templates.catalogue import BY_NAME, NASTY, ROOT, TEMPLATES, Template
from tests.templates.conftest import Bake, files_in

ALL_CHOICES = [
    pytest.param(template, answers, id="-".join([template.name, *answers.values()]))
    for template in TEMPLATES
    for answers in template.combinations()
]
# ${{ }} is GitHub's, and {{ $x }} Prometheus'
LEFT_OVER = re.compile(r"(?<!\$)\{\{(?! \$)|\{%|cookiecutter\.")
REGIONS = {
    "aws": ["us-east-1", "ap-southeast-7", "mx-central-1"],
    "aws-us-gov": ["us-gov-west-1", "us-gov-east-1"],
    "aws-cn": ["cn-north-1", "cn-northwest-1"],
}


def check(project: Path) -> None:
    """Check that every file of the project is well-formed, and has no template syntax in it."""
    for name, path in files_in(project).items():
        text = path.read_text()
        assert not LEFT_OVER.search(name + text), name
        assert text == "" or text.endswith("\n"), name
        match path.suffix:
            case ".py":
                compile(text, name, "exec")
            case ".json":
                json.loads(text)
            case ".toml":
                tomllib.loads(text)
            case ".yml" | ".yaml":
                assert yaml.safe_load(text)
    for command in ["check", "--quiet"], ["format", "--check", "--quiet"]:
        done = subprocess.run(
            ["ruff", *command, "--no-cache"],
            check=False,
            cwd=project,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("template", "answers"), ALL_CHOICES)
def test_each_choice_makes_exactly_these_files(
    bake: Bake, template: Template, answers: dict[str, str]
) -> None:
    """All of them are well-formed."""
    project = bake(template, **answers)
    assert set(files_in(project)) == template.files_of(answers)
    check(project)


def test_nasty_names_do_no_harm(bake: Bake, template: Template) -> None:
    """They have spaces, quotes, umlauts, and characters that shells and formatters expand."""
    project = bake(template, team=NASTY, slug="payments")
    assert set(files_in(project)) == template.files_of({})
    check(project)


def test_each_workflow_is_as_safe_as_our_own(bake: Bake, template: Template) -> None:
    """Its actions are pinned to the same commits as ours, and zizmor finds nothing."""
    project = bake(template)
    ours = "".join(path.read_text() for path in (ROOT / ".github/workflows").iterdir())
    actions = re.findall(r"uses: .*", (project / ".github/workflows/ci.yml").read_text())
    assert actions
    assert [action for action in actions if action not in ours] == []
    done = subprocess.run(
        ["zizmor", "--offline", "--quiet", ".github"],
        check=False,
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_release_of_a_linter_or_warning_of_a_library_turns_the_ci_red(
    bake: Bake, template: Template
) -> None:
    described = (bake(template) / "pyproject.toml").read_text()
    assert "filterwarnings" not in described
    linters = re.findall(r'"((?:ruff|mypy|cfn-lint)\b.*?)"', described)
    assert linters
    assert [one for one in linters if not re.fullmatch(r"[a-z-]+>=[\d.]+,<[\d.]+", one)] == []


printable = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=64
).filter(lambda text: text == text.strip() and not re.search(r"[{][#%{]|[#%}][}]", text))
slugs = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True).filter(
    lambda slug: slug != "aws"
)
role_names = st.lists(
    st.from_regex(r"[A-Za-z0-9_+=.@][A-Za-z0-9_+=.@-]{0,63}", fullmatch=True).filter(
        lambda name: name.lower() != "mfa"
    ),
    min_size=1,
    max_size=4,
    unique_by=str.lower,
)
places = st.sampled_from([(part, region) for part, names in REGIONS.items() for region in names])
sources = st.sampled_from(
    ["mfakit", "https://host/a/b.git@v1", "ssh://git@host/b@1.0", "/a b/\u00fc", "C:\\a b\\c"]
)


@given(printable, slugs, role_names, places, sources, st.from_regex(r"[0-9]{12}", fullmatch=True))
@settings(max_examples=30, deadline=None)
def test_the_generated_command_knows_the_answers(
    bake: Bake,
    team: str,
    slug: str,
    roles: list[str],
    place: tuple[str, str],
    source: str,
    account_id: str,
) -> None:
    """This holds for any names of the team, its roles and its account."""
    partition, region = place
    answers = {"team": team, "slug": slug, "roles": ", ".join(roles), "region": region}
    project = bake(
        BY_NAME["team-cli"],
        **answers,
        partition=partition,
        mfakit_source=source,
        account_id=account_id,
    )
    check(project)
    assert project.name == f"{slug}-mfa"
    [data] = project.glob("src/*/team.toml")
    told = tomllib.loads(data.read_text())
    assert (told["name"], told["partition"], told["region"]) == (team, partition, region)
    assert (told["account_id"], told["command"]) == (account_id, project.name)
    assert {name: role["profile"] for name, role in told["roles"].items()} == {
        name: f"{slug}-{name}" for name in roles
    }
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert described["description"].endswith(team)


def test_the_templates_can_be_cloned_on_windows(template: Template) -> None:
    """No name has a forbidden letter, none is a link, and no two differ only by case."""
    paths = [Path(folder, name) for folder, _, names in os.walk(template.folder) for name in names]
    names = [path.relative_to(template.folder).as_posix() for path in paths]
    assert not [name for name in names if re.search(r'[<>:"|?*\\]|[ .](/|$)', name)]
    assert not [path for path in paths if path.is_symlink()]
    assert len({name.lower() for name in names}) == len(names)
