"""Editing files so that nothing is lost that another process writes.

mfakit's own processes take turns by a lock. Other tools take none, and most empty a file before
they rewrite it. So a file is read only when it has not changed for a moment, and an edit starts
again if another program has changed the file since it was read.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from contextlib import ExitStack, contextmanager, suppress

from mfakit import debug
from mfakit.errors import BusyError, FileError
from mfakit.profiles.document import Document
from mfakit.profiles.own_files import digest, make_own_folder, own_place
from mfakit.profiles.reading import Snapshot, decode, file_error, read_quiet
from mfakit.profiles.replacing import (
    close_private,
    filled_beside,
    flush_folder,
    is_trusted,
    leftovers,
    open_private,
    remove_leftovers,
    texts_of,
)
from mfakit.profiles.swapping import put_new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.profiles.replacing import Temporary

_LOCK_TIMEOUT_SECONDS = 30
_TRIES = 50
_ROOM_BYTES = 8192  # more than a new section and the small files of a login need


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

    The new file is made beside the old one, readable by its owner alone from the start, and
    replaces it only when all of it is on disk. A symlink stays a symlink. If ``change`` returns
    its argument, the file is left alone. A file that had text is never left empty, which is how
    another program leaves it: a line end stays.

    Args:
        path: the file.
        change: may be called several times, each time with the current text; it must leave its own
            result unchanged.
        backup: whether to make a safety copy of the old text, which is done once.
        had_text: whether the file had text when the caller first read it.
        note: called with messages for the user: permissions that were removed, or files that were
            found beside the file.
        lock_timeout: seconds to wait for another mfakit that holds the lock.

    Raises:
        FileError: it cannot be read or written. It was not changed then, unless the message says
            that another program has changed it.
    """
    from mfakit.profiles.putting import keep_if_torn, name_kept, put, settle_leftovers

    read = Snapshot(b"", None)
    name_kept(path, note)
    SafetyCopy(path, path).settle(note)
    for _ in range(_TRIES):
        with about_to_write(path, lock_timeout) as real:
            settle_leftovers(path, real, note)
            before = read_quiet(real, to_edit=True, had_text=had_text)
            keep_if_torn(read, before, path, note)
            read, old = before, decode(before.content, path)
            copy = SafetyCopy(path, real)
            if before.version is not None and not old:
                _refuse_emptied(path, copy, had_text=had_text)
            new = change(old) or ("\n" if old else "")
            if backup is not None:
                copy.move_here(note)
            if new == old:
                return
            if backup is not None and not copy.places() and backup(old):
                copy.keep(before.content, note)
            if put(path, real, before, new.encode("utf-8"), note):
                return
    raise FileError(
        f"another program keeps changing {path}", "end it, or wait for it, and try again"
    )


def edit_document(
    path: str,
    change: Callable[[Document], object],
    note: Callable[[str], object],
    *,
    backup: Callable[[Document], bool] | None = None,
    had_text: bool = False,
) -> None:
    """Edit a file's sections as ``edit_text`` edits its text.

    Args:
        path: the file.
        change: changes the document, or leaves it as it is.
        note: called with messages for the user.
        backup: as for ``edit_text``.
        had_text: whether the file had text when the caller first read it.

    Raises:
        FileError: as ``edit_text`` raises it.
    """

    def changed(text: str) -> str:
        document = Document(text, path)
        change(document)
        return document.text

    edit_text(
        path,
        changed,
        backup=None if backup is None else lambda text: backup(Document(text, path)),
        had_text=had_text,
        note=note,
    )


@contextmanager
def about_to_write(path: str, lock_timeout: float = _LOCK_TIMEOUT_SECONDS) -> Iterator[str]:
    """Prepare to write a file, and hold its lock.

    Args:
        path: the file.
        lock_timeout: seconds to wait for other mfakit processes.

    Yields:
        The path of the file itself, without symlinks.

    Raises:
        BusyError: another mfakit held the lock for that time.
        FileError: it cannot be written, or its file system has no locks.
    """
    with _prepared(path) as real, locked(real, lock_timeout):
        yield real


