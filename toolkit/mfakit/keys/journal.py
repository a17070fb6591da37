"""The journal of a rotation: one that was killed goes on by it, and one that is done is undone.

For a key in a file it holds the new one until the profile uses it, and the old one until that is
deleted; so it is a secret file of mfakit's own.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from mfakit.moments import parse_timestamp
from mfakit.profiles.own_files import OwnFile, as_pairs, own_place, pairs_of
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mfakit.profiles.profile import Profile


_KEYCHAIN_SECONDS = 60


class Rotation(Value):
    """A rotation of a profile's key. ``repr`` shows no secret.

    Args:
        old_id: the key that is replaced.
        ids_before: the user's keys when it began, separated by spaces.
        began_at: when it began.
        new_id: the new key; empty until AWS has made it.
        new_secret: its secret, if the key belongs into a file.
        old_secret: the secret of the old key, if that was in a file.
        delete_at: when the old key is to be deleted; empty until the profile uses the new key.
    """

    old_id: str
    ids_before: str
    began_at: str
    new_id: str = ""
    new_secret: str = ""
    old_secret: str = ""
    delete_at: str = ""


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
    with _only_here(path, _KEYCHAIN_SECONDS, "another mfakit is changing the keychain"):
        yield


@contextmanager
def _only_here(path: str, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock of an own file, or raise a BusyError that says what another mfakit does."""
    from contextlib import ExitStack

    from mfakit.errors import BusyError
    from mfakit.profiles.editing import locked
    from mfakit.profiles.own_files import make_own_folder
    from mfakit.profiles.reading import file_error

    with ExitStack() as stack:
        try:
            make_own_folder(path)
            stack.enter_context(locked(path, timeout))
        except BusyError:
            raise BusyError(what, f"wait for it, or end it; fuser {path}.lock names it") from None
        except OSError as error:
            raise file_error("write", os.path.dirname(path), error) from error
        yield


def journal_path(profile: Profile) -> str:
    """Return the path of a profile's journal."""
    return _file(profile).path


def read_rotation(profile: Profile) -> Rotation | None:
    """Return the rotation that is going on, or whose old key is still to be deleted.

    Raises:
        FileError: the journal is not a file that mfakit has made.
    """
    text = _file(profile).read_secret()
    kept = pairs_of(text or "")
    if not kept.get("old_id"):
        return None
    return Rotation(**{name: kept.get(name, "") for name in _FIELDS})


def write_rotation(profile: Profile, rotation: Rotation) -> None:
    """Write the journal.

    Raises:
        FileError: it cannot be written.
    """
    _file(profile).replace(as_pairs({name: getattr(rotation, name) for name in _FIELDS}))


def end_rotation(profile: Profile) -> None:
    """Remove the journal."""
    _file(profile).remove()


def delete_at(profile: Profile) -> datetime | None:
    """Return when the key before a profile's present one is to be deleted; None without one."""
    from mfakit.errors import FileError

    try:
        rotation = read_rotation(profile)
    except FileError:
        return None
    return parse_timestamp(rotation.delete_at) if rotation else None


def _file(profile: Profile) -> OwnFile:
    return profile.own_file("rotations")
