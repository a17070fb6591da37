"""Reading a file that others write without a lock: when it is quiet, and which version it was."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

from mfakit.errors import FileError

MARK = ".mfakit-"
QUIET_SECONDS = 0.2
_PATIENCE_SECONDS = 2
_PAUSE_SECONDS = 0.01
_TRIES = 50
# A pipe that takes the file's place while we look is not waited for.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class Snapshot:
    """What was read from a file, and which version of it that was.

    Args:
        content: all of it.
        version: what ``version`` says of it; None if there was no file.
        changed_at: when it was changed last, in seconds since 1970; 0 if that tells nothing.
        has_writer: whether a program was found to have it open for writing.
    """

    __slots__ = ("changed_at", "content", "has_writer", "version")

    def __init__(
        self,
        content: bytes,
        version: tuple[int, ...] | None,
        changed_at: float = 0,
        *,
        has_writer: bool = False,
    ) -> None:
        self.content = content
        self.version = version
        self.changed_at = changed_at
        self.has_writer = has_writer


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
        snapshot = read_now(path, to_edit=to_edit)
        longest = max(longest, len(snapshot.content))
        vanished = bool(longest) and not snapshot.content
        too_late = time.monotonic() > give_up + (QUIET_SECONDS if vanished else 0)
        if not snapshot.has_writer and (too_late or _is_past(snapshot.changed_at)):
            break
        if too_late:
            raise FileError(
                f"another program is writing {path}",
                f"wait for it to end, and try again; fuser {path} names it",
            )
        time.sleep(_PAUSE_SECONDS)
    if vanished:
        raise FileError(
            f"another program has emptied {path} just now", "wait for it to end, and try again"
        )
    return snapshot


def _is_past(changed_at: float) -> bool:
    """Whether a change is over; one to come is a clock that is off, which tells nothing."""
    return not 0 <= time.time() - changed_at < QUIET_SECONDS


def read_now(path: str, *, to_edit: bool = False) -> Snapshot:
    """Read a file that stays the same meanwhile.

    Args:
        path: the file.
        to_edit: whether to see who has it open for writing.

    Raises:
        FileError: it is a named pipe.
        OSError: it cannot be read.
    """
    try:
        for _ in range(_TRIES):
            with open(path, "rb", opener=_open) as file:
                before = os.fstat(file.fileno())
                content = file.read()
                after = os.fstat(file.fileno())
                if not stat.S_ISREG(after.st_mode):
                    return Snapshot(content, None)  # a pipe of the shell gives what it has once
                has_writer = to_edit and has_writer_now(file.fileno())
            if version(before) == version(after):
                break
    except FileNotFoundError:
        return Snapshot(b"", None)
    return Snapshot(content, version(after), after.st_mtime, has_writer=has_writer)


def _open(path: str, flags: int) -> int:
    """Open a file to read it.

    A named pipe is refused, since it would be waited for without end. Pipes of the shell, `<(...)`,
    have a writer.
    """
    descriptor = os.open(path, flags | _NONBLOCK)
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        if not os.path.realpath(path).startswith(("/proc/", "/dev/fd/")):
            os.close(descriptor)
            raise FileError(f"{path} is a named pipe", "name a regular file")
        os.set_blocking(descriptor, True)
    return descriptor


def has_writer_now(descriptor: int) -> bool:
    """Whether a program has a file open for writing, where the system tells: on Linux.

    A read lease is granted only if nobody has. It is given back at once. Who opens the file for
    writing in between waits that long, and makes the kernel send this process a signal; it is
    made one that is ignored unless somebody handles it.

    Args:
        descriptor: the file, open for reading only.
    """
    if sys.platform != "linux":
        return False
    import fcntl
    import signal

    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        # NFS and CIFS say the same where the server has not lent the file, whoever has it open
        return error.errno == errno.EAGAIN and not is_remote(os.fstat(descriptor).st_dev)
    return False


def version(found: os.stat_result) -> tuple[int, ...]:
    """Return what differs after every change: device, inode, size, time of change, mode, owner."""
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_mode,
        found.st_uid,
        found.st_gid,
    )


def version_of(path: str) -> tuple[int, ...] | None:
    """Return the version of the file that is there now; None if there is none."""
    try:
        return version(os.stat(path))
    except FileNotFoundError:
        return None


def is_untouched(path: str, before: Snapshot) -> bool:
    """Return whether a file is the one that was read, as it was, and nobody is writing into it.

    Args:
        path: the file, perhaps under another name than it was read by; no link is followed.
        before: what was read.

    Raises:
        OSError: it cannot be read.
    """
    if version(os.lstat(path)) != before.version:
        return False
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | _NONBLOCK)
    with open(descriptor, "rb") as file:
        # who writes is asked first: what is read after that is all that anybody has written
        return (
            not has_writer_now(descriptor)
            and file.read() == before.content
            and version(os.fstat(descriptor)) == before.version
        )


_REMOTE = {"nfs", "nfs4", "cifs", "smb3"}
# The kernel writes these as octal numbers; the backslash first, which the others bring in.
_ESCAPES = {"\\": r"\134", " ": r"\040", "\t": r"\011", "\n": r"\012"}


def is_mount_point(path: str, mounts: str | None = None) -> bool:
    """Whether something is mounted on a path itself.

    Args:
        path: absolute, and no link.
        mounts: what ``/proc/self/mountinfo`` says; read there by default.
    """
    for character, number in _ESCAPES.items():
        path = path.replace(character, number)
    return any(fields[4] == path for fields in _mounts(mounts))


def is_remote(device: int, mounts: str | None = None) -> bool:
    """Whether a device, as ``stat`` numbers it, is a file system of another machine.

    Args:
        device: ``st_dev`` of a file.
        mounts: what ``/proc/self/mountinfo`` says; read there by default.
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    return any(
        fields[2] == number and fields[fields.index("-") + 1] in _REMOTE
        for fields in _mounts(mounts)
    )


