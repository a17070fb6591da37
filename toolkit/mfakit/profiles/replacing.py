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
from mfakit.profiles.mounts import is_mount_point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WINDOWS = os.name == "nt"
_NOT_POSSIBLE_HERE = {errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
_GROUP = 0o070
_OTHERS = 0o007
_OWNER_AND_GROUP = 0o770
TEMPORARY = ".mfakit-"
_LEFT_OVER_SECONDS = 600
# A virus scanner or an indexer may hold a file open on Windows for a moment.
_RENAME_TRIES = 20 if _WINDOWS else 1
_RENAME_PAUSE_SECONDS = 0.05


class Temporary:
    """A new file, its owner's alone, that is to take another's place.

    Args:
        path: where it is.
        descriptor: open for writing; None when it has been closed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self.descriptor: int | None = os.open(path, flags, 0o600)

    def close(self) -> None:
        """Close it. Some file systems tell only now that a disk is full.

        Raises:
            OSError: what was written is not safe.
        """
        if self.descriptor is not None:
            descriptor, self.descriptor = self.descriptor, None
            os.close(descriptor)


def replace_file(
    path: str, content: bytes, *, age_seconds: float = 0, alone: bool = False
) -> list[str]:
    """Replace a file, or make it.

    Args:
        path: the file itself, no link.
        content: all that is to be in it.
        age_seconds: how much older than now the new file is to look.
        alone: the file's lock is held, so nobody else is making a new one.

    Returns:
        What a person should know of it: which permissions were taken away.

    Raises:
        OSError: it could not be done. The file is then as it was.
    """
    with temporary_beside(path, alone=alone) as temporary:
        assert temporary.descriptor is not None
        notes = _take_over_metadata(path, temporary.descriptor)
        _write_all(temporary.descriptor, content)
        _set_age(temporary.descriptor, age_seconds)
        with _let_pass():
            os.fsync(temporary.descriptor)
        temporary.close()
        rename(temporary.path, path)
    _flush_folder(os.path.dirname(path))
    return notes


@contextmanager
def temporary_beside(path: str, *, alone: bool = False) -> Iterator[Temporary]:
    """Give a new file in the same folder; it goes unless it was renamed.

    Those of killed processes go too, since they may hold secrets: all of them if nobody else can
    be making one, else those that are old, or whose process has ended.
    """
    folder, name = os.path.split(path)
    mark = f".{name}{TEMPORARY}"
    _remove_leftovers(folder, mark, alone=alone)
    unique = f"{os.getpid()}-{os.urandom(4).hex()}"
    temporary = Temporary(os.path.join(folder, mark + unique))
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.close()
        with suppress(FileNotFoundError):
            os.unlink(temporary.path)


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
        FileError: this is root, and the file, or the folder it is or would be in, belongs to
            another user.
    """
    if _WINDOWS or os.geteuid() != 0:
        return
    folder = os.path.dirname(path)
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    for place in (path, folder):
        if os.path.exists(place) and (owner := os.stat(place).st_uid) != 0:
            raise FileError(
                f"{place} belongs to user {owner}, and this is root",
                f"run mfakit as that user: sudo -u '#{owner}' mfakit ...",
            )


def refuse_mounted(path: str) -> None:
    """Refuse a file that is a mount of its own, as containers have them: it cannot be replaced.

    Raises:
        FileError: it is one.
    """
    if is_mount_point(path):
        raise FileError(
            f"{path} is mounted as a single file, and cannot be replaced",
            "mount its folder instead, or name another place with AWS_SHARED_CREDENTIALS_FILE",
        )


def _remove_leftovers(folder: str, mark: str, *, alone: bool) -> None:
    with suppress(OSError):
        for entry in os.listdir(folder):
            if entry.startswith(mark):
                path = os.path.join(folder, entry)
                number = entry.removeprefix(mark).partition("-")[0]
                age = time.time() - os.stat(path).st_mtime
                if alone or age >= _LEFT_OVER_SECONDS or _has_ended(number):
                    os.unlink(path)


def _has_ended(number: str) -> bool:
    """Tell whether the process of a number is no more, where one may ask without harm."""
    if _WINDOWS or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


def _take_over_metadata(path: str, descriptor: int) -> list[str]:
    """Give the new file the old one's owner, group, the group's bits and extended attributes.

    Others never read secrets; nor does the group, where it cannot be kept. On Windows the new
    file inherits the folder's access list, as the old one did.
    """
    if _WINDOWS:
        return []
    if not os.path.exists(path):
        with _let_pass():
            os.fchmod(descriptor, 0o600)  # an umask may have taken bits from the owner
        return []
    old, new = os.stat(path), os.fstat(descriptor)
    notes = []
    mode = old.st_mode & _OWNER_AND_GROUP
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid) and not _give(descriptor, old):
        if mode & _GROUP:
            notes.append(f"the group of {path} could not be kept, and has lost its access")
        mode &= ~_GROUP
    if old.st_mode & _OTHERS:
        who = "you and its group" if mode & _GROUP else "you"
        notes.append(f"{path} could be read or written by everybody; now only {who} can")
    # before the mode: an access list among them has a word on others too
    _copy_attributes(path, descriptor)
    with _let_pass():
        os.fchmod(descriptor, mode)
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


def rename(
    old: str,
    new: str,
    *,
    tries: int = _RENAME_TRIES,
    replace: Callable[[str, str], object] = os.replace,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Rename; on Windows again and again, while another program holds the file open.

    Args:
        old: the name that goes.
        new: the name that it gets, and takes from another file.
        tries: how often to try.
        replace: what renames.
        sleep: what waits between two tries, for so many seconds.

    Raises:
        OSError: it could not be done.
    """
    for left in reversed(range(tries)):
        try:
            replace(old, new)
        except PermissionError:
            if not left:
                raise
            sleep(_RENAME_PAUSE_SECONDS)
        else:
            return


def _flush_folder(folder: str) -> None:
    """Put the new name on disk too, as far as the system can; the file is replaced by now."""
    if not _WINDOWS:
        with suppress(OSError):
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
