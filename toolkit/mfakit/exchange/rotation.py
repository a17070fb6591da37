"""Rotating a long-term key, so that one working key is in its place at each moment.

Each step is written down before the next, so that a rotation which was killed goes on, or names
what it left behind. CreateAccessKey is sent once: an answer that is lost leaves a key whose secret
nobody has, and botocore's own retries could make two (IAM's quota is two keys a user).
"""

from __future__ import annotations

import shlex
from contextlib import suppress

from mfakit.errors import ExchangeError, MFAKitError, ProfileError, UsageError
from mfakit.exchange.access_keys import NO_SUCH_KEY, Hands, KeyInfo, Keys, is_taken
from mfakit.exchange.aws import make_client
from mfakit.exchange.source import signer_of
from mfakit.keys import (
    FILE,
    KEYRING,
    PROGRAM,
    LongTermKey,
    Rotation,
    ago,
    changing_key,
    changing_keychain,
    delete_from_keychain,
    forget_rotation,
    journal_path,
    no_key,
    place_of,
    profiles_with,
    put_into_keychain,
    read_key,
    read_rotation,
    remember_key,
    write_rotation,
)
from mfakit.language import translate, translate_duration
from mfakit.moments import format_age, format_timestamp, parse_timestamp, timedelta, utc_now
from mfakit.profiles.own_files import keep_record
from mfakit.profiles.profile import KEY_STORE
from mfakit.profiles.section import KEYS
from mfakit.profiles.selection import source_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from mfakit.profiles.profile import Profile

_ORPHAN_SLACK = timedelta(minutes=5)  # AWS's clock dates the key, this machine's the rotation
_LONGEST_ROTATION = timedelta(hours=1)  # until the call that makes a key; it may wait for a code


def rotate(profile: Profile, delete_after: float, hands: Hands) -> str:
    """Replace a profile's long-term key by a new one, and deactivate the old one.

    Args:
        profile: the source profile.
        delete_after: seconds until the old key may be deleted; 0 deletes it at once.
        hands: the user's side.

    Returns:
        The id of the new key.

    Raises:
        UsageError: a program gives the key, so that a new one could not be stored.
        ProfileError: there is no key, the user said no, or has another second key.
        BusyError: another process is changing it.
        ExchangeError: AWS refused, or could not be reached.
    """
    with changing_key(profile) as current:
        return _rotate(current, delete_after, hands)


def _rotate(profile: Profile, delete_after: float, hands: Hands) -> str:
    from mfakit.keys.moving import check_setting_writable

    if put_back := _put_back(profile, hands):
        profile = profile.read_again()
        back = read_key(profile)
        is_new = put_back.delete_at and _present(profile) == put_back.new_id
        if is_new and back is not None and _is_known(profile, back):
            return put_back.new_id
    key = _rotatable_key(profile)
    rotation = _unfinished(profile, key, hands)
    check_setting_writable(profile, KEY_STORE, "aws_access_key_id")
    in_force = _in_force(profile, rotation)
    if rotation and rotation.delete_at and in_force and in_force.access_key_id == rotation.old_id:
        raise ProfileError(
            f"AWS no longer takes the key {key.access_key_id} of profile {profile.name!r}, but"
            f" takes the one that it replaced, {rotation.old_id}",
            f"go back to that: mfakit keys rotate --undo{source_option(profile)}",
        )
    keys = Keys(profile, hands, in_force)
    is_asked = False
    if rotation and rotation.delete_at and in_force is None:
        is_asked = _finish(profile, rotation, keys, hands)
        rotation = None
    if rotation is None or not rotation.new_id:
        rotation = _create(profile, key, keys, hands, is_asked=is_asked)
    new = _stored(profile, rotation.new_id, rotation.new_secret)
    keys.wait_for(new)
    _put(profile, new, hands)
    _put_again(profile, rotation, new, hands)
    keys.sign_with(new)
    rotation, is_deleted = _retire(profile, rotation, keys, delete_after)
    if delete_after == 0 or is_deleted:
        _delete_old(profile, rotation, keys, hands)
    return rotation.new_id