def _mounts(text: str | None) -> list[list[str]]:
    if text is None:
        try:
            with open("/proc/self/mountinfo", errors="surrogateescape") as file:
                text = file.read()
        except OSError:
            text = ""
    return [line.split(" ") for line in text.split("\n") if line]


def read_text(path: str) -> str:
    """Read a file as UTF-8, line endings and byte-order mark as they are.

    A file that is being written by another program is read when that is done.

    Returns:
        The text; "" if there is no such file.

    Raises:
        FileError: it cannot be read, is a folder, or is not UTF-8.
    """
    try:
        return decode(read_quiet(path).content, path)
    except OSError as error:
        raise file_error("read", path, error) from error


def decode(content: bytes, path: str) -> str:
    """Read bytes as UTF-8, or say which file is none."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path} is not UTF-8 (byte {error.start})",
            "save it as UTF-8, or name another with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        ) from None


def file_error(act: str, path: str, error: OSError) -> FileError:
    """Say what could not be done to a file, and what helps."""
    if isinstance(error, FileError):
        return error
    elsewhere = "name another place with AWS_SHARED_CREDENTIALS_FILE"
    see_modes = f"see its owner and mode with ls -l, and its folder's; or {elsewhere}"
    hints = {
        errno.EACCES: see_modes,
        errno.EPERM: see_modes,
        errno.EBUSY: f"something holds it, such as a mount; {elsewhere}",
        errno.EROFS: f"that file system is read-only: {elsewhere}",
        errno.ELOOP: "mend the links that lead round in a circle",
        errno.EISDIR: "that is a folder: remove it, or name a file with"
        " AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        errno.ENOTDIR: "a file is where a folder should be: see ls -l",
        errno.ENOSPC: "make room on that disk, then try again; the file is as it was",
        errno.EDQUOT: "make room in your quota, then try again; the file is as it was",
    }
    reason = error.strerror or str(error)
    named = str(error.filename or path)
    place = path if MARK in named else named
    return FileError(
        f"cannot {act} {place}: {reason}",
        hints.get(error.errno or 0, "see what that path is: ls -l"),
    )
