"""Logging in: everything checked first, the code asked last, the session kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mfakit.durations import parse_duration
from mfakit.errors import FileError, ProfileError, SessionNotFoundError, UsageError
from mfakit.exchange.code import check_code, get_code
from mfakit.exchange.device import check_serial_number, find_only_device
from mfakit.exchange.endpoint import endpoint_url, is_of_aws
from mfakit.exchange.from_json import session_from_json
from mfakit.exchange.get_session_token import DEFAULT_DURATION, check_duration, exchange
from mfakit.exchange.source import Source, find_source
from mfakit.expiry.rule import VALID, judge
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.files import check_writable
from mfakit.profiles.record import SessionRecord, read_record, write_record
from mfakit.profiles.selection import refuse_foreign, session_profile
from mfakit.profiles.sessions import check_target, find_session, write_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Note = Callable[[str], object]


class LoginRequest:
    """What was asked for; None is "as the profiles say".

    Args:
        profile: the session profile.
        source_profile: where the long-term credentials are.
        serial_number: the MFA device.
        token_code: the six digits, or ``-`` for standard input.
        duration: how long the session is to last.
        min_remaining: seconds that a session must have left to be kept, in place of the rule.
        force: renew a session that could be kept, and replace one of AWS by one that is not.
        note: is told what a person should know although all went well.
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
        note: Note = lambda _: None,
    ) -> None:
        self.profile = profile
        self.source_profile = source_profile
        self.serial_number = serial_number
        self.token_code = token_code
        self.duration = duration
        self.min_remaining = min_remaining
        self.force = force
        self.note = note


class Login:
    """What came of it: a session kept in a profile, a new one or the one that was there.

    Args:
        profile: the session profile.
        serial_number: the device, as far as known.
        expiration: when the session ends.
        origin: the words for where its long-term credentials come from.
        reused: whether it was there before.
    """

    def __init__(
        self,
        profile: str,
        serial_number: str | None,
        expiration: datetime | None,
        origin: str,
        *,
        reused: bool,
    ) -> None:
        self.profile = profile
        self.serial_number = serial_number
        self.expiration = expiration
        self.origin = origin
        self.reused = reused

    @property
    def account(self) -> str | None:
        """The account, if the serial number names it."""
        return _account_of(self.serial_number)


def login(request: LoginRequest, environ: Mapping[str, str]) -> Login:
    """Get a session for a code and keep it; a session that is not due is kept as it is.

    A code or a duration that was given always leads to a new session. Whatever can be known to
    be wrong is refused before a code is asked for, since a code works only once.

    Raises:
        MFAKitError: as ``get_session_token`` and ``write_session`` raise it. The credentials file
            is then as it was.
    """
    plan = _Plan(request, environ)
    kept = _reusable(request, plan)
    if kept:
        return kept
    if not request.force:
        _refuse_replacing_aws(plan)
    return _renew(request, plan)


def store(profile: str | None, text: str, environ: Mapping[str, str], note: Note) -> Login:
    """Keep a session that was got by other means.

    Args:
        profile: the session profile, if one is named.
        text: the output of ``aws sts get-session-token``, or of another command of its form.
        environ: the environment.
        note: is told what a person should know.

    Raises:
        InvalidSessionError: the text is no session.
        MFAKitError: as ``write_session`` raises it.
    """
    files = AWSFiles(environ)
    name = session_profile(profile, environ, files)
    refuse_foreign(name, files, "the session profile")
    session = session_from_json(text)
    write_session(name, session, environ=environ, note=note)
    record = SessionRecord(datetime.now(UTC), profile=name, access_key_id=session.access_key_id)
    _keep_record(files, record, note)
    return Login(name, None, session.expiration, "elsewhere", reused=False)


