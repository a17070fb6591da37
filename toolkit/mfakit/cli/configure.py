"""`mfakit configure`: ask once, and write what every later login needs to know."""

from __future__ import annotations

import os

from mfakit.cli.output import note
from mfakit.errors import ExchangeError
from mfakit.exchange.code import check_command
from mfakit.exchange.configuring import (
    CREDENTIAL_PROCESS,
    DURATION,
    REGION,
    SERIAL_NUMBER,
    SOURCE_PROFILE,
    TOKEN_COMMAND,
    join_roles,
    process_line,
    write_settings,
)
from mfakit.exchange.device import check_serial_number, find_devices, only_device
from mfakit.exchange.source import Source, find_source
from mfakit.exchange.terminal import Terminal
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

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
