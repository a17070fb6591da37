"""`mfakit configure`: ask once, and write what every later login needs to know."""

from __future__ import annotations

import os
import shlex
import sys

from mfakit.cli.login import note_of_region
from mfakit.cli.output import note
from mfakit.errors import ExchangeError, NobodyToAskError, ProfileError, UsageError
from mfakit.exchange import check_command
from mfakit.exchange.iam import account_of, check_serial_number, find_devices, only_device
from mfakit.exchange.recipe import (
    CHAINED_SECONDS,
    Role,
    configured_serial_number,
    is_too_long_for_chain,
    read_session_duration,
)
from mfakit.exchange.source import Source, find_source
from mfakit.exchange.terminal import Terminal
from mfakit.language import translate
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, Profile
from mfakit.profiles.selection import (
    aws_profile_of,
    end_of_roles,
    finds_keys,
    keys_to_name,
    led_to,
    may_be_source,
    next_source_profile,
    session_profile,
)
from mfakit.profiles.settings import change_settings, undo_changes
from mfakit.profiles.stores import CREDENTIALS_FILE, STORES, export_line
from mfakit.programs import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.profiles.aws_files import AWSFiles


_DEFAULT_DURATION = "12h"


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    if options.undo:
        return _undo(options, files)
    if options.token_command is not None:
        check_command(options.token_command)
    _check_region(options.region)
    if options.role_profile:
        return _join_roles(options, files)
    terminal = Terminal()
    name = options.profile
    if not name:
        usual = session_profile(None, files, options.source_profile).name
        name = _ask(terminal, translate("Profile for the session"), usual)
    profile = _checked(session_profile(name, files))
    source = find_source(options.source_profile, profile)
    if options.source_profile is None and source.profile is not None:
        named = _ask(terminal, translate("Profile with your long-term keys"), source.profile)
        source = find_source(named, profile)
    source = source.replace(region=options.region or source.region)
    serial = options.serial_number
    if serial is None:
        configured = configured_serial_number(profile, source.profile)
        serial = _choose_device(terminal, source, configured)
    settings = _settings(options, name)
    settings[SOURCE_PROFILE] = source.profile
    settings[SERIAL_NUMBER] = check_serial_number(serial)
    usual = profile.setting(DURATION) or _DEFAULT_DURATION
    settings[DURATION] = options.duration or _ask(
        terminal, translate("How long sessions last"), usual
    )
    region = profile.files.setting(REGION, name, source.profile)
    settings[REGION] = options.region or _ask(terminal, translate("Region for AWS tools"), region)
    _write(profile, {name: settings})
    note(
        f"wrote profile {name} to {profile.files.config_path}; log in with:"
        f" mfakit login -p {shlex.quote(name)}"
    )
    return 0


def _checked(profile: Profile) -> Profile:
    """Return a profile that may hold a session, after a move of its session that was cut off."""
    profile.take_over(profile.held(), note)
    profile = profile.read_again()
    profile.check_may_hold()
    return profile


def _settings(options: Namespace, session: str) -> dict[str, str | None]:
    """Return the settings of a session profile that the options name."""
    process = process_line(session) if options.credential_process else None
    return {
        SOURCE_PROFILE: options.source_profile,
        SERIAL_NUMBER: options.serial_number,
        DURATION: options.duration,
        TOKEN_COMMAND: options.token_command,
        REGION: options.region,
        CREDENTIAL_PROCESS: process,
    }


def _write(session: Profile, profiles: dict[str, dict[str, str | None]]) -> None:
    """Write settings, and move the session to where they let AWS tools find it.

    Of the session profile, those that are None or empty stay as they are.
    """
    given = {key: value for key, value in profiles.get(session.name, {}).items() if value}
    if SERIAL_NUMBER in given:
        check_serial_number(given[SERIAL_NUMBER])
    if DURATION in given:
        read_session_duration(given[DURATION])
    _check_region(given.get(REGION))
    held = session.held()
    if held is not None and CREDENTIAL_PROCESS in given:
        _check_movable(session)
    change_settings(session, {**profiles, session.name: given}, note)
    if CREDENTIAL_PROCESS in given:
        note_if_not_found(session.files)
    session.read_again().take_over(held, note)


def _check_movable(profile: Profile) -> None:
    """Check that a session can move from one store to another, before the settings are changed."""
    for kind in STORES:
        kind(profile.name, profile.files).check_writable()


def _check_region(region: str | None) -> None:
    """Refuse a name that no region has; AWS adds regions, so none is refused as unknown."""
    if region and not region.replace("-", "").isalnum():
        raise UsageError(f"{region!r} is no region", "write it as eu-central-1")


