"""The answers that are accepted, and the messages for those that are not."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.loaders import Loader
from cookiecutter.exceptions import FailedHookException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.templates.catalogue import BY_NAME, SERVER, TEMPLATES, Template
from tests.templates.conftest import Bake, files_in, head_of, serve

# For each question, wherever it is asked: answers that are wrong, and a word of what is right.
WRONG = {
    "team": (["", " Payments", "x" * 101, "Pay\tments", "a\u202eb"], "leave out|spaces|100"),
    "slug": (
        [
            "Payments",
            "1st",
            "pay_ments",
            "a--b",
            "a-",
            "a b",
            "../evil",
            "a;id",
            "a" * 33,
            "zäh",
            "aws",
        ],
        "payments-eu",
    ),
    "account_id": (
        ["", "12345678901", "1234-5678-901", "12345678901x", "\u0661" * 12],
        "123456789012|empty",
    ),
    "region": (
        ["us-gov-west-1", "cn-north-1", "US-EAST-1", "us-east-1a", "Ireland"],
        "eu-central-1",
    ),
    "roles": (
        ["", ",", "a,A", "a A", "mfa", "x" * 65, "röle", "a/b", 'a"', "-x"],
        "role|empty",
    ),
    "duration": (["14m", "37h", "12", "1d", "h", "90", "twelve"], "15m to 36h"),
    "warn": (["", "0m", "30", "1h30m", "37h", "5m", "1d", "m", "030m"], "30m or 1h|empty"),
    "mfakit_source": (
        [
            "../mfakit",
            "mfakit>=1",
            "org/mfakit",
            "git@host",
            "http://host/mfakit",
            "https://me:secret@host/mfakit",
            "https://token@host/mfakit",
            "https://host/mf akit",
            "file://home/me/mfakit",
            "git+file:///home/me/mfakit",
            "/home/me/mfakit.git",
            "file:///home/me/mfakit.git",
            'https://host/"',
        ],
        "https://HOST/PATH|password|name a folder",
    ),
}

HOOKS = ["post_gen_project.py", "pre_gen_project.py"]


def test_all_templates_have_the_same_hooks() -> None:
    """They are copied, since a link would not survive a clone on Windows, nor an import `cruft`."""
    for name in HOOKS:
        hooks = {(template.folder / "hooks" / name).read_bytes() for template in TEMPLATES}
        assert len(hooks) == 1, f"copy templates/team-cli/hooks/{name} to the other templates"


def test_no_template_has_another_hook(template: Template) -> None:
    assert sorted(os.listdir(template.folder / "hooks")) == HOOKS


def test_every_free_question_has_wrong_answers_here(template: Template) -> None:
    typed = {key for key, value in template.questions.items() if isinstance(value, str)}
    assert typed <= set(WRONG)


def test_every_question_is_a_sentence(template: Template) -> None:
    text = (template.folder / "cookiecutter.json").read_text()
    for question in template.questions:
        assert re.search(rf'"{question}": (\{{\s*"__prompt__": )?"[A-Z][^"]+ [^"]+"', text), (
            question
        )


@pytest.mark.parametrize(
    ("question", "answer"),
    [(name, answer) for name, (wrong, _) in WRONG.items() for answer in wrong],
)
def test_a_wrong_answer_is_refused_before_anything_is_written(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], question: str, answer: str
) -> None:
    """The message says what is right."""
    template = next(one for one in TEMPLATES if question in one.questions)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with pytest.raises(FailedHookException):
        bake(template, inner, **{question: answer})
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith(question)]
    assert re.search(WRONG[question][1], said[0])
    assert "Traceback" not in said[0]
    assert [path for path in tmp_path.rglob("*") if path != inner] == [inner.parent]


@pytest.mark.parametrize(
    ("team", "folder"),
    [
        ("Payments", "payments-mfa"),
        ("2nd Line", "team-2nd-line-mfa"),
        ("🚀", "team-mfa"),
        ("AWS", "team-aws-mfa"),
        ("Global Payments and Settlement Engineering", "global-payments-and-mfa"),
        ("x" * 100, f"{'x' * 27}-mfa"),
    ],
)
def test_the_suggested_short_name_of_any_team_is_valid(
    bake: Bake, tmp_path: Path, team: str, folder: str
) -> None:
    assert bake(BY_NAME["team-cli"], tmp_path, team=team).name == folder


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("mfakit", ">=0.1"),
        ("/work/mfakit", " @ file:///work/mfakit"),
        ("~/mf akit", f" @ file://{quote(str(Path.home()))}/mf%20akit"),
        ("C:\\Users\\me\\mfakit", " @ file:///C:/Users/me/mfakit"),
        ("file:///work/mfakit", " @ file:///work/mfakit"),
        ("https://git.example.org/mfakit.git@v1", " @ git+https://git.example.org/mfakit.git@v1"),
        ("git+ssh://git@host/a/mfakit@v1", " @ git+ssh://git@host/a/mfakit@v1"),
        ("git@github.com:org/x.git@v1", " @ git+ssh://git@github.com/org/x.git@v1"),
        ("gh:org/x@v1", " @ git+https://github.com/org/x@v1"),
    ],
)
def test_the_source_of_mfakit_is_written_for_pip(
    bake: Bake, template: Template, tmp_path: Path, source: str, written: str
) -> None:
    project = bake(template, tmp_path, mfakit_source=source)
    requirements = re.findall(r'"(mfakit.*?)"', (project / "pyproject.toml").read_text())
    assert {re.sub(r"^mfakit(\[.*?\])?", "", text) for text in requirements} == {written}


def test_making_a_project_again_leaves_the_users_own_files_in_it(
    bake: Bake, template: Template, tmp_path: Path
) -> None:
    """Its environment, for example, whose files may be one with those of a cache."""
    own = bake(template, tmp_path) / ".venv" / "bin" / "program"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"\x7fELF \xee\x80\x80 \xef\xa3\xbf")
    assert bake(template, tmp_path) == own.parents[2]
    assert own.read_bytes() == b"\x7fELF \xee\x80\x80 \xef\xa3\xbf"


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (f"{SERVER}/mfakit.git", f"{SERVER}/mfakit.git"),
        ("gh:org/mfakit.git", "https://github.com/org/mfakit.git"),
        ("git@github.com:org/mfakit.git", "ssh://git@github.com/org/mfakit.git"),
    ],
)
def test_a_repository_without_a_tag_is_pinned_to_the_commit_that_the_server_has(
    bake: Bake,
    template: Template,
    place: Any,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    url: str,
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", place.environ["GIT_CONFIG_GLOBAL"])
    serve(place, clone, url.rpartition("/")[0])
    project = bake(template, mfakit_source=source)
    pinned = f" @ git+{url}@{head_of(clone)}"
    requirements = re.findall(
        r'"mfakit(?:\[.*?\])?( @ .*?)"', (project / "pyproject.toml").read_text()
    )
    assert set(requirements) == {pinned}


def test_a_git_url_whose_server_does_not_answer_is_refused(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        bake(BY_NAME["team-cli"], tmp_path, mfakit_source="https://127.0.0.1:1/mfakit.git")
    [said] = [line for line in capfd.readouterr().err.splitlines() if "mfakit_source" in line]
    assert "add @TAG or @COMMIT" in said
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("account_id", "1234-5678-9012", "123456789012"),
        ("account_id", "1234 5678 9012", "123456789012"),
        ("roles", "developer admin", "developer, admin"),
        ("roles", "developer, admin,", "developer, admin"),
    ],
)
def test_an_answer_is_accepted_as_people_write_it(
    bake: Bake, template: Template, question: str, answer: str, other: str
) -> None:
    """It makes the same files as another spelling, but for the record of the answers."""
    if question not in template.questions:
        pytest.skip("the template does not ask that")
    made = [files_in(bake(template, **{question: one})) for one in (answer, other)]
    texts = [{name: path.read_bytes() for name, path in files.items()} for files in made]
    for files in texts:
        del files[".cruft.json"]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("syntax", ["{{ 7 * 7 }}", "{% if", "{# x", "x }}"])
def test_template_syntax_in_any_answer_is_refused(
    bake: Bake, template: Template, tmp_path: Path, syntax: str
) -> None:
    for question, default in template.questions.items():
        if isinstance(default, str):
            with pytest.raises(FailedHookException):
                bake(template, tmp_path, **{question: f"a{syntax}"})
    assert os.listdir(tmp_path) == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(), st.sampled_from(["'", '"', "'''", '"""', "\\", '\\"', ")", "\r"]))
