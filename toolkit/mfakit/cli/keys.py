"""`mfakit keys`: where each long-term key lives, and moving and rotating it."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress

from mfakit import debug
from mfakit.cli.commands import COMMANDS
from mfakit.cli.output import escape, note, read_input, show, show_verbs, write
from mfakit.environment import json_object
from mfakit.errors import ExchangeError, MFAKitError, NobodyToAskError, ProfileError, UsageError
from mfakit.keys import (
    FILE,
    KEYRING,
    LongTermKey,
    age_of,
    ago,
    journal_path,
    name_again,
    no_key,
    place_of,
    profiles_with,
    read_key,
    read_rotation,
    remember_key,
    remove_unfinished,
    rotations_of_no_key,
    source_profiles,
    unnamed_keys,
)
from mfakit.language import translate
from mfakit.moments import format_duration, format_timestamp, utc_now
from mfakit.profiles.profile import Profile
from mfakit.profiles.section import lacks_token, session_token
from mfakit.profiles.selection import (
    default_source_profile,
    source_option,
    variables_hold_keys,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.exchange.access_keys import Hands
    from mfakit.exchange.source import Source
    from mfakit.keys import KeyAge
    from mfakit.profiles.aws_files import AWSFiles

_PROCESS = "process"
_DELETE_AFTER_SECONDS = 7 * 86400
_TAKEN: dict[str | None, set[str]] = {
    None: {"online"},
    "import": {"from_csv", "plain_use"},
    "export": {"format"},
    "rotate": {"delete_after", "undo", "yes", "profile"},
    "remove": {"yes"},
}


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    taken = {"action", "source_profile", *_TAKEN[options.action]}
    what = f"keys {options.action}" if options.action else "keys alone"
    COMMANDS["keys"].refuse_others(options, taken, what)
    if options.format != _PROCESS:  # an SDK waits for that
        remove_unfinished(files, note)
    actions = {"import": _import, "export": _export, "rotate": _rotate, "remove": _remove}
    return actions.get(options.action, _list)(options, files)


def _source(options: Namespace, files: AWSFiles) -> Profile:
    if options.source_profile is not None:
        return Profile(options.source_profile, files)
    return default_source_profile(files)


def _list(options: Namespace, files: AWSFiles) -> int:
    """Print where each key lives, how old it is, and what plain use of the profile gives."""
    chosen = [Profile(options.source_profile, files)] if options.source_profile else None
    profiles = chosen or list(source_profiles(files))
    for profile in profiles:
        try:
            _show(profile, options)
        except MFAKitError as error:
            if chosen:
                raise
            note(f"{error.message}: {error.hint}")
    if not chosen:
        _name_odd_ones(files)
    if variables_hold_keys(os.environ):
        key = os.environ["AWS_ACCESS_KEY_ID"]
        shown = debug.key_id(key) if debug.may_be_secret(key) else escape(key)
        show(f"the environment: {shown}, in its variables\n")
    elif not profiles:
        note("no profile has a long-term key; aws configure writes one, and keys import takes it")
    if not options.online and options.source_profile is None:
        show_verbs(COMMANDS["keys"].verb_lines())
    return 0


def _name_odd_ones(files: AWSFiles) -> None:
    """Name what belongs to no profile, and keys that look long-term, and are of a session."""
    for key, name in unnamed_keys(files).items():
        again = name_again(key, name)
        note(f"the key {escape(key)} is in the keychain, and profile {name} lost it: {again}")
    for path in rotations_of_no_key(files):
        note(
            f"{path} is of a rotation of a profile that has no key now, and a key may be there"
            " alone: if the profile was renamed, name it as before, and run keys rotate; if nothing"
            " needs the key, remove that file"
        )
    for name in files.profiles():
        if lacks_token(files.keys(name)):
            how = f"mfakit explain --profile {shlex.quote(name)}"
            note(f"{name}: the key is of a session, and its token is missing; {how}")


def _show(profile: Profile, options: Namespace) -> None:
    age = age_of(profile)
    if age is None:
        if options.source_profile:
            raise no_key(profile)
        return
    _delete_due(profile, age, options)
    if options.online:
        _show_online(profile, options)
    age = age_of(profile) or age
    if age.place.access_key_id:
        remember_key(profile.files, age.place.access_key_id, utc_now())
    show(_line(profile, age))


def _line(profile: Profile, age: KeyAge) -> str:
    key = escape(age.place.access_key_id or "a key")
    parts = [f"{escape(profile.name)}: {key}, {_where(age)}", _age(age), _plain_use(profile, age)]
    if age.replaced_by is not None:
        parts.append(
            f"it was replaced by {age.replaced_by}, and has been written back: if AWS no longer"
            f" takes it, mfakit keys rotate{source_option(profile)} puts that in again"
        )
    elif age.kept_beside is not None:
        parts.append(
            f"its last rotation was of {age.kept_beside}, and {escape(journal_path(profile))} may"
            " have the only copy of a key: if AWS no longer takes the one above, mfakit keys"
            f" rotate{source_option(profile)} says how to go back; if nothing needs that, remove it"
        )
    elif age.has_other_secret:
        parts.append(
            "its secret is not the one of its last rotation: if AWS refuses it, mfakit keys"
            f" rotate{source_option(profile)} puts that in again"
        )
    elif age.delete_at is not None:
        parts.append(f"the key before it is kept until {format_timestamp(age.delete_at)}")
    elif age.is_cut_off:
        option = source_option(profile)
        parts.append(
            f"a rotation of it was cut off: mfakit keys rotate{option} goes on, and mfakit keys"
            f" rotate --undo{option} goes back"
        )
    elif age.journal_error is not None:
        parts.append(age.journal_error)
    return "; ".join(parts) + "\n"


def _where(age: KeyAge) -> str:
    if age.place.kind == FILE:
        place = f"in {escape(age.place.detail)}"
        with suppress(OSError):  # an editor may have moved it away for a moment
            place += f" (mode {os.stat(age.place.detail).st_mode & 0o777:04o})"
        return place
    if age.place.kind == KEYRING:
        return "in the keychain"
    return f"given by the program {escape(age.place.detail)}"


def _age(age: KeyAge) -> str:
    if age.created_at is not None:
        return f"made {ago(age.created_at)}"
    if age.known_since is not None:
        return f"known here for {ago(age.known_since).removesuffix(' ago')}"
    return "its age is not known"


def _plain_use(profile: Profile, age: KeyAge) -> str:
    from mfakit.profiles.stores import exports_key

    if age.place.kind == FILE:
        return "AWS tools use it with this profile"
    if profile.is_long_term:
        place = profile.place("aws_access_key_id")
        return f"AWS tools use the key that is in {escape(place)} still"
    process = profile.setting("credential_process")
    if process and exports_key(process):
        return "AWS tools get it through mfakit keys export"
    return "AWS tools get " + ("what credential_process gives" if process else "no key")


def _show_online(profile: Profile, options: Namespace) -> None:
    """Print what AWS knows of the user's keys, and remember when they were made."""
    from mfakit.exchange.access_keys import Keys

    try:
        keys = Keys(profile, _hands(options, profile))
        for key in keys.list():
            remember_key(profile.files, key.access_key_id, utc_now(), key.created_at)
            state = "active" if key.is_active else "inactive"
            show(
                f"{escape(keys.user)}: {key.access_key_id}, {state}, made {ago(key.created_at)},"
                f" {key.last_use}\n"
            )
    except MFAKitError as error:
        note(f"AWS was not asked about the key of profile {profile.name}: {error.message}")


