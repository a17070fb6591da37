"""Reading files whole, and editing them so that nothing that anybody wrote is lost.

mfakit's own writers wait for one another at a lock. Other tools take none, and most rewrite a
file by emptying it first; so a file is read only when it has been quiet for a moment, and what is
put in its place is made anew if somebody else changed it meanwhile.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress

from mfakit.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCK_TIMEOUT_SECONDS = 30
_QUIET_SECONDS = 0.2
_PATIENCE_SECONDS = 2
_PAUSE_SECONDS = 0.01
_TRIES = 50
_LOCK_PAUSE_SECONDS = 0.005


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


def read_text(path: str) -> str:
    """Read a file as UTF-8, line endings and byte-order mark as they are.

    A file that is being written by another program is read when that is done.

    Returns:
        The text; "" if there is no such file.

    Raises:
        FileError: it cannot be read, is a folder, or is not UTF-8.
    """
    try:
        return _decode(_read_quiet(path).content, path)
    except OSError as error:
        raise _file_error("read", path, error) from error


def edit_text(
    path: str,
    change: Callable[[str], str],
    *,
    backup: Callable[[str], bool] | None = None,
    note: Callable[[str], object] = lambda _: None,
    lock_timeout: float = _LOCK_TIMEOUT_SECONDS,
) -> None:
    """Replace a file by what ``change`` makes of its text, under a lock, atomically.

    The new file is made beside the old one, readable by its owner alone from the start, and takes
    its place only when all of it is on disk. A link stays a link. If ``change`` gives back the
    text it got, the file is left alone.

    Args:
        path: the file.
        change: may be called several times, each time with the text as it is then.
        backup: tells of the old text whether a copy of it is worth keeping, once.
        note: is told what a person should know: permissions that were taken away.
        lock_timeout: seconds to wait for other mfakits.

    Raises:
        FileError: it cannot be read or written. It is then as it was.
    """
    from mfakit.profiles.replacing import replace_file

    with _about_to_write(path, lock_timeout) as real:
        for _ in range(_TRIES):
            before = _read_quiet(real)
            old = _decode(before.content, path)
            new = change(old)
            if new == old:
                return
            copy = f"{real}.before-mfakit"
            if backup is not None and not os.path.lexists(copy) and backup(old):
                replace_file(copy, before.content)
            if _put(real, before, new.encode("utf-8"), note):
                return
    raise FileError(
        f"another program keeps changing {path}", "end it, or wait for it, and try again"
    )


def replace_text(path: str, text: str) -> None:
    """Replace a file that nobody edits, as ``edit_text`` does but without a lock.

    Raises:
        FileError: it cannot be written. It is then as it was.
    """
    from mfakit.profiles.replacing import make_private_folder, replace_file

    try:
        make_private_folder(os.path.dirname(path))
        replace_file(path, text.encode("utf-8"))
    except OSError as error:
        raise _file_error("write", path, error) from error


def check_writable(path: str) -> None:
    """Make sure that ``edit_text`` could replace this file now, by doing all of it but that.

    Raises:
        FileError: it could not.
    """
    from mfakit.profiles.replacing import temporary_beside

    with _about_to_write(path) as real, temporary_beside(real):
        pass


def _read_quiet(path: str) -> Snapshot:
    """Read a file when nobody has changed it for a moment; after a while, as it is then.

    Raises:
        FileError: it had content, and was emptied while it was looked at.
        OSError: it cannot be read.
    """
    give_up = time.monotonic() + _PATIENCE_SECONDS
    longest = 0
    while True:
        snapshot, changed_at = _read(path)
        longest = max(longest, len(snapshot.content))
        age = time.time() - changed_at
        # a time to come is a clock that is off, which tells nothing
        if not 0 <= age < _QUIET_SECONDS or time.monotonic() > give_up:
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
        if _version(before) == _version(after):
            break
    return Snapshot(content, _version(after)), after.st_mtime


def _version(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _put(path: str, before: Snapshot, content: bytes, note: Callable[[str], object]) -> bool:
    """Replace the file, unless it is not the one that was read any more.

    A program that opened the old file just before it was replaced writes into a file without a
    name; what it wrote there is put back, so that the edit is applied to it.
    """
    from mfakit.profiles.replacing import replace_file

    with _opened(path) as old:
        if _version_of(path) != before.version:
            return False
        # ours is not a file that is still being written: it need not look like one
        for line in replace_file(path, content, age_seconds=2 * _QUIET_SECONDS):
            note(line)
        if old is None or _version(os.fstat(old)) == before.version:
            return True
        late = _read_late(old)
        if late:
            replace_file(path, late, age_seconds=2 * _QUIET_SECONDS)
        return not late


def _read_late(descriptor: int) -> bytes:
    """Read what somebody is writing to a file that has lost its name, when they are done."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        stat = os.fstat(descriptor)
        quiet = time.time() - stat.st_mtime >= _QUIET_SECONDS
        if quiet or time.monotonic() > give_up:
            return os.pread(descriptor, stat.st_size, 0)
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _opened(path: str) -> Iterator[int | None]:
    """Hold on to a file that is about to lose its name; Windows would not let it be replaced."""
    if os.name == "nt" or not os.path.exists(path):
        yield None
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _version_of(path: str) -> tuple[int, ...] | None:
    try:
        return _version(os.stat(path))
    except FileNotFoundError:
        return None


