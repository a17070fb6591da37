"""Keys: the long-term key of a profile, where it lives, how old it is, how far a rotation got.

The journal of a rotation lets one that was killed go on, and one that is done be undone. For a key
in a file it holds both keys until the old one is deleted; so it is a secret file of mfakit's own.
"""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager, suppress

from mfakit import debug
from mfakit.errors import BusyError, FileError, MFAKitError, ProfileError
from mfakit.moments import format_age, format_timestamp, parse_timestamp, utc_now
from mfakit.profiles.own_files import OwnFile, as_pairs, make_own_folder, own_place, pairs_of
from mfakit.profiles.profile import KEY_COMMAND, KEY_STORE, Profile
from mfakit.profiles.section import KEYS, has_access_key, is_long_term, is_no_key
from mfakit.profiles.stores import exports_key
from mfakit.session import SESSION_KEY_PREFIX
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Any

    from mfakit.profiles.aws_files import AWSFiles

FILE, KEYRING, PROGRAM = "file", "keyring", "program"
_PREFIX = f"{KEYRING}:"
_SECONDS = 60  # for a program to answer, or another mfakit to be done with the keychain


class LongTermKey(Value):
    """An access key of an IAM user. ``repr`` shows no secret.

    Args:
        access_key_id: its id.
        secret_access_key: its secret.
    """

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"LongTermKey({self.access_key_id!r})"


class KeyPlace(Value):
    """Where the key of a profile lives.

    Args:
        kind: ``file``, ``keyring`` or ``program``.
        access_key_id: the key's id; None if only the program knows it.
        detail: the file, the entry, or the program's name.
    """

    kind: str
    access_key_id: str | None
    detail: str


def place_of(profile: Profile) -> KeyPlace | None:
    """Return where a profile's long-term key lives; None if it has none of its own.

    Neither a keychain nor a program is asked.

    Raises:
        ProfileError: ``mfakit_key_store`` names no store that mfakit knows, or the secret, which
            nobody may be shown, is in the place of the id.
    """
    if store := profile.setting(KEY_STORE):
        key = store.removeprefix(_PREFIX)
        if not store.startswith(_PREFIX) or not key or debug.may_be_secret(key):
            raise ProfileError(
                f"{KEY_STORE} of profile {profile.name!r} names no store",
                f"write it as {_PREFIX}AKIA..., or remove it",
            )
        return KeyPlace(KEYRING, key, store)
    if command := profile.setting(KEY_COMMAND):
        return KeyPlace(PROGRAM, None, os.path.basename(command.split()[0]))
    if is_long_term(profile.keys):
        key = profile.keys[KEYS[0]]
        refuse_secret_as_id(profile, key)
        files = profile.files
        in_credentials = has_access_key(files.credentials(profile.name))
        return KeyPlace(FILE, key, files.credentials_path if in_credentials else files.config_path)
    return None


def refuse_secret_as_id(profile: Profile, access_key_id: str) -> None:
    """Refuse what looks like a secret in the place of a key's id, which is shown.

    Raises:
        ProfileError: it does.
    """
    if debug.may_be_secret(access_key_id):
        raise ProfileError(
            f"the id of the key of profile {profile.name!r} looks like a secret",
            f"type both again: aws configure --profile {shlex.quote(profile.name)}",
        )


def read_key(profile: Profile) -> LongTermKey | None:
    """Return the long-term key of a profile, from wherever it lives; None if it has none.

    Raises:
        MFAKitError: the keychain or the program did not give it.
    """
    place = place_of(profile)
    if place is None:
        return None
    debug.event("the key of profile {!r} is in the {}", profile.name, place.kind)
    if place.kind == FILE:
        return LongTermKey(profile.keys["aws_access_key_id"], profile.keys["aws_secret_access_key"])
    if place.kind == PROGRAM:
        return _key_of_command(profile)
    from mfakit.keychain import KeychainError, get_secret

    assert place.access_key_id is not None
    secret = get_secret(place.access_key_id)
    if secret is None:
        raise KeychainError(
            f"the keychain has no entry for the key {place.access_key_id} of profile"
            f" {profile.name!r}",
            _where_else(profile, place.access_key_id),
        )
    return LongTermKey(place.access_key_id, secret)