def _undo(options: Namespace, files: AWSFiles) -> int:
    """Undo the last `configure` of a session profile, and the region that a login wrote."""
    if options.role_profile or any(_settings(options, "x").values()):
        raise UsageError("--undo goes with --profile alone", "leave the other options out")
    profile = session_profile(options.profile, files)
    held = profile.held() or profile.held_elsewhere()
    if held is not None and held.store.kind != CREDENTIALS_FILE:
        _check_movable(profile)
    undone = undo_changes(profile, note)
    may_move = undone or not profile.is_protected  # an undo may have been killed before this
    is_moved = may_move and profile.read_again().take_over(held, note)
    if not undone and is_moved:
        note(f"the session of profile {profile.name}, which an undo had yet to move, is moved")
        return 0
    if not undone:
        raise ProfileError(
            f"there is nothing of the profile {profile.name!r} to undo",
            "name the session profile that was configured: --profile NAME",
        )
    keys = ", ".join(f"{change.key} of {change.profile}" for change in undone)
    note(f"restored as before: {keys}")
    return 0


def _join_roles(options: Namespace, files: AWSFiles) -> int:
    """Configure roles to be assumed with a session, so that they need no codes of their own.

    The device of a role moves to the session profile, and so does its source if that is not what
    the session profile already means. Of roles that are assumed one with the other, the last is
    assumed with the session.
    """
    roles = [Profile(name, files) for name in options.role_profile]
    session = _checked(Profile(_session_of_roles(roles, options.profile), files))
    _refuse_without_keys(roles, session)
    if options.source_profile:
        find_source(options.source_profile, session)
    chains = [role.roles() for role in roles]
    names = [one.name for chain in chains for one in chain]
    last = {chain[-1].name for chain in chains}
    settings = _settings(options, session.name)
    if not settings[SOURCE_PROFILE]:
        settings[SOURCE_PROFILE] = _source_to_write(roles, session)
    if not settings[SERIAL_NUMBER]:
        settings[SERIAL_NUMBER] = _common_device(session, names)
    joined = {"source_profile": session.name, SERIAL_NUMBER: None, "credential_source": None}
    between: dict[str, str | None] = {SERIAL_NUMBER: None}
    written = {name: joined if name in last else between for name in names}
    sources = (session.name, settings[SOURCE_PROFILE] or next_source_profile(session).name)
    if region := settings[REGION] or files.setting(REGION, *sources):
        for role in (role for role in roles if not role.setting(REGION)):
            written[role.name] = written[role.name] | {REGION: region}
            note(f"the region of profile {role.name} will be {region}, as that of its source")
    _write(session, {session.name: settings, **written})
    session = session.read_again()
    places = [session.files.line_of(name, "source_profile") for name in written]
    paths = " and ".join(dict.fromkeys(place[0] for place in places if place))
    note(f"wrote {', '.join(written)} to {paths}: one login to {session.name} serves each role")
    if (held := session.held()) and held.role_arn:
        note(
            f"{session.name} holds a session of the role {held.role_arn} now; a role that trusts"
            f" you alone needs your own: mfakit login --force --profile {shlex.quote(session.name)}"
        )
    for role in map(session.other, options.role_profile):
        note_of_region(role, role.name)
        _note_of_duration(role)
    return 0


def _refuse_without_keys(roles: list[Profile], session: Profile) -> None:
    """Refuse to take a role from the machine's own keys where there are no others.

    Raises:
        ProfileError: no session could be made for it.
    """
    given_by = next(filter(None, (role.setting("credential_source") for role in roles)), None)
    has_keys = session.held() is not None or finds_keys(session) or keys_to_name(session)
    if given_by not in (None, "Environment") and not has_keys:
        raise ProfileError(
            f"the role is assumed with the keys of {given_by}, and there are no others here",
            "it needs no login; for a user's session, put the user's key there: aws configure",
        )


def _note_of_duration(role: Profile) -> None:
    """Note that a role is to last longer than AWS lets one that is assumed with a session."""
    asked = role.setting("duration_seconds") or ""
    if is_too_long_for_chain(asked):
        place = role.place("duration_seconds")
        note(
            f"AWS refuses {role.name} while it is to last {asked[:9]} s ({place}): a role that is"
            " assumed with a session lasts one hour at most: aws configure set"
            f" duration_seconds {CHAINED_SECONDS} --profile {shlex.quote(role.name)}"
        )


