"""Moving a long-term key between the credentials file and the keychain.

At each moment the key is in one place at least: the new one is written and read back before the old
one is emptied.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial

from mfakit import debug
from mfakit.errors import FileError, MFAKitError, ProfileError, UsageError
from mfakit.keys import (
    KEYRING,
    LongTermKey,
    Rotation,
    changing_key,
    changing_keychain,
    delete_from_keychain,
    forget_rotation,
    place_of,
    profiles_with,
    put_into_keychain,
    read_key,
    read_rotation,
    refuse_secret_as_id,
    write_rotation,
)
from mfakit.profiles.document import check_values
from mfakit.profiles.editing import SafetyCopy, check_writable, edit_document
from mfakit.profiles.own_files import own_place
from mfakit.profiles.profile import KEY_STORE, Profile, check_profile_name
from mfakit.profiles.reading import read_text
from mfakit.profiles.section import KEYS, session_token
from mfakit.profiles.selection import source_option
from mfakit.profiles.settings import edit_settings
from mfakit.profiles.stores import export_line, exports_key
from mfakit.session import SESSION_KEY_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.profiles.document import Document

    Note = Callable[[str], object]

_LARGEST_BYTES = 1 << 20


def import_key(
    profile: Profile, key: LongTermKey, note: Note, process_line: str | None = None
) -> None:
    """Put a profile's key into the keychain, and take it out of the files.

    Args:
        profile: the source profile.
        key: its key.
        note: called with messages for the user.
        process_line: the ``credential_process`` by which AWS tools still find the key; None if
            plain use of the profile is to find none.

    Raises:
        KeychainError: the keychain cannot be used. Nothing was changed then.
        UsageError: the key could never be written back into a file.
        ProfileError: the profile holds another key, or a session.
        BusyError: another process is changing the key.
        FileError: a file cannot be written. The key is where it was then; if it is in the keychain
            too, a note has said so.
    """
    with changing_key(profile) as current:
        _import(current, key, note, process_line)


def _import(profile: Profile, key: LongTermKey, note: Note, process_line: str | None) -> None:
    check_profile_name(profile.name)
    refuse_secret_as_id(profile, key.access_key_id)
    check_values(_as_section(key))
    _refuse_no_source(profile, key)
    _refuse_wrong_secret(profile, key)
    present = place_of(profile)
    if present is None or (present.kind, present.access_key_id) != (KEYRING, key.access_key_id):
        _refuse_unfinished_rotation(profile, key.access_key_id)
    _refuse_other_key(profile, key)
    process = profile.setting("credential_process")
    settings: dict[str, str | None] = {KEY_STORE: f"{KEYRING}:{key.access_key_id}"}
    if not process or process == export_line(profile.name):
        settings["credential_process"] = process_line
    elif process_line is None and exports_key(process):
        place = profile.place("credential_process")
        note(f"AWS tools get the key through a line of your own, which stays: {place}")
    elif process_line is not None:
        raise ProfileError(
            f"the profile {profile.name!r} has a credential_process of its own",
            "leave --plain-use process out, or remove that setting first",
        )
    check_writable(profile.files.credentials_path)
    check_setting_writable(profile, KEY_STORE)
    _check_removable(profile, key)
    with changing_keychain(profile):
        _move_into_keychain(profile, key, settings, note)
    rotation = read_rotation(profile)
    if rotation and key.access_key_id in rotation.keys_in_journal():
        # it is to be in no file any more
        is_new = rotation.new_id == key.access_key_id
        secrets = {"new_secret" if is_new else "old_secret": ""}
        write_rotation(profile, rotation.replace(**secrets))
    for path in _others_with(profile, key.secret_access_key):
        note(f"{path} still holds the key: {_how_to_cut(profile, path, key.access_key_id)}")


def _move_into_keychain(
    profile: Profile, key: LongTermKey, settings: dict[str, str | None], note: Note
) -> None:
    from mfakit.keychain import KeychainError

    try:
        put_into_keychain(profile, key)
        _set_store(profile, settings, key.access_key_id, note)
        if profile.read_again().setting(KEY_STORE) != settings[KEY_STORE]:
            raise key_was_changed(profile, key.access_key_id)  # somebody has written it back
        _remove_keys(profile, key, note)
    except KeychainError:
        raise
    except MFAKitError:
        note(
            f"the key {key.access_key_id} is in the keychain too by now; keys import, run again,"
            " takes it out of the files"
        )
        raise


def _refuse_no_source(profile: Profile, key: LongTermKey) -> None:
    """Refuse a profile that cannot be the source of sessions, and a key that is a session's.

    Raises:
        ProfileError: it is one.
    """
    name_one = "name the profile for the key: --source-profile NAME"
    if session_token(profile.keys) or profile.is_kept_elsewhere:
        raise ProfileError(
            f"the profile {profile.name!r} holds a session, not a long-term key", name_one
        )
    if profile.setting("role_arn"):
        raise ProfileError(f"the profile {profile.name!r} assumes a role", name_one)
    if key.access_key_id.startswith(SESSION_KEY_PREFIX):
        raise ProfileError(
            f"the key {key.access_key_id} is a session's, not a long-term key",
            "import the access key that IAM has made for you",
        )


def _refuse_unfinished_rotation(profile: Profile, access_key_id: str | None) -> None:
    """Refuse to move one key of a rotation that was cut off, which would leave the other behind.

    So it is with the old key of one that has ended, which another program has written back.

    Raises:
        ProfileError: a rotation of the profile's key has yet to be finished.
    """
    rotation, option = read_rotation(profile), source_option(profile)
    if rotation is None or not rotation.new_id:
        return
    if not rotation.delete_at:
        problem = f"a rotation of the key of profile {profile.name!r} was cut off"
    elif access_key_id == rotation.old_id:
        problem = (
            f"the key {access_key_id} of profile {profile.name!r} was replaced by"
            f" {rotation.new_id}, and another program has written it back"
        )
    else:
        return
    back = "" if rotation.ended_at else f"; or go back: mfakit keys rotate --undo{option}"
    raise ProfileError(problem, f"finish the rotation first: mfakit keys rotate{option}{back}")


def _refuse_wrong_secret(profile: Profile, key: LongTermKey) -> None:
    """Refuse a key beside another secret than AWS gave its rotation, which has the only copy.

    Raises:
        ProfileError: it is one.
    """
    rotation = read_rotation(profile)
    right = rotation.secrets().get(key.access_key_id) if rotation else None
    if right not in (None, key.secret_access_key):
        raise ProfileError(
            f"the secret of the key {key.access_key_id} is not the one of its last rotation",
            f"put that in again: mfakit keys rotate{source_option(profile)}",
        )


def _refuse_other_key(profile: Profile, key: LongTermKey) -> None:
    """Refuse to remove, or to leave in the keychain without a name, another key of the profile.

    Raises:
        ProfileError: the profile has one.
    """
    files, ours = profile.files, (key.access_key_id, key.secret_access_key)
    for path, values in (
        (files.credentials_path, files.credentials(profile.name)),
        (files.config_path, files.config(profile.name)),
    ):
        found = (values.get(KEYS[0], ""), values.get(KEYS[1], ""))
        if any(found) and found != ours:
            raise ProfileError(
                f"the profile {profile.name!r} holds {_what_else(*found, ours[0])} in {path}",
                "remove it there if nothing needs it, or name another profile:"
                " --source-profile NAME",
            )
    place = place_of(profile)
    if place and place.kind == KEYRING and place.access_key_id != key.access_key_id:
        option = source_option(profile)
        raise ProfileError(
            f"the profile {profile.name!r} has another key in the keychain, {place.access_key_id}",
            f"delete it first: mfakit keys remove{option}; or write it into the file: mfakit keys"
            f" export{option}",
        )


def _what_else(access_key_id: str, secret: str, ours: str) -> str:
    """Return what a section holds that is not the key with the id ``ours``."""
    if debug.may_be_secret(access_key_id):
        return "what looks like a secret in the place of the id"
    if not secret:
        return f"the id {access_key_id} without a secret"
    if not access_key_id:
        return "a secret without an id"
    return f"another {'secret of the key' if access_key_id == ours else 'key,'} {access_key_id}"


def export_key(profile: Profile, note: Note) -> None:
    """Write a profile's key from the keychain back into the credentials file.

    Raises:
        UsageError: the profile's name could not be read back from the credentials file.
        ProfileError: it is not in the keychain, or a rotation has yet to be finished.
        MFAKitError: the keychain or a file cannot be used. The key is in the keychain still then.
    """
    with changing_key(profile) as current:
        _export(current, note)


def _export(profile: Profile, note: Note) -> None:
    check_profile_name(profile.name)
    place = place_of(profile)
    _refuse_unfinished_rotation(profile, place.access_key_id if place else None)
    with changing_keychain(profile):
        key = _key_in_keychain(profile)
        check_setting_writable(profile, KEY_STORE)
        write_key(profile, key, note)
        _forget_store(profile, key.access_key_id, note)
        try:  # again, since a program that had read the file before may have written it back
            write_key(profile, key, note)
        except ProfileError:
            store: dict[str, str | None] = {KEY_STORE: f"{KEYRING}:{key.access_key_id}"}
            files = profile.read_again().files
            edit_settings({profile.name: store}, files, note, keep_copy=False)
            raise
        kept = delete_entry(profile, key.access_key_id)
        try:  # the keychain may have taken its time, and the key is in memory alone otherwise
            write_key(profile, key, note)
        except MFAKitError:
            put_into_keychain(profile, key)  # mfakit keys says then how to name it again
            raise
    note(
        f"the key {key.access_key_id} is in {profile.files.credentials_path} again, and "
        + (f"in the keychain for profile {kept}" if kept else "no longer in the keychain")
    )


def remove_key(profile: Profile, meant: tuple[str | None, str | None], note: Note) -> str:
    """Delete a profile's key from the keychain, and its setting; return the key's id.

    The key from before its rotation, which waits to be deleted, is deleted with it.

    Args:
        profile: the source profile.
        meant: that key, and what ``older_key`` returned, when the user was asked.
        note: called with messages for the user.

    Raises:
        ProfileError: it is not in the keychain, is another one by now, or a rotation has yet to be
            finished.
        MFAKitError: the keychain or a file cannot be used.
    """
    with changing_key(profile) as current:
        return _remove(current, meant, note)


def _remove(profile: Profile, meant: tuple[str | None, str | None], note: Note) -> str:
    from mfakit.keychain import get_secret

    place = place_of(profile)
    if place is None or place.kind != KEYRING or place.access_key_id is None:
        raise _not_in_keychain(profile)
    if (place.access_key_id, older_key(profile)) != meant:
        raise key_was_changed(profile, str(meant[0]))
    _refuse_unfinished_rotation(profile, place.access_key_id)
    check_setting_writable(profile, KEY_STORE)
    _check_forgettable(profile)
    with changing_keychain(profile):
        if get_secret(place.access_key_id) is None:
            note(
                f"this keychain has no entry of the key {place.access_key_id}; if another one has,"
                " delete it there"
            )
        if kept := delete_entry(profile, place.access_key_id):
            raise ProfileError(
                f"the profile {kept} needs the key {place.access_key_id} too; nothing was changed",
                f"see why: mfakit keys; or take out {KEY_STORE} alone ({profile.place(KEY_STORE)})",
            )
        _forget_rotation(profile, place.access_key_id, note)
        _forget_store(profile, place.access_key_id, note)
    return place.access_key_id


def older_key(profile: Profile) -> str | None:
    """Return the key from before a rotation that ``remove_key`` deletes, too; None if none."""
    rotation, place = read_rotation(profile), place_of(profile)
    if rotation is None or place is None or place.access_key_id != rotation.new_id:
        return None  # the journal may be the only place of another key
    if rotation.ended_at or (not rotation.old_secret and _kept_for(profile, rotation.old_id)):
        return None
    return rotation.old_id


def _forget_rotation(profile: Profile, removed: str, note: Note) -> None:
    """Delete the journal of a rotation, and the key that it has kept beside the removed one."""
    rotation = read_rotation(profile)
    if rotation is None or removed != rotation.new_id:
        return  # the journal may be the only place of another key
    if not rotation.ended_at:
        kept = delete_entry(profile, rotation.old_id)
        whose = f"is kept for profile {kept}" if kept else "is not kept any more either"
        note(
            f"the key {rotation.old_id}, from before its rotation, {whose};"
            " AWS may have it still: delete it in IAM"
        )
    forget_rotation(profile)


def delete_entry(profile: Profile, access_key_id: str) -> str | None:
    """Delete an entry of the keychain, unless another profile needs it; return that profile.

    One that names it does, and one whose rotation has it as its other key: it is what an undo of
    that rotation, or the rest of it, goes by.

    Raises:
        FileError: another program is writing a file that may name the entry.
        KeychainError: the keychain cannot be used.
    """
    profile = read_whole(profile)
    if kept := _kept_for(profile, access_key_id):
        return kept
    delete_from_keychain(profile, access_key_id)
    return None


def _kept_for(profile: Profile, access_key_id: str) -> str | None:
    """Return another profile that needs an entry of the keychain; None if none does."""
    store = f"{KEYRING}:{access_key_id}"
    others = [profile.other(name) for name in profile.files.profiles() if name != profile.name]
    for other in others:
        rotation = read_rotation(other)
        kept = _kept_by(other, rotation) if rotation else ()
        if other.setting(KEY_STORE) == store or access_key_id in kept:
            return other.name
    return None


def _kept_by(profile: Profile, rotation: Rotation) -> tuple[str, ...]:
    """Return the keys that a profile's rotation keeps in the keychain, to go on, or back to them.

    Of one that has ended it is what replaces an older key, which may be written back, or is lost.
    """
    if not rotation.ended_at:
        secrets = rotation.secrets()
        return tuple(key for key in (rotation.old_id, rotation.new_id) if key not in secrets)
    place = None
    with suppress(ProfileError):  # its key store is misspelled
        place = place_of(profile)
    is_used = place is not None and place.access_key_id == rotation.new_id
    return () if is_used or rotation.new_secret else (rotation.new_id,)


def read_whole(profile: Profile) -> Profile:
    """Return the profile from files that are read again while no program is writing them.

    One that rewrites a file has emptied it, or has written a part, for a moment or longer.

    Raises:
        FileError: a program is.
    """
    files = profile.files
    before = files.credentials_file, files.config_file
    texts = [read_text(document.path, to_edit=True) for document in before]
    again = profile.read_again()
    after = again.files.credentials_file, again.files.config_file
    for old, text, new in zip(before, texts, after, strict=True):
        if new.text != text or (old.text and not text):
            raise FileError(
                f"another program is writing {new.path}", "wait for it to end, and try again"
            )
    return again


def write_key(profile: Profile, key: LongTermKey, note: Note) -> None:
    """Write a long-term key to a profile's section of the credentials file.

    Raises:
        ProfileError: the section holds a session, or another key.
        FileError: the file cannot be written. It was not changed then.
    """
    path = profile.files.credentials_path

    def put(document: Document) -> None:
        before = document.section(profile.name)
        section = _as_section(key)
        others = [name for name in KEYS if before.get(name) not in (None, "", section[name])]
        if session_token(before) or others:
            raise ProfileError(
                f"the profile {profile.name!r} of {path} holds another key or a session",
                "move that away first, and try again",
            )
        document.update(profile.name, section)

    edit_document(path, put, note, had_text=bool(profile.files.credentials_file.text))


def replace_key(profile: Profile, old_id: str, key: LongTermKey, note: Note) -> None:
    """Replace a profile's key in the file that holds it, by one edit.

    Args:
        profile: the profile, with its key as it was read.
        old_id: the id of that key.
        key: the new key.
        note: called with messages for the user.

    Raises:
        ProfileError: the key there is no longer the one that was read.
        FileError: the file cannot be written. It was not changed then.
    """
    files = profile.files
    in_credentials = files.credentials(profile.name).get(KEYS[0]) == old_id
    path = files.credentials_path if in_credentials else files.config_path
    header = profile.name if in_credentials else files.config_header(profile.name)

    read = files.credentials(profile.name) if in_credentials else files.config(profile.name)
    expected = [{name: read.get(name) for name in KEYS}, _as_section(key)]

    def put(document: Document) -> None:
        values = document.section(header)
        if {name: values.get(name) for name in KEYS} not in expected:
            raise key_was_changed(profile, old_id)
        document.update(header, _as_section(key))

    edit_document(path, put, note, had_text=bool(read))


def _as_section(key: LongTermKey) -> dict[str, str | None]:
    return dict(zip(KEYS, (key.access_key_id, key.secret_access_key), strict=True))


def read_csv(text: str) -> LongTermKey:
    """Read the CSV file that the AWS console hands out with a new access key.

    Raises:
        UsageError: it is no such file. Its content is not in the message.
    """
    import csv

    rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))
    names = ("Access key ID", "Secret access key")
    found = [{name.strip(): (row.get(name) or "").strip() for name in row if name} for row in rows]
    keys = [tuple(row.get(name, "") for name in names) for row in found]
    whole = [key for key in keys if all(key)]
    if len(whole) != 1:
        raise UsageError(
            "this is no file with one access key, as the AWS console hands it out",
            "download it where the key is made, or leave --from-csv out and type the key",
        )
    return LongTermKey(*whole[0])


def role_profiles_of(profile: Profile) -> list[str]:
    """Return the profiles with roles that are assumed with this profile's key."""
    others = (profile.other(name) for name in profile.files.profiles())
    return [
        other.name
        for other in others
        if other.setting("role_arn") and other.setting("source_profile") == profile.name
    ]