def _where_else(profile: Profile, access_key_id: str) -> str:
    """Return where a key is, or comes from, that is not in the keychain as its profile says.

    Another program may have written back the config file from before an export.
    """
    if profile.is_long_term and profile.keys[KEYS[0]] == access_key_id:
        line = profile.place(KEY_STORE)
        return f"the key is in {profile.place(KEYS[0])}: remove {KEY_STORE} ({line})"
    if key := unnamed_key(profile):
        return f"the key {key} is in the keychain: {name_again(key, profile.name)}"
    return (
        "import the key again: mfakit keys import --from-csv FILE; or if the keychain has a newer"
        f" key of mfakit, name that in {profile.place(KEY_STORE)}"
    )


def no_key(profile: Profile) -> ProfileError:
    """Return the error for a profile without a long-term key."""
    if key := unnamed_key(profile):
        return ProfileError(
            f"the profile {profile.name!r} names its key {key} in the keychain no more",
            f"name it again: {name_again(key, profile.name)}",
        )
    return ProfileError(
        f"the profile {profile.name!r} has no long-term key",
        "name the profile that has: --source-profile NAME; see mfakit keys",
    )


def _key_of_command(profile: Profile) -> LongTermKey:
    """Run ``mfakit_key_command``, which prints a key as JSON, or its id and secret on two lines."""
    from mfakit.programs import find_words, run_on_terminal

    name, command = f"the {KEY_COMMAND}", profile.setting(KEY_COMMAND) or ""
    if exports_key(command):
        raise ProfileError(
            f"the {KEY_COMMAND} of profile {profile.name!r} runs mfakit itself",
            f"remove {KEY_COMMAND}: mfakit finds a key that is in its own keychain",
        )
    see_it = f"run the {KEY_COMMAND} of profile {profile.name!r} by hand, and see what it prints"
    words = find_words(command, name, f"install it, or mend {KEY_COMMAND}")
    output = run_on_terminal(words, name, see_it, _SECONDS)
    key = _parse(output.decode("utf-8", "replace"))
    if key is None:
        raise ProfileError(
            f"the {KEY_COMMAND} of profile {profile.name!r} printed no key",
            f"{see_it}: JSON as a credential_process, or the id and below it the secret",
        )
    return key


def _parse(text: str) -> LongTermKey | None:
    import json

    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            return None
        if given.get("SessionToken"):
            return None
        words = [given.get("AccessKeyId"), given.get("SecretAccessKey")]
    else:
        words = [line.strip() for line in text.splitlines() if line.strip()][:2]
    if len(words) == 2 and all(isinstance(word, str) and word for word in words):
        key = LongTermKey(*words)
        return key if _may_be_right(key) else None
    return None


def _may_be_right(key: LongTermKey) -> bool:
    """Whether a key has an id first, which will be shown, and is not a session's.

    `pass` keeps a secret in the first line.
    """
    name, secret = key.access_key_id, key.secret_access_key
    is_id = name.isascii() and name.replace("_", "").isalnum()
    return (
        is_id
        and not name.startswith(SESSION_KEY_PREFIX)
        and not secret.startswith("AKIA")
        and not is_no_key(secret)
    )


class KeyAge(Value):
    """The key of a source profile, and since when it exists.

    Args:
        profile: the source profile.
        place: where the key lives.
        created_at: when AWS made it; None if that is not known.
        known_since: when mfakit first wrote it down; None if it has not.
        delete_at: when a rotation lets the key before it be deleted; None if there is none.
        replaced_by: the key that a rotation has put in its place, if another program has written
            this one back.
        has_other_secret: whether its last rotation knows another secret of it.
        is_cut_off: whether a rotation of it has yet to be finished.
        kept_beside: the keys of the last rotation, if the profile has another one, and the journal
            may have the only copy of them.
        journal_error: why the journal of its rotation cannot be read; None if it can.
    """

    profile: str
    place: KeyPlace
    created_at: datetime | None
    known_since: datetime | None
    delete_at: datetime | None = None
    replaced_by: str | None = None
    has_other_secret: bool = False
    is_cut_off: bool = False
    kept_beside: str | None = None
    journal_error: str | None = None

    def is_old(self, now: datetime, seconds: float) -> bool:
        """Whether the key is older than a time, or the key before it should be deleted by now.

        A key whose age is not known counts from when mfakit first knew it.
        """
        since = self.created_at or self.known_since
        too_old = since is not None and (now - since).total_seconds() > seconds
        return too_old or (self.delete_at is not None and self.delete_at <= now)


