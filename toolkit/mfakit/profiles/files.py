"""Reading files whole, and replacing them whole: what is on disk is the old text or the new one."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress

from mfakit.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK_TIMEOUT_SECONDS = 10
_OWNER = 0o700
_OWNER_AND_GROUP = 0o770


def read_text(path: str) -> str:
    """Read a file as UTF-8, line endings and byte-order mark as they are.

    Returns:
        The text; "" if there is no such file.

    Raises:
        FileError: it cannot be read, is a folder, or is not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path} is not UTF-8 (byte {error.start})",
            "save it as UTF-8, or name another with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        ) from None
    except OSError as error:
        raise _file_error("read", path, error) from error


def edit_text(path: str, change: Callable[[str], str]) -> None:
    """Replace a file by what ``change`` makes of its text, under a lock, atomically.

    The new file is made beside the old one, readable by its owner alone from the start, and takes
    its place only when all of it is on disk. A link stays a link. If ``change`` gives back the
    text it got, the file is left alone.

    Raises:
        FileError: it cannot be read or written. It is then as it was.
    """
    with _about_to_write(path) as real:
        before = read_text(real)
        after = change(before)
        if after != before:
            _replace(real, after.encode("utf-8"))


def replace_text(path: str, text: str) -> None:
    """Replace a file that nobody edits, as ``edit_text`` does but without a lock.

    Raises:
        FileError: it cannot be written. It is then as it was.
    """
    try:
        _make_private_folder(os.path.dirname(path))
        _replace(path, text.encode("utf-8"))
    except OSError as error:
        raise _file_error("write", path, error) from error


def check_writable(path: str) -> None:
    """Make sure that ``edit_text`` could replace this file now, by doing all of it but that.

    Raises:
        FileError: it could not.
    """
    with _about_to_write(path) as real, _temporary_beside(real):
        pass


@contextmanager
def _about_to_write(path: str) -> Iterator[str]:
    """Resolve links, make the folder and take the lock; what fails in it is a `FileError`."""
    real = os.path.realpath(path)
    try:
        _refuse_special(real)
        _make_private_folder(os.path.dirname(real))
        with _locked(real):
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


def _make_private_folder(folder: str) -> None:
    if not os.path.isdir(folder):
        _make_private_folder(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT_SECONDS, mode=0o600):
            yield
    except Timeout:
        raise FileError(
            f"{path} is locked by another mfakit for more than {LOCK_TIMEOUT_SECONDS} s",
            "wait for it, or end it, and try again",
        ) from None


@contextmanager
def _temporary_beside(path: str) -> Iterator[tuple[str, int]]:
    """Give a new file in the same folder, its owner's alone; it goes unless it was renamed."""
    temporary = os.path.join(
        os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}-{os.urandom(4).hex()}"
    )
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield temporary, descriptor
    finally:
        with suppress(OSError):
            os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _replace(path: str, content: bytes) -> None:
    with _temporary_beside(path) as (temporary, descriptor):
        _keep_owner_and_mode(path, descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(descriptor)
        if os.name == "nt":
            os.close(descriptor)  # Windows renames no open file
        os.replace(temporary, path)
    _sync_folder(os.path.dirname(path))


def _keep_owner_and_mode(path: str, descriptor: int) -> None:
    """Give the new file the old one's owner and group, and the group its bits.

    Others never read secrets; nor does the group, where the old one cannot be given.
    """
    if os.name != "posix" or not os.path.exists(path):
        return
    old, new = os.stat(path), os.fstat(descriptor)
    mode = old.st_mode & _OWNER_AND_GROUP
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError:
            mode &= _OWNER
    os.fchmod(descriptor, mode)


def _sync_folder(folder: str) -> None:
    """Put the new name on disk too; on Windows a folder cannot be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _file_error(act: str, path: str, error: OSError) -> FileError:
    see_modes = "see who owns it and its folder, and what its mode is: ls -l"
    hints = {
        errno.EACCES: see_modes,
        errno.EPERM: see_modes,
        errno.ELOOP: "mend the links that lead round in a circle",
        errno.EROFS: "name another place with AWS_SHARED_CREDENTIALS_FILE",
        errno.EISDIR: "name a file with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        errno.ENOSPC: "make room on that disk, then try again; the file is as it was",
        errno.EDQUOT: "make room in your quota, then try again; the file is as it was",
    }
    reason = error.strerror or str(error)
    return FileError(
        f"cannot {act} {error.filename or path}: {reason}",
        hints.get(error.errno or 0, "see what that path is: ls -l"),
    )
