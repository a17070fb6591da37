"""Sessions in the credentials file: read, write, remove; and nothing else is ever touched."""

from __future__ import annotations

import os

from mfakit.errors import (
    InvalidSessionError,
    ProfileError,
    SessionExpiredError,
    SessionNotFoundError,
    UsageError,
)
from mfakit.profiles.aws_files import AWSFiles, Values, is_protected, is_session, session_token
from mfakit.profiles.document import Document
from mfakit.profiles.files import edit_text
from mfakit.session import SESSION_KEY_PREFIX, SessionCredentials
from mfakit.timestamps import format_timestamp, parse_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# Every spelling that a tool is known to write; ours come first.
_EXPIRATION_KEYS = (
    "aws_credential_expiration",
    "expiration",
    "x_security_token_expires",
    "aws_expiration",
)
_STALE_KEYS = ("aws_security_token", "x_security_token_expires", "aws_expiration")
_SESSION_KEYS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    *_EXPIRATION_KEYS,
    "aws_security_token",
)


def read_session(
    profile: str, *, environ: Mapping[str, str] | None = None, files: AWSFiles | None = None
) -> SessionCredentials:
    """Read the session that a profile holds, expired or not.

    Args:
        profile: the session profile, as one would pass it to ``aws --profile``.
        environ: says where the files are; the process's own environment by default.
        files: the files, if they are read already.

    Returns:
        The session; its expiration is None if the file does not tell.

    Raises:
        SessionNotFoundError: there is no such profile, or it holds no session.
        FileError: the credentials file cannot be read.
    """
    files = files or AWSFiles(os.environ if environ is None else environ)
    values = files.credentials(profile)
    if not is_session(values):
        raise _not_found(profile, values, files)
    try:
        return SessionCredentials(
            values["aws_access_key_id"],
            values.get("aws_secret_access_key", ""),
            session_token(values),
            expiration_of(values),
        )
    except InvalidSessionError as error:
        raise SessionNotFoundError(
            f"the profile {profile!r} can't be used: {error.message}", "log in again: mfakit login"
        ) from None


def read_live_session(profile: str, files: AWSFiles, now: datetime) -> SessionCredentials:
    """Read a session that has not ended; one of unknown expiration may serve.

    Raises:
        SessionExpiredError: it has ended.
        SessionNotFoundError: there is none.
    """
    session = read_session(profile, files=files)
    if session.expiration is not None and session.expiration <= now:
        raise SessionExpiredError(
            f"the session of profile {profile!r} expired at {format_timestamp(session.expiration)}",
            _login_line(profile, "log in again"),
        )
    return session


def write_session(
    profile: str, credentials: SessionCredentials, *, environ: Mapping[str, str] | None = None
) -> None:
    """Keep a session in a profile of the credentials file; all else there stays as it is.

    Args:
        profile: the session profile.
        credentials: the session.
        environ: says where the file is; the process's own environment by default.

    Raises:
        UsageError: the profile's name cannot stand in the file.
        InvalidSessionError: the key id is not a session's.
        ProfileError: the profile holds keys that are no session; they are never overwritten.
        FileError: the file cannot be written. It is then as it was.
    """
    check_profile_name(profile)
    if not credentials.access_key_id.startswith(SESSION_KEY_PREFIX):
        raise InvalidSessionError(
            f"a session's key id starts with {SESSION_KEY_PREFIX}; this one does not"
        )
    files = AWSFiles(os.environ if environ is None else environ)
    path = files.credentials_path
    refuse_protected(profile, files.config(profile))

    def put(text: str) -> str:
        document = Document(text, path)
        before = document.section(profile)
        refuse_protected(profile, before)
        document.update(profile, _section_values(credentials, before))
        return document.text

    edit_text(path, put)


def remove_session(profile: str, *, environ: Mapping[str, str] | None = None) -> None:
    """Remove a session's keys from the credentials file; a section left empty goes with them.

    Raises:
        SessionNotFoundError: the profile holds no session.
        FileError: the file cannot be written. It is then as it was.
    """
    files = AWSFiles(os.environ if environ is None else environ)

    def cut(text: str) -> str:
        document = Document(text, files.credentials_path)
        values = document.section(profile)
        if not is_session(values):
            raise _not_found(profile, values, files)
        if set(values) <= set(_SESSION_KEYS):
            document.remove_section(profile)
        else:
            document.update(profile, dict.fromkeys(_SESSION_KEYS))
        return document.text

    edit_text(files.credentials_path, cut)


def refuse_protected(profile: str, values: Values) -> None:
    """Refuse to put a session where keys stand that are none.

    Raises:
        ProfileError: they are there.
    """
    if is_protected(values):
        raise ProfileError(
            f"the profile {profile!r} holds long-term credentials, which are never overwritten",
            "name another profile for the session: --profile mfa",
        )


def check_profile_name(profile: str) -> None:
    """Refuse a name that could not be read back from a section's header.

    Raises:
        UsageError: it is such a name.
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


def expiration_of(values: Values) -> datetime | None:
    """Give the earliest expiration that a section tells in any spelling, or None."""
    moments = [parse_timestamp(values[key]) for key in _EXPIRATION_KEYS if values.get(key)]
    return min((moment for moment in moments if moment is not None), default=None)


def _section_values(credentials: SessionCredentials, before: Values) -> dict[str, str | None]:
    values: dict[str, str | None] = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
        "aws_credential_expiration": None,
        "expiration": None,
        **dict.fromkeys(_STALE_KEYS),
    }
    if credentials.expiration is not None:
        values["aws_credential_expiration"] = format_timestamp(credentials.expiration)
        # aws-mfa crashes on an RFC 3339 expiration in the sections that it keeps roles in.
        if "assumed_role" not in before:
            values["expiration"] = values["aws_credential_expiration"]
    return values


def _not_found(profile: str, values: Values, files: AWSFiles) -> SessionNotFoundError:
    if is_protected(values):
        return SessionNotFoundError(
            f"the profile {profile!r} holds long-term credentials, no session",
            "name the profile that the session is kept in: --profile mfa",
        )
    if not files.exists(profile):
        return SessionNotFoundError(
            f"there is no profile {profile!r} in {files.credentials_path}",
            _login_line(profile, "log in first"),
        )
    return SessionNotFoundError(
        f"the profile {profile!r} holds no session", _login_line(profile, "log in first")
    )


def _login_line(profile: str, what: str) -> str:
    import shlex

    return f"{what}: mfakit login --profile {shlex.quote(profile)}"
