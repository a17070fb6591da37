"""`mfakit configure`: ask once, and write what every later login needs to know."""

from __future__ import annotations

import os
import shlex

from mfakit.cli.output import note
from mfakit.errors import ExchangeError, ProfileError, UsageError
from mfakit.exchange.code import check_command
from mfakit.exchange.device import check_serial_number, find_devices, only_device
from mfakit.exchange.recipe import read_session_duration
from mfakit.exchange.source import Source, find_source
from mfakit.exchange.terminal import Terminal
from mfakit.profiles.selection import session_profile
from mfakit.profiles.settings import edit_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from mfakit.profiles.profile import Profile


_DEFAULT_DURATION = "12h"


def run(options: Namespace) -> int:
    """Run the command."""
    if options.role_profile:
        return _join_roles(options)
    if options.token_command is not None:
        check_command(options.token_command)
    terminal = Terminal()
    name = options.profile
    if not name:
        usual = session_profile(None, os.environ).name
        name = _ask(terminal, "Profile for the session", usual)
    profile = session_profile(name, os.environ)
    profile.check_may_hold()
    source = find_source(options.source_profile, profile)
    if options.source_profile is None and source.profile is not None:
        named = _ask(terminal, "Profile with your long-term keys", source.profile)
        source = find_source(named, profile)
    source = source.replace(region=options.region or source.region)
    serial = options.serial_number or _choose_device(terminal, source)
    settings = {
        SOURCE_PROFILE: source.profile,
        SERIAL_NUMBER: check_serial_number(serial),
        DURATION: options.duration or _ask(terminal, "How long sessions last", _DEFAULT_DURATION),
        TOKEN_COMMAND: options.token_command,
        REGION: options.region,
        CREDENTIAL_PROCESS: process_line(name) if options.credential_process else None,
    }
    write_settings(profile, settings, note)
    path = profile.files.config_path
    note(f"wrote profile {name} to {path}; log in with: mfakit login -p {name}")
    return 0


def _join_roles(options: Namespace) -> int:
    """Configure roles to be assumed with the session, so that they need no codes of their own."""
    profile = session_profile(options.profile, os.environ)
    join_roles(options.role_profile, profile, note)
    names, path = ", ".join(options.role_profile), profile.files.config_path
    note(f"wrote {names} to {path}: one login to {profile.name} serves each role")
    return 0


def _ask(terminal: Terminal, question: str, default: str) -> str:
    """Ask on the terminal; without one, the default has to do."""
    try:
        return terminal.ask(f"{question} [{default}]: ") or default
    except ExchangeError:
        return default


def _choose_device(terminal: Terminal, source: Source) -> str:
    devices = find_devices(source)
    usable = [device.serial_number for device in devices if device.is_usable]
    if len(usable) > 1:
        return usable[terminal.choose("Which device?", usable)]
    device = only_device(devices)
    if device.is_guess:
        return _ask(terminal, "Serial number of your MFA device", device.serial_number)
    return device.serial_number


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