def _put_back(profile: Profile, hands: Hands) -> Rotation | None:
    """Put the key of a rotation back into a profile that has lost it; return the rotation.

    The profile has no key, or one that was deleted at AWS, or the id of one beside another secret.
    What is put back is the new key if AWS no longer takes the old one. Return None if there was
    nothing to do.
    """
    from mfakit.keychain import get_secret
    from mfakit.keys.moving import read_whole, replace_key, write_key
    from mfakit.profiles.settings import edit_settings

    rotation, profile = read_rotation(profile), read_whole(profile)
    if rotation is None:
        return None
    if right := _right_key(profile, rotation):
        hands.ask(
            translate(
                "AWS refuses the secret beside the key {key} of profile {profile}, which may be the"
                " only copy of another key's. Put that of the last rotation in its place?",
                key=right.access_key_id,
                profile=profile.name,
            ),
            in_person=True,
        )
        replace_key(profile, right.access_key_id, right, hands.note)
        hands.note(f"the secret of {right.access_key_id} was not the right one, and is now")
        return rotation
    name = rotation.new_id if rotation.delete_at else rotation.old_id
    secret = rotation.new_secret if rotation.delete_at else rotation.old_secret
    if rotation.ended_at and _present(profile) == rotation.old_id:
        if _in_force(profile, rotation) is None:
            return None
        _put(profile, _stored(profile, name, secret), hands)
    elif place_of(profile) is not None or not (secret or get_secret(name)):
        return None
    elif secret:
        write_key(profile, LongTermKey(name, secret), hands.note)
    else:
        settings = {profile.name: {KEY_STORE: f"{KEYRING}:{name}"}}
        edit_settings(settings, profile.files, hands.note, keep_copy=False)
    hands.note(f"the profile {profile.name} had lost its key {name}, and has it again")
    return rotation


def _right_key(profile: Profile, rotation: Rotation) -> LongTermKey | None:
    """Return the key of a file as its rotation has it, if the file has a secret AWS refuses."""
    own = read_key(profile) if _kind(profile) == FILE else None
    kept = rotation.secrets().get(own.access_key_id) if own else None
    if own is None or not kept or kept == own.secret_access_key or _is_known(profile, own):
        return None
    right = own.replace(secret_access_key=kept)
    return right if _is_known(profile, right) else None


def _unfinished(profile: Profile, key: LongTermKey, hands: Hands) -> Rotation | None:
    """Return the rotation of which something is left to do; None if there is none.

    Raises:
        ProfileError: the profile has a key of another origin, and the rotation is cut off, or has
            a key that may be the one in force; or the user wants to keep that.
    """
    rotation = read_rotation(profile)
    if rotation is None:
        return None
    if rotation.is_over(key.access_key_id) or not rotation.new_id:
        alone = [name for name in rotation.keys_in_journal() if name != key.access_key_id]
        if alone:
            if not _is_known(profile, key):
                _refuse_other_key(profile, rotation)
            hands.ask(
                translate(
                    "The secret of the key {key}, from the last rotation, is nowhere but in"
                    " {journal}. Forget it?",
                    key=", ".join(alone),
                    journal=journal_path(profile),
                ),
                in_person=True,
            )
        return rotation if not rotation.ended_at and not alone else None
    _refuse_other_key(profile, rotation)
    return rotation


def _finish(profile: Profile, rotation: Rotation, keys: Keys, hands: Hands) -> bool:
    """Delete the key before the last rotation, so that the next one can begin.

    Returns:
        Whether the user was asked, and wants the next one.
    """
    if _present(profile) == rotation.old_id:
        _refuse_new_at_aws(profile, rotation, keys)  # the journal alone may have its secret
        return False
    _refuse_active(profile, rotation, keys)
    due = parse_timestamp(rotation.delete_at)
    is_early = due is None or due > utc_now()
    if is_early:
        hands.ask(
            translate(
                "The key before the last rotation, {key}, is kept until {time}."
                " Delete it now, and rotate again?",
                key=rotation.old_id,
                time=str(rotation.delete_at),
            ),
            in_person=True,
        )
    _delete_old(profile, rotation, keys, hands)
    return is_early


def _in_force(profile: Profile, rotation: Rotation | None) -> LongTermKey | None:
    """Return the key of a rotation that AWS takes in place of the one that the profile has.

    A program that had read the file before has written back the old key, which is inactive or
    deleted by then; or the new one, which an undo has deleted. It is None if AWS takes the
    profile's own key, as the old one that somebody has activated again; or neither, as where the
    clock is wrong.
    """
    if rotation is None or not rotation.new_id:
        return None
    from mfakit.keychain import KeychainError

    with suppress(KeychainError):  # a name was written back whose entry is deleted
        own = read_key(profile)
        if own is not None and _is_known(profile, own):
            return None
    if rotation.ended_at and _present(profile) == rotation.new_id:
        return None
    if _present(profile) == rotation.old_id:
        other = _stored(profile, rotation.new_id, rotation.new_secret)
    else:
        other = _stored(profile, rotation.old_id, rotation.old_secret)
    return other if _is_known(profile, other) else None


