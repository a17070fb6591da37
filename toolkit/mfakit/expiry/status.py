"""How a session stands, as a value that the commands print and other programs read."""

from __future__ import annotations

from mfakit.errors import FileError, InvalidSessionError, UsageError
from mfakit.moments import utc_now
from mfakit.profiles.aws_files import AWSFiles, profile_of
from mfakit.profiles.section import has_access_key, session_of
from mfakit.profiles.selection import session_profile
from mfakit.profiles.stores import CredentialsFile, store_for
from mfakit.state import judge
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from mfakit.profiles.own_files import SessionRecord
    from mfakit.profiles.profile import Profile
    from mfakit.profiles.section import Values
    from mfakit.profiles.stores import Store
    from mfakit.state import State

    # the kind of place, the keys, and the store of the profile, which knows its record
    Found = tuple[str, Values, Store]


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
        counts: whether it has a say in how all of them stand. Other tools' caches have none
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
# The environment reads like a section that awsume has written: the last of these is awsume's own.
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
    from mfakit.expiry.other_caches import cached_sessions

    found = (*_kept(files), *_exported(files))
    statuses = [_judged(one, now, warn) for one in found]
    for entry in cached_sessions(files.environ):
        statuses.append(
            status_of(
                entry.name,
                entry.source,
                entry.expiration,
                now,
                warn,
                entry.access_key_id,
                counts=include_caches,
            )
        )
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
