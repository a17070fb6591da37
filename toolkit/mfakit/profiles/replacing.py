"""New files that are to take another's place: their owner's alone, and gone if nobody takes them.

The process that makes one holds a lock on it, so that others can tell it from what a killed process
has left. (The number of a process tells nothing: in a container it means another.)
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress

from mfakit.errors import FileError
from mfakit.profiles.reading import MARK, is_mount_point
from mfakit.profiles.swapping import rename

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator


_WINDOWS = os.name == "nt"
_LEFT_OVER_SECONDS = 600
# What follows the mark: random digits. The name of a file that is about to be swapped goes on with
# the digests of the text that it is made from and of its own: after the swap it is somebody else's
# file, and may be a new one. Earlier versions put the number of the process first.
_ENDING = r"[0-9a-f]{16}(?:-([0-9a-f]{16})-([0-9a-f]{16}))?|[0-9]+-[0-9a-f]{8}"


class Temporary:
    """A new file beside another.

    Args:
        beside: the other file.

    Attributes:
        path: where it is.
        descriptor: open for writing; None when it has been closed.
    """

    def __init__(self, beside: str) -> None:
        self._lock: int | None = None
        self._make(beside)
        if not _WINDOWS and not self._hold():  # another process took it for a left-over
            self.remove()
            self._make(beside)
            self._hold()

    def _make(self, beside: str) -> None:
        self.path = temporary_name(beside)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self.descriptor: int | None = os.open(self.path, flags, 0o600)
        if hasattr(os, "fchmod"):
            with suppress(OSError):  # an umask may have taken bits from the owner
                os.fchmod(self.descriptor, 0o600)
        found = os.fstat(self.descriptor)
        self._identity = found.st_dev, found.st_ino

    def _hold(self) -> bool:
        """Lock it until it is removed; return whether it still has its name then."""
        try:  # not the one that is open for writing: that is closed before the file is used
            self._lock = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        return not _is_locked_by_another(self._lock) and self.is_at(self.path)

    def close(self) -> None:
        """Close it. Some file systems tell only now that a disk is full.

        Raises:
            OSError: what was written is not safe.
        """
        if self.descriptor is not None:
            descriptor, self.descriptor = self.descriptor, None
            os.close(descriptor)

    def rename(self, path: str) -> None:
        """Return it another name, which nobody has."""
        os.rename(self.path, path)
        self.path = path

    def is_at(self, path: str) -> bool:
        """Return whether it is this file that has a name now."""
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def remove(self) -> None:
        """Let it go, unless another file has its name by now."""
        with suppress(OSError):
            self.close()
        with suppress(OSError):
            if self.is_at(self.path):
                os.unlink(self.path)
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with suppress(OSError):
                os.close(lock)


@contextmanager
def temporary_beside(path: str) -> Iterator[Temporary]:
    """Make a new file in the same folder; it goes unless it was renamed.

    What killed processes have left there goes first, since it may hold secrets; but for files that
    were to be swapped.
    """
    remove_leftovers(path)
    temporary = Temporary(path)
    try:
        yield temporary
    finally:
        temporary.remove()


def temporary_name(path: str) -> str:
    """Return a name beside a file that no other has."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}{MARK}{os.urandom(8).hex()}")


def swap_name(path: str, before: str, after: str) -> str:
    """Return such a name for a file that is about to be swapped with this one.

    Args:
        path: the file.
        before: the digest of the text that was read from it.
        after: the digest of the text that is to take its place.
    """
    return f"{temporary_name(path)}-{before}-{after}"


def leftovers(path: str) -> list[str]:
    """List the temporary files beside a file: of processes that were killed, or are at work."""
    folder, name = os.path.split(path)
    try:
        entries = os.listdir(folder or os.curdir)
    except OSError:
        return []
    start = f".{name}{MARK}"
    return [
        os.path.join(folder, entry)
        for entry in entries
        if entry.startswith(start) and _ending(entry.removeprefix(start))
    ]


def _ending(name: str) -> re.Match[str] | None:
    """Match how the name of a temporary file ends. Few folders have one, and loading re costs."""
    import re

    return re.fullmatch(_ENDING, name)


def remove_leftovers(path: str) -> None:
    """Remove the temporary files beside a file, but for those at work or in a swap."""
    for left in leftovers(path):
        if texts_of(left) is None:
            with suppress(OSError):
                _remove_if_left(left)


def texts_of(path: str) -> tuple[str, str] | None:
    """Return the two digests in a temporary file's name; None for one that was never swapped."""
    found = _ending(path.rpartition(MARK)[2])
    return (found[1], found[2]) if found and found[1] else None


def _remove_if_left(path: str) -> None:
    is_old = time.time() - os.lstat(path).st_mtime >= _LEFT_OVER_SECONDS
    if _WINDOWS:
        if is_old:
            os.unlink(path)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if not _is_locked_by_another(descriptor, default=not is_old):
            os.unlink(path)
    finally:
        os.close(descriptor)


def _is_locked_by_another(descriptor: int, *, default: bool = False) -> bool:
    """Lock a temporary file; return whether another process holds it.

    Args:
        descriptor: the file.
        default: the answer where there are no locks.
    """
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return default
    return False


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
    """Return the new file the old one's owner, group, the group's bits and extended attributes.

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
