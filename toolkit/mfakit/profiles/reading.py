"""Reading a file whole."""

from __future__ import annotations

import errno

from mfakit.errors import FileError
from mfakit.profiles.watching import read_quiet


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
    from mfakit.profiles.temporary import MARK

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
