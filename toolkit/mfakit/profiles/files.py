"""Editing files so that nothing that anybody wrote is lost.

mfakit's own writers wait for one another at a lock. Other tools take none, and most rewrite a
file by emptying it first; so a file is read only when it has been quiet for a moment, and what is
put in its place is made anew if somebody else changed it meanwhile.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from mfakit.errors import FileError
from mfakit.profiles.lock import check_lockable, locked
from mfakit.profiles.reading import decode, file_error
from mfakit.profiles.watching import read_quiet, version_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.profiles.safety_copy import SafetyCopy

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
    from mfakit.profiles.safety_copy import SafetyCopy

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


def replace_text(path: str, text: str) -> None:
    """Replace a file of our own, which nobody edits, without a lock.

    Raises:
        FileError: it cannot be written. It is then as it was.
    """
    from mfakit.profiles.own_files import make_own_folder
    from mfakit.profiles.replacing import refuse_other_owners, replace_file

    try:
        refuse_other_owners(path)
        make_own_folder(path)
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
    from mfakit.profiles.replacing import refuse_mounted
    from mfakit.profiles.safety_copy import SafetyCopy
    from mfakit.profiles.temporary import temporary_beside

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