def _delete_due(profile: Profile, age: KeyAge, options: Namespace) -> None:
    """Delete the key before a rotation, if its time has come; a failure is only noted."""
    if age.delete_at is None or age.delete_at > utc_now():
        return
    from mfakit.exchange.rotation import delete_due

    try:
        delete_due(profile, utc_now(), _hands(options, profile))
    except MFAKitError as error:
        note(f"the old key of profile {profile.name} is not deleted yet: {error.message}")


def _import(options: Namespace, files: AWSFiles) -> int:
    """Put a key into the keychain, and take it out of the files."""
    from mfakit.cli.configure import key_process_line, note_if_not_found
    from mfakit.keychain import keychain_name
    from mfakit.keys.moving import import_key, role_profiles_of

    profile = _source(options, files)
    name = keychain_name()  # before anything is typed
    key = _key_to_import(profile, options)
    process = key_process_line(profile.name) if options.plain_use == _PROCESS else None
    import_key(profile, key, note, process)
    remember_key(profile.files, key.access_key_id, utc_now())
    note(f"the key {key.access_key_id} of profile {profile.name} is in the keychain ({name})")
    if process is not None:
        note_if_not_found(files)
    elif not profile.read_again().setting("credential_process"):
        note(
            f"AWS tools find no key in the profile {profile.name} now, but use its sessions;"
            " --plain-use process lets them get it from the keychain"
        )
        if _has_own_role():
            note("they would use the role of this machine or container there in its place")
    session = profile.its_session
    for role in role_profiles_of(profile):
        note(
            f"the role of profile {role} is assumed with this key; with the session:"
            f" mfakit configure --role-profile {shlex.quote(role)} -p {shlex.quote(session)}"
        )
    return 0


