"""The template's policies are what mfakit prints, and its tests notice weaker ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.forking import run_forked
from tests.templates.catalogue import BY_NAME
from tests.templates.conftest import Bake, files_in

from mfakit.policy.formats import render
from mfakit.policy.making import require_mfa, role_trust

MFA_POLICY = BY_NAME["mfa-policy"]
ACCOUNT_ID = "000000000012"
OURS = "# Ours from here on."


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of a project with the Python of these tests."""
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
    )


# The tests of a whole project, in the process that all others are forked from, load what they need.
LOAD = """
import contextlib, os, sys, pytest

def own_tests(project, *options):
    own = (f"{os.getcwd()}/", f"{project}/")
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(own):
            del sys.modules[name]
    os.chdir(project)
    return pytest.main(["-q", "-p", "no:cacheprovider", *options])

with contextlib.redirect_stdout(sys.stderr):
    assert own_tests(%r, "tests/test_roles.py", "tests/test_files.py") == 0
"""


def own_tests(whole: Path, *runs: tuple[Path, list[str]]) -> list[tuple[int, str]]:
    """Run tests of projects' own; return the exit code and the output of each run.

    Args:
        whole: a project as it is made, whose tests pass.
        runs: other projects, with options of pytest.
    """
    jobs = [(str(project), *options) for project, options in runs]
    program = f"import __main__; raise SystemExit(__main__.own_tests(*{jobs!r}[number]))"
    done = run_forked(len(runs), dict(os.environ), LOAD % str(whole), program)
    return [(one.returncode, one.stdout + one.stderr) for one in done]


@pytest.mark.parametrize("answers", MFA_POLICY.combinations(), ids=lambda a: "-".join(a.values()))
def test_the_policies_of_the_template_are_what_mfakit_prints(
    bake: Bake, answers: dict[str, str]
) -> None:
    """The rest of each file is the template's own."""
    project = bake(MFA_POLICY, **answers, account_id=ACCOUNT_ID)
    hours = int(answers["max_age"].removesuffix("h"))
    options = {"max_age": hours * 3600, "partition": answers["partition"]}
    drafts = {"group": require_mfa(**options), "role": role_trust((ACCOUNT_ID,), **options)}
    carried = {
        "group": {"terraform": "group.tf", "cloudformation": "group.yaml"},
        "role": {"terraform": "roles.tf", "cloudformation": "role.yaml"},
    }
    for kind, files in carried.items():
        for form, name in files.items():
            text = (project / form / name).read_text()
            head = text[: text.rindex("\n", 0, text.index(OURS))]
            assert head == render(drafts[kind], form).removesuffix("}\n")


def test_render_renews_the_policies_and_keeps_the_teams_lines(bake: Bake) -> None:
    """The new policies follow the options, so an exempted action is not denied any more."""
    project = bake(MFA_POLICY, account_id=ACCOUNT_ID)
    files = {name: path for name, path in files_in(project).items() if OURS in path.read_text()}
    made = {name: path.read_text() for name, path in files.items() if path.suffix != ".py"}
    assert len(made) == 4
    for name, text in made.items():
        files[name].write_text(f"# old\n{text}# ours\n")
    assert run(project, "policies.py").returncode == 0
    assert {name: files[name].read_text() for name in made} == {
        name: f"{text}# ours\n" for name, text in made.items()
    }

    program = project / "policies.py"
    exempt = '["require-mfa", "--exempt-action", "iam:ChangePassword", '
    program.write_text(program.read_text().replace('["require-mfa", ', exempt))
    assert run(project, "policies.py").returncode == 0
    changed = {name for name in made if "iam:ChangePassword" in files[name].read_text()}
    assert changed == {"terraform/group.tf", "cloudformation/group.yaml"}


def failed(code: int, said: str) -> bool:
    """Whether one test failed, and nothing else was wrong."""
    return code == 1 and "1 failed" in said


WEAKER = [
    ("terraform/group.tf", '"BoolIfExists"', '"Bool"'),
    ("terraform/group.tf", '"43200"', '"86400"'),
    ("terraform/group.tf", '"iam:ResyncMFADevice",', '"iam:ResyncMFADevice", "iam:*",'),
    ("terraform/group.tf", '"aws_iam_group_policy_attachment"', '"aws_iam_nothing"'),
    ("terraform/roles.tf", '["true"]', '["true", "false"]'),
    ("cloudformation/group.yaml", "BoolIfExists:", "Bool:"),
    ("cloudformation/group.yaml", "- iam:EnableMFADevice", "- iam:EnableIt"),
    ("cloudformation/role.yaml", "Bool:", "BoolIfExists:"),
    ("cloudformation/role.yaml", '"43200"', '"86400"'),
]


def test_the_projects_tests_fail_for_a_weaker_policy(bake: Bake) -> None:
    """They judge who gets in, not how the policy is written."""
    runs = []
    for name, right, wrong in WEAKER:
        path = bake(MFA_POLICY) / name
        assert right in path.read_text()
        path.write_text(path.read_text().replace(right, wrong))
        about = "test_group.py" if path.stem == "group" else "test_roles.py"
        runs.append((path.parents[1], ["-x", f"tests/{about}", "-k", path.parent.name]))
    done = zip(WEAKER, own_tests(bake(MFA_POLICY), *runs), strict=True)
    assert {weaker: (code, said) for weaker, (code, said) in done if not failed(code, said)} == {}


def test_either_of_the_two_folders_can_be_deleted(bake: Bake) -> None:
    """All tests of the other folder ran, and passed, with both folders there."""
    ways = "terraform", "cloudformation"
    projects = [bake(MFA_POLICY) for _ in ways]
    for project, way in zip(projects, ways, strict=True):
        shutil.rmtree(project / way)
        assert run(project, "policies.py").returncode == 0
    collect = [(project, ["--collect-only"]) for project in projects]
    some = [(project, ["tests/test_files.py", "tests/test_allows.py"]) for project in projects]
    done = own_tests(bake(MFA_POLICY), *collect, *some)
    assert [code for code, _ in done] == [0, 0, 0, 0], done
    assert [way in output for way, (_, output) in zip(ways, done, strict=False)] == [False, False]
