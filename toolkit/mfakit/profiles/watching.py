"""Reading a file that others write without a lock: when it is quiet, and which version it was."""

from __future__ import annotations

import errno
import os
import sys
import time

from mfakit.errors import FileError

QUIET_SECONDS = 0.2
_PATIENCE_SECONDS = 2
_PAUSE_SECONDS = 0.01
_TRIES = 50


class Snapshot:
    """What was read from a file, and which version of it that was.

    Args:
        content: all of it.
        version: device, inode, size and time of change; None if there was no file.
    """

    __slots__ = ("content", "version")

    def __init__(self, content: bytes, version: tuple[int, ...] | None) -> None:
        self.content = content
        self.version = version


def read_quiet(path: str, *, to_edit: bool = False) -> Snapshot:
    """Read a file when nobody has changed it for a moment; after a while, as it is then.

    Args:
        path: the file.
        to_edit: nobody may have it open for writing either.

    Raises:
        FileError: it had content, and was emptied while it was looked at; or, to edit it, another
            program has had it open for writing all the while.
        OSError: it cannot be read.
    """
    give_up = time.monotonic() + _PATIENCE_SECONDS
    longest = 0
    while True:
        snapshot, changed_at = _read(path)
        longest = max(longest, len(snapshot.content))
        age = time.time() - changed_at
        # a time to come is a clock that is off, which tells nothing
        is_quiet = not 0 <= age < QUIET_SECONDS
        if is_quiet and not (to_edit and _has_writer(path)):
            break
        if time.monotonic() > give_up:
            if to_edit and _has_writer(path):
                raise FileError(
                    f"another program is writing {path}", "wait for it to end, and try again"
                )
            break
        time.sleep(_PAUSE_SECONDS)
    if longest and not snapshot.content:
        raise FileError(
            f"another program has emptied {path} just now", "wait for it to end, and try again"
        )
    return snapshot


def _read(path: str) -> tuple[Snapshot, float]:
    """Read a file that stays the same meanwhile; tell when it was changed."""
    for _ in range(_TRIES):
        try:
            with open(path, "rb") as file:
                before = os.fstat(file.fileno())
                content = file.read()
                after = os.fstat(file.fileno())
        except FileNotFoundError:
            return Snapshot(b"", None), 0
        if version(before) == version(after):
            break
    return Snapshot(content, version(after)), after.st_mtime


def _has_writer(path: str) -> bool:
    """Tell whether a program has the file open for writing, where the system tells: on Linux.

    A read lease is granted only if nobody has. It is given back at once; who opens the file in
    between would make the kernel send a signal, which is made one that is ignored.
    """
    if sys.platform != "linux":
        return False
    import fcntl
    import signal

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def version(stat: os.stat_result) -> tuple[int, ...]:
    """Give what is another for every change: device, inode, size and time of change."""
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def version_of(path: str) -> tuple[int, ...] | None:
    """Give the version of the file that is there now; None if there is none."""
    try:
        return version(os.stat(path))
    except FileNotFoundError:
        return None


def read_late(descriptor: int) -> bytes:
    """Read what somebody is writing to a file that has lost its name, when they are done."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        stat = os.fstat(descriptor)
        quiet = time.time() - stat.st_mtime >= QUIET_SECONDS
        if quiet or time.monotonic() > give_up:
            return os.pread(descriptor, stat.st_size, 0)
        time.sleep(_PAUSE_SECONDS)
