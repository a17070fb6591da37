"""Files that we write for a scheduler: known by a mark, and only then replaced or removed."""

from __future__ import annotations

import os

from mfakit.errors import FileError

_ENCODING = "utf-8"


def read_own(path: str, mark: str) -> str | None:
    """Read a file of ours.

    Args:
        path: the file.
        mark: what only our files hold.

    Returns:
        Its text; None if there is none, or it is somebody else's.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            text = file.read().decode(_ENCODING, "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}", "see its mode: ls -l") from None
    return text if mark in text else None


def refuse_foreign(path: str, mark: str) -> None:
    """Make sure that a file is ours to write.

    Raises:
        FileError: there is one that somebody else wrote.
    """
    if os.path.lexists(path) and read_own(path, mark) is None:
        raise FileError(f"{path} is there, and not of mfakit's making", "move it out of the way")


def write_own(path: str, text: str) -> None:
    """Write a file whole or not at all, with the folders above it.

    Raises:
        FileError: it cannot be written. It is then as it was.
    """
    from mfakit.profiles.replacing import make_private_folder, refuse_other_owners, replace_file

    real = os.path.realpath(path)
    try:
        refuse_other_owners(real)
        make_private_folder(os.path.dirname(real))
        replace_file(real, text.encode(_ENCODING))
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot write {path}: {reason}", "see the modes of its folders") from None


def remove_own(path: str) -> bool:
    """Remove a file of ours.

    Returns:
        Whether it was there.

    Raises:
        FileError: it cannot be removed.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError(
            f"cannot remove {path}: {error.strerror}", "see the mode of its folder"
        ) from None
    return True
