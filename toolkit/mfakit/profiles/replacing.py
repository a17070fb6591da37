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
from mfakit.profiles.reading import is_mount_point
from mfakit.profiles.swapping import rename
from mfakit.profiles.temporary import Temporary, temporary_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_WINDOWS = os.name == "nt"
_NOT_POSSIBLE_HERE = {errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
_GROUP = 0o070
_OTHERS = 0o007
_OWNER_AND_GROUP = 0o770
_ACCESS_LIST = "system.posix_acl_access"


def replace_file(path: str, content: bytes) -> None:
    """Replace a file that nobody else writes, or make it.

    Args:
        path: the file itself, no link.
        content: all that is to be in it.

    Raises:
        OSError: it could not be done. The file is then as it was.
    """
    with filled_beside(path, content) as (temporary, _):
        rename(temporary.path, path)
    flush_folder(path)


@contextmanager
def filled_beside(
    path: str, content: bytes, *, age_seconds: float = 0
) -> Iterator[tuple[Temporary, list[str]]]:
    """Make a new file beside an old one, as private as that was, and put it on disk.

    Args:
        path: the old file, which need not be there.
        content: all that is to be in the new one.
        age_seconds: how much older than now it is to look.

    Yields:
        The file, which goes unless it is renamed; and what a person should know of it: which
        permissions were taken away.

    Raises:
        OSError: it could not be made.
    """
    with temporary_beside(path) as temporary:
        assert temporary.descriptor is not None
        notes = _take_over_metadata(path, temporary.descriptor)
        _write_all(temporary.descriptor, content)
        _set_age(temporary.descriptor, age_seconds)
        with _let_pass():
            os.fsync(temporary.descriptor)
        temporary.close()
        yield temporary, notes


def make_private_folder(folder: str) -> None:
    """Make a folder that is missing, with all above it, each for its owner alone.

    Raises:
        OSError: it cannot be made, or a file is where it should be.
    """
    if not os.path.isdir(folder or os.curdir):
        above = os.path.dirname(folder)
        if above != folder:  # else it is a drive that is not there
            make_private_folder(above)
        try:
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)  # whatever the umask, or inherited bits
        except FileExistsError:
            if not os.path.isdir(folder):
                raise NotADirectoryError(
                    errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder
                ) from None


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


def _take_over_metadata(path: str, descriptor: int) -> list[str]:
    """Give the new file the old one's owner, group, the group's bits and extended attributes.

    Others never read secrets; nor does the group, where it cannot be kept, or where others had
    bits too: those of both come from an umask then, and nobody chose them. (An access list is a
    choice, and the group's bits say how far it counts.) On Windows the new file inherits the
    folder's access list, as the old one did.
    """
    if _WINDOWS:
        return []
    try:
        old = os.stat(path)
    except FileNotFoundError:
        return []
    new = os.fstat(descriptor)
    notes = []
    mode = old.st_mode & _OWNER_AND_GROUP
    if old.st_mode & _OTHERS and not _has_access_list(path):
        mode &= ~_GROUP
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


def _has_access_list(path: str) -> bool:
    with suppress(OSError, AttributeError):
        return _ACCESS_LIST in os.listxattr(path)
    return False


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


def flush_folder(path: str) -> None:
    """Put a file's new name on disk too, as far as the system can; it has that name by now."""
    if not _WINDOWS:
        with suppress(OSError):
            descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
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
