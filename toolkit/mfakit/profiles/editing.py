"""Editing files so that nothing that anybody wrote is lost.

mfakit's own writers wait for one another at a lock. Other tools take none, and most rewrite a
file by emptying it first; so a file is read only when it has been quiet for a moment, and what is
put in its place is made anew if somebody else changed it meanwhile.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager, suppress

from mfakit import debug
from mfakit.errors import BusyError, FileError
from mfakit.profiles.own_files import make_own_folder, own_place
from mfakit.profiles.reading import decode, file_error, read_quiet, version_of
from mfakit.profiles.replacing import filled_beside, flush_folder, remove_leftovers
from mfakit.profiles.swapping import put_new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_LOCK_TIMEOUT_SECONDS = 30
_TRIES = 50


def edit_text(
    path: str,
    change: Callable[[str], str],
    *,
    backup: Callable[[str], bool] | None = None,
    had_text: bool = False,
    note: Callable[[str], object] = lambda _: None,
    lock_timeout: float = _LOCK_TIMEOUT_SECONDS,
) -> None:
    """Replace a file by what ``change`` makes of its text, under a lock, atomically.

    The new file is made beside the old one, readable by its owner alone from the start, and takes
    its place only when all of it is on disk. A link stays a link. If ``change`` returns the text
    that it got, the file is left alone.

    Args:
        path: the file.
        change: may be called several times, each time with the text as it is then; what it has
            made it must leave as it is.
        backup: says of the old text whether a copy of it is worth keeping, once.
        had_text: whether the file had some when the caller looked at it first.
        note: is told what a person should know: permissions that were taken away, or what was
            found beside the file.
        lock_timeout: seconds to wait for another mfakit that holds the lock.

    Raises:
        FileError: it cannot be read or written. It is then as it was, unless the message says
            that another program has changed it.
    """
    from mfakit.profiles.putting import put, settle_leftovers

    for _ in range(_TRIES):
        with about_to_write(path, lock_timeout) as real:
            settle_leftovers(path, real, note)
            before = read_quiet(real, to_edit=True)
            old = decode(before.content, path)
            copy = SafetyCopy(path, real)
            if before.version is not None and not old:
                _refuse_emptied(path, copy, had_text=had_text)
            new = change(old)
            if backup is not None:
                copy.move_here(note)
            if new == old:
                return
            if backup is not None and backup(old):
                copy.keep(before.content, note)
            ours = put(path, real, before, new.encode("utf-8"), note)
            if ours is not None and _leads_to(path, ours):
                return
    raise FileError(
        f"another program keeps changing {path}", "end it, or wait for it, and try again"
    )


@contextmanager
def about_to_write(path: str, lock_timeout: float = _LOCK_TIMEOUT_SECONDS) -> Iterator[str]:
    """Prepare the place of a file, and hold its lock.

    Args:
        path: the file.
        lock_timeout: seconds to wait for other mfakits.

    Yields:
        The file itself, if the path is a link.

    Raises:
        BusyError: another mfakit has been holding the lock all the while.
        FileError: it could not be written, or its file system has no locks.
    """
    with _prepared(path) as real, locked(real, lock_timeout):
        yield real


def check_writable(path: str) -> None:
    """Make sure that ``edit_text`` could replace this file, by doing all that leads up to it.

    The lock is not waited for: it is held for milliseconds only.

    Args:
        path: the file.

    Raises:
        FileError: it could not.
    """
    from mfakit.profiles.replacing import refuse_mounted, temporary_beside

    with _prepared(path) as real, temporary_beside(real):
        refuse_mounted(real)
        check_lockable(real)
        copy = SafetyCopy(path, real)
        if not os.path.isfile(real):
            return
        # others empty it for a moment when they write: only one that stays empty is refused
        if not os.path.getsize(real) and not read_quiet(real).content:
            _refuse_emptied(path, copy, had_text=False)


def _leads_to(path: str, ours: tuple[int, ...]) -> bool:
    """Return whether a path leads to the file that was just put in place.

    If not, it was changed or removed, or a link leads elsewhere by now. If that cannot be seen, the
    file is in place all the same.
    """
    try:
        return version_of(path) == ours
    except OSError:
        return True


def _refuse_emptied(path: str, copy: SafetyCopy, *, had_text: bool) -> None:
    """Refuse a file that is empty, if it had text: somebody is at it, or has lost it."""
    copies = copy.places()
    if had_text or copies:
        source = f", from {' or '.join(copies)} say" if copies else ""
        raise FileError(
            f"{path} is empty, but was not when mfakit first saw it",
            f"put back what is missing{source}; or remove the file, if it is to be empty",
        )


@contextmanager
def _prepared(path: str) -> Iterator[str]:
    """Resolve links, and make the folder; what fails in the block is a `FileError`."""
    from mfakit.profiles.replacing import make_private_folder, refuse_other_owners

    try:
        real = os.path.realpath(path)  # fails if a link changes meanwhile
        _refuse_special(path, real)
        refuse_other_owners(real)
        make_private_folder(os.path.dirname(real))
        yield real
    except FileError:
        raise
    except OSError as error:
        raise file_error("write", path, error) from error


def _refuse_special(path: str, real: str) -> None:
    """Refuse folders, and devices: a file must not take the place of /dev/null."""
    if os.path.isdir(real) or not os.path.basename(path):
        problem = f"{path} is a folder"
    elif os.path.exists(real) and not os.path.isfile(real):
        problem = f"{path} is no regular file"
    else:
        return
    raise FileError(problem, "name a file with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE")


NO_LOCKS = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOLCK, errno.ENOSYS}
# Longer adds latency; shorter, and many who wait keep the processor from the one who writes.
_PAUSE_SECONDS = 0.025


@contextmanager
def locked(path: str, timeout: float) -> Iterator[None]:
    """Hold the lock of a file.

    Args:
        path: the file; the lock is a file beside it.
        timeout: seconds to wait for one holder. Each time that the lock passes from one process
            to the next, they begin anew: a crowd that gets on is waited for.

    Raises:
        BusyError: one process has been holding it all the while.
        FileError: the file system has no locks.
        OSError: the lock file cannot be written.
    """
    name = _name(path)
    descriptor = _open(name)
    try:
        try:
            debug.event("wait for the lock {}", name)
            while not _acquire(name, descriptor, path, timeout):
                # the lock file was removed meanwhile: the lock of the one that is there counts
                os.close(descriptor)
                descriptor = _open(name)
        except OSError as error:
            if error.errno not in NO_LOCKS or isinstance(error, FileError):
                raise
            raise FileError(
                f"the file system of {path} has no locks",
                "name another place with AWS_SHARED_CREDENTIALS_FILE",
            ) from None
        debug.event("hold the lock {}", name)
        try:
            yield
        finally:
            _tidy(name, descriptor)
    finally:
        with suppress(OSError):  # the work is done; the lock goes with the descriptor in any case
            os.close(descriptor)


def check_lockable(path: str) -> None:
    """Make sure that the lock file of a file can be opened.

    Raises:
        OSError: it cannot.
    """
    os.close(_open(_name(path)))


def _name(path: str) -> str:
    return f"{path}.lock"


def take_lock(descriptor: int) -> bool:
    """Take the lock of an open file if it is free; it goes with the descriptor, or the process.

    Raises:
        OSError: the file system has no locks (one of ``NO_LOCKS``), or another error.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            _flock(descriptor)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


