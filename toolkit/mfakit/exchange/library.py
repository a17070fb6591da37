"""Logging in and exchanging codes by function calls, for programs that use mfakit."""

from __future__ import annotations

import os

from mfakit.errors import SessionExpiredError, UsageError
from mfakit.exchange import check_code
from mfakit.exchange.aws import asking_aws, carries_mfa, make_client
from mfakit.exchange.iam import check_serial_number
from mfakit.exchange.login import Login, keep_settings
from mfakit.exchange.login import login as log_in
from mfakit.exchange.recipe import (
    DEFAULT_DURATION,
    LoginRequest,
    Role,
    check_duration,
    check_role_duration,
    unexpected_code,
)
from mfakit.exchange.source import Source, find_source
from mfakit.exchange.spending import STS
from mfakit.moments import format_timestamp, utc_now
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.own_files import SessionRecord
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, check_key_id, open_profile
from mfakit.profiles.selection import region_of, session_profile
from mfakit.session import has_ended, session_from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    import boto3

    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials


def get_session_token(
    *,
    serial_number: str,
    token_code: str,
    duration: timedelta = DEFAULT_DURATION,
    source_profile: str | None = None,
) -> SessionCredentials:
    """Exchange a code for a session.

    Args:
        serial_number: the MFA device.
        token_code: the six digits that it shows; spaces are fine.
        duration: 15 minutes to 36 hours, by default 12; AWS shortens it to one hour for the
            root user.
        source_profile: the profile that holds the long-term credentials; by default the one
            that the profile ``mfa`` names, or its session was made from; else the environment if
            it holds some, else ``default``.

    Returns:
        The session. It is not written to a file, and the code cannot be used again.

    Raises:
        UsageError: AWS would refuse the serial number, the code or the duration.
        ProfileError: there are no long-term credentials.
        CodeRefusedError: AWS did not accept the code.
        ExchangeError: AWS refused for another reason, or could not be reached.
        FileError: an AWS file cannot be read.
    """
    code = check_code(token_code)
    check_duration(duration)
    serial = check_serial_number(serial_number)
    source = find_source(source_profile, open_profile(DEFAULT_SESSION_PROFILE))
    return STS(source, serial).get_session(None, duration, code)


def assume_role(
    *,
    role_arn: str,
    serial_number: str | None = None,
    token_code: str | None = None,
    role_session_name: str = "mfakit",
    duration: timedelta | None = None,
    source_profile: str | None = None,
) -> SessionCredentials:
    """Exchange a code, or a live MFA session, for a session of a role.

    Args:
        role_arn: the role.
        serial_number: the MFA device; required with a code.
        token_code: the six digits; None if the source profile holds an MFA session.
        role_session_name: the name of the session in the role's account.
        duration: 15 minutes to 12 hours, or to one hour from an MFA session; by default one
            hour, as AWS has it.
        source_profile: as for ``get_session_token``; it may hold an MFA session.

    Raises:
        MFAKitError: as ``get_session_token`` raises it.
    """
    if (serial_number is None) != (token_code is None):
        raise UsageError("a code and its device's serial number go together", "give both")
    code = None if token_code is None else check_code(token_code)
    serial = None if serial_number is None else check_serial_number(serial_number)
    role = Role(role_arn, role_session_name)
    usual = open_profile(DEFAULT_SESSION_PROFILE)
    source = find_source(source_profile, usual, may_be_session=True)
    if duration is not None:
        check_role_duration(duration, chained=source.is_session)
    if source.is_session and code is not None:
        raise unexpected_code(source, usual)
    return STS(source, serial).get_session(role, duration, code)


def login(
    profile: str | None = None,
    *,
    source_profile: str | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
    token_command: str | None = None,
    duration: timedelta | None = None,
    min_remaining: timedelta | None = None,
    force: bool = False,
    note: Callable[[str], object] = lambda _: None,
) -> Login:
    """Return the session that a profile holds if it is not due, else get a new one and write it.

    This is what ``mfakit login`` does: arguments that are missing come from the AWS config, a code
    comes from the profile's token command or is asked for on the terminal, and only one of several
    processes asks.

    Args:
        profile: the session profile; by default the one that the command would use.
        source_profile: the profile that holds the long-term credentials.
        serial_number: the MFA device.
        token_code: the six digits, or ``-`` for standard input; always gets a new session.
        token_command: a command that prints a code.
        duration: how long the session lasts; always gets a new session.
        min_remaining: the time that a session must have left to be reused, instead of the rule.
        force: get a new session even if the old one could be reused.
        note: called with messages for the user that are no errors.

    Returns:
        The result, with ``.profile .serial_number .expiration .account .reused``.

    Raises:
        MFAKitError: there is no session, and none could be made. No file was changed then.
    """
    request = LoginRequest(
        source_profile=source_profile,
        serial_number=serial_number,
        token_code=token_code,
        token_command=token_command,
        duration=duration,
        min_remaining=None if min_remaining is None else min_remaining.total_seconds(),
        force=force,
        note=note,
    )
    return log_in(session_profile(profile, AWSFiles(), source_profile), request)


