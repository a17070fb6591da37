"""Temporary files that replace others: private to their owner, and removed if they are not used.

The process that makes one holds a lock on it, which distinguishes it from the file of a killed
process. (A process id does not: in a container it means another process.)
"""

from __future__ import annotations

import errno
import os
import sys
import time
from _thread import RLock
from contextlib import contextmanager, suppress

from mfakit.errors import FileError
from mfakit.profiles.reading import MARK, is_mount_point, still_has
from mfakit.profiles.swapping import rename

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator


_WINDOWS = os.name == "nt"
_LEFT_OVER_SECONDS = 600
_TRIES = 20
# The mark is followed by random digits. The name of a file for a swap also has the digests of the
# old and the new text: after the swap, the name belongs to the replaced file, which may have been
# changed. Earlier versions of mfakit wrote the process id first.
_ENDING = r"[0-9a-f]{16}(?:-([0-9a-f]{16})-([0-9a-f]{16}))?|[0-9]+-[0-9a-f]{8}"


# Descriptors that a child of this process must not keep: it would hold our locks as long as it
# lives, and the new file would be open for writing.
_private: set[int] = set()
_no_fork = RLock()  # held while the descriptors and the set differ


def _close_in_child() -> None:
    while _private:
        with suppress(OSError):
            os.close(_private.pop())
    _no_fork.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_no_fork.acquire,
        after_in_parent=_no_fork.release,
        after_in_child=_close_in_child,
    )


def open_private(path: str, flags: int) -> int:
    """Open a file, which may be made with mode 0600, until ``close_private`` or a fork's child."""
    with _no_fork:
        descriptor = open_new(path, flags)
        _private.add(descriptor)
    return descriptor


def open_new(path: str, flags: int) -> int:
    """Open a file; one that must be new gets mode 0600, whatever the umask."""
    descriptor = os.open(path, flags, 0o600)
    if flags & os.O_EXCL and hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(descriptor, 0o600)
    return descriptor


def close_private(descriptor: int) -> None:
    """Close what ``open_private`` has opened, unless this is a child, where it is closed already.

    Raises:
        OSError: the content may not be on disk.
    """
    with _no_fork:
        if descriptor in _private:
            _private.discard(descriptor)
            os.close(descriptor)


class Temporary:
    """A new file beside another.

    Args:
        beside: the other file.

    Attributes:
        path: its path.
        descriptor: open for writing; None after it has been closed.
        shown: its content, once other programs may find it under the other file's name. If they
            change it, it is theirs.
    """

    shown: bytes | None = None

    def __init__(self, beside: str) -> None:
        self._lock: int | None = None
        for _ in range(_TRIES):
            self._make(beside)
            try:
                if _WINDOWS or self._hold():
                    return
            except BaseException:
                self.remove()
                raise
            self.remove()  # another process has removed it as a leftover, before it was locked
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)

    def _make(self, beside: str) -> None:
        self.path = temporary_name(beside)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self.descriptor: int | None = open_private(self.path, flags)
        found = os.fstat(self.descriptor)
        self._identity = found.st_dev, found.st_ino

    def _hold(self) -> bool:
        """Lock the file until it is removed; return whether it still has its name."""
        try:  # by a second descriptor, since the first is closed before the file is used
            self._lock, is_others = _open_and_lock(self.path)
        except FileNotFoundError:
            return False
        is_ours = not is_others
        if is_ours and _keeps_all_out(self._lock):
            # nor can a file be replaced there that this process has open
            lock, self._lock = self._lock, None
            close_private(lock)
        return is_ours and self.is_at(self.path)

    def close(self) -> None:
        """Close the file, which is when some file systems report a full disk.

        Raises:
            OSError: the content may not be on disk.
        """
        if self.descriptor is not None:
            descriptor, self.descriptor = self.descriptor, None
            close_private(descriptor)

    def rename(self, path: str) -> None:
        """Rename the file to a name that no other file has."""
        os.rename(self.path, path)
        self.path = path

    def is_at(self, path: str) -> bool:
        """Whether a path leads to this file."""
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def remove(self) -> None:
        """Remove the file, unless another has its name, or another program has changed it."""
        with suppress(OSError):
            self.close()
        with suppress(OSError):
            is_ours = self.is_at(self.path)
            if is_ours and (self.shown is None or still_has(self.path, self.shown)):
                os.unlink(self.path)
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with suppress(OSError):
                close_private(lock)


