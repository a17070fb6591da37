"""Files of our own, beside the credentials file in use: where they are, and how they are written.

Each holds little about one profile, a line for each thing: to load `json` takes longer than to
read it.
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
_MUCH_BYTES = 256 * 1024  # from which on OpenSSL is the faster one, its loading included
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class OwnFile:
    """A file that only mfakit writes, always whole, so that it can be read at any moment.

    Args:
        path: where it is.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def of(cls, credentials_path: str, kind: str, name: str) -> OwnFile:
        """Return the file of a kind, such as ``records``, for a profile or another name."""
        hashed = _sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return cls(own_place(credentials_path, kind, hashed))

    def read(self) -> str:
        """Read the file at once.

        Raises:
            OSError: it cannot be read.
        """
        with open(self.path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()

    def read_secret(self) -> str | None:
        """Read a file that holds a secret; None if it is not there.

        Raises:
            FileError: it is a link, somebody else's, open to others, or cannot be read.
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
        """Put a new file in place of this one, atomically; it need not be there yet.

        Raises:
            FileError: it cannot be written. It is then as it was.
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
        """Remove the file, if it is there, and what killed processes have left of it.

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
    """Locate what we keep beside a file, as that was named: links are not followed."""
    return os.path.join(os.path.dirname(path), _FOLDER, *names)


def make_own_folder(path: str) -> None:
    """Make the folder of a file of our own: for its owner alone, and unknown to git.

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
    """Write what makes git see nothing in a folder; again, if a process was killed before that."""
    path = os.path.join(folder, ".gitignore")
    if os.path.isfile(path) and os.path.getsize(path):
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("*\n")


def _make_private(folder: str) -> None:
    if os.name == "posix" and os.stat(folder).st_mode & 0o077:
        os.chmod(folder, 0o700)  # somebody else may have made it


def digest(content: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file's content."""
    return str(_sha256(content).hexdigest())[:16]


def _sha256(content: bytes) -> Any:
    """Hash a little by the module below hashlib, if it is there: to load OpenSSL takes 2 ms."""
    if len(content) > _MUCH_BYTES:
        return __import__("hashlib").sha256(content)
    # a module that is not there would be looked for in every folder again at each call
    name = "_sha2" if sys.version_info >= (3, 12) else "_sha256"
    try:
        return __import__(name).sha256(content)
    except ImportError:
        return __import__("hashlib").sha256(content)


def pairs_of(text: str) -> dict[str, str]:
    """Read the lines ``key=value``; others are left out."""
    pairs = (line.partition("=") for line in text.split("\n"))
    return {key: value for key, sign, value in pairs if sign}


def as_pairs(values: Mapping[str, str]) -> str:
    """Write values as lines ``key=value``; there are no line breaks in them."""
    return "".join(f"{key}={value}\n" for key, value in values.items())
