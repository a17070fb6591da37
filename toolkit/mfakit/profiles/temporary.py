"""New files that are to take another's place: their owner's alone, and gone if nobody takes them.

The process that makes one holds a lock on it, so that others can tell it from what a killed process
has left. (The number of a process tells nothing: in a container it means another.)
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = ".mfakit-"
_WINDOWS = os.name == "nt"
_LEFT_OVER_SECONDS = 600
# What follows the mark: random digits. The name of a file that is about to be swapped goes on with
# the digests of the text that it is made from and of its own: after the swap it is somebody else's
# file, and may be a new one. Earlier versions put the number of the process first.
_ENDING = re.compile(r"[0-9a-f]{16}(?:-([0-9a-f]{16})-([0-9a-f]{16}))?|[0-9]+-[0-9a-f]{8}")


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
        if entry.startswith(start) and _ENDING.fullmatch(entry, len(start))
    ]


def remove_leftovers(path: str) -> None:
    """Remove the temporary files beside a file, but for those at work or in a swap."""
    for left in leftovers(path):
        if texts_of(left) is None:
            with suppress(OSError):
                _remove_if_left(left)


def texts_of(path: str) -> tuple[str, str] | None:
    """Return the two digests in a temporary file's name; None for one that was never swapped."""
    found = _ENDING.fullmatch(path.rpartition(MARK)[2])
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