@contextmanager
def _about_to_write(path: str, lock_timeout: float = _LOCK_TIMEOUT_SECONDS) -> Iterator[str]:
    """Resolve links, make the folder and take the lock; what fails in it is a `FileError`."""
    from mfakit.profiles.replacing import make_private_folder, refuse_other_owners

    real = os.path.realpath(path)
    try:
        _refuse_special(real)
        make_private_folder(os.path.dirname(real))
        refuse_other_owners(real)
        with _locked(real, lock_timeout):
            yield real
    except FileError:
        raise
    except OSError as error:
        raise _file_error("write", path, error) from error


def _refuse_special(path: str) -> None:
    """Refuse folders, and devices: a file must not take the place of /dev/null."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileError(
            f"{path} is no regular file", "name another with AWS_SHARED_CREDENTIALS_FILE"
        )


@contextmanager
def _locked(path: str, timeout: float) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock", timeout=timeout, mode=0o600)
    try:
        lock.acquire(poll_interval=_LOCK_PAUSE_SECONDS)
    except Timeout:
        raise FileError(
            f"process {os.getpid()} waited {timeout:g} s for another mfakit that is writing {path}",
            f"end it, and try again; fuser {path}.lock names it",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _decode(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path} is not UTF-8 (byte {error.start})",
            "save it as UTF-8, or name another with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        ) from None


def _file_error(act: str, path: str, error: OSError) -> FileError:
    if isinstance(error, FileError):
        return error
    see_modes = "see who owns it and its folder, and what its mode is: ls -l"
    no_replacing = "hand the session on without a file: mfakit env"
    hints = {
        errno.EACCES: see_modes,
        errno.EPERM: see_modes,
        errno.EBUSY: f"it is mounted as a single file, and cannot be replaced; {no_replacing}",
        errno.EROFS: "that file system is read-only: name another place with"
        " AWS_SHARED_CREDENTIALS_FILE",
        errno.ELOOP: "mend the links that lead round in a circle",
        errno.EISDIR: "name a file with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        errno.ENOSPC: "make room on that disk, then try again; the file is as it was",
        errno.EDQUOT: "make room in your quota, then try again; the file is as it was",
    }
    reason = error.strerror or str(error)
    with suppress(AttributeError):
        path = error.filename or path
    return FileError(
        f"cannot {act} {path}: {reason}",
        hints.get(error.errno or 0, "see what that path is: ls -l"),
    )