@contextmanager
def temporary_beside(path: str) -> Iterator[Temporary]:
    """Make a new file in the same folder, which is removed unless it was renamed.

    Temporary files of killed processes are removed first, since they may hold secrets; but not
    those for a swap.
    """
    remove_leftovers(path)
    temporary = Temporary(path)
    try:
        yield temporary
    finally:
        temporary.remove()


def temporary_name(path: str) -> str:
    """Return a unique path beside a file."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}{MARK}{os.urandom(8).hex()}")


def swap_name(path: str, before: str, after: str) -> str:
    """Return a unique path for a file that will be swapped with this one.

    Args:
        path: the file.
        before: the digest of the text that was read from it.
        after: the digest of the new text.
    """
    return f"{temporary_name(path)}-{before}-{after}"


def leftovers(path: str, note: Callable[[str], object] = lambda _: None) -> list[str]:
    """Return the temporary files beside a file, of killed or of running processes.

    Args:
        path: the file.
        note: called if the folder cannot be listed.
    """
    folder, name = os.path.split(path)
    try:
        entries = os.listdir(folder or os.curdir)
    except FileNotFoundError:
        return []
    except OSError as error:
        note(
            f"{folder} cannot be listed ({error.strerror}), so what a killed mfakit may have left"
            f" there stays: look for .{name}{MARK}*"
        )
        return []
    start = f".{name}{MARK}"
    return [
        os.path.join(folder, entry)
        for entry in entries
        if entry.startswith(start) and _ending(entry.removeprefix(start))
    ]


def is_trusted(path: str, folder: str) -> bool:
    """Whether no other user can have put a file into a folder, for mfakit to believe.

    It is of this user, of root or of the folder's owner; and where others may write into the
    folder, it is no further name of a file that they may write.
    """
    if _WINDOWS:
        return True
    try:
        found = os.lstat(path)
        place = os.stat(folder or os.curdir)
    except OSError:  # another process has just removed it
        return False
    is_for_others = found.st_mode & 0o022 and place.st_mode & 0o022
    is_own = found.st_uid in (0, os.geteuid(), place.st_uid)
    return is_own and not (found.st_nlink > 1 and is_for_others)


def _ending(name: str) -> re.Match[str] | None:
    """Match the end of a temporary file's name; re is loaded only if there is one."""
    import re

    return re.fullmatch(_ENDING, name)


def remove_leftovers(path: str, *, all_of_them: bool = False) -> None:
    """Remove the temporary files beside a file, except those in use.

    Args:
        path: the file.
        all_of_them: also those for a swap, since no other program writes the file.
    """
    for left in leftovers(path):
        if (all_of_them or texts_of(left) is None) and is_trusted(left, os.path.dirname(left)):
            with suppress(OSError):
                _remove_if_left(left)


def texts_of(path: str) -> tuple[str, str] | None:
    """Return the two digests in a temporary file's name; None if it is not for a swap."""
    found = _ending(path.rpartition(MARK)[2])
    return (found[1], found[2]) if found and found[1] else None


def _remove_if_left(path: str) -> None:
    is_old = time.time() - os.lstat(path).st_mtime >= _LEFT_OVER_SECONDS
    if _WINDOWS:
        if is_old:
            os.unlink(path)
        return
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor, is_in_use = _open_and_lock(path, flags, default=not is_old)
    try:
        if not is_in_use and (is_old or not _keeps_all_out(descriptor)):
            os.unlink(path)
    finally:
        close_private(descriptor)


