"""A lock that goes with the process that holds it, on a file of its own."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager, suppress

from mfakit import debug
from mfakit.errors import BusyError, FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