def _key_in_keychain(profile: Profile) -> LongTermKey:
    """Return the key to export, which a killed export has left in the file and the keychain."""
    from mfakit.keychain import get_secret

    place, key = place_of(profile), None
    if place is not None and place.kind == KEYRING:
        key = read_key(profile)
    elif place is not None and place.detail == profile.files.credentials_path:
        key = read_key(profile)
        if key and get_secret(key.access_key_id) != key.secret_access_key:
            key = None
    if key is None:
        raise _not_in_keychain(profile)
    return key


def check_setting_writable(profile: Profile, *settings: str) -> None:
    """Check that the file with the first of these settings, or else the config, can be changed.

    Raises:
        FileError: it cannot.
    """
    found = (profile.files.line_of(profile.name, setting) for setting in settings)
    place = next(filter(None, found), None)
    check_writable(place[0] if place else profile.files.config_path)


def key_was_changed(profile: Profile, old_id: str) -> ProfileError:
    """Return the error for a profile whose key is no longer the one that was read."""
    return ProfileError(
        f"the key of profile {profile.name!r} is no longer {old_id}",
        "see which one is there: mfakit keys",
    )


def _not_in_keychain(profile: Profile) -> ProfileError:
    return ProfileError(
        f"the key of profile {profile.name!r} is not in the keychain",
        "see where each key lives: mfakit keys",
    )


