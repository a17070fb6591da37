"""Files of our own, beside the credentials file in use: where they are, and how they are written.

Each holds little about one profile, a line for each thing: to load `json` takes longer than to
read it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


_FOLDER = "mfakit"


def own_file(credentials_path: str, kind: str, profile: str) -> str:
    """Locate a file of our own for a profile: a ``sessions`` or ``records`` entry."""
    name = _sha256(profile.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return own_place(credentials_path, kind, name)


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
    """Write what makes git see nothing in a folder, unless that is there and not empty."""
    path = os.path.join(folder, ".gitignore")
    if os.path.isfile(path) and os.path.getsize(path):
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("*\n")


def _make_private(folder: str) -> None:
    if os.name == "posix" and os.stat(folder).st_mode & 0o077:
        os.chmod(folder, 0o700)  # somebody else may have made it


def read_own(path: str) -> str:
    """Read a file of our own at once: it is always replaced whole.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


def digest(content: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file's content."""
    return str(_sha256(content).hexdigest())[:16]


def _sha256(content: bytes) -> Any:
    """Hash; by the module below hashlib if it is there, since hashlib loads OpenSSL for 2 ms."""
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