def _session_of_roles(roles: list[Profile], flag: str | None) -> str:
    """Return the session profile for roles: the one that is named, else that of their source."""
    for role in roles:
        if not role.setting("role_arn"):
            meant = None if role.exists else role.files.spelled(role.name)
            if meant and role.other(meant).setting("role_arn"):
                raise ProfileError(
                    f"there is no profile {role.name!r}",
                    f"is it the profile {meant!r}? --role-profile {shlex.quote(meant)}",
                )
            raise ProfileError(
                f"the profile {role.name!r} has no role in {role.files.config_path}",
                f"give it one: aws configure set role_arn ARN --profile {shlex.quote(role.name)}",
            ).about(role.name)
    hops = [hop for role in roles for hop in role.roles()]
    for hop in hops:
        _check_arn(hop)
    names = [hop.name for hop in hops]
    if flag is None:
        sourced = [role for role in roles if role.setting("source_profile")]
        found = {led_to(role, "--role-profile") for role in sourced}
        if len(found) > 1:
            raise UsageError(
                f"the roles are of different sources: {', '.join(sorted(found))}",
                "configure each alone, or name one session profile for all: --profile NAME",
            )
        flag = found.pop() if found else _usual_session(roles)
    if flag in names:
        other = roles[0].other(flag).holder
        raise UsageError(
            f"the profile {flag!r} has the role, and cannot hold the session for it too",
            f"name another profile for the session: --profile {other}",
        )
    return flag


def _check_arn(role: Profile) -> None:
    """Refuse a role that AWS would not assume with any session, as it is no role's ARN."""
    try:
        Role(role.setting("role_arn") or "")
    except UsageError as error:
        message = f"role_arn ({role.place('role_arn')}): {error.message}"
        raise ProfileError(message, error.hint) from None


def _usual_session(roles: list[Profile]) -> str:
    """Return the session profile for roles without a source, from their own keys if they have any.

    AWS_PROFILE says nothing of it where it names such a role.
    """
    own = next((role for role in roles if role.is_protected), None)
    if own is not None:
        return own.its_session
    files = roles[0].files
    _, named = aws_profile_of(files.environ)
    if named in [role.name for role in roles]:
        return files.environ.get("MFAKIT_PROFILE") or DEFAULT_SESSION_PROFILE
    return session_profile(None, files).name


def _source_to_write(roles: list[Profile], session: Profile) -> str | None:
    """Return the source of the roles if the session profile means another; else None."""
    usual = next_source_profile(session)
    ends = [end_of_roles(role) for role in roles]
    meant = next((end.name for end in ends if may_be_source(end)), usual.name)
    return None if meant == usual.name else meant


def _common_device(session: Profile, roles: list[str]) -> str | None:
    """Return the one device that the profiles name; None if they name none.

    One of another account than the session there counts as none, since AWS refuses its codes.
    """
    held = session.held()
    account = held.record.account if held and held.record else None
    profiles = (session, *map(session.other, roles))
    named = {device for one in profiles if (device := one.setting(SERIAL_NUMBER))}
    named = {one for one in named if not account or account_of(one) in (None, account)}
    if len(named) > 1:
        raise UsageError(
            f"the profiles name different devices: {', '.join(sorted(named))}",
            "name the one for the session: --serial-number ARN",
        )
    return named.pop() if named else None


def _ask(terminal: Terminal, question: str, default: str | None) -> str:
    """Ask on the terminal; without one, the default has to do."""
    try:
        return terminal.ask(f"{question} [{default or translate('none')}]: ") or default or ""
    except ExchangeError:
        return default or ""


def _choose_device(terminal: Terminal, source: Source, configured: str | None) -> str:
    """Return the device, which the user chooses of several; one that IAM does not list is gone."""
    devices = find_devices(source)
    usable = [device.serial_number for device in devices if device.is_usable]
    if configured and devices and (devices[0].is_guess or usable == [configured]):
        return configured
    if len(usable) > 1:
        try:
            return usable[terminal.choose(translate("Which device?"), usable)]
        except NobodyToAskError:
            if configured in usable:
                return configured
            raise ExchangeError(
                f"there are several MFA devices: {', '.join(usable)}",
                f"name the one that you use: --serial-number {usable[0]}",
            ) from None
    device = only_device(devices)
    if device.is_guess:
        return _ask(terminal, translate("Serial number of your MFA device"), device.serial_number)
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
    _check_word(profile)
    return f"mfakit credential-process --profile {profile}"


def key_process_line(profile: str) -> str:
    """Return the `credential_process` that makes SDKs ask mfakit for a profile's long-term key.

    Raises:
        UsageError: as ``process_line`` raises it.
    """
    _check_word(profile)
    return export_line(profile)


def note_if_not_found(files: AWSFiles) -> None:
    """Note that AWS tools cannot run mfakit by its name, if it is not on the search path here."""
    if find_program("mfakit", files.environ) is None:
        folder = os.path.dirname(sys.executable)
        note(f"AWS tools will not find mfakit: add its folder, such as {folder}, to PATH")


def _check_word(profile: str) -> None:
    import re

    if not re.fullmatch(r"[A-Za-z0-9_.@+-]+", profile):
        raise UsageError(
            f"the name {profile!r} would mean something else to a shell",
            "for a credential_process, name the profile with letters, digits and _ . @ + -",
        )