def _forget_store(profile: Profile, access_key_id: str, note: Note) -> None:
    _set_store(profile, _no_store(profile), access_key_id, note)


def _no_store(profile: Profile) -> dict[str, str | None]:
    process = profile.setting("credential_process")
    ours = ["credential_process"] if process == export_line(profile.name) else []
    return dict.fromkeys([KEY_STORE, *ours])


def _check_forgettable(profile: Profile) -> None:
    """Check that the settings of a key's store can be removed, by removing them from copies.

    Raises:
        FileError: they cannot, as those of every profile, which stand in ``[DEFAULT]``.
    """
    for document, header in _documents(profile):
        if document.has_section(header):
            document.copy().update(header, _no_store(profile))


def _documents(profile: Profile) -> list[tuple[Document, str]]:
    """Return both files, and the names of the profile's sections there."""
    files = profile.files
    return [
        (files.credentials_file, profile.name),
        (files.config_file, files.config_header(profile.name)),
    ]


def _set_store(
    profile: Profile, settings: dict[str, str | None], access_key_id: str, note: Note
) -> None:
    """Change the settings that name the store of a profile's key.

    Raises:
        ProfileError: another program has changed the store since it was read: it may be the only
            name of another key in the keychain.
        FileError: a file cannot be written.
    """
    changes = edit_settings(
        {profile.name: settings}, profile.files, note, if_as_read=True, keep_copy=False
    )
    is_set = any(change.key == KEY_STORE for change in changes)
    if not is_set and profile.setting(KEY_STORE) != settings[KEY_STORE]:
        raise key_was_changed(profile, access_key_id)


