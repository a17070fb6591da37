"""Putting a new file in an old one's place: whole or not at all, and as private as it was.

What differs between systems is here and nowhere else. Not every file system can do all of it: on
NFS, CIFS, 9p and Windows' drives a change of mode or a flush may be refused although the data is
safe; those refusals are let pass.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress

from mfakit.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_WINDOWS = os.name == "nt"
_NOT_POSSIBLE_HERE = {errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
_GROUP = 0o070
_OTHERS = 0o007
_OWNER_AND_GROUP = 0o770
_MARK = ".mfakit-"
# A virus scanner or an indexer may hold a file open on Windows for a moment.
_WINDOWS_TRIES = 20
_WINDOWS_PAUSE_SECONDS = 0.05


def replace_file(path: str, content: bytes, age_seconds: float = 0) -> list[str]:
    """Replace a file, or make it.

    Args:
        path: the file itself, no link.
        content: all that is to be in it.
        age_seconds: how much older than now the new file is to look.

    Returns:
        What a person should know of it: which permissions were taken away.

    Raises:
        OSError: it could not be done. The file is then as it was.
    """
    with temporary_beside(path) as (temporary, descriptor):
        notes = _take_over_metadata(path, descriptor)
        _write_all(descriptor, content)
        _set_age(descriptor, age_seconds)
        _flush(descriptor)
        _rename(temporary, descriptor, path)
    _flush_folder(os.path.dirname(path))
    return notes


@contextmanager
def temporary_beside(path: str) -> Iterator[tuple[str, int]]:
    """Give a new file in the same folder, its owner's alone; it goes unless it was renamed.

    Those of killed processes go too: they may hold secrets.
    """
    folder, name = os.path.split(path)
    _remove_leftovers(folder, name)
    temporary = os.path.join(folder, f".{name}{_MARK}{os.getpid()}-{os.urandom(4).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600)
    try:
        yield temporary, descriptor
    finally:
        with suppress(OSError):
            os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def make_private_folder(folder: str) -> None:
    """Make a folder that is missing, with all above it, each for its owner alone."""
    if folder and not os.path.isdir(folder):
        make_private_folder(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)  # whatever the umask, or inherited bits


def refuse_other_owners(path: str) -> None:
    """Refuse to act as root in somebody else's home, where the owner would be locked out.

    Raises:
        FileError: this is root, and the file or its folder belongs to another user.
    """
    if _WINDOWS or os.geteuid() != 0:
        return
    folder = os.path.dirname(path)
    for place in (path, folder):
        if os.path.exists(place) and (owner := os.stat(place).st_uid) != 0:
            raise FileError(
                f"{place} belongs to user {owner}, and this is root",
                f"run mfakit as that user: sudo -u '#{owner}' mfakit ...",
            )


def _remove_leftovers(folder: str, name: str) -> None:
    mark = f".{name}{_MARK}"
    with suppress(OSError):
        for entry in os.listdir(folder):
            if entry.startswith(mark) and not _is_running(entry.removeprefix(mark)):
                os.unlink(os.path.join(folder, entry))


def _is_running(suffix: str) -> bool:
    """Tell whether the process that made a temporary file may still be at it."""
    number = suffix.partition("-")[0]
    if _WINDOWS or not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _take_over_metadata(path: str, descriptor: int) -> list[str]:
    """Give the new file the old one's owner, group, the group's bits and extended attributes.

    Others never read secrets; nor does the group, where it cannot be kept. On Windows the new
    file inherits the folder's access list, as the old one did.
    """
    if _WINDOWS or not os.path.exists(path):
        return []
    old, new = os.stat(path), os.fstat(descriptor)
    notes = []
    mode = old.st_mode & _OWNER_AND_GROUP
    if old.st_mode & _OTHERS:
        notes.append(f"{path} could be read or written by everybody, and now cannot")
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) and not _give(descriptor, old):
        if mode & _GROUP:
            notes.append(f"the group of {path} could not be kept, and has lost its access")
        mode &= ~_GROUP
    with _let_pass():
        os.fchmod(descriptor, mode)
    _copy_attributes(path, descriptor)
    return notes


def _give(descriptor: int, old: os.stat_result) -> bool:
    """Hand the new file to the old one's owner and group.

    Returns:
        Whether that could be done; not if only the group had to stay behind.

    Raises:
        OSError: the owner cannot be kept, who would be locked out.
    """
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE_HERE or os.fstat(descriptor).st_uid != old.st_uid:
            raise
        return False
    return True


def _copy_attributes(path: str, descriptor: int) -> None:
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):
        for name in os.listxattr(path):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(path, name))


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _set_age(descriptor: int, age_seconds: float) -> None:
    if age_seconds and os.utime in os.supports_fd:
        moment = time.time_ns() - int(age_seconds * 1e9)
        with _let_pass():
            os.utime(descriptor, ns=(moment, moment))


def _flush(descriptor: int) -> None:
    with _let_pass():
        os.fsync(descriptor)


def _rename(temporary: str, descriptor: int, path: str) -> None:
    if not _WINDOWS:
        os.replace(temporary, path)
        return
    os.close(descriptor)  # Windows renames no open file
    for _ in range(_WINDOWS_TRIES - 1):
        try:
            os.replace(temporary, path)
        except PermissionError:
            time.sleep(_WINDOWS_PAUSE_SECONDS)
        else:
            return
    os.replace(temporary, path)


def _flush_folder(folder: str) -> None:
    """Put the new name on disk too; on Windows a folder cannot be opened for that."""
    if not _WINDOWS:
        with _let_pass():
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _let_pass() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE_HERE:
            raise