def check_writable(path: str) -> None:
    """Check that ``edit_text`` could replace this file, by doing everything before that.

    This does not wait for the lock, which is held for milliseconds only; but for two seconds for a
    program that has the file open for writing.

    Args:
        path: the file.

    Raises:
        FileError: it could not do so.
    """
    from mfakit.profiles.replacing import refuse_immutable, temporary_beside

    with _prepared(path) as real:
        refuse_immutable(os.path.dirname(real))  # in which the new file could not be removed
        with temporary_beside(real) as temporary:
            _check_replaceable(path, real, temporary)


def _check_replaceable(path: str, real: str, temporary: Temporary) -> None:
    """Raise an error if a new file beside the old one could not take its place."""
    from mfakit.profiles.replacing import (
        refuse_immutable,
        refuse_mounted,
        swap_name,
        take_over_metadata,
        write_all,
    )

    with suppress(FileNotFoundError):  # of all names beside the file, it is the longest
        os.lstat(swap_name(real, digest(b""), digest(b"")))
    refuse_mounted(real)
    check_lockable(real)
    assert temporary.descriptor is not None
    if not os.path.isfile(real):
        write_all(temporary.descriptor, bytes(_ROOM_BYTES))
        return
    take_over_metadata(real, temporary.descriptor)
    refuse_immutable(real)
    content, copy = read_quiet(real, to_edit=True).content, SafetyCopy(path, real)
    if not content:
        _refuse_emptied(path, copy, had_text=False)
    room = len(content) + _ROOM_BYTES
    write_all(temporary.descriptor, bytes(room if copy.places() else 2 * room))


def _refuse_emptied(path: str, copy: SafetyCopy, *, had_text: bool) -> None:
    """Refuse an empty file that had text: another program is writing it, or has lost it."""
    copies = copy.places()
    if had_text or copies:
        source = f", from {' or '.join(copies)} say" if copies else ""
        raise FileError(
            f"{path} is empty, but was not when mfakit first saw it",
            f"put back what is missing{source}; or remove the file, if it is to be empty",
        )


@contextmanager
def _prepared(path: str) -> Iterator[str]:
    """Resolve symlinks and make the folder; turn errors in the block into `FileError`."""
    from mfakit.profiles.replacing import make_private_folder, refuse_other_owners

    try:
        real = os.path.realpath(path)  # it fails if a link changes at that moment
        _refuse_special(path, real)
        refuse_other_owners(real)
        make_private_folder(os.path.dirname(real))
        yield real
    except FileError:
        raise
    except OSError as error:
        raise file_error("write", path, error) from error


def _refuse_special(path: str, real: str) -> None:
    """Refuse folders and devices: a file must not replace /dev/null."""
    folder = os.path.realpath(os.path.dirname(path))
    mode = stat.S_IFREG
    with suppress(OSError):  # it may not exist, and other programs move it away for a moment
        mode = os.stat(real).st_mode
    if stat.S_ISDIR(mode) or not os.path.basename(path):
        problem = f"{path} is a folder"
    elif not stat.S_ISREG(mode):
        problem = f"{path} is no regular file"
    elif folder == "/dev" or f"{folder}/".startswith("/proc/"):
        problem = f"{path} only leads to a file, and nothing can be kept beside it"
    else:
        return
    raise FileError(problem, "name a file with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE")


NO_LOCKS = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOLCK, errno.ENOSYS}
# A longer pause adds latency; with a shorter one, many waiting processes slow the writer down.
_PAUSE_SECONDS = 0.025


@contextmanager
def locked(path: str, timeout: float) -> Iterator[int]:
    """Hold the lock of a file.

    Args:
        path: the file; the lock is a file beside it.
        timeout: seconds to wait for one holder. They start again each time that the lock passes
            from one process to the next, so that a long queue is no error.

    Yields:
        The descriptor of the lock file, which ``flock`` has locked.

    Raises:
        BusyError: one process held it for that time.
        FileError: the file system has no locks.
        OSError: the lock file cannot be written.
    """
    name = _name(path)
    descriptor = _open(name)
    try:
        try:
            debug.event("wait for the lock {}", name)
            while not _acquire(name, descriptor, path, timeout):
                # the lock file was removed during the wait, so take the lock of the new one
                close_private(descriptor)
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
            yield descriptor
        finally:
            _tidy(name, descriptor)
    finally:
        with suppress(OSError):  # the work is done, and the lock is released anyway
            close_private(descriptor)