def _remove_keys(profile: Profile, key: LongTermKey, note: Note) -> None:
    """Remove a profile's key from both files, and from their safety copies."""
    files = profile.files
    copies: list[tuple[str, partial[None]]] = []
    # also where no key is, for what a killed process has left beside the file
    for path, header, had_text in (
        (files.credentials_path, profile.name, bool(files.credentials_file.text)),
        (files.config_path, files.config_header(profile.name), bool(files.config_file.text)),
    ):
        cut = partial(_cut_from, header=header, key=key, note=note)
        edit_document(path, cut, note, had_text=had_text)
        copies.append((SafetyCopy(path, path).place, cut))
    for path, cut in copies:
        try:
            if os.path.isfile(path):
                edit_document(path, cut, note)
        except FileError as error:
            note(f"remove {path} if it has the key; {error.message}")


def _check_removable(profile: Profile, key: LongTermKey) -> None:
    """Check that a profile's key can be removed from both files, by removing it from copies.

    Raises:
        UsageError: it cannot, as a key of every profile, which stands in ``[DEFAULT]``.
    """
    for document, header in _documents(profile):
        _cut_from(document.copy(), header, key, lambda _: None)


def _cut_from(document: Document, header: str, key: LongTermKey, note: Note) -> None:
    """Remove a key from a section; another key there stays, and is named."""
    values = document.section(header)
    if not values.keys() & set(KEYS):
        return
    if {name: values.get(name) for name in KEYS} != _as_section(key):
        note(
            f"{document.path} has another key in [{header}], which stays there: remove it if"
            " nothing needs it"
        )
    else:
        document.remove_keys(header, KEYS)