def _is_known(profile: Profile, key: LongTermKey) -> bool:
    """Whether AWS takes a key, of this profile or a former one."""
    signer = signer_of(profile, key)
    return is_taken(signer, make_client("sts", signer, retries=True).get_caller_identity)


def undo(profile: Profile, hands: Hands) -> str:
    """Go back to the key before the last rotation, and delete the new one; return the old key's id.

    Raises:
        ProfileError: there is no rotation to undo, the profile has a key of another origin, or the
            user said no, who is asked if another profile has the new key too.
        BusyError: another process is changing it.
        ExchangeError: AWS refused, or could not be reached.
    """
    with changing_key(profile) as current:
        return _undo(current, hands)


def _undo(profile: Profile, hands: Hands) -> str:
    rotation = read_rotation(profile)
    if rotation is None or not rotation.new_id or rotation.ended_at:
        raise ProfileError(
            f"there is no rotation of the key of profile {profile.name!r} to undo",
            "the key before the last rotation is deleted by now: see mfakit keys --online",
        )
    if _put_back(profile, hands):
        profile = profile.read_again()
    _refuse_other_key(profile, rotation)
    if _note_twins(profile, rotation.new_id, "old", hands):
        hands.ask(
            translate(
                "Go back to the key {old}, and delete the new one, {new}?",
                old=rotation.old_id,
                new=rotation.new_id,
            )
        )
    keys = Keys(profile, hands, _in_force(profile, rotation))
    try:
        keys.call("update_access_key", AccessKeyId=rotation.old_id, Status="Active")
    except ExchangeError as error:
        if NO_SUCH_KEY in error.message:
            raise ProfileError(
                f"the key before the rotation, {rotation.old_id}, is deleted at AWS",
                f"finish the rotation: mfakit keys rotate{source_option(profile)}",
            ) from None
        raise
    old = _stored(profile, rotation.old_id, rotation.old_secret)
    keys.wait_for(old)
    _put(profile, old, hands)
    _put_again(profile, rotation, old, hands)
    keys.sign_with(old)
    keys.delete(rotation.new_id)
    undone = rotation.replace(old_id=rotation.new_id, new_id=rotation.old_id)
    _end(profile, undone.replace(new_secret=old.secret_access_key))
    # last, since each key is found until then, if this is killed and an older file written back
    if _kind(profile) == KEYRING:
        _forget_unused(profile, rotation.new_id, hands)
    elif not rotation.old_secret:  # the key was exported since
        from mfakit.keys.moving import delete_entry

        with changing_keychain(profile):
            delete_entry(profile, rotation.old_id)
    return rotation.old_id


def delete_due(profile: Profile, now: datetime, hands: Hands) -> None:
    """Delete the key before a profile's present one, if its time has come.

    Raises:
        FileError: another program is writing the file that says which one is present.
        MFAKitError: AWS or the keychain refuses, or another process is changing the key.
    """
    from mfakit.keys.moving import read_whole

    with changing_key(profile):
        rotation = read_rotation(profile)
        due = parse_timestamp(rotation.delete_at) if rotation else None
        if rotation is None or rotation.ended_at or due is None or due > now:
            return
        profile = read_whole(profile)
        if _present(profile) != rotation.new_id:
            return  # which is named wherever keys are shown
        keys = Keys(profile, hands)
        _refuse_active(profile, rotation, keys)
        _delete_old(profile, rotation, keys, hands)


def _present(profile: Profile) -> str | None:
    place = place_of(profile)
    return place.access_key_id if place else None


