"""The team's data, read from team.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Role:
    """A role that the team assumes, and the profile in the AWS config that stands for it."""

    name: str
    profile: str
    arn: str


@dataclass(frozen=True)
class Team:
    """What the command knows of the team."""

    name: str
    command: str
    account_id: str
    region: str
    session_profile: str
    duration: str
    roles: dict[str, Role]

    def profiles(self) -> dict[str, dict[str, str | None]]:
        """Give the sections of the AWS config: the session's, and each role's on top of it."""
        sections: dict[str, dict[str, str | None]] = {
            self.session_profile: {"region": self.region, "mfakit_duration": self.duration}
        }
        for role in self.roles.values():
            sections[role.profile] = {
                "role_arn": role.arn,
                "source_profile": self.session_profile,
                "region": self.region,
            }
        return sections


def load_team() -> Team:
    """Read the data that the package was built with."""
    data = tomllib.loads(files(__package__).joinpath("team.toml").read_text("utf-8"))
    partition, account_id = data.pop("partition"), data["account_id"]
    roles = {
        name: Role(
            name,
            role["profile"],
            f"arn:{partition}:iam::{role.get('account_id', account_id)}:role/{name}",
        )
        for name, role in data.pop("roles").items()
    }
    return Team(**data, roles=roles)


TEAM = load_team()