def remember_key(
    files: AWSFiles,
    access_key_id: str,
    now: datetime,
    created_at: datetime | None = None,
    kept_for: str | None = None,
) -> None:
    """Write down when a key was made, or that it is known from now on.

    Args:
        files: the AWS files.
        access_key_id: the key.
        now: the time.
        created_at: when AWS made it, if that is known.
        kept_for: the profile that it was put into the keychain for; "" if it was deleted there.

    Raises:
        FileError: this cannot be written, and may become the only name of an entry in the keychain.
    """
    from mfakit.profiles.reading import file_error

    file = _age_file(files, access_key_id)
    try:
        known = _known(file)
    except OSError as error:  # what it says is not replaced
        if kept_for:
            raise file_error("read", file.path, error) from error
        return
    created = format_timestamp(created_at) if created_at else known.get("created_at", "")
    since = known.get("known_since") or format_timestamp(now)
    kept = known.get("kept_for", "") if kept_for is None else kept_for
    values = {"access_key_id": access_key_id, "known_since": since, "created_at": created}
    values |= {"kept_for": kept} if kept else {}
    if values == known:
        return
    try:
        (file.replace if known else file.make)(as_pairs(values))
    except MFAKitError:
        if kept_for:
            raise


def put_into_keychain(profile: Profile, key: LongTermKey) -> None:
    """Put a key into the keychain, and write down for which profile.

    Raises:
        KeychainError: the keychain cannot be used, or holds another secret of the key.
        FileError: the key is there, but what names it cannot be written.
    """
    from mfakit.keychain import put_secret

    put_secret(key.access_key_id, key.secret_access_key)
    remember_key(profile.files, key.access_key_id, utc_now(), kept_for=profile.name)


def delete_from_keychain(profile: Profile, access_key_id: str) -> None:
    """Delete a key from the keychain; it may have none.

    Raises:
        KeychainError: the keychain cannot be used.
    """
    from mfakit.keychain import delete_secret

    delete_secret(access_key_id)
    remember_key(profile.files, access_key_id, utc_now(), kept_for="")


def unnamed_keys(files: AWSFiles) -> dict[str, str]:
    """Return the keys in the keychain that no setting names any more, and their profiles.

    Another program may have written back the config file from before an import.
    """
    every = [Profile(name, files) for name in files.profiles()]
    named = {profile.setting(KEY_STORE) for profile in every}
    found = {}
    for file in _age_file(files, "").kindred():
        with suppress(OSError, FileError):
            kept = pairs_of(file.read())
            key, name = kept.get("access_key_id", ""), kept.get("kept_for", "")
            rotation = read_rotation(Profile(name, files)) if name else None
            waits = rotation and key in rotation.waiting()
            if name and f"{_PREFIX}{key}" not in named and not waits:
                found[key] = name
    return found


def unnamed_key(profile: Profile) -> str | None:
    """Return the key in the keychain that a profile's setting names no more; None if none."""
    found = unnamed_keys(profile.files).items()
    return next((key for key, name in found if name == profile.name), None)


def name_again(access_key_id: str, profile: str) -> str:
    """Return how to name a key in the keychain again."""
    setting = f"{KEY_STORE} {_PREFIX}{shlex.quote(access_key_id)}"
    return f"aws configure set {setting} --profile {shlex.quote(profile)}"


def ages_of(
    profiles: list[Profile], complain: Callable[[ProfileError], object] | None = None
) -> list[KeyAge]:
    """Return the ages of the keys of profiles, without asking AWS, a keychain or a program.

    A key that a program gives has no id that could be looked up, so its age is not known.

    Args:
        profiles: the profiles.
        complain: called with the error of a profile whose settings name no store, so that it hides
            no other profile.

    Raises:
        ProfileError: there is such a profile, and no ``complain``.
    """
    found = []
    for profile in profiles:
        try:
            age = age_of(profile)
        except ProfileError as error:
            if complain is None:
                raise
            complain(error)
        else:
            found += [age] if age else []
    return found


