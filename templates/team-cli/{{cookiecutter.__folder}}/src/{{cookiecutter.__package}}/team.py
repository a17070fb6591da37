"""The team's data, read from team.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Role:
    """A role of the team: the name that users type, its profile in the config, and its ARN."""

    name: str
    profile: str
    arn: str


@dataclass(frozen=True)
class Team:
    """The team's settings."""

    name: str
    command: str
    account_id: str
    region: str
    session_profile: str
    duration: str
    roles: dict[str, Role]

    def profiles(self) -> dict[str, dict[str, str | None]]:
        """Return the sections of the AWS config: the session's, and one for each role."""
        sections: dict[str, dict[str, str | None]] = {
            self.session_profile: {"region": self.region, "mfakit_duration": self.duration}
        }
        for role in self.roles.values():
            sections[role.profile] = {
                "role_arn": role.arn,
                "source_profile": self.session_profile,
                "region": self.region,
                # either of them would make AWS tools ask for a code, or take other credentials
                "mfa_serial": None,
                "credential_source": None,
            }
        return sections


def load_team() -> Team:
    """Read the data that the package was built with."""
    data = tomllib.loads(files(__package__).joinpath("team.toml").read_text("utf-8"))
    prefix = f"arn:{data.pop('partition')}:iam::{data['account_id']}:role/"
    roles = {
        name: Role(name, role["profile"], role.get("arn", f"{prefix}{name}"))
        for name, role in data.pop("roles").items()
    }
    return Team(**data, roles=roles)


TEAM = load_team()
