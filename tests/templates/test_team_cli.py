"""The team's own command, for teams beyond the template's questions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Home
from tests.exchange.conftest import TerminalProcess
from tests.exchange.test_every_prompt import person, prompts
from tests.keys.conftest import keychain
from tests.templates.catalogue import BY_NAME
from tests.templates.conftest import Bake

from mfakit.testing import User

__all__ = ["keychain", "person"]

ELSEWHERE = """
[roles."production"]
profile = "payments-production"
arn = "arn:aws:iam::210987654321:role/platform/payments/developer"
"""


@pytest.mark.parametrize("first", [True, False], ids=["alone", "beside"])
def test_roles_may_be_in_other_accounts(bake: Bake, first: bool) -> None:
    """Such a role may have a path, and a name that is taken in the team's own account."""
    project = bake(BY_NAME["team-cli"])
    data = project / "src" / "payments_mfa" / "team.toml"
    text = data.read_text()
    data.write_text((text.partition("\n[roles.")[0] if first else text) + ELSEWHERE)
    done = python(project, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", "role or use")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "test_one_code_is_enough_for_every_role[production] PASSED" in done.stdout
    done = python(project, "-c", "from payments_mfa.team import TEAM; print(*TEAM.roles.values())")
    assert ":role/platform/payments/developer" in done.stdout


def test_the_teams_command_logs_in_with_a_key_in_the_keychain(
    bake: Bake, home: Home, alice: User, keychain: None
) -> None:
    project = bake(BY_NAME["team-cli"])
    assert home.mfakit("keys", "import").returncode == 0
    assert alice.secret_access_key not in home.credentials.read_text()
    home.environ["PYTHONPATH"] = str(project / "src")
    command = "import sys; from payments_mfa.cli import main; sys.exit(main(sys.argv[1:]))"
    for line in ("configure", f"login --token-code {alice.device.code()}"):
        done = home.run(sys.executable, "-c", command, *line.split())
        assert done.returncode == 0, done.stderr
    assert "aws_session_token" in home.credentials.read_text()


def test_the_teams_own_command_says_that_it_wants_a_code(
    aws: Any, home: Home, person: Any, bake: Bake
) -> None:
    project = bake(BY_NAME["team-cli"])
    home.environ["PYTHONPATH"] = str(project / "src")
    run = "import sys; from payments_mfa.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", run]
    serial = ("--serial-number", person.device.serial_number)
    assert home.run(*command, "configure", *serial).returncode == 0
    for line, expected in (("login", 1), ("devices add alice-phone --show-seed", 3)):
        terminal = TerminalProcess([*command, *line.split()], home.environ)
        try:
            asked = prompts(aws, terminal, expected)
        finally:
            terminal.close()
        assert len(asked) == expected, (asked, terminal.screen)
        assert [prompt for prompt in asked if "code" not in prompt.split()] == []


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the Python of these tests in a project."""
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        timeout=120,
    )