def remove_with_text(path: str, content: bytes) -> bool:
    """Remove a temporary file that has this text, unless a process that still runs has made it.

    In a moment, that may be the name of another program's file.

    Returns:
        False if it has another text. (A file system may show an old one for a second.)

    Raises:
        OSError: it cannot be opened, or removed.
    """
    if _WINDOWS:
        os.unlink(path)
        return True
    descriptor, is_locked = _open_and_lock(path, os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        with open(descriptor, "rb", closefd=False) as file:
            has_text = file.read() == content
        if has_text and not is_locked and os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            os.unlink(path)
    finally:
        close_private(descriptor)
    return has_text or is_locked


def _open_and_lock(path: str, flags: int = 0, *, default: bool = False) -> tuple[int, bool]:
    """Open a temporary file and lock it; return it, and whether another process holds its lock.

    Args:
        path: the file.
        flags: what the file is opened with.
        default: the second result if the file system has no locks.

    Raises:
        OSError: it cannot be opened.
    """
    import fcntl

    descriptor = open_private(path, os.O_RDONLY | flags)
    for is_last in (False, True):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return descriptor, True
        except OSError as error:
            if error.errno != errno.EBADF or is_last:
                return descriptor, default
            # NFS 4 locks a file only for a descriptor that may write
            close_private(descriptor)
            descriptor = open_private(path, os.O_RDWR | flags)
        else:
            break
    return descriptor, False


def _keeps_all_out(descriptor: int) -> bool:
    """Whether its lock keeps all, this process too, from using the file by another descriptor.

    Those of SMB do. There a lock is refused a second time to the descriptor that has it.
    """
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EACCES
    return False


_NOT_POSSIBLE_HERE = {errno.EINVAL, errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of ioctl_iflags(2), as it is on most processors
_IMMUTABLE_OR_APPEND = 0x30
_GROUP = 0o070
_OTHERS = 0o007
_OWNER_AND_GROUP = 0o770
_ACCESS_LIST = "system.posix_acl_access"


def replace_file(path: str, content: bytes, *, private: bool = False) -> None:
    """Write a file that no other program writes.

    Args:
        path: the file itself, not a link.
        content: its new content.
        private: whether its owner alone can read it, whoever could read the old one.

    Raises:
        OSError: it failed. The file was not changed then.
    """
    with filled_beside(path, content, private=private) as (temporary, _):
        rename(temporary.path, path)
    flush_folder(path)


@contextmanager
def filled_beside(
    path: str,
    content: bytes,
    *,
    age_seconds: float = 0,
    private: bool = False,
    flushed: bool = True,
) -> Iterator[tuple[Temporary, list[str]]]:
    """Write a new file to disk beside an old one, and at least as private as that.

    Args:
        path: the old file, which may not exist.
        content: the content of the new file.
        age_seconds: how much to set back its modification time.
        private: whether its owner alone can read it, whoever could read the old one.
        flushed: whether to wait until it is on disk. If not, it survives a kill, but maybe no loss
            of power, and ``flush`` is called later.

    Yields:
        The file, which is removed unless it is renamed; and messages for the user about permissions
        that were removed.

    Raises:
        OSError: it could not be written.
    """
    with temporary_beside(path) as temporary:
        assert temporary.descriptor is not None
        notes = [] if private else take_over_metadata(path, temporary.descriptor)
        write_all(temporary.descriptor, content)
        _set_age(temporary.descriptor, age_seconds)
        if flushed:
            with _let_pass():
                os.fsync(temporary.descriptor)
        temporary.close()
        yield temporary, notes


def make_private_folder(folder: str) -> None:
    """Make a missing folder and its parents, each of them private to the owner.

    Raises:
        OSError: it cannot be made, or a file is where it should be.
    """
    if not os.path.isdir(folder or os.curdir):
        above = os.path.dirname(folder)
        if above != folder:  # otherwise it is a missing drive
            make_private_folder(above)
        try:
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)  # against the umask and inherited bits
        except FileExistsError:
            if not os.path.isdir(folder):
                raise NotADirectoryError(
                    errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder
                ) from None


def refuse_other_owners(path: str) -> None:
    """Refuse to write as root in another user's home, which would lock its owner out.

    Raises:
        FileError: this is root, and the file or its nearest existing folder belongs to another
            user.
    """
    if _WINDOWS or os.geteuid() != 0:
        return
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and folder != (above := os.path.dirname(folder)):
        folder = above
    for place in (path, folder):
        owner = 0
        with suppress(OSError):  # it may not exist, and other programs move it away for a moment
            owner = os.stat(place).st_uid
        if owner != 0:
            raise FileError(
                f"{place} belongs to user {owner}, and this is root",
                f"run mfakit as that user: sudo -u '#{owner}' mfakit ...",
            )


def refuse_mounted(path: str) -> None:
    """Refuse a file that is a mount point, as in containers: it cannot be replaced.

    Raises:
        FileError: it is one.
    """
    if is_mount_point(path):
        raise FileError(
            f"{path} is mounted as a single file, and cannot be replaced",
            "mount its folder instead, or name another place with AWS_SHARED_CREDENTIALS_FILE",
        )


def refuse_immutable(path: str) -> None:
    """Refuse a file or a folder whose attributes forbid to replace files, as after `chattr +i`.

    Where the system does not tell, only the write itself fails.

    Raises:
        OSError: it is one, or cannot be read.
    """
    if sys.platform != "linux":
        return
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # as of a folder that may be entered, and not listed
        return
    try:
        flags = fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8))
    except OSError:
        return
    finally:
        os.close(descriptor)
    if int.from_bytes(flags[:4], sys.byteorder) & _IMMUTABLE_OR_APPEND:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)


