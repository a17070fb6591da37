"""mfakit's own files, beside the credentials file in use: their paths, and how they are written.

Each holds a few lines ``key=value`` about one profile, since loading `json` takes longer than
reading such a file.
"""

from __future__ import annotations

import os
import stat
import sys

from mfakit.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FOLDER = "mfakit"
_MUCH_BYTES = 256 * 1024  # above this size, OpenSSL is faster, including its loading
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class OwnFile:
    """A file that only mfakit writes, always as a whole, so that it can be read at any time.

    Args:
        path: its path.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def of(cls, credentials_path: str, kind: str, name: str) -> OwnFile:
        """Return the file of a kind, such as ``records``, for a profile or another name."""
        hashed = _sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return cls(own_place(credentials_path, kind, hashed))

    def read(self) -> str:
        """Read the file without waiting for writers.

        Raises:
            OSError: it cannot be read.
        """
        with open(self.path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()

    def read_secret(self) -> str | None:
        """Read a file that holds a secret; return None if it does not exist.

        Raises:
            FileError: it is a link, belongs or is open to other users, or cannot be read.
        """
        try:
            with open(os.open(self.path, _FLAGS), "rb") as file:
                found = os.fstat(file.fileno())
                if not _is_private(found):
                    raise self.not_ours()
                return file.read().decode("utf-8")
        except FileNotFoundError:
            return None
        except FileError:
            raise
        except (OSError, UnicodeDecodeError) as error:
            raise self.not_ours() from error

    def replace(self, text: str) -> None:
        """Write the file atomically; it may not exist yet.

        Raises:
            FileError: it cannot be written. It was not changed then.
        """
        from mfakit.profiles.reading import file_error
        from mfakit.profiles.replacing import refuse_other_owners, replace_file

        try:
            refuse_other_owners(self.path)
            make_own_folder(self.path)
            replace_file(self.path, text.encode("utf-8"))
        except OSError as error:
            raise file_error("write", self.path, error) from error

    def remove(self) -> None:
        """Remove the file, if it exists, and temporary files of killed processes.

        Raises:
            FileError: it cannot be removed.
        """
        from mfakit.profiles.replacing import remove_leftovers

        remove_leftovers(self.path)
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(
                f"cannot remove {self.path}: {error.strerror}", "see who owns it"
            ) from error

    def not_ours(self) -> FileError:
        """Return the error for a file that mfakit cannot have written."""
        return FileError(
            f"{self.path} is not a file that mfakit has made",
            f"remove it, and log in again: rm {self.path}",
        )


def _is_private(found: os.stat_result) -> bool:
    others = os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o077)
    return stat.S_ISREG(found.st_mode) and not others


def own_place(path: str, *names: str) -> str:
    """Return the path of an own file beside another, whose links are not followed."""
    return os.path.join(os.path.dirname(path), _FOLDER, *names)


def make_own_folder(path: str) -> None:
    """Make the folder of an own file, private to its owner and ignored by git.

    Raises:
        OSError: it cannot be made.
    """
    from mfakit.profiles.replacing import make_private_folder

    folder = os.path.dirname(path)
    make_private_folder(folder)
    _make_private(folder)
    if os.path.basename(folder) != _FOLDER:
        folder = os.path.dirname(folder)
        _make_private(folder)
    _hide_from_git(folder)


def _hide_from_git(folder: str) -> None:
    """Make git ignore a folder; complete a file that a killed process has left empty."""
    path = os.path.join(folder, ".gitignore")
    if os.path.isfile(path) and os.path.getsize(path):
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("*\n")


def _make_private(folder: str) -> None:
    if os.name == "posix" and os.stat(folder).st_mode & 0o077:
        os.chmod(folder, 0o700)  # another program may have made it


def digest(content: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file's content."""
    return str(_sha256(content).hexdigest())[:16]


def _sha256(content: bytes) -> Any:
    """Hash short content without hashlib if possible: loading OpenSSL takes 2 ms."""
    if len(content) > _MUCH_BYTES:
        return __import__("hashlib").sha256(content)
    # by version, since a failing import would search every folder again at each call
    name = "_sha2" if sys.version_info >= (3, 12) else "_sha256"
    try:
        return __import__(name).sha256(content)
    except ImportError:
        return __import__("hashlib").sha256(content)


def pairs_of(text: str) -> dict[str, str]:
    """Parse the lines ``key=value``; ignore others."""
    pairs = (line.partition("=") for line in text.split("\n"))
    return {key: value for key, sign, value in pairs if sign}


def as_pairs(values: Mapping[str, str]) -> str:
    """Return values, which have no line breaks, as lines ``key=value``."""
    return "".join(f"{key}={value}\n" for key, value in values.items())