def _refuse_other_key(profile: Profile, rotation: Rotation) -> None:
    """Refuse to overwrite a key that the user has put into the profile since a rotation began.

    Raises:
        ProfileError: the profile's key is neither the old nor the new one.
    """
    present, journal = _present(profile), journal_path(profile)
    if present is None:
        raise no_key(profile)
    if present in (rotation.old_id, rotation.new_id):
        return
    is_in_file = _kind(profile) == FILE
    what = f"its id and secret ({profile.place(KEYS[0])})"
    what = what if is_in_file else f"{KEY_STORE} ({profile.place(KEY_STORE)})"
    back = rotation.new_id if rotation.delete_at else rotation.old_id
    alone = rotation.keys_in_journal()
    loss = f", with the only copy of the secret of {' and of '.join(alone)}" if alone else ""
    raise ProfileError(
        f"the key {present} of profile {profile.name!r} is not one of its last rotation",
        f"if AWS no longer takes {present}, remove {what}, and mfakit keys"
        f" rotate{source_option(profile)} puts {back} back; if nothing needs that, forget the"
        f" rotation{loss}: rm {shlex.quote(journal)}",
    )


def _refuse_new_at_aws(profile: Profile, rotation: Rotation, keys: Keys) -> None:
    """Refuse to forget a key that AWS has, where the profile has the old one, which works again.

    Raises:
        ProfileError: AWS has it.
    """
    for key in keys.list():
        if key.access_key_id == rotation.new_id:
            forth = "; or deactivate it in IAM, and run this again, which puts the new one in again"
            raise ProfileError(
                f"the profile {profile.name!r} has the key {rotation.old_id} again, and it is"
                f" active; a rotation had replaced it by {rotation.new_id}",
                f"go back to it: mfakit keys rotate --undo{source_option(profile)}"
                + (forth if key.is_active else ""),
            )


def _refuse_active(profile: Profile, rotation: Rotation, keys: Keys) -> None:
    """Refuse to delete an old key that was activated again, since somebody needs it.

    Raises:
        ProfileError: it was.
    """
    if any(key.access_key_id == rotation.old_id and key.is_active for key in keys.list()):
        raise ProfileError(
            f"the key {rotation.old_id} is active again, and may be in use",
            f"go back to it: mfakit keys rotate --undo{source_option(profile)}; or deactivate it in"
            " IAM, and run this again",
        )


def _rotatable_key(profile: Profile) -> LongTermKey:
    place = place_of(profile)
    if place is not None and place.kind == PROGRAM:
        raise UsageError(
            f"a program gives the key of profile {profile.name!r}; mfakit cannot store a new one",
            "rotate it where it is kept, or move it into the keychain: mfakit keys import",
        )
    if place is not None and place.kind == KEYRING and profile.is_long_term:
        raise ProfileError(
            f"the profile {profile.name!r} has a key in {profile.place(KEYS[0])} beside the one in"
            " the keychain, and AWS tools use that",
            f"take it out of the file first: mfakit keys import{source_option(profile)}",
        )
    key = read_key(profile)
    if key is None:
        raise no_key(profile)
    return key


def _create(
    profile: Profile, key: LongTermKey, keys: Keys, hands: Hands, *, is_asked: bool
) -> Rotation:
    """Ask, unless that is done, make the new key, and store it."""
    earlier, found = read_rotation(profile), keys.list()
    old = next((one for one in found if one.access_key_id == key.access_key_id), None)
    others = [one for one in found if one.access_key_id != key.access_key_id]
    if old is None:
        raise ProfileError(
            f"AWS does not list the key {key.access_key_id} of profile {profile.name!r}",
            "see the user's keys: mfakit keys --online",
        )
    ids = [one.access_key_id for one in found]
    orphans = [
        one for one in others if earlier and earlier.old_id in ids and _is_orphan(one, earlier)
    ]
    unused = (one for one in orphans if not profiles_with(profile, one.access_key_id))
    orphan = next(unused, None)
    if orphan is not None:
        hands.ask(
            translate(
                "An earlier rotation was cut off and may have left the key {key}, made {age} ago"
                " and never used: say no if you made it. Delete it?",
                key=orphan.access_key_id,
                age=_local_age(orphan.created_at),
            ),
            in_person=True,
        )
        keys.delete(orphan.access_key_id)
        _forget_unused(profile, orphan.access_key_id, hands)
        others.remove(orphan)
        # it may have the only copy of the present key, but has left nothing more to be deleted
        earlier = earlier.replace(began_at="") if earlier else None
    if others:
        raise ProfileError(
            f"the user {keys.user} has a second key already, {others[0].access_key_id}, made"
            f" {ago(others[0].created_at)}, {others[0].last_use}",
            f"AWS allows two; if nothing needs it: {_by_hand(profile, others[0].access_key_id)}",
        )
    _note_twins(profile, key.access_key_id, "new", hands)
    if orphan is None and not is_asked:
        hands.ask(_question(old, profile))
    began = Rotation(key.access_key_id, key.access_key_id, format_timestamp(utc_now()))
    if _kind(profile) == FILE:
        # as in every journal: another program may write back the file from before the last rotation
        began = began.replace(old_secret=key.secret_access_key)
    write_rotation(profile, began)
    made = _make(profile, keys, earlier)
    new = LongTermKey(made["AccessKeyId"], made["SecretAccessKey"])
    try:
        rotation = _store(profile, began, new)
    except BaseException:
        keys.delete(new.access_key_id)
        _forget_unused(profile, new.access_key_id, hands, new.secret_access_key)
        _restore(profile, earlier)
        raise
    remember_key(profile.files, new.access_key_id, utc_now(), made.get("CreateDate"))
    return rotation