def take_over_metadata(path: str, descriptor: int) -> list[str]:
    """Copy owner, group, the group's bits and extended attributes; return messages for the user.

    Others never get access to secrets. The group loses its access if it cannot be kept, or if
    others had access too: then the bits of both come from an umask, and nobody chose them. (An
    access list is a choice, and the group's bits are its mask.) On Windows the new file inherits
    the folder's access list, as the old one did.
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
    # before chmod: an access list also sets permissions for others
    _copy_attributes(path, descriptor)
    with _let_pass():
        os.fchmod(descriptor, mode)
    if old.st_mode & _OTHERS and not os.fstat(descriptor).st_mode & _OTHERS:
        who = "you and its group" if mode & _GROUP else "you"
        notes.append(f"{path} could be read or written by everybody; now only {who} can")
    return notes


def _has_access_list(path: str) -> bool:
    with suppress(OSError, AttributeError):
        return _ACCESS_LIST in os.listxattr(path)
    return False


def _give(descriptor: int, old: os.stat_result) -> bool:
    """Set the new file's owner and group to those of the old one.

    Returns:
        Whether the group could be set too.

    Raises:
        OSError: the owner cannot be set, and would be locked out.
    """
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE_HERE or os.fstat(descriptor).st_uid != old.st_uid:
            raise
        return False
    return True


def _copy_attributes(path: str, descriptor: int) -> None:
    """Copy the extended attributes, and take away an access list that the folder has lent."""
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):
        if not _has_access_list(path):
            os.removexattr(descriptor, _ACCESS_LIST)
    with suppress(OSError):
        for name in os.listxattr(path):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(path, name))


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it to an open file.

    Raises:
        OSError: there is no room, or another error.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _set_age(descriptor: int, age_seconds: float) -> None:
    if age_seconds and os.utime in os.supports_fd:
        moment = time.time_ns() - int(age_seconds * 1e9)
        with _let_pass():
            os.utime(descriptor, ns=(moment, moment))


def flush_folder(path: str) -> None:
    """Write a folder to disk after a rename in it, as far as the system can."""
    flush(os.path.dirname(path))


def flush(path: str) -> None:
    """Write a file or a folder to disk, as far as the system can."""
    if not _WINDOWS:
        with suppress(OSError):
            # at once, even if a pipe has its name by now, or a program holds a lease on it
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
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
