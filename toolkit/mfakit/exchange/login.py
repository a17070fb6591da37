"""Logging in: everything checked first, the code asked last, the session kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mfakit.durations import parse_duration
from mfakit.errors import ProfileError, SessionNotFoundError
from mfakit.exchange.code import check_code, get_code
from mfakit.exchange.device import find_serial_number
from mfakit.exchange.get_session_token import DEFAULT_DURATION, check_duration, exchange
from mfakit.exchange.source import Source, find_source
from mfakit.expiry.rule import VALID, judge
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.record import SessionRecord, read_record, write_record
from mfakit.profiles.selection import session_profile
from mfakit.profiles.sessions import (
    check_profile_name,
    read_session,
    refuse_protected,
    write_session,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class LoginRequest:
    """What was asked for; None is "as the profiles say".

    Args:
        profile: the session profile.
        source_profile: where the long-term credentials are.
        serial_number: the MFA device.
        token_code: the six digits, or ``-`` for standard input.
        duration: how long the session is to last.
        min_remaining: seconds that a session must have left to be kept, in place of the rule.
        force: renew a session that could be kept.
    """

    def __init__(
        self,
        profile: str | None = None,
        source_profile: str | None = None,
        serial_number: str | None = None,
        token_code: str | None = None,
        duration: timedelta | None = None,
        min_remaining: float | None = None,
        force: bool = False,
    ) -> None:
        self.profile = profile
        self.source_profile = source_profile
        self.serial_number = serial_number
        self.token_code = token_code
        self.duration = duration
        self.min_remaining = min_remaining
        self.force = force


class Login:
    """What came of it: a session kept in a profile, a new one or the one that was there."""

    def __init__(
        self,
        profile: str,
        serial_number: str | None,
        expiration: datetime | None,
        *,
        reused: bool,
    ) -> None:
        self.profile = profile
        self.serial_number = serial_number
        self.expiration = expiration
        self.reused = reused

    @property
    def account(self) -> str | None:
        """The account, if the serial number names it."""
        return _account_of(self.serial_number)


def login(request: LoginRequest, environ: Mapping[str, str]) -> Login:
    """Get a session for a code and keep it; a session that is not due is kept as it is.

    A code or a duration that was given always leads to a new session.

    Raises:
        MFAKitError: as ``get_session_token`` and ``write_session`` raise it. Nothing was changed.
    """
    files = AWSFiles(environ)
    profile = session_profile(request.profile, environ, files)
    _check_target(profile, files)
    if request.token_code not in (None, "-"):
        check_code(request.token_code or "")
    duration = request.duration or _configured_duration(profile, files)
    check_duration(duration)
    source = find_source(request.source_profile, profile, files, environ)
    endpoint = _endpoint_url(source, files, environ)
    if kept := _reusable(request, profile, source, endpoint, files):
        return kept
    serial = find_serial_number(request.serial_number, profile, source, files)
    session = exchange(source, serial, get_code(request.token_code, serial), duration)
    write_session(profile, session, environ=environ)
    record = SessionRecord(
        datetime.now(UTC),
        profile=profile,
        access_key_id=session.access_key_id,
        source_access_key_id=source.access_key_id,
        serial_number=serial,
        endpoint_url=endpoint,
        account=_account_of(serial),
    )
    write_record(files.credentials_path, record)
    return Login(profile, serial, session.expiration, reused=False)


def _check_target(profile: str, files: AWSFiles) -> None:
    check_profile_name(profile)
    refuse_protected(profile, files.credentials(profile))
    if "credential_process" in files.config(profile):
        raise ProfileError(
            f"the profile {profile!r} has a credential_process, which a session would shadow",
            "name another profile for the session: --profile mfa",
        )


def _configured_duration(profile: str, files: AWSFiles) -> timedelta:
    configured = files.setting("mfakit_duration", profile)
    return timedelta(seconds=parse_duration(configured)) if configured else DEFAULT_DURATION


def _reusable(
    request: LoginRequest,
    profile: str,
    source: Source,
    endpoint: str | None,
    files: AWSFiles,
) -> Login | None:
    """Give the session that is there, if it is not due and is the one that was asked for."""
    if request.force or request.token_code or request.duration:
        return None
    try:
        session = read_session(profile, files=files)
    except SessionNotFoundError:
        return None
    record = read_record(files.credentials_path, profile, session.access_key_id)
    if record is None or not _agrees(record, request, source, endpoint):
        return None
    now = datetime.now(UTC)
    if judge(session.expiration, now, record.made_at, request.min_remaining) != VALID:
        return None
    return Login(profile, record.serial_number, session.expiration, reused=True)


def _agrees(
    record: SessionRecord, request: LoginRequest, source: Source, endpoint: str | None
) -> bool:
    return (
        record.source_access_key_id == source.access_key_id
        and record.endpoint_url == endpoint
        and request.serial_number in (None, record.serial_number)
    )


def _endpoint_url(source: Source, files: AWSFiles, environ: Mapping[str, str]) -> str | None:
    """Name the endpoint that STS calls go to, if it is not AWS's own."""
    return (
        environ.get("AWS_ENDPOINT_URL_STS")
        or environ.get("AWS_ENDPOINT_URL")
        or files.setting("endpoint_url", source.profile)
    )


def _account_of(serial_number: str | None) -> str | None:
    parts = (serial_number or "").split(":")
    return parts[4] if len(parts) > 4 else None