def _make(profile: Profile, keys: Keys, earlier: Rotation | None) -> Any:
    """Make a key; if AWS refuses, none that appears later counts as this rotation's own."""
    try:
        return keys.call("create_access_key", once=True)["AccessKey"]
    except BaseException:
        if keys.iam.was_refused:
            _restore(profile, earlier)
        raise


def _restore(profile: Profile, earlier: Rotation | None) -> None:
    """Write the journal as it was before a rotation that has made no key."""
    if earlier is None:
        forget_rotation(profile)
    else:
        write_rotation(profile, earlier)


def _store(profile: Profile, began: Rotation, new: LongTermKey) -> Rotation:
    if _kind(profile) == KEYRING:
        put_into_keychain(profile, new)
        rotation = began.replace(new_id=new.access_key_id)
    else:
        rotation = began.replace(new_id=new.access_key_id, new_secret=new.secret_access_key)
    write_rotation(profile, rotation)
    return rotation


def _is_orphan(key: KeyInfo, earlier: Rotation) -> bool:
    """Whether a key is one that a rotation made, and whose answer it never saw."""
    began = parse_timestamp(earlier.began_at)
    return (
        not earlier.new_id
        and key.used_at is None
        and key.access_key_id not in earlier.ids_before.split()
        and began is not None
        and began - _ORPHAN_SLACK <= key.created_at <= began + _LONGEST_ROTATION
    )


def _note_twins(profile: Profile, access_key_id: str, other: str, hands: Hands) -> bool:
    """Name the other profiles with the same key, which need the old or the new one in its place.

    Returns:
        Whether there are any.
    """
    twins = profiles_with(profile, access_key_id)
    for name in twins:
        hands.note(
            f"the profile {name} has the key {access_key_id} too, and needs the {other} one"
            " afterwards"
        )
    return bool(twins)


def _by_hand(profile: Profile, access_key_id: str) -> str:
    """Return a command that deletes a key of the user's, signed by what the profile has."""
    line = f"aws iam delete-access-key --access-key-id {access_key_id}"
    if _kind(profile) == FILE:
        return f"{line} --profile {shlex.quote(profile.name)}"
    return f"mfakit exec -p {shlex.quote(profile.its_session)} -- {line}"


def _stored(profile: Profile, name: str, secret: str) -> LongTermKey:
    """Return a key of a rotation, from the journal, the profile's file or the keychain."""
    secret = secret or _secret_in_file(profile, name)  # if an undo was killed at its last step
    if not secret:
        from mfakit.keychain import get_secret

        secret = get_secret(name) or ""
    if not secret:
        raise ProfileError(
            f"neither a file nor this keychain has the secret of the key {name}",
            "use the keychain that has it; or if that is lost, delete the key, and rotate again:"
            f" {_by_hand(profile, name)}",
        )
    return LongTermKey(name, secret)


def _secret_in_file(profile: Profile, name: str) -> str:
    is_there = _kind(profile) == FILE and _present(profile) == name
    return profile.keys["aws_secret_access_key"] if is_there else ""