class _Plan:
    """What a request comes to, with all that the AWS files say; nothing in it is known wrong."""

    def __init__(self, request: LoginRequest, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.files = files = AWSFiles(environ)
        self.profile = session_profile(request.profile, environ, files)
        check_target(self.profile, files)
        refuse_foreign(self.profile, files, "the session profile")
        if request.token_code not in (None, "-"):
            check_code(request.token_code or "")
        self.source = find_source(request.source_profile, self.profile, files, environ)
        configured = _configured_duration(self.profile, self.source, files)
        self.duration = configured if request.duration is None else request.duration
        check_duration(self.duration)
        self.serial_number = request.serial_number
        if self.serial_number is None:
            self.serial_number = files.setting("mfa_serial", self.profile, self.source.profile)
        if self.serial_number is not None:
            check_serial_number(self.serial_number)
        self.endpoint_url = endpoint_url(self.source.profile, files, environ)


def _reusable(request: LoginRequest, plan: _Plan) -> Login | None:
    """Give the session that is there, if it is not due and is the one that was asked for."""
    if request.force or request.token_code is not None or request.duration is not None:
        return None
    try:
        session, _ = find_session(plan.profile, plan.files)
    except SessionNotFoundError:
        return None
    record = read_record(plan.files.credentials_path, plan.profile, session.access_key_id)
    if record is None or not _agrees(record, plan):
        return None
    now = datetime.now(UTC)
    if judge(session.expiration, now, record.made_at, request.min_remaining) != VALID:
        return None
    return Login(
        plan.profile, record.serial_number, session.expiration, plan.source.origin, reused=True
    )


def _agrees(record: SessionRecord, plan: _Plan) -> bool:
    return (
        record.source_access_key_id == plan.source.access_key_id
        and record.endpoint_url == plan.endpoint_url
        and plan.serial_number in (None, record.serial_number)
    )


def _renew(request: LoginRequest, plan: _Plan) -> Login:
    serial = plan.serial_number or find_only_device(plan.source)
    check_writable(plan.files.credentials_path)
    code = get_code(request.token_code, serial)
    session = exchange(plan.source, serial, code, plan.duration)
    write_session(plan.profile, session, environ=plan.environ, note=request.note)
    record = SessionRecord(
        datetime.now(UTC),
        profile=plan.profile,
        access_key_id=session.access_key_id,
        source_access_key_id=plan.source.access_key_id,
        serial_number=serial,
        endpoint_url=plan.endpoint_url,
        account=_account_of(serial),
    )
    _keep_record(plan.files, record, request.note)
    return Login(plan.profile, serial, session.expiration, plan.source.origin, reused=False)


def _keep_record(files: AWSFiles, record: SessionRecord, note: Note) -> None:
    try:
        write_record(files.credentials_path, record)
    except FileError as error:
        note(f"the session is kept, but not how it was made: {error.message}")


def _refuse_replacing_aws(plan: _Plan) -> None:
    """Keep a simulator's session from taking the place of a real one by accident."""
    if is_of_aws(plan.endpoint_url):
        return
    try:
        session, _ = find_session(plan.profile, plan.files)
    except SessionNotFoundError:
        return
    record = read_record(plan.files.credentials_path, plan.profile, session.access_key_id)
    ended = session.expiration is not None and session.expiration <= datetime.now(UTC)
    if not ended and (record is None or is_of_aws(record.endpoint_url)):
        raise ProfileError(
            f"the profile {plan.profile!r} holds a live AWS session, and {plan.endpoint_url} is"
            " not AWS",
            "name another profile, or replace it with --force",
        )


def _configured_duration(profile: str, source: Source, files: AWSFiles) -> timedelta:
    configured = files.setting("mfakit_duration", profile, source.profile)
    if configured is None:
        return DEFAULT_DURATION
    try:
        return timedelta(seconds=parse_duration(configured))
    except UsageError as error:
        raise UsageError(
            f"mfakit_duration in {files.config_path} is {error.message}", error.hint
        ) from None


def _account_of(serial_number: str | None) -> str | None:
    parts = (serial_number or "").split(":")
    return parts[4] if len(parts) > 4 else None
