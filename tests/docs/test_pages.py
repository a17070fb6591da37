"""The commands of the README and the pages do what these say."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from docs import translations
from tests.docs.conftest import Reader
from tests.docs.page import DATA, ROOT, RUNNABLE, pages, steps, unrun_commands

from mfakit.cli.commands import COMMANDS
from mfakit.cli.parser import make_parser
from mfakit.errors import UsageError

# What takes a person's steps of its own to be tried: other tests do what these pages say.
ELSEWHERE = {
    "docs/tutorial/team-wrapper.md": "tests/templates/test_tutorial.py",
    "docs/how-to/test-your-login-tool.md": "tests/clients/test_how_to.py",
    "docs/how-to/come-from-mock-aws.md": "tests/testing/test_mock_aws_around.py",
}
_ON_CALL = "docs/how-to/be-told-before-it-ends.md"
_ALERTS = """
rule_files: [rules.yml]
tests:
- interval: 1m
  input_series:
  - series: mfakit_session_expiration_timestamp_seconds{profile="mfa", instance="build"}
    values: 7200x180
  - series: mfakit_check_last_success_timestamp_seconds{instance="build"}
    values: 0+60x60 3600x120
  alert_rule_test:
  - {alertname: AWSSessionEndsSoon, eval_time: 90m}
  - alertname: AWSSessionEndsSoon
    eval_time: 91m
    exp_alerts:
    - exp_labels: {profile: mfa, instance: build}
      exp_annotations: {summary: the AWS session of mfa ends soon}
  - {alertname: AWSSessionCheckFails, eval_time: 75m}
  - alertname: AWSSessionCheckFails
    eval_time: 76m
    exp_alerts:
    - exp_labels: {instance: build}
      exp_annotations:
        summary: nobody has looked at the AWS sessions of build for a quarter of an hour
"""
# A translation has its readers type the same and shows them the same: test_translations.py.
_RUN = [page for page in pages() if page not in (*ELSEWHERE, *translations.pages())]


def _is_run(page: str) -> bool:
    return any(step.kind in RUNNABLE and not step.not_run for step in steps(page))


@pytest.mark.parametrize("page", [page for page in _RUN if _is_run(page)])
def test_the_commands_of_each_page_do_what_it_shows(page: str, reader: Reader) -> None:
    for step in steps(page):
        if step.kind in DATA or step.kind.startswith("{") or step.not_run:
            continue
        try:
            reader.take(step)
        except AssertionError as error:
            raise AssertionError(f"{page}, line {step.line}: {error}") from None


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_alerts_of_the_page_on_call_fire_on_time(tmp_path: Path) -> None:
    """A session ends after two hours, and the check looks at it for the last time after one."""
    [rules] = [step.text for step in steps(_ON_CALL) if step.kind == "yaml"]
    (tmp_path / "rules.yml").write_text(rules)
    (tmp_path / "test.yml").write_text(_ALERTS)
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "test.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", pages())
def test_every_code_block_is_run_or_says_why_not(page: str) -> None:
    """Blocks that are no program name a language that says so."""
    for step in steps(page):
        comments = ("before", "new home", "no device", "administrator", "later", "region", "needs")
        known = step.kind in (*RUNNABLE, *DATA, *comments)
        assert known or step.kind.startswith("{"), (page, step.line, step.kind)
        assert step.not_run is None or len(step.not_run) > 10, (page, step.line)


@pytest.mark.parametrize("page", pages())
def test_no_line_to_paste_ends_in_a_comment(page: str) -> None:
    """zsh's prompt, the default on macOS, takes its words as arguments."""
    typed = [step.text for step in steps(page) if step.kind in ("console", "sh")]
    assert re.findall(r"^ *[^ #\n].* # .*", "".join(typed), re.MULTILINE) == []


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_a_page_that_another_test_runs_is_read_by_that_test(page: str, test: str) -> None:
    assert page.rpartition("/")[2] in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages())
def test_commands_that_are_not_run_are_valid(page: str) -> None:
    """A command that a sentence only mentions may lack an option's value."""
    complaints = {line: _complaint(line) for line in unrun_commands(page)}
    assert {line: said for line, said in complaints.items() if said} == {}


def _complaint(line: str) -> str:
    """Return the parser's complaint about a line."""
    words = [word for word in _split(line)[1:] if word != "..."]
    if not words or words[0] in ("COMMAND", "--help", "--version"):
        return ""
    if words[0] not in COMMANDS:
        return "there is no such command"
    try:
        make_parser(COMMANDS[words[0]]).parse_args(words[1:])
    except UsageError as error:
        lacks = "expected one argument" in error.message or "are required" in error.message
        return "" if lacks else error.message
    return ""


def _split(line: str) -> list[str]:
    """Split a line of shell into words, up to its first operator."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    return list(itertools.takewhile(lambda word: not set(word) <= set("|><;&()"), words))
