"""Reading a file that other programs write without a lock: when it is quiet, and in one version."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

from mfakit.errors import BusyError, FileError, UnreadableError

MARK = ".mfakit-"
QUIET_SECONDS = 0.2
_PATIENCE_SECONDS = 2
_PAUSE_SECONDS = 0.01
_TRIES = 50
# Opening must not block if the file is replaced by a named pipe.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class Snapshot:
    """The content of a file, and the version of the file that it was read from.

    Args:
        content: the whole content.
        version: the result of ``version``; None if there was no file.
        changed_at: its modification time, in seconds since 1970; 0 if it is of no use.
        has_writer: whether a program had it open for writing.
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


def read_quiet(path: str, *, to_edit: bool = False, had_text: bool = False) -> Snapshot:
    """Read a file when it has not changed for a moment, or as it is after two seconds.

    Args:
        path: the file.
        to_edit: whether to wait, too, until no program has it open for writing.
        had_text: whether the caller has seen text in it. If it is missing, it may come back.

    Raises:
        BusyError: to edit it, since another program had it open for writing all that time.
        FileError: it had content, and was emptied in that time.
        OSError: it cannot be read.
    """
    began = time.monotonic()
    give_up = began + _PATIENCE_SECONDS
    longest, removed_at = 0, 0.0
    while True:
        snapshot = read_now(path, to_edit=to_edit)
        longest = max(longest, len(snapshot.content))
        is_empty = bool(longest) and not snapshot.content
        is_removed = (is_empty or had_text) and snapshot.version is None
        removed_at = is_removed * (removed_at or time.time())  # editors move it away for a moment
        vanished = is_empty and not is_removed
        too_late = time.monotonic() > give_up + QUIET_SECONDS * (is_empty or is_removed)
        if not snapshot.has_writer and (too_late or _is_past(removed_at or snapshot.changed_at)):
            break
        if too_late:
            raise BusyError(
                f"another program is writing {path}",
                f"wait for it to end, and try again; fuser {path} names it",
            )
        # pauses grow while a program has the file open, and make a wait at most a tenth longer
        waited = time.monotonic() - began if snapshot.has_writer else 0.0
        time.sleep(max(_PAUSE_SECONDS, waited / 10))
    if vanished:
        raise FileError(
            f"another program has emptied {path} just now", "wait for it to end, and try again"
        )
    return snapshot


def _is_past(changed_at: float) -> bool:
    """Whether a change is over, or has a time in the future, which a wrong clock has set."""
    return not 0 <= time.time() - changed_at < QUIET_SECONDS


def read_now(path: str, *, to_edit: bool = False) -> Snapshot:
    """Read a file; repeat that if it changes while it is read.

    Args:
        path: the file.
        to_edit: whether to check if a program has it open for writing.

    Raises:
        FileError: it is a named pipe.
        OSError: it cannot be read.
    """
    for left in reversed(range(_TRIES)):
        try:
            found, is_settled = _read_once(path, to_edit=to_edit)
        except FileNotFoundError:
            return Snapshot(b"", None)
        except OSError as error:
            # NFS: another machine has replaced the file since it was opened
            if error.errno != errno.ESTALE or not left:
                raise
        else:
            if is_settled:
                break
    return found


def _read_once(path: str, *, to_edit: bool) -> tuple[Snapshot, bool]:
    """Read a file; return, too, whether it has not changed meanwhile."""
    with open(path, "rb", opener=_open) as file:
        before = os.fstat(file.fileno())
        content = file.read()
        after = os.fstat(file.fileno())
        if not stat.S_ISREG(after.st_mode):
            return Snapshot(content, None), True  # a pipe of the shell can be read only once
        has_writer = to_edit and has_writer_now(file.fileno())
    found = Snapshot(content, version(after), after.st_mtime, has_writer=has_writer)
    return found, version(before) == version(after)


def _open(path: str, flags: int) -> int:
    """Open a file for reading.

    A named pipe is refused, since reading it may block forever. Pipes of the shell, `<(...)`, have
    a writer.
    """
    descriptor = open_at_once(path, flags)
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        if not os.path.realpath(path).startswith(("/proc/", "/dev/fd/")):
            os.close(descriptor)
            raise FileError(f"{path} is a named pipe", "name a regular file")
        os.set_blocking(descriptor, True)
    return descriptor


def open_at_once(path: str, flags: int, patience_seconds: float = _PATIENCE_SECONDS) -> int:
    """Open a file without waiting for a writer of a named pipe.

    Another program may hold a write lease on the file, as Samba does for its clients. The kernel
    then asks for it, and refuses to open the file until it is given back.

    Args:
        path: the file.
        flags: what it is opened with.
        patience_seconds: how long to wait for that.

    Raises:
        BlockingIOError: it is not given back in that time.
        OSError: the file cannot be opened.
    """
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            return os.open(path, flags | _NONBLOCK)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise
            time.sleep(_PAUSE_SECONDS)