def store_session(
    profile: Profile,
    text: str,
    note: Callable[[str], object] = lambda _: None,
    *,
    online: bool = False,
) -> Login:
    """Write the session that a text contains to a profile.

    Args:
        profile: the session profile.
        text: the output of ``aws sts get-session-token``, or output of the same form.
        note: called with messages for the user that are no errors.
        online: whether to ask AWS first whose the session is, and whether it carries MFA.

    Raises:
        InvalidSessionError: the text does not contain a session.
        SessionExpiredError: the session has ended; what the profile holds stays.
        ExchangeError: AWS was to be asked, and refused the session, or could not be reached.
        MFAKitError: as ``write_session`` raises it.
    """
    profile.refuse_foreign("the session profile is")
    session = session_from_json(text)
    check_key_id(session)
    now = utc_now()
    if has_ended(session.expiration, now):
        hint = profile.login_hint("nothing was kept; log in for another")
        raise SessionExpiredError("this session has expired", hint)
    record = SessionRecord(made_at=now, profile=profile.name, access_key_id=session.access_key_id)
    if online:
        profile.check_may_hold()
        record = _settled(record, session, profile, note)
    profile.keep(session, note, lambda: record)
    keep_settings(profile, note)
    return Login(profile.name, session, account=record.account)


def _settled(
    record: SessionRecord,
    session: SessionCredentials,
    profile: Profile,
    note: Callable[[str], object],
) -> SessionRecord:
    """Return the record of a session with AWS's answer to whose it is, and if it carries MFA."""
    environ = profile.files.environ
    region = profile.setting("region") or environ.get("AWS_REGION")
    source = Source(
        session.access_key_id,
        session.secret_access_key,
        profile.name if profile.exists else None,
        region or environ.get("AWS_DEFAULT_REGION"),
        session.session_token,
    )
    with asking_aws(source):
        answer = make_client("sts", source, retries=True).get_caller_identity()
        arn = str(answer["Arn"])
        has_mfa = carries_mfa(make_client("iam", source, retries=True), arn)
    said = {True: "it carries MFA", False: "it does not carry MFA", None: "MFA is not known"}
    role = ", as no role's session does" if ":assumed-role/" in arn else ""
    note(f"AWS says that the session is of {arn}; {said[has_mfa]}{role}")
    mfa = {True: "yes", False: "no", None: None}[has_mfa]
    return record.replace(account=str(answer["Account"]), arn=arn, mfa=mfa)


def refreshing_session(profile: str = "mfa") -> boto3.Session:
    """Return a boto3 session for a session profile that renews itself before its end.

    When the session is due, it logs in as ``mfakit login`` does: by the token command, or by a
    question on the terminal. It uses a session that another process has renewed. A role's session
    is renewed as a session of that role. What a login would note on standard error is a warning of
    the logger ``mfakit``.

    Args:
        profile: the session profile.

    Raises:
        MFAKitError: there is no session, and none can be made. Later, if a renewal fails, the
            call that needed it raises the same error.
    """
    import boto3
    import botocore.session
    from botocore.credentials import RefreshableCredentials

    session = open_profile(profile)
    botocore_session = botocore.session.get_session()
    # botocore has no public way to set credentials that renew themselves
    botocore_session._credentials = RefreshableCredentials.create_from_metadata(
        metadata=_live_metadata(session),
        refresh_using=lambda: _live_metadata(session.read_again()),
        method="mfakit",
    )
    named = profile if profile in botocore_session.available_profiles else None
    botocore_session.set_config_variable("profile", named or "default")
    # boto3 itself does not read AWS_REGION
    set_region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    region = set_region or region_of(session.read_again())
    return boto3.Session(botocore_session=botocore_session, region_name=region)


def _live_metadata(profile: Profile) -> dict[str, str | None]:
    """Log in if the session is due; return it as botocore's metadata."""
    import logging

    request = LoginRequest(as_before=True, note=logging.getLogger("mfakit").warning)
    session = log_in(profile, request).session
    return {
        "access_key": session.access_key_id,
        "secret_key": session.secret_access_key,
        "token": session.session_token,
        "expiry_time": format_timestamp(session.expiration) if session.expiration else None,
    }
