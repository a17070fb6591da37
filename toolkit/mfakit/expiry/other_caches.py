"""Sessions that the AWS CLI and SDKs keep for themselves: of roles, of SSO, of `aws login`.

They are never cleaned, and their owners renew them.
"""

from __future__ import annotations

import os

from mfakit.errors import FileError
from mfakit.moments import parse_timestamp
from mfakit.profiles.aws_files import expand_path
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

    # its name, the id of its key and its end, each "" where it is not known
    Session = tuple[str, str, str]

# Far more than any of them holds: a larger file was not written by an AWS tool.
_LARGEST_BYTES = 1 << 20


class CachedSession(Value):
    """A session in a cache of another tool.

    Attributes:
        name: the role's ARN, the SSO start URL, or else the file's name.
        source: the kind of cache: ``cli-cache``, ``sso-cache`` or ``login-cache``.
        access_key_id: the id of its key, if it has one.
        expiration: when it ends; None if that is not known.
    """

    name: str
    source: str
    access_key_id: str | None
    expiration: datetime | None


def cached_sessions(environ: Mapping[str, str]) -> Iterator[CachedSession]:
    """Yield the sessions in these caches; unreadable files and those without one are ignored.

    Args:
        environ: names the home; ``AWS_LOGIN_CACHE_DIRECTORY`` moves one of the caches, as for
            botocore.
    """
    from collections import Counter

    login = environ.get("AWS_LOGIN_CACHE_DIRECTORY") or "~/.aws/login/cache"
    for folder, source, read in (
        ("~/.aws/cli/cache", "cli-cache", _role_session),
        ("~/.aws/sso/cache", "sso-cache", _sso_session),
        (login, "login-cache", _login_session),
    ):
        sessions = [
            (stem, session)
            for stem, found in _entries(folder, environ)
            if (session := read(found)) is not None
        ]
        times = Counter(name for _, (name, _, _) in sessions)
        for stem, (name, key, expiration) in sessions:
            # two SSO sessions may have one start URL, two role sessions one ARN
            unique = name if name and times[name] == 1 else f"{name} {stem}".strip()
            yield CachedSession(unique, source, key or None, parse_timestamp(expiration))


def _role_session(found: Any) -> Session | None:
    """Read the CLI's cache of AssumeRole, or of SSO's GetRoleCredentials."""
    credentials = _part(found, "Credentials")
    if not _text(credentials, "SessionToken"):
        return None
    name = _text(_part(found, "AssumedRoleUser"), "Arn")
    return name, _text(credentials, "AccessKeyId"), _text(credentials, "Expiration")


def _sso_session(found: Any) -> Session | None:
    """Read a token of IAM Identity Center, which the registration of a client does not have."""
    if not _text(found, "accessToken"):
        return None
    return _text(found, "startUrl"), "", _text(found, "expiresAt")


def _login_session(found: Any) -> Session | None:
    """Read the cache of `aws login`."""
    token = _part(found, "accessToken")
    if not _text(token, "sessionToken"):
        return None
    return _text(token, "accountId"), _text(token, "accessKeyId"), _text(token, "expiresAt")


def _entries(folder: str, environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield each file's name without its extension, and the JSON in it."""
    import json

    try:
        with os.scandir(expand_path(folder, environ)) as found:
            files = sorted(entry.path for entry in found if entry.name.endswith(".json"))
    except (OSError, FileError):
        return
    for path in files:
        try:
            yield os.path.basename(path).removesuffix(".json"), json.loads(_content(path))
        except (OSError, ValueError, RecursionError):
            continue


def _content(path: str) -> bytes:
    """Read a file of reasonable size; a named pipe would never end."""
    if not os.path.isfile(path) or os.path.getsize(path) > _LARGEST_BYTES:
        return b""
    with open(path, "rb") as file:
        return file.read(_LARGEST_BYTES)


def _part(found: Any, key: str) -> Any:
    return found.get(key) if isinstance(found, dict) else None


def _text(found: Any, key: str) -> str:
    value = _part(found, key)
    return value if isinstance(value, str) else ""