def age_of(profile: Profile) -> KeyAge | None:
    """Return the age of a profile's key; None if the profile has no long-term key."""
    place = place_of(profile)
    if place is None:
        return None
    known = {}
    with suppress(OSError):
        known = _known(_age_file(profile.files, place.access_key_id or ""))
    return KeyAge(
        profile.name,
        place,
        parse_timestamp(known.get("created_at", "")),
        parse_timestamp(known.get("known_since", "")),
        **_rotated(profile, place),
    )


def source_profiles(files: AWSFiles) -> Iterator[Profile]:
    """Yield the profiles that have a long-term key of their own."""
    for name in files.profiles():
        profile = Profile(name, files)
        if profile.has_key_elsewhere or profile.is_long_term:
            yield profile


def profiles_with(profile: Profile, access_key_id: str) -> list[str]:
    """Return the other profiles that have the same key, in a file or in the keychain."""
    found = []
    for other in source_profiles(profile.files):
        with suppress(MFAKitError):  # one whose key store is misspelled
            place = place_of(other)
            if other.name != profile.name and place and place.access_key_id == access_key_id:
                found.append(other.name)
    return found


def ago(moment: datetime) -> str:
    """Return how long ago a time was, as ``3d ago``."""
    return f"{format_age(moment, utc_now())} ago"


def _known(file: OwnFile) -> dict[str, str]:
    try:
        return pairs_of(file.read())
    except FileNotFoundError:
        return {}


def _age_file(files: AWSFiles, access_key_id: str) -> OwnFile:
    return OwnFile.of(files.credentials_path, "keys", access_key_id)


class Rotation(Value):
    """A rotation of a profile's key. ``repr`` shows no secret.

    Args:
        old_id: the key that is replaced.
        ids_before: the user's keys when it began, separated by spaces.
        began_at: when it began.
        new_id: the new key; empty until AWS has made it.
        new_secret: its secret, if the key belongs into a file: another program may write back the
            file from before.
        old_secret: the secret of the old key, if that was in a file.
        delete_at: when the old key is to be deleted; empty until the profile uses the new key.
        ended_at: when it was deleted; empty until then. The journal stays until the next rotation:
            another program may still write back the old file.
    """

    old_id: str
    ids_before: str
    began_at: str
    new_id: str = ""
    new_secret: str = ""
    old_secret: str = ""
    delete_at: str = ""
    ended_at: str = ""

    def keys_in_journal(self) -> list[str]:
        """Return its keys whose secrets the journal has."""
        return list(self.secrets())

    def secrets(self) -> dict[str, str]:
        """Return the secrets that the journal has, by the ids of their keys."""
        secrets = {self.old_id: self.old_secret, self.new_id: self.new_secret}
        return {name: secret for name, secret in secrets.items() if secret}

    def waiting(self) -> set[str]:
        """Return its keys that the profile does not have by intent, or not yet."""
        if not self.new_id:  # what it was to replace is the present one
            return set()
        return {self.old_id} if self.delete_at else {self.old_id, self.new_id}

    def is_over(self, access_key_id: str | None) -> bool:
        """Whether nothing of the rotation is left to do for a profile that has this key."""
        return bool(self.ended_at) and access_key_id != self.old_id


_FIELDS = tuple(Rotation.__annotations__)


@contextmanager
def changing_key(profile: Profile) -> Iterator[Profile]:
    """Keep other processes from rotating or moving the key of a profile during the block.

    Yields:
        The profile, read again.

    Raises:
        BusyError: another one does.
        FileError: the folder of the journal cannot be written.
    """
    what = f"another mfakit is changing the key of profile {profile.name!r}"
    with _only_here(journal_path(profile), 0, what):
        yield profile.read_again()


@contextmanager
def changing_keychain(profile: Profile) -> Iterator[None]:
    """Keep other processes from moving keys into the keychain, or out of it, during the block.

    Two profiles may have the same key, and so the same entry.

    Raises:
        BusyError: another one does, for a minute.
        FileError: the folder of the lock cannot be written.
    """
    path = own_place(profile.files.credentials_path, "rotations", "keychain")
    with _only_here(path, _SECONDS, "another mfakit is changing the keychain"):
        yield


