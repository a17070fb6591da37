"""Sessions where they are kept: found, read, written, removed; and nothing else is ever touched.

A session stands in the credentials file; or in the session cache, if its profile's config has
mfakit as `credential_process`.
"""

from __future__ import annotations

import os

from mfakit import debug
from mfakit.errors import (
    InvalidSessionError,
    ProfileError,
    SessionExpiredError,
    SessionNotFoundError,
    UsageError,
)
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.document import Document
from mfakit.profiles.section import (
    SESSION_KEYS,
    has_keys,
    is_protected,
    is_session,
    section_of,
    session_of,
)
from mfakit.profiles.session_cache import (
    is_own_process,
    read_cached,
    remove_cached,
    write_cached,
)
from mfakit.session import SESSION_KEY_PREFIX, SessionCredentials
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from mfakit.profiles.section import Values

CREDENTIALS_FILE = "credentials-file"
SESSION_CACHE = "session-cache"


def is_cached(profile: str, files: AWSFiles) -> bool:
    """Tell whether a profile's session is kept in the session cache."""
    process = files.config(profile).get("credential_process")
    return process is not None and is_own_process(process)


def find_session(profile: str, files: AWSFiles) -> tuple[SessionCredentials, str]:
    """Find the session of a profile wherever it is kept, expired or not.

    Returns:
        The session, and the kind of place: ``credentials-file`` or ``session-cache``. Keys in the
        credentials file come first, as they do for every SDK.

    Raises:
        SessionNotFoundError: there is no such profile, or it holds no session.
        FileError: a file cannot be read.
    """
    values, place = files.credentials(profile), CREDENTIALS_FILE
    if not has_keys(values) and is_cached(profile, files):
        values, place = read_cached(files.credentials_path, profile), SESSION_CACHE
    if not is_session(values):
        debug.event("profile {!r} holds no session in the {}", profile, place)
        raise _not_found(profile, values, files)
    try:
        session = session_of(values)
    except InvalidSessionError as error:
        raise SessionNotFoundError(
            f"the profile {profile!r} can't be used: {error.message}",
            _login_line(profile, "log in again"),
        ) from None
    shown, end = debug.key_id(session.access_key_id), session.expiration
    debug.event("session: {} of profile {!r}, in the {}, ends {}", shown, profile, place, end)
    return session, place


def held_session(profile: str, files: AWSFiles) -> SessionCredentials | None:
    """Give the session that a profile holds, expired or not; None if it holds none.

    Raises:
        FileError: a file cannot be read.
    """
    try:
        return find_session(profile, files)[0]
    except SessionNotFoundError:
        return None


def read_session(profile: str, *, environ: Mapping[str, str] | None = None) -> SessionCredentials:
    """Read the session of a profile, expired or not.

    Args:
        profile: the session profile, as one would pass it to ``aws --profile``.
        environ: says where the files are; the process's own environment by default.

    Returns:
        The session; its expiration is None if what wrote it did not tell.

    Raises:
        SessionNotFoundError: there is no such profile, or it holds no session.
        FileError: a file cannot be read.
    """
    return find_session(profile, AWSFiles(os.environ if environ is None else environ))[0]


def read_live_session(profile: str, files: AWSFiles, now: datetime) -> SessionCredentials:
    """Read a session that has not ended; one of unknown expiration may serve.

    Raises:
        SessionExpiredError: it has ended.
        SessionNotFoundError: there is none.
    """
    session, _ = find_session(profile, files)
    if session.expiration is not None and session.expiration <= now:
        raise SessionExpiredError(
            f"the session of profile {profile!r} expired at {format_timestamp(session.expiration)}",
            _login_line(profile, "log in again"),
        )
    return session


