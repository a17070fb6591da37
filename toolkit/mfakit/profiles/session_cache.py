"""Where a session is kept when its profile gets credentials from mfakit as `credential_process`.

Keys in the credentials file would shadow that process for every SDK, so such a session has a file
of its own, beside the credentials file in use.
"""

from __future__ import annotations

import os
import stat

from mfakit.errors import FileError
from mfakit.profiles.own_files import as_pairs, own_file, pairs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.profiles.section import Values

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def is_own_process(command: str) -> bool:
    """Tell whether a `credential_process` is mfakit, by any path or wrapper of it."""
    words = command.replace('"', " ").replace("'", " ").replace("\\", "/").split()
    names = [os.path.basename(word).lower().removesuffix(".exe") for word in words]
    return "mfakit" in names and "credential-process" in names


def read_cached(credentials_path: str, profile: str) -> Values:
    """Read the session that is kept for a profile, as the keys of a section; empty if none is.

    Raises:
        FileError: there is an entry that is not ours, or cannot be read.
    """
    path = own_file(credentials_path, "sessions", profile)
    try:
        with open(os.open(path, _FLAGS), "rb") as file:
            _refuse_foreign(path, os.fstat(file.fileno()))
            kept = pairs_of(file.read().decode("utf-8"))
    except FileNotFoundError:
        return {}
    except FileError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise _not_ours(path) from error
    if not kept:
        raise _not_ours(path)
    return kept


def write_cached(credentials_path: str, profile: str, values: dict[str, str | None]) -> None:
    """Keep a session for a profile.

    Raises:
        FileError: it cannot be written, or there is an entry that is not ours.
    """
    from mfakit.profiles.files import replace_text

    read_cached(credentials_path, profile)
    kept = {key: value for key, value in values.items() if value is not None}
    path = own_file(credentials_path, "sessions", profile)
    replace_text(path, as_pairs(kept))


def remove_cached(credentials_path: str, profile: str, kind: str = "sessions") -> None:
    """Remove what is kept for a profile, if anything is, and what killed processes have left of it.

    Raises:
        FileError: it cannot be removed.
    """
    from mfakit.profiles.temporary import remove_leftovers

    path = own_file(credentials_path, kind, profile)
    remove_leftovers(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"cannot remove {path}: {error.strerror}", "see who owns it") from error


def _refuse_foreign(path: str, found: os.stat_result) -> None:
    others = os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o077)
    if others or not stat.S_ISREG(found.st_mode):
        raise _not_ours(path)


def _not_ours(path: str) -> FileError:
    return FileError(
        f"{path} is not a file that mfakit has made", f"remove it, and log in again: rm {path}"
    )