@contextmanager
def _only_here(path: str, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock of an own file, or raise a BusyError that says what another mfakit does."""
    from contextlib import ExitStack

    from mfakit.keychain import shared_lock
    from mfakit.profiles.editing import locked
    from mfakit.profiles.reading import file_error

    with ExitStack() as stack:
        try:
            make_own_folder(path)
            stack.enter_context(shared_lock(stack.enter_context(locked(path, timeout))))
        except BusyError:
            raise BusyError(what, f"wait for it, or end it; fuser {path}.lock names it") from None
        except OSError as error:
            raise file_error("write", os.path.dirname(path), error) from error
        yield


def journal_path(profile: Profile) -> str:
    """Return the path of a profile's journal."""
    return _file(profile).path


def read_rotation(profile: Profile) -> Rotation | None:
    """Return the last rotation of a profile's key; None if there was none.

    Raises:
        FileError: the journal is not a file that mfakit has made.
    """
    file = _file(profile)
    try:
        text = file.read_secret()
    except FileError as error:
        hint = "it may hold keys that are nowhere else: if it is yours, take it back, and"
        raise FileError(error.message, f"{hint} chmod 600 {shlex.quote(file.path)}") from None
    kept = pairs_of(text or "")
    if not kept.get("old_id"):
        return None
    return Rotation(**{name: kept.get(name, "") for name in _FIELDS})


def rotations_of_no_key(files: AWSFiles) -> list[str]:
    """Return the journals of profiles that have no key, or were renamed or removed, since then."""
    known = {journal_path(profile) for profile in source_profiles(files)}
    journals = _file(Profile("", files)).kindred()
    return [journal.path for journal in journals if journal.path not in known]


def write_rotation(profile: Profile, rotation: Rotation) -> None:
    """Write the journal.

    Raises:
        FileError: it cannot be written.
    """
    _file(profile).replace(as_pairs({name: getattr(rotation, name) for name in _FIELDS}))


def forget_rotation(profile: Profile) -> None:
    """Remove the journal."""
    _file(profile).remove()


def remove_unfinished(files: AWSFiles, note: Callable[[str], object]) -> None:
    """Remove the new files, with keys in them, that killed processes have not put into place.

    Those beside the credentials and the config file are what the next write would remove.
    """
    from mfakit.profiles.editing import edit_text
    from mfakit.profiles.reading import MARK
    from mfakit.profiles.replacing import leftovers, remove_leftovers

    folder = os.path.dirname(OwnFile.of(files.credentials_path, "rotations", "").path)
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if MARK in name:
            remove_leftovers(os.path.join(folder, name.partition(MARK)[0].removeprefix(".")))
    for path in (files.credentials_path, files.config_path):
        if leftovers(os.path.realpath(path)):
            with suppress(MFAKitError):  # what cannot be written now is removed by a later write
                edit_text(path, lambda text: text, note=note)


def _rotated(profile: Profile, place: KeyPlace) -> dict[str, Any]:
    """Return what the journal of a rotation says of a key, as arguments of ``KeyAge``."""
    try:
        rotation = read_rotation(profile)
    except FileError as error:
        return {"journal_error": f"{error.message}: {error.hint}"}
    if rotation is None:
        return {}
    if place.access_key_id not in (rotation.old_id, rotation.new_id):
        is_kept = not rotation.ended_at or rotation.keys_in_journal()
        both = " and ".join(filter(None, (rotation.old_id, rotation.new_id)))
        return {"kept_beside": both if is_kept else None}
    secret = profile.keys.get(KEYS[1])
    kept = rotation.secrets().get(place.access_key_id, secret) if place.kind == FILE else secret
    found: dict[str, Any] = {"has_other_secret": kept != secret}
    if not rotation.new_id:
        return found
    if not rotation.delete_at:
        return found | {"is_cut_off": True}
    is_old = place.access_key_id == rotation.old_id
    return found | {
        "delete_at": None if rotation.ended_at else parse_timestamp(rotation.delete_at),
        "replaced_by": rotation.new_id if is_old else None,
    }


def _file(profile: Profile) -> OwnFile:
    return profile.own_file("rotations")