def _key_to_import(profile: Profile, options: Namespace) -> LongTermKey:
    from mfakit.keys.moving import read_csv

    if options.from_csv is not None:
        return read_csv(read_input(options.from_csv))
    place = place_of(profile)
    if place is not None and (place.kind == FILE or place.kind == KEYRING):
        found = read_key(profile)
        assert found is not None
        return found
    values = profile.keys
    if session_token(values) and profile.in_file.holds_keys(values):
        raise ProfileError(
            f"the profile {profile.name!r} holds a long-term key beside a session's token",
            "remove the token, whose line this names: mfakit explain --profile"
            f" {shlex.quote(profile.name)}",
        )
    return _typed_key(profile)


def _typed_key(profile: Profile) -> LongTermKey:
    from getpass import getpass

    from mfakit.exchange.terminal import Terminal

    try:
        key = Terminal().ask(
            translate("Access key id for profile {profile}: ", profile=profile.name)
        )
        secret = getpass(translate("Secret access key (not shown): ")).strip()
    except ExchangeError:
        raise ProfileError(
            f"the profile {profile.name!r} has no key to import",
            "name the file from the console: --from-csv FILE, or the profile: --source-profile",
        ) from None
    if not key.isalnum() or not secret.isprintable() or not secret:
        raise UsageError("that is no access key", "type its id, then its secret")
    return LongTermKey(key, secret)


def _has_own_role() -> bool:
    """Whether AWS tools without a key would use a role of this container or EC2 instance."""
    if any(name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in os.environ):
        return True
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    try:
        with open("/sys/class/dmi/id/sys_vendor", encoding="ascii", errors="replace") as file:
            return "Amazon" in file.read()
    except OSError:
        return False


def _export(options: Namespace, files: AWSFiles) -> int:
    """Write a key back into the credentials file, or print it for an SDK."""
    profile = _source(options, files)
    if options.format == _PROCESS:
        key = read_key(profile)
        if key is None:
            raise no_key(profile)
        given: dict[str, str | int] = {
            "Version": 1,
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_access_key,
        }
        write(json_object(given))
        return 0
    from mfakit.keys.moving import export_key

    export_key(profile, note)
    return 0


