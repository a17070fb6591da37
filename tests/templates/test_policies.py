"""The template's policies are what mfakit prints, and its tests notice weaker ones."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
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


def own_tests(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the project's own."""
    return run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options)


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


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("terraform/group.tf", '"BoolIfExists"', '"Bool"'),
        ("terraform/group.tf", '"43200"', '"86400"'),
        ("terraform/group.tf", '"iam:ResyncMFADevice",', '"iam:ResyncMFADevice", "iam:*",'),
        ("terraform/group.tf", '"aws_iam_group_policy_attachment"', '"aws_iam_nothing"'),
        ("terraform/roles.tf", '["true"]', '["true", "false"]'),
        ("cloudformation/group.yaml", "BoolIfExists:", "Bool:"),
        ("cloudformation/group.yaml", "- iam:EnableMFADevice", "- iam:EnableIt"),
        ("cloudformation/role.yaml", "Bool:", "BoolIfExists:"),
        ("cloudformation/role.yaml", '"43200"', '"86400"'),
    ],
)
def test_the_projects_tests_fail_for_a_weaker_policy(
    bake: Bake, name: str, right: str, wrong: str
) -> None:
    """They judge who gets in, not how the policy is written."""
    project = bake(MFA_POLICY)
    path = project / name
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    about = "test_group.py" if path.stem == "group" else "test_roles.py"
    done = own_tests(project, "-x", f"tests/{about}", "-k", path.parent.name)
    assert (done.returncode, "1 failed" in done.stdout) == (1, True), done.stdout + done.stderr


@pytest.mark.parametrize("way", ["terraform", "cloudformation"])
def test_either_of_the_two_folders_can_be_deleted(bake: Bake, way: str) -> None:
    project = bake(MFA_POLICY)
    shutil.rmtree(project / way)
    collected = own_tests(project, "--collect-only")
    assert (collected.returncode, way in collected.stdout) == (0, False), collected.stdout
    # All tests of the other folder ran, and passed, with both folders there.
    done = own_tests(project, "tests/test_files.py", "tests/test_allows.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(project, "policies.py").returncode == 0