@contextmanager
def locked_if_possible(path: str, timeout: float) -> Iterator[None]:
    """Hold the lock of an own file during the block, or none where no lock file can be made.

    Raises:
        BusyError: another process held it for that time.
    """
    from mfakit.profiles.replacing import refuse_other_owners

    with ExitStack() as stack:
        try:
            refuse_other_owners(path)
            make_own_folder(path)
            stack.enter_context(locked(path, timeout))
        except BusyError:
            raise
        except (OSError, FileError) as error:
            debug.event("no lock of {}: {}", path, error)
        yield


def check_lockable(path: str) -> None:
    """Check that the lock file of a file can be opened.

    Raises:
        OSError: it cannot.
    """
    close_private(_open(_name(path)))


def _name(path: str) -> str:
    return f"{path}.lock"


def take_lock(descriptor: int) -> bool:
    """Take the lock of an open file if it is free; closing the descriptor releases it.

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
        # A kernel or a sandbox without flock may have lockf.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _tidy(name: str, descriptor: int) -> None:
    """Remove the lock file if flock does not work: it is of no use to other programs then."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:  # a server of SMB refuses a lock that is held already
                with suppress(OSError):
                    os.unlink(name)


def _acquire(name: str, descriptor: int, path: str, timeout: float) -> bool:
    """Wait for the lock; return whether the lock file still has its name."""
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
        os.utime(descriptor if os.utime in os.supports_fd else name)  # for waiting processes
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(name))
    except FileNotFoundError:
        return False


def _open(name: str) -> int:
    try:
        return open_private(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return open_private(name, os.O_RDWR | os.O_CREAT)


class SafetyCopy:
    """The safety copy of one file, in mfakit's own folder, which git ignores.

    Args:
        path: the file as the user names it; the copy is beside this, not beside a link's target.
        real: the file itself. Earlier versions of mfakit kept the copy beside this.
    """

    def __init__(self, path: str, real: str) -> None:
        self._path = path
        self.place = own_place(path, f"{os.path.basename(path)}.before")
        self._earlier_place = f"{real}.before-mfakit"

    def places(self) -> list[str]:
        """Return the paths of the existing copies, without what other users have put there."""
        folder = os.path.dirname(self._path)
        return [
            place
            for place in (self.place, self._earlier_place)
            if os.path.isfile(place) and is_trusted(place, folder)
        ]

    def keep(self, content: bytes, note: Callable[[str], object]) -> None:
        """Make the copy, unless one exists; a failure is only noted."""
        if self.places():
            return
        try:
            self._write(content)
        except OSError as error:
            if os.path.isfile(self.place):
                return  # another mfakit has just made it
            reason = error.strerror or error
            note(f"no copy of {self._path} could be kept as {self.place}: {reason}")

    def move_here(self, note: Callable[[str], object]) -> None:
        """Move a copy of an earlier version to its new place, which may be on another disk.

        Unfinished copies of killed processes are removed.
        """
        for place in (self.place, self._earlier_place):
            remove_leftovers(place)
        if self._earlier_place not in self.places() or os.path.islink(self._earlier_place):
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

    def settle(self, note: Callable[[str], object]) -> None:
        """Look at what killed processes have left beside the copy, under a lock of its own.

        Somebody may have put keys there; `keys import` takes the imported one out by a swap.
        """
        remove_leftovers(self.place)
        if not any(map(texts_of, leftovers(self.place))):
            return
        try:
            edit_text(self.place, lambda text: text, note=note)
        except FileError as error:
            note(f"what a killed mfakit has left beside {self.place} stays: {error.message}")

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
