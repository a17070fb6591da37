"""Editing files so that nothing that anybody wrote is lost.

mfakit's own writers wait for one another at a lock. Other tools take none, and most rewrite a
file by emptying it first; so a file is read only when it has been quiet for a moment, and what is
put in its place is made anew if somebody else changed it meanwhile.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from mfakit import debug
from mfakit.errors import BusyError, FileError
from mfakit.profiles.reading import decode, file_error
from mfakit.profiles.watching import (
    QUIET_SECONDS,
    Snapshot,
    read_quiet,
    version_of,
    written_late,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCK_TIMEOUT_SECONDS = 30
_TRIES = 50
_NO_LOCKS = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOLCK, errno.ENOSYS}
# Longer, and two wait for nothing; shorter, and a crowd keeps the machine from the one who writes.
_LOCK_PAUSE_SECONDS = 0.025


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
    its place only when all of it is on disk. A link stays a link. If ``change`` gives back the
    text it got, the file is left alone.

    Args:
        path: the file.
        change: may be called several times, each time with the text as it is then.
        backup: tells of the old text whether a copy of it is worth keeping, once.
        had_text: whether the file had some when the caller looked at it first.
        note: is told what a person should know: permissions that were taken away.
        lock_timeout: seconds to wait for other mfakits.

    Raises:
        FileError: it cannot be read or written. It is then as it was.
    """
    from mfakit.profiles.replacing import replace_file

    with about_to_write(path, lock_timeout) as real:
        for _ in range(_TRIES):
            before = read_quiet(real, to_edit=True)
            old = decode(before.content, path)
            copy = _copy_path(real)
            if before.version is not None and not old:
                _refuse_emptied(path, copy, had_text=had_text)
            new = change(old)
            if new == old:
                return
            if backup is not None and not os.path.lexists(copy) and backup(old):
                replace_file(copy, before.content, alone=True)
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
    from mfakit.profiles.replacing import (
        make_private_folder,
        refuse_other_owners,
        replace_file,
    )

    try:
        refuse_other_owners(path)
        make_private_folder(os.path.dirname(path))
        replace_file(path, text.encode("utf-8"))
    except OSError as error:
        raise file_error("write", path, error) from error


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
    with _prepared(path) as real, _locked(real, lock_timeout):
        yield real


def check_writable(path: str) -> None:
    """Make sure that ``edit_text`` could replace this file, by doing all that leads up to it.

    The lock is not waited for: it is held for milliseconds only.

    Raises:
        FileError: it could not.
    """
    from mfakit.profiles.replacing import refuse_mounted, temporary_beside

    with _prepared(path) as real, temporary_beside(real):
        refuse_mounted(real)
        os.close(os.open(_lock_path(real), os.O_RDWR | os.O_CREAT, 0o600))
        # others empty it for a moment when they write: only one that stays empty is refused
        if os.path.isfile(real) and not os.path.getsize(real) and not read_quiet(real).content:
            _refuse_emptied(path, _copy_path(real), had_text=False)


def _copy_path(path: str) -> str:
    """Name the copy that is kept of a file with keys before it is changed for the first time."""
    return f"{path}.before-mfakit"


def _refuse_emptied(path: str, copy: str, *, had_text: bool) -> None:
    """Refuse a file that is empty, if it had text: somebody is at it, or has lost it."""
    has_copy = os.path.lexists(copy)
    if had_text or has_copy:
        source = f", from {copy} say" if has_copy else ""
        raise FileError(
            f"{path} is empty, but was not when mfakit first saw it",
            f"put back what is missing{source}; or remove the file, if it is to be empty",
        )


def _put(path: str, before: Snapshot, content: bytes, note: Callable[[str], object]) -> bool:
    """Replace the file, unless it is not the one that was read any more.

    A program that opened the old file just before it was replaced writes into a file without a
    name; what it wrote there is put back, so that the edit is applied to it.
    """
    from mfakit.profiles.replacing import replace_file

    with _opened(path) as old:
        if version_of(path) != before.version:
            return False
        # ours is not a file that is still being written: it need not look like one
        for line in replace_file(path, content, age_seconds=2 * QUIET_SECONDS, alone=True):
            note(line)
        late = None if old is None else written_late(old, before)
        if late is not None:
            replace_file(path, late, age_seconds=2 * QUIET_SECONDS, alone=True)
        return late is None


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


@contextmanager
def _prepared(path: str) -> Iterator[str]:
    """Resolve links, and make the folder; what fails in the block is a `FileError`."""
    from mfakit.profiles.replacing import make_private_folder, refuse_other_owners

    real = os.path.realpath(path)
    try:
        _refuse_special(real)
        refuse_other_owners(real)
        make_private_folder(os.path.dirname(real))
        yield real
    except FileError:
        raise
    except OSError as error:
        raise file_error("write", path, error) from error


def _refuse_special(path: str) -> None:
    """Refuse folders, and devices: a file must not take the place of /dev/null."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileError(
            f"{path} is no regular file", "name another with AWS_SHARED_CREDENTIALS_FILE"
        )


@contextmanager
def _locked(path: str, timeout: float) -> Iterator[None]:
    import warnings

    from filelock import FileLock, Timeout

    # Where locks are not to be had it makes do, and warns. (To catch warnings would change what
    # they do in all threads, for good if two of them wait here.)
    warnings.filterwarnings("ignore", message="flock not supported")
    lock = FileLock(_lock_path(path), timeout=timeout, mode=0o600)
    try:
        debug.event("wait for the lock {}", lock.lock_file)
        lock.acquire(poll_interval=_LOCK_PAUSE_SECONDS)
        debug.event("hold the lock {}", lock.lock_file)
    except Timeout:
        raise BusyError(
            f"process {os.getpid()} waited {timeout:g} s for another mfakit that is writing {path}",
            f"end it, and try again; fuser {_lock_path(path)} names it",
        ) from None
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise FileError(
            f"the file system of {path} has no locks",
            "name another place with AWS_SHARED_CREDENTIALS_FILE",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _lock_path(path: str) -> str:
    return f"{path}.lock"
