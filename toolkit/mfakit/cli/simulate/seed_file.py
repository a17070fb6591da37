"""The file that keeps the simulator's users: the same keys, devices and seeds at every start."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from mfakit.errors import FileError
from mfakit.profiles.editing import edit_text
from mfakit.profiles.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

USER_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_OTHERS = 0o077
_KEPT = ("name", "access_key_id", "secret_access_key", "mfa_seed")


class Known(NamedTuple):
    """What a user had at the last start."""

    access_key: tuple[str, str]
    mfa_seed: str


def known_users(path: str) -> dict[str, Known]:
    """Read the users that a seed file keeps, by name.

    Returns:
        Nothing, if there is no such file yet.

    Raises:
        FileError: others can read it, or it was put there by somebody else, or it is no seed file.
    """
    _check_private(path)
    return {
        user["name"]: Known((user["access_key_id"], user["secret_access_key"]), user["mfa_seed"])
        for user in _users(path, read_text(path))
    }


def remember(path: str, users: Iterable[Mapping[str, str]], note: Callable[[str], object]) -> None:
    """Keep these users in a seed file, beside those that it has.

    Args:
        path: the file.
        users: what is to be kept of them.
        note: is told what a person should know.

    Raises:
        FileError: it cannot be written, or others can read it.
    """
    _check_private(path)

    def with_users(text: str) -> str:
        kept = {user["name"]: user for user in _users(path, text)}
        kept |= {user["name"]: {name: user[name] for name in _KEPT} for user in users}
        return json.dumps({"users": list(kept.values())}, indent=2) + "\n"

    edit_text(path, with_users, note=note)


def _check_private(path: str) -> None:
    if os.name != "posix":  # elsewhere these bits say nothing
        return
    try:
        found = [os.lstat(path), os.stat(path)]
    except FileNotFoundError:
        found = [os.lstat(path)] if os.path.islink(path) else []
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}", "name another place") from None
    if any(status.st_uid != os.geteuid() for status in found):
        raise FileError(f"{path} is not yours", "name another place; seeds are secrets")
    if any(status.st_mode & _OTHERS for status in found if not stat.S_ISLNK(status.st_mode)):
        raise FileError(f"others can read {path}", f"chmod 600 {path}")


def _users(path: str, text: str) -> list[dict[str, str]]:
    try:
        users = json.loads(text)["users"] if text else []
        if all(_is_user(user) for user in users):
            return list(users)
    except (ValueError, LookupError, TypeError):
        pass
    raise FileError(f"{path} is no seed file", "name a new one; it is made at the first start")


def _is_user(user: Any) -> bool:
    is_text = sorted(user) == sorted(_KEPT) and all(isinstance(user[name], str) for name in _KEPT)
    return is_text and USER_NAME.fullmatch(user["name"]) is not None