def has_writer_now(descriptor: int) -> bool:
    """Whether a program has a file open for writing, which only Linux can tell.

    Linux grants a read lease only if no program has. The lease is released immediately. A program
    that opens the file for writing in between is blocked for that time, and the kernel sends this
    process a signal: SIGURG, which is ignored by default.

    Args:
        descriptor: the file, open for reading only.

    Raises:
        OSError: the system had no memory, say. A file system without leases is no error.
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
        if error.errno in (errno.ENOMEM, errno.EIO):
            raise  # the system can tell, but not now
        # NFS and CIFS return EAGAIN whenever the server has not delegated the file
        return error.errno == errno.EAGAIN and not is_remote(os.fstat(descriptor).st_dev)
    return False


def version(found: os.stat_result) -> tuple[int, ...]:
    """Return values of which one differs after every change of the file."""
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
    """Return the current version of a file; None if it does not exist."""
    try:
        return version(os.stat(path))
    except FileNotFoundError:
        return None


def is_untouched(
    path: str, before: Snapshot, *, patience_seconds: float = _PATIENCE_SECONDS
) -> bool:
    """Whether a file is the one that was read, unchanged, and no program has it open to write.

    Its inode number does not count: on some FUSE file systems a hard link has another one, and a
    file of the same text and times can be lost without harm.

    Args:
        path: the file, maybe under a new name; links are not followed.
        before: the file as it was read.
        patience_seconds: how long to wait for another program's lease on the file.

    Raises:
        OSError: it cannot be read.
    """
    if before.version is None or version(os.lstat(path))[2:] != before.version[2:]:
        return False
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    descriptor = open_at_once(path, flags, patience_seconds)
    with open(descriptor, "rb") as file:
        # look for a writer first: if there is none, the content that is read next is complete
        return (
            not has_writer_now(descriptor)
            and file.read() == before.content
            and version(os.fstat(descriptor))[2:] == before.version[2:]
        )


def still_has(path: str, content: bytes) -> bool:
    """Whether a file has this text still, and no program has it open to write.

    Its times do not count: on CIFS those of a new file have been seen to change by themselves.

    Raises:
        OSError: it cannot be read.
    """
    return is_untouched(path, Snapshot(content, version(os.lstat(path))))


_REMOTE = {"nfs", "nfs4", "cifs", "smb3"}
# The kernel escapes these; the backslash comes first, since the others add backslashes.
_ESCAPES = {"\\": r"\134", " ": r"\040", "\t": r"\011", "\n": r"\012"}


def is_mount_point(path: str, mounts: str | None = None) -> bool:
    """Whether a path itself is a mount point.

    Args:
        path: an absolute path without links.
        mounts: the content of ``/proc/self/mountinfo``, which is read by default.
    """
    for character, number in _ESCAPES.items():
        path = path.replace(character, number)
    return any(fields[4] == path for fields in _mounts(mounts))


def is_remote(device: int, mounts: str | None = None) -> bool:
    """Whether a device is a network file system.

    Args:
        device: ``st_dev`` of a file.
        mounts: the content of ``/proc/self/mountinfo``, which is read by default.
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


UTF_16 = "UTF-16"


def read_text(path: str, *, to_edit: bool = False) -> str:
    """Read a file as UTF-8, with its line endings and byte-order mark.

    If another program is writing the file, it is read after that.

    Args:
        path: the file.
        to_edit: whether to wait, too, until no program has it open for writing.

    Returns:
        The text; "" if the file does not exist.

    Raises:
        FileError: it cannot be read, is a folder, or is not UTF-8.
    """
    try:
        return decode(read_quiet(path, to_edit=to_edit).content, path)
    except OSError as error:
        raise file_error("read", path, error) from error


def decode(content: bytes, path: str) -> str:
    """Decode UTF-8; the error for other content names the file."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        is_utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        what = f": it is {UTF_16}, which PowerShell's > writes" if is_utf_16 else ""
        raise UnreadableError(
            f"{path} is not UTF-8 (byte {error.start}){what}",
            "save it as UTF-8, or name another with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        ) from None


def file_error(act: str, path: str, error: OSError) -> FileError:
    """Return the error for a failed operation on a file, with a hint."""
    if isinstance(error, FileError):
        return error
    is_config = os.path.basename(path).startswith("config")
    variable = "AWS_CONFIG_FILE" if is_config else "AWS_SHARED_CREDENTIALS_FILE"
    elsewhere = f"name another place with {variable}"
    see_modes = f"see its owner and mode with ls -l, and its folder's; or {elsewhere}"
    hints = {
        errno.EACCES: see_modes,
        errno.EPERM: f"{see_modes}; lsattr shows whether it may be replaced",
        errno.ENAMETOOLONG: f"what is made beside it has a longer name: {elsewhere}",
        errno.EBUSY: f"something holds it, such as a mount; {elsewhere}",
        errno.EROFS: f"that file system is read-only: {elsewhere}",
        errno.ELOOP: "mend the links that lead round in a circle",
        errno.EISDIR: "that is a folder: name a file with AWS_SHARED_CREDENTIALS_FILE or"
        " AWS_CONFIG_FILE, or remove it if it is empty",
        errno.ENOTDIR: "a file is where a folder should be: see ls -l",
        errno.ENOSPC: "make room on that disk, then try again; mfakit has not changed it",
        errno.ENOMEM: "close programs that use much memory, then try again",
        errno.EIO: "see what the system says about that disk with dmesg, then try again",
        errno.EDQUOT: "make room in your quota, then try again; mfakit has not changed it",
    }
    reason = error.strerror or str(error)
    named = error.filename if isinstance(error.filename, str) else path  # it may be a descriptor
    place = path if MARK in named else named
    return FileError(
        f"cannot {act} {place}: {reason}",
        hints.get(error.errno or 0, "see what that path is: ls -l"),
    )
