"""An engineer of the team at a simulated AWS that checks MFA, in a home of her own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from mfakit.testing import AWSSimulator, Device

from {{ cookiecutter.__package }}.cli import main
from {{ cookiecutter.__package }}.team import TEAM, Role

ROLE = next(iter(TEAM.roles.values()))


def in_account_of(role: Role) -> pytest.MarkDecorator:
    """Return a marker that makes the simulator a role's account, in the team's region."""
    return pytest.mark.aws_simulator(account_id=role.arn.split(":")[4], region=TEAM.region)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make the simulator the account of the team's first role, unless a test is marked."""
    for item in items:
        item.add_marker(in_account_of(ROLE))


@dataclass
class Engineer:
    """A user with an access key and a device, who types the team's command."""

    device: Device
    config: Path
    credentials: Path

    def types(self, *arguments: str) -> int:
        """Run the command; return its exit code."""
        return main(list(arguments))

    def logs_in(self) -> None:
        """Configure the profiles, and log in with a code."""
        assert self.types("configure") == 0
        assert self.types("login", "--token-code", self.device.code()) == 0


@pytest.fixture
def engineer(
    aws_simulator: AWSSimulator, aws_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Engineer:
    """Return a user with keys in the default profile, whom the roles trust with MFA."""
    user = aws_simulator.create_user("engineer")
    iam = aws_simulator.create_user("administrator").session().client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": user.arn},
            "Action": "sts:AssumeRole",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        },
    }
    for role in TEAM.roles.values():
        prefix, _, name = role.arn.rpartition("/")
        account_id, path = prefix.split(":role")
        if account_id.endswith(aws_simulator.account_id):
            iam.create_role(
                RoleName=name, Path=f"{path}/", AssumeRolePolicyDocument=json.dumps(trust)
            )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    folder = aws_home / ".aws"
    folder.mkdir(mode=0o700)
    credentials = folder / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    return Engineer(user.enable_virtual_mfa(), folder / "config", credentials)
