"""Expiry: how each session stands, as a value that the commands print and other programs read."""

from __future__ import annotations

import os

from mfakit.errors import FileError, InvalidSessionError, UsageError
from mfakit.moments import parse_timestamp, utc_now
from mfakit.profiles.aws_files import AWSFiles, expand_path, profile_of
from mfakit.profiles.section import has_access_key, session_of
from mfakit.profiles.selection import session_profile
from mfakit.profiles.stores import CredentialsFile, store_for
from mfakit.session import judge
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta
    from typing import Any

    from mfakit.profiles.own_files import SessionRecord
    from mfakit.profiles.profile import Profile
    from mfakit.profiles.section import Values
    from mfakit.profiles.stores import Store
    from mfakit.session import State

    Found = tuple[str, Values, Store]
    # its name, the id of its key and its end, each "" where it is not known
    CachedParts = tuple[str, str, str]

# Far more than any cache of an AWS tool holds.
_LARGEST_BYTES = 1 << 20


class SessionStatus(Value):
    """How a session stands at one moment.

    Args:
        profile: where it is kept; for what has no profile, the name that its place gives it.
        source: the kind of that place: ``credentials-file``, ``session-cache``, ``environment``,
            ``cli-cache``, ``sso-cache`` or ``login-cache``; ``json`` if it is kept nowhere, but
            stands in the answer of STS.
        state: ``valid``, ``expiring``, ``expired`` or ``unknown``.
        expiration: when it ends; None if that is not known.
        seconds_left: until then, negative when it is past; None if that is not known.
        access_key_id: the id of its key; None if it has none, or that is not known.
        record: how it came to be, if mfakit made it.
        fault: why it cannot be used, if that is known.
        counts: whether it counts for the worst state. Sessions in other tools' caches do not
            unless asked for: their owners renew what is in there, and never clean up.
    """

    profile: str
    source: str
    state: State
    expiration: datetime | None
    seconds_left: int | None
    access_key_id: str | None = None
    record: SessionRecord | None = None
    counts: bool = True
    fault: str | None = None

    def __repr__(self) -> str:
        return f"SessionStatus({self.profile!r}, {self.source!r}, {self.state!r})"


def check_session(profile: Profile, now: datetime, warn: float | None = None) -> SessionStatus:
    """Look at the session of one profile.

    Args:
        profile: the session profile.
        now: the time to judge by.
        warn: seconds before the end from which it is due, in place of the rule.

    Raises:
        SessionNotFoundError: the profile holds no session.
        FileError: the credentials file cannot be read.
    """
    held = profile.find(now)
    end = held.session.expiration
    return status_of(profile.name, held.store.kind, end, now, warn, held.key_id, held.record)


def check_shell(files: AWSFiles, now: datetime, warn: float | None = None) -> SessionStatus | None:
    """Look at the session in the shell's variables, which AWS tools use before any profile.

    Args:
        files: the AWS files; their environment is looked at.
        now: the time to judge by.
        warn: seconds before the end from which it is due, in place of the rule.

    Returns:
        The status; None if the variables hold no session.
    """
    return next((_judged(one, now, warn) for one in _exported(files)), None)


def check_used(
    flag: str | None, files: AWSFiles, now: datetime, warn: float | None = None
) -> SessionStatus:
    """Look at the session that commands use here: the shell's, else that of the session profile.

    With a value of ``--profile`` as the flag it is that profile's, as for AWS tools.
    """
    shell = None if flag is not None else check_shell(files, now, warn)
    return shell or check_session(session_profile(flag, files), now, warn)


def _judged(found: Found, now: datetime, warn: float | None) -> SessionStatus:
    place, values, store = found
    key = values.get("aws_access_key_id", "")
    end, fault = _end_of(values, now)
    record = store.record(key)
    return status_of(store.profile, place, end, now, warn, key or None, record, fault=fault)


def status_of(
    profile: str,
    source: str,
    expiration: datetime | None,
    now: datetime,
    warn: float | None = None,
    access_key_id: str | None = None,
    record: SessionRecord | None = None,
    *,
    counts: bool = True,
    fault: str | None = None,
) -> SessionStatus:
    """Judge a session by when it ends, and by the record of when it was made."""
    state = judge(expiration, now, record, warn)
    left = None if expiration is None else int((expiration - now).total_seconds() // 1)
    known = access_key_id, record
    return SessionStatus(profile, source, state, expiration, left, *known, counts, fault)


ENVIRONMENT = "environment"
# The variables are read as the keys of a section; AWSUME_EXPIRATION is awsume's own.
_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
    "AWS_SECURITY_TOKEN": "aws_security_token",
    "AWS_CREDENTIAL_EXPIRATION": "aws_credential_expiration",
    "AWS_SESSION_EXPIRATION": "aws_expiration",
    "AWSUME_EXPIRATION": "expiration",
}