def _flock(descriptor: int) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        # A kernel or a sandbox without that call may have the other one.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _tidy(name: str, descriptor: int) -> None:
    """Remove a lock file that other programs could not lock: it would tell them nothing."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with suppress(OSError):
                os.unlink(name)


def _acquire(name: str, descriptor: int, path: str, timeout: float) -> bool:
    """Wait for the lock; return whether it is still that of the file with this name."""
    since = time.monotonic()
    marked = os.fstat(descriptor).st_mtime_ns
    while not take_lock(descriptor):
        if marked != (marked := os.fstat(descriptor).st_mtime_ns):
            since = time.monotonic()
        if time.monotonic() - since > timeout:
            raise BusyError(
                f"process {os.getpid()} waited {timeout:g} s for another mfakit that is writing"
                f" {path}",
                f"end it, and try again; fuser {name} names it",
            )
        time.sleep(_PAUSE_SECONDS)
    with suppress(OSError):
        os.utime(descriptor if os.utime in os.supports_fd else name)  # for those who wait
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(name))
    except FileNotFoundError:
        return False


def _open(name: str) -> int:
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    if hasattr(os, "fchmod"):
        with suppress(OSError):  # an umask may have taken bits from the owner
            os.fchmod(descriptor, 0o600)
    return descriptor


class SafetyCopy:
    """The copy of one file, in our own folder, which git does not see.

    Args:
        path: the file as it was named: the copy is beside that, not where a link leads.
        real: the file that it leads to. Earlier versions of mfakit kept the copy beside this.
    """

    def __init__(self, path: str, real: str) -> None:
        self._path = path
        self.place = own_place(path, f"{os.path.basename(path)}.before")
        self._earlier_place = f"{real}.before-mfakit"

    def places(self) -> list[str]:
        """Return where there is a copy."""
        return [place for place in (self.place, self._earlier_place) if os.path.isfile(place)]

    def keep(self, content: bytes, note: Callable[[str], object]) -> None:
        """Make the copy, if there is none. One that cannot be made is only noted."""
        if self.places():
            return
        try:
            self._write(content)
        except OSError as error:
            reason = error.strerror or error
            note(f"no copy of {self._path} could be kept as {self.place}: {reason}")

    def move_here(self, note: Callable[[str], object]) -> None:
        """Move a copy that an earlier version made to where it belongs; it may be another disk.

        What killed processes have left of one goes.
        """
        remove_leftovers(self.place)
        if not os.path.isfile(self._earlier_place) or os.path.islink(self._earlier_place):
            return
        try:
            self._move()
        except OSError as error:
            note(
                f"the copy {self._earlier_place} has keys, and could not be moved to"
                f" {self.place}: {error.strerror or error}"
            )
        else:
            note(f"the copy of {self._path} with its keys is now {self.place}")

    def _move(self) -> None:
        with open(self._earlier_place, "rb") as file:
            content = file.read()
        if not os.path.lexists(self.place):
            self._write(content)
        with open(self.place, "rb") as file:
            if file.read() != content:
                raise FileExistsError(0, "they differ, so remove the one that you do not need")
        os.unlink(self._earlier_place)

    def _write(self, content: bytes) -> None:
        make_own_folder(self.place)
        with filled_beside(self.place, content) as (temporary, _):
            put_new(temporary.path, self.place)
        flush_folder(self.place)
