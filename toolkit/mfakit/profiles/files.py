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
    path = os.path.realpath(path)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with _locked(path):
            before = read_text(path)
            after = change(before)
            if after != before:
                _replace(path, after.encode("utf-8"))
    except FileError:
        raise
    except OSError as error:
        raise _file_error("write", path, error) from error


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


def _replace(path: str, content: bytes) -> None:
    temporary = os.path.join(
        os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}-{os.urandom(4).hex()}"
    )
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            _keep_mode(path, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(path))


def _keep_mode(path: str, descriptor: int) -> None:
    """Give the new file the old one's bits for owner and group; others never read secrets."""
    if os.name == "posix":
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, os.stat(path).st_mode & _OWNER_AND_GROUP)


def _sync_folder(folder: str) -> None:
    """Put the new name on disk too; on Windows a folder cannot be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _file_error(act: str, path: str, error: OSError) -> FileError:
    hints = {
        errno.EACCES: "see who owns it and its folder, and what its mode is: ls -l",
        errno.EPERM: "see who owns it and its folder, and what its mode is: ls -l",
        errno.EROFS: "that file system is read-only; name another place with"
        " AWS_SHARED_CREDENTIALS_FILE",
        errno.EISDIR: "name a file with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
        errno.ENOSPC: "make room on that disk, then try again; the file is as it was",
        errno.EDQUOT: "make room in your quota, then try again; the file is as it was",
    }
    reason = error.strerror or str(error)
    return FileError(
        f"cannot {act} {path}: {reason}", hints.get(error.errno or 0, "the file is as it was")
    )
