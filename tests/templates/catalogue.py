"""The templates and the facts about each: for a new one, add a folder and an entry."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = "https://git.example.org/platform"  # stands for a git server; see `serve`
CI_FILES = {
    ("ci", "github"): ".github/workflows/ci.yml .github/dependabot.yml",
    ("ci", "gitlab"): ".gitlab-ci.yml",
}


@dataclass(frozen=True)
class Template:
    """A template, and what is expected of its projects.

    Args:
        name: the folder under ``templates``, and the name in the root's menu.
        files: the files of a project with the default answers.
        files_if: further files, by the question and the answer that lead to them.
        variants: answers that together cover each option; their projects are installed and tested.
            ``{wheel}`` is mfakit's.
        installs: what ``uv pip install`` is given to make the environment of the tests.
        tests: lines for a shell, in the project, with that environment's programs first.
        typed_in: what runs a line of the README.
        needs: programs that installing and testing a project takes.
        roles: those that the README takes to be in the account.
    """

    name: str
    files: str
    variants: tuple[dict[str, str], ...]
    tests: str
    installs: tuple[str, ...] = ()
    files_if: dict[tuple[str, str], str] = field(default_factory=CI_FILES.copy)
    typed_in: tuple[str, ...] = ("sh", "-euc")
    needs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return ROOT / "templates" / self.name

    @property
    def questions(self) -> dict[str, str | list[str]]:
        """The questions, with the default or the choices of each."""
        asked = json.loads((self.folder / "cookiecutter.json").read_text())
        return {key: value for key, value in asked.items() if not key.startswith("_")}

    def combinations(self) -> list[dict[str, str]]:
        """Every combination of the choices."""
        choices = {key: value for key, value in self.questions.items() if isinstance(value, list)}
        return [
            dict(zip(choices, chosen, strict=True))
            for chosen in itertools.product(*choices.values())
        ]

    def files_of(self, answers: dict[str, str]) -> set[str]:
        """Return the files of a project with these answers."""
        chosen = {"ci": "github", **answers}
        more = (self.files_if.get(answer, "") for answer in chosen.items())
        return set(" ".join([self.files, *more]).split())


NASTY = 'Zähler & "Söhne" O\'Neill \\ $(exit 3) `id` %(prog)s <b> *_[x](y) 🚀'
TEMPLATES = (
    Template(
        "team-cli",
        files="""
            .cruft.json .gitignore README.md noxfile.py pyproject.toml
            src/payments_mfa/__init__.py src/payments_mfa/__main__.py src/payments_mfa/cli.py
            src/payments_mfa/py.typed src/payments_mfa/team.py src/payments_mfa/team.toml
            tests/__init__.py tests/conftest.py tests/test_cli.py
        """,
        variants=(
            {
                "partition": "aws-us-gov",
                "team": NASTY,
                "slug": "z9-eu",
                "duration": "90m",
                "mfakit_source": "{wheel}",
            },
            {
                "partition": "aws-cn",
                "roles": "ops+on.call@night, a=b",
                "mfakit_source": f"{SERVER}/mfakit.git",
            },
        ),
        installs=("-e.", "--group", "test"),
        tests="pytest -q -p no:cacheprovider",
        roles=("developer", "admin"),
    ),
    Template(
        "shell-wrapper",
        files="""
            .gitattributes .cruft.json .gitignore README.md install.py
            noxfile.py pyproject.toml shell/functions.sh shell/init.bash shell/init.fish
            shell/init.ps1 shell/init.zsh tests/install.bats tests/setup_suite.bash tests/shell.bats
        """,
        variants=(
            {
                "partition": "aws-us-gov",
                "team": NASTY,
                "slug": "z9-eu",
                "duration": "90m",
                "mfakit_source": "{wheel}",
            },
        ),
        installs=("--group", "test"),
        tests="bats tests",
        typed_in=("bash", "-eic"),  # whose start-up file has the line that the README adds
        needs=("bats", "zsh", "fish", "shellcheck"),
    ),
    Template(
        "expiry-check",
        files="""
            .gitattributes .cruft.json .gitignore README.md
            hosts.options monitoring/dashboard.json monitoring/rules.yml monitoring/rules_test.yml
            noxfile.py people.options pyproject.toml render.py schedule/crontab
            schedule/mfakit-check.service schedule/mfakit-check.timer schedule/mfakit-check.xml
            schedule/mfakit.check.plist tests/__init__.py tests/conftest.py
            tests/test_monitoring.py tests/test_schedule.py
        """,
        variants=(
            {
                "team": NASTY,
                "slug": "z9-eu",
                "every": "1m",
                "warn": "2h",
                "notify": "apprise",
                "mfakit_source": "{wheel}",
            },
        ),
        installs=("--group", "test"),
        tests="pytest -q -p no:cacheprovider",
        needs=("promtool", "systemd-analyze"),
    ),
    Template(
        "mfa-policy",
        files="""
            .cruft.json .gitignore README.md cloudformation/group.yaml
            cloudformation/role.yaml noxfile.py policies.py pyproject.toml terraform/group.tf
            terraform/roles.tf terraform/versions.tf tests/__init__.py tests/conftest.py
            tests/terraform.py tests/test_allows.py tests/test_files.py tests/test_group.py
            tests/test_roles.py tests/test_traps.py
        """,
        variants=(
            {
                "partition": "aws-us-gov",
                "team": NASTY,
                "slug": "z9-eu",
                "account_id": "000000000000",
                "roles": "ops+on.call@night, a=b",
                "max_age": "36h",
                "mfakit_source": "{wheel}",
            },
        ),
        installs=("--group", "test"),
        tests="pytest -q -p no:cacheprovider",
    ),
)
BY_NAME = {template.name: template for template in TEMPLATES}