def test_no_answer_is_run_as_code(bake: Bake, tmp_path: Path, text: str, attack: str) -> None:
    """Quotes and line breaks of every kind do not end the text of the answer."""
    crime = tmp_path / "crime"
    code = f"{attack}\n__import__('pathlib').Path({str(crime)!r}).touch()\n#{attack}"
    answer = (text.replace("endraw", "") + code).encode("utf-8", "replace").decode()
    with pytest.raises(FailedHookException):
        bake(BY_NAME["team-cli"], team=answer, slug="x")
    assert not crime.exists()


def test_each_region_matches_the_pattern_of_its_partition_alone(bake: Bake) -> None:
    """The regions are botocore's, and the patterns the hook's own."""
    hook = (BY_NAME["team-cli"].folder / "hooks" / "pre_gen_project.py").read_text()
    [patterns] = re.findall(r"^REGIONS = (\{.*?^\})", hook, re.DOTALL | re.MULTILINE)
    forms = ast.literal_eval(patterns)
    known = {
        partition["partition"]: set(partition["regions"])
        for partition in Loader().load_data("endpoints")["partitions"]
    }
    regions = set().union(*known.values())
    for partition, form in forms.items():
        fitting = {name for name in regions if re.fullmatch(form, name, re.ASCII)}
        assert fitting == known[partition]