def write_session(
    profile: str,
    credentials: SessionCredentials,
    *,
    environ: Mapping[str, str] | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> None:
    """Keep a session in a profile; all else in the files stays as it is.

    Args:
        profile: the session profile.
        credentials: the session.
        environ: says where the files are; the process's own environment by default.
        note: is told what a person should know, such as permissions that were taken away.

    Raises:
        UsageError: the profile's name cannot stand in the file.
        InvalidSessionError: the key id is not a session's.
        ProfileError: the profile holds keys that are no session, which are never overwritten; or
            another program gives its credentials.
        FileError: the file cannot be written. It is then as it was.
    """
    keep_session(profile, credentials, AWSFiles(os.environ if environ is None else environ), note)


def keep_session(
    profile: str,
    credentials: SessionCredentials,
    files: AWSFiles,
    note: Callable[[str], object] = lambda _: None,
) -> None:
    """Keep a session, as ``write_session`` does, in files that may have been looked at before.

    A credentials file that had text then, and is empty now, is refused.
    """
    check_target(profile, files)
    if not credentials.access_key_id.startswith(SESSION_KEY_PREFIX):
        raise InvalidSessionError(
            f"a session's key id starts with {SESSION_KEY_PREFIX}; this one does not"
        )
    if is_cached(profile, files):
        if debug.is_on():
            place = files.place(profile, "credential_process")
            debug.event("the session goes to the session cache, by credential_process in {}", place)
        write_cached(files.credentials_path, profile, section_of(credentials, {}))
        return
    debug.event("the session goes to {}", files.credentials_path)

    def put(text: str) -> str:
        document = Document(text, files.credentials_path)
        before = document.section(profile)
        _refuse_protected(profile, before)
        document.update(profile, section_of(credentials, before))
        return document.text

    _edit(files, put, note)


def remove_session(
    profile: str,
    *,
    environ: Mapping[str, str] | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> None:
    """Remove the session of a profile, and what is recorded of it.

    A section of the credentials file that is left empty goes with its session.

    Args:
        profile: the session profile.
        environ: says where the files are; the process's own environment by default.
        note: is told what a person should know, as by ``write_session``.

    Raises:
        SessionNotFoundError: the profile holds no session.
        FileError: the file cannot be written. It is then as it was.
    """
    files = AWSFiles(os.environ if environ is None else environ)
    _, place = find_session(profile, files)

    def cut(text: str) -> str:
        document = Document(text, files.credentials_path)
        values = document.section(profile)
        if not is_session(values):
            return text  # another program has removed it meanwhile
        if set(values) <= set(SESSION_KEYS):
            document.remove_section(profile)
        else:
            document.update(profile, dict.fromkeys(SESSION_KEYS))
        return document.text

    if place == SESSION_CACHE:
        remove_cached(files.credentials_path, profile)
    else:
        _edit(files, cut, note)
    remove_cached(files.credentials_path, profile, "records")


def check_target(profile: str, files: AWSFiles) -> None:
    """Refuse a profile that no session can be kept in.

    Raises:
        UsageError: its name could not be read back from a section's header.
        ProfileError: it holds keys that are no session, or another program's credentials.
    """
    check_profile_name(profile)
    _refuse_protected(profile, files.keys(profile))
    if is_cached(profile, files) and is_session(files.credentials(profile)):
        raise ProfileError(
            f"a session in {files.credentials_path} shadows the credential_process of {profile!r}",
            f"remove it first: mfakit logout --profile {profile}",
        )
    if "credential_process" in files.merged(profile) and not is_cached(profile, files):
        raise ProfileError(
            f"the profile {profile!r} gets its credentials from another program",
            "name another profile for the session: --profile mfa",
        )


def _edit(files: AWSFiles, change: Callable[[str], str], note: Callable[[str], object]) -> None:
    from mfakit.profiles.files import edit_text

    edit_text(
        files.credentials_path,
        change,
        backup=lambda text: _holds_keys(text, files),
        had_text=bool(files.credentials_file.text),
        note=note,
    )


def _holds_keys(text: str, files: AWSFiles) -> bool:
    sections = Document(text, files.credentials_path).sections()
    return any(is_protected(values) for _, values in sections)


def _refuse_protected(profile: str, values: Values) -> None:
    if is_protected(values):
        raise ProfileError(
            f"the profile {profile!r} holds long-term credentials, which are never overwritten",
            "name another profile for the session: --profile mfa",
        )


def check_profile_name(profile: str) -> None:
    """Refuse a name that could not be read back from a section's header.

    Raises:
        UsageError: it has brackets, control characters, spaces at its ends, or is empty.
    """
    if (
        not profile
        or profile != profile.strip()
        or not profile.isprintable()
        or profile.startswith("profile ")
        or any(bracket in profile for bracket in "[]")
    ):
        raise UsageError(
            f"{profile!r} cannot be a profile's name",
            "use letters, digits, spaces within, and the characters - _ . @ +",
        )


def _not_found(profile: str, values: Values, files: AWSFiles) -> SessionNotFoundError:
    if is_protected(values):
        return SessionNotFoundError(
            f"the profile {profile!r} holds long-term credentials, no session",
            "name the profile that the session is kept in: --profile mfa",
        )
    if not files.exists(profile):
        return SessionNotFoundError(
            f"there is no profile {profile!r} in {files.credentials_path}",
            _nearest(profile, files) or _login_line(profile, "log in first"),
        )
    return SessionNotFoundError(
        f"the profile {profile!r} holds no session", _login_line(profile, "log in first")
    )


def _nearest(profile: str, files: AWSFiles) -> str:
    """Suggest the profile that was meant, if one is spelled nearly so; else ""."""
    import shlex

    meant = files.like(profile)
    return f"is it the profile {meant!r}? --profile {shlex.quote(meant)}" if meant else ""


def _login_line(profile: str, what: str) -> str:
    import shlex

    return f"{what}: mfakit login --profile {shlex.quote(profile)}"