def _remove(options: Namespace, files: AWSFiles) -> int:
    """Delete a key from the keychain; AWS still knows it."""
    from mfakit.keys.moving import older_key, remove_key

    profile = _source(options, files)
    hands, place, older = _hands(options, profile), place_of(profile), older_key(profile)
    hands.ask(
        translate(
            "Delete the key of profile {profile} from the keychain? Its secret may be lost then.",
            profile=profile.name,
        )
    )
    if older:
        hands.ask(
            translate(
                "The key before its rotation, {key}, is deleted here with it. Go on?", key=older
            ),
            in_person=True,
        )
    key = remove_key(profile, (place.access_key_id if place else None, older), note)
    twins = profiles_with(profile, key)
    end = "delete it in IAM, if nothing has it any more"
    end = f"the profile {', '.join(twins)} has it still" if twins else end
    note(f"the key {key} is no longer in this keychain; AWS still takes it: {end}")
    return 0


def _rotate(options: Namespace, files: AWSFiles) -> int:
    """Replace a key by a new one, or go back."""
    from mfakit.exchange.rotation import rotate, undo

    profile = _source(options, files)
    hands = _hands(options, profile)
    if options.undo:
        if options.delete_after is not None:
            raise UsageError("--delete-after has no meaning with --undo", "leave it out")
        key = undo(profile, hands)
        note(f"the profile {profile.name} uses the key {key} again; the new one is deleted")
        return 0
    after = _DELETE_AFTER_SECONDS if options.delete_after is None else options.delete_after
    key = rotate(profile, after, hands)
    note(f"the profile {profile.name} uses the new key {key}")
    rotation = read_rotation(profile)
    if rotation and not rotation.ended_at:
        note(
            f"the old one is inactive; mfakit keys deletes it after {format_duration(after)},"
            f" and until then mfakit keys rotate --undo{source_option(profile)} goes back"
        )
    return 0


def _hands(options: Namespace, profile: Profile) -> Hands:
    from mfakit.exchange.access_keys import Hands

    return Hands(
        confirm=lambda question, in_person: (
            (options.yes and not in_person) or _confirm(question, options, profile)
        ),
        note=note,
        log_in=lambda: _log_in(options, profile),
    )


def _confirm(question: str, options: Namespace, profile: Profile) -> bool:
    from mfakit.exchange.terminal import Terminal

    try:
        return Terminal().ask(f"{question} [y/N] ").lower() in ("y", "yes", "是")
    except ExchangeError:
        if options.yes:
            raise MFAKitError(
                f"--yes is no answer to this, and there is no terminal: {question}",
                "answer it on a terminal, with the same command",
            ) from None
        named = " --undo" if options.undo else ""
        named += source_option(profile)
        if options.delete_after is not None:
            named += f" --delete-after {format_duration(options.delete_after)}"
        raise MFAKitError(
            f"there is no terminal to answer on: {question}",
            f"if the answer is yes: mfakit keys {options.action} --yes{named}",
        ) from None


def _live_session(profile: Profile) -> str | None:
    """Return the profile with a live MFA session of this one's key, preferably the usual one."""
    now = utc_now()
    for name in (profile.its_session, *profile.files.profiles()):
        held = profile.other(name).held()
        record = held.record if held and not held.has_ended(now) else None
        is_its = record and record.source_profile == profile.name and not record.role_arn
        if record and is_its and record.serial_number:
            return name
    return None


def _log_in(options: Namespace, profile: Profile) -> Source:
    """Return a session of the user's, as IAM wants MFA for the call."""
    from mfakit.exchange.login import login
    from mfakit.exchange.recipe import LoginRequest
    from mfakit.exchange.source import Source

    named = options.profile or _live_session(profile) or profile.its_session
    holder = Profile(named, profile.files.read_again())
    request = LoginRequest(source_profile=profile.name, note=note)
    try:
        session = login(holder, request).session
    except NobodyToAskError as error:
        words = ["mfakit", "login", "--profile", holder.name, "--source-profile", profile.name]
        named = "" if options.profile is None else f" with --profile {shlex.quote(holder.name)}"
        error.hint = f"log in first, then do this again{named}: {shlex.join(words)}"
        raise
    region = profile.setting("region")
    return Source(
        session.access_key_id, session.secret_access_key, holder.name, region, session.session_token
    )