def _put(profile: Profile, key: LongTermKey, hands: Hands) -> None:
    """Let the profile use a key, by one edit."""
    from mfakit.keys.moving import key_was_changed, replace_key
    from mfakit.profiles.settings import edit_settings

    present = _present(profile)
    if present is None or present == key.access_key_id:
        return
    if _kind(profile) == KEYRING:
        put_into_keychain(profile, key)  # it may come from the journal
        settings = {profile.name: {KEY_STORE: f"{KEYRING}:{key.access_key_id}"}}
        files, note = profile.files, hands.note
        if not edit_settings(settings, files, note, if_as_read=True, keep_copy=False):
            raise key_was_changed(profile, present)
    else:
        replace_key(profile, present, key, hands.note)
    _keep_sessions(profile, present, key.access_key_id)


def _put_again(profile: Profile, rotation: Rotation, key: LongTermKey, hands: Hands) -> None:
    """Let the profile use a key, if a program that had read the file before has undone that.

    Raises:
        ProfileError: the profile has a third key by now.
    """
    profile = profile.read_again()
    _refuse_other_key(profile, rotation)
    _put(profile, key, hands)


def _keep_sessions(profile: Profile, before: str, after: str) -> None:
    """Let the sessions that were made with the key before count as made with the one after it.

    They last on, and a login would otherwise ask for a code to replace them.
    """
    profile = profile.read_again()
    for name in profile.files.profiles():
        other = profile.other(name)
        with suppress(MFAKitError):  # one whose file cannot be read
            held = other.held()
            record = held.record if held else None
            if record and record.source_access_key_id == before:
                keep_record(other.own_file("records"), record.replace(source_access_key_id=after))


def _retire(
    profile: Profile, rotation: Rotation, keys: Keys, delete_after: float
) -> tuple[Rotation, bool]:
    """Deactivate the old key, and write down when it may be deleted.

    Returns:
        What was written, and whether somebody has deleted the key already.
    """
    is_deleted = False
    try:
        keys.call("update_access_key", AccessKeyId=rotation.old_id, Status="Inactive")
    except ExchangeError as error:
        if "does not know the access key" in error.message:  # AWS's servers hear of it in turn
            raise keys.not_taken(rotation.new_id) from None
        is_deleted = NO_SUCH_KEY in error.message
        if not is_deleted:
            raise
    end = utc_now() + timedelta(seconds=delete_after)
    # the new secret stays there, too: another program may write back the file from before
    rotation = rotation.replace(delete_at=format_timestamp(end))
    write_rotation(profile, rotation)
    return rotation, is_deleted


def _delete_old(profile: Profile, rotation: Rotation, keys: Keys, hands: Hands) -> None:
    keys.delete(rotation.old_id)
    if not rotation.old_secret:
        delete_from_keychain(profile, rotation.old_id)
    _end(profile, rotation)
    hands.note(f"deleted the old key {rotation.old_id}")
    _note_twins(profile, rotation.old_id, "new", hands)


def _end(profile: Profile, rotation: Rotation) -> None:
    """Write down that the old key is deleted, and what puts the new one in again.

    A program that had read the file before may write it back much later.
    """
    is_in_file, now = _kind(profile) == FILE, format_timestamp(utc_now())
    secret = rotation.new_secret or _secret_in_file(profile, rotation.new_id)
    write_rotation(
        profile,
        rotation.replace(
            new_secret=secret if is_in_file else "", old_secret="", delete_at=now, ended_at=now
        ),
    )


def _forget_unused(
    profile: Profile, access_key_id: str, hands: Hands, secret: str | None = None
) -> None:
    """Delete the entry that a rotation which was cut off may have left, and nothing would name.

    If its secret is known, an entry with another one stays: some keychains have one for all keys.
    """
    from mfakit.keychain import get_secret

    if _kind(profile) == KEYRING:
        try:
            if secret is None or get_secret(access_key_id) == secret:
                delete_from_keychain(profile, access_key_id)
        except MFAKitError as error:
            hands.note(f"an entry of the key {access_key_id} may be in the keychain: {error}")


def _kind(profile: Profile) -> str:
    place = place_of(profile)
    return FILE if place is None else place.kind


def _question(key: KeyInfo, profile: Profile) -> str:
    texts = {
        "key": key.access_key_id,
        "profile": profile.name,
        "age": _local_age(key.created_at),
    }
    if key.used_at is None:
        return translate(
            "Rotate the key {key} of profile {profile}, made {age} ago, never used?", **texts
        )
    return translate(
        "Rotate the key {key} of profile {profile}, made {age} ago, last used {use} ago?",
        use=_local_age(key.used_at),
        **texts,
    )


def _local_age(moment: datetime) -> str:
    return translate_duration(format_age(moment, utc_now()))