def _others_with(profile: Profile, secret: str) -> Iterator[str]:
    """Yield the files beside the AWS files, and in mfakit's folder, that hold a secret."""
    files = profile.files
    folders = {os.path.dirname(files.credentials_path), os.path.dirname(files.config_path)}
    folders |= {os.path.dirname(os.path.realpath(files.credentials_path))}
    own = own_place(files.credentials_path)
    folders |= {own, *(os.path.join(own, name) for name in os.listdir(own))}
    for folder in sorted(folders):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and _holds(path, secret):
                yield path


def _how_to_cut(profile: Profile, path: str, access_key_id: str) -> str:
    """Return how to take a key out of a file that has it beside the profile that has lost it."""
    files = profile.files
    if os.path.basename(os.path.dirname(path)).startswith("rotations"):
        return (
            "it is of another profile's rotation, and may be the only place of a key; mfakit keys"
        )
    if path in map(os.path.realpath, (files.credentials_path, files.config_path)):
        if profiles_with(profile, access_key_id):
            return "another profile has it; mfakit keys shows which one"
        return "in a comment, or another line that no profile's key is read from: remove that line"
    return "remove what it has of the key, or all of it if nothing needs that"


def _holds(path: str, secret: str) -> bool:
    try:
        if os.path.getsize(path) > _LARGEST_BYTES:
            return False
        with open(path, "rb") as file:
            return secret.encode() in file.read()
    except OSError:
        return False
