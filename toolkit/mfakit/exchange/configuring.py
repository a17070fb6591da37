"""Writing once into the AWS config what every later login needs to know."""

from __future__ import annotations

import shlex

from mfakit.errors import ProfileError, UsageError
from mfakit.exchange.recipe import read_session_duration
from mfakit.profiles.settings import edit_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.profiles.profile import Profile

CREDENTIAL_PROCESS = "credential_process"
DURATION = "mfakit_duration"
REGION = "region"
SOURCE_PROFILE = "mfakit_source_profile"
TOKEN_COMMAND = "mfakit_token_command"  # noqa: S105 - the name of a setting
SERIAL_NUMBER = "mfa_serial"


def process_line(profile: str) -> str:
    """Return the `credential_process` that makes SDKs ask mfakit for a profile's session.

    The SDKs for JavaScript and Go run it through a shell, others do not; so it holds only letters
    that mean the same to all.

    Raises:
        UsageError: the profile's name has others.
    """
    import re

    if not re.fullmatch(r"[A-Za-z0-9_.@+-]+", profile):
        raise UsageError(
            f"the name {profile!r} would mean something else to a shell",
            "for a credential_process, name the profile with letters, digits and _ . @ + -",
        )
    return f"mfakit credential-process --profile {profile}"


def write_settings(
    profile: Profile, settings: dict[str, str | None], note: Callable[[str], object]
) -> None:
    """Set keys in the config section of a session profile; None leaves a key as it is.

    Args:
        profile: the session profile.
        settings: by their names in the config file.
        note: is told what a person should know, such as permissions that were taken away.

    Raises:
        UsageError: no session can last so long, or a value cannot stand in the file.
        ProfileError: the section assumes a role, which would ask for codes of its own.
        FileError: the config file cannot be written. It is then as it was.
    """
    if duration := settings.get(DURATION):
        read_session_duration(duration)
    given = {key: value for key, value in settings.items() if value}
    edit_settings({profile.name: given}, profile.files, note)


def join_roles(roles: list[str], profile: Profile, note: Callable[[str], object]) -> None:
    """Make every AWS tool assume the roles of these profiles with a session.

    A role whose ``source_profile`` is an MFA session needs no code of its own.

    Args:
        roles: profiles with a ``role_arn``.
        profile: the session profile.
        note: is told what a person should know.

    Raises:
        ProfileError: one of them has no role.
        FileError: the config file cannot be written. It is then as it was.
    """
    files = profile.files
    for role in roles:
        if "role_arn" not in files.config(role):
            raise ProfileError(
                f"the profile {role!r} has no role in {files.config_path}",
                f"give it one: aws configure set role_arn ARN --profile {shlex.quote(role)}",
            )
    joined = {"source_profile": profile.name, SERIAL_NUMBER: None, "credential_source": None}
    edit_settings(dict.fromkeys(roles, joined), files, note)