def check_sessions(
    warn: timedelta | None = None,
    now: datetime | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> list[SessionStatus]:
    """Look at every session on this machine.

    Args:
        warn: how long before its end a session is due for renewal; by default 30 minutes, or a
            quarter of a shorter session.
        now: the time to judge by, with a time zone; by default the present.
        environ: says where the files are, and may hold a session; the process's own by default.

    Returns:
        How those of the credentials file, of the session cache and of the environment stand.
        Behind them, with ``counts`` False, those that the AWS CLI and SDKs keep for themselves.

    Raises:
        FileError: the credentials or the config file cannot be read.
        UsageError: ``now`` has no time zone.
    """
    if now is not None and now.tzinfo is None:
        raise UsageError("the time to judge by has no time zone", "give one: datetime.now(UTC)")
    seconds = None if warn is None else warn.total_seconds()
    return check_all(AWSFiles(environ), now or utc_now(), seconds)


def check_all(
    files: AWSFiles, now: datetime, warn: float | None = None, *, include_caches: bool = False
) -> list[SessionStatus]:
    """Look at every session on this machine.

    Args:
        files: the AWS files; their environment may hold a session of its own.
        now: the time to judge by.
        warn: seconds before its end from which a session is due, in place of the rule.
        include_caches: whether the caches of other AWS tools count.

    Raises:
        FileError: the credentials or the config file cannot be read.
    """
    found = (*_kept(files), *_exported(files))
    statuses = [_judged(one, now, warn) for one in found]
    for name, source, end, key_id in _cached(files.environ):
        status = status_of(name, source, end, now, warn, key_id, counts=include_caches)
        statuses.append(status)
    return statuses


def _kept(files: AWSFiles) -> Iterator[Found]:
    """Find the sessions that profiles hold; keys in the credentials file come before the others."""
    credentials = dict(files.credentials_file.sections())
    for profile, values in credentials.items():
        yield from _session_in(CredentialsFile(profile, files), values)
    config = {
        name: values  # of several sections for one profile, the last counts
        for header, values in files.config_file.sections()
        if (name := profile_of(header)) is not None
    }
    for profile, settings in config.items():
        kind = store_for(settings)
        if kind is not CredentialsFile and not has_access_key(credentials.get(profile, {})):
            store = kind(profile, files)
            try:
                yield from _session_in(store, store.read())
            except FileError:
                yield store.kind, {}, store


def _session_in(store: Store, values: Values, place: str | None = None) -> Iterator[Found]:
    """Yield the values of a store, or of another place for its profile, if they are a session."""
    if store.holds_session(values):
        yield place or store.kind, values, store


def _exported(files: AWSFiles) -> Iterator[Found]:
    """Find the session that the environment holds."""
    environ = files.environ
    values = {key: environ[name] for name, key in _VARIABLES.items() if environ.get(name)}
    values["manager"] = "awsume"
    profile = environ.get("MFAKIT_PROFILE") or ENVIRONMENT
    yield from _session_in(CredentialsFile(profile, files), values, ENVIRONMENT)


def _end_of(values: Values, now: datetime) -> tuple[datetime | None, str | None]:
    """Return when a session ends, None if that is not known; and why it cannot be used."""
    try:
        return session_of(values, now).expiration, None
    except InvalidSessionError as error:
        return None, error.message
    except KeyError:
        return None, None


def _cached(environ: Mapping[str, str]) -> Iterator[tuple[str, str, datetime | None, str | None]]:
    """Find the sessions that the AWS CLI and SDKs keep for themselves; their owners renew them.

    Unreadable files, and those without a session, are ignored; nobody cleans these caches.

    Args:
        environ: names the home; ``AWS_LOGIN_CACHE_DIRECTORY`` moves one of the caches, as for
            botocore.

    Yields:
        The role's ARN, the SSO start URL or else the file's name; the kind of cache; when it ends,
        if that is known; and the id of its key, if it has one.
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
            yield unique, source, parse_timestamp(expiration), key or None


def _role_session(found: Any) -> CachedParts | None:
    """Read the CLI's cache of AssumeRole, or of SSO's GetRoleCredentials."""
    credentials = _part(found, "Credentials")
    if not _text(credentials, "SessionToken"):
        return None
    name = _text(_part(found, "AssumedRoleUser"), "Arn")
    return name, _text(credentials, "AccessKeyId"), _text(credentials, "Expiration")


def _sso_session(found: Any) -> CachedParts | None:
    """Read a token of IAM Identity Center, which the registration of a client does not have."""
    if not _text(found, "accessToken"):
        return None
    return _text(found, "startUrl"), "", _text(found, "expiresAt")


def _login_session(found: Any) -> CachedParts | None:
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
