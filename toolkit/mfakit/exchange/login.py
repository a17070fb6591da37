"""Logging in: everything checked first, the code asked last, the session kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mfakit import debug
from mfakit.durations import format_duration
from mfakit.errors import ProfileError
from mfakit.exchange.codes import spend_code
from mfakit.exchange.device import account_of, find_devices, only_device
from mfakit.exchange.endpoint import is_of_aws
from mfakit.exchange.plan import Plan
from mfakit.exchange.turn import PATIENCE_SECONDS, turn_to_ask
from mfakit.expiry.rule import VALID, judge
from mfakit.profiles.files import check_writable
from mfakit.profiles.record import SessionRecord, keep_record, read_record
from mfakit.profiles.sessions import held_session, keep_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.exchange.plan import LoginRequest
    from mfakit.exchange.sts import STS
    from mfakit.session import SessionCredentials

_SHORTENED = timedelta(minutes=5)
_ROOTS_LONGEST = timedelta(hours=1)


class Login:
    """What came of it: a session kept in a profile, a new one or the one that was there.

    Args:
        profile: the session profile.
        serial_number: the device, as far as known.
        expiration: when the session ends.
        origin: the words for where its long-term credentials come from; "" if that is not known.
        account: the account, as far as known.
        reused: whether it was there before.
    """

    def __init__(
        self,
        profile: str,
        serial_number: str | None,
        expiration: datetime | None,
        origin: str,
        *,
        account: str | None,
        reused: bool,
    ) -> None:
        self.profile = profile
        self.serial_number = serial_number
        self.expiration = expiration
        self.origin = origin
        self.account = account
        self.reused = reused


def login(request: LoginRequest, environ: Mapping[str, str]) -> Login:
    """Get a session for a code and keep it; a session that is not due is kept as it is.

    A code or a duration that was given always leads to a new session. Whatever can be known to
    be wrong is refused before a code is asked for, since a code works only once. Of several
    processes that want the same session, one asks; the others wait for it, and use what it got.

    Raises:
        MFAKitError: as ``get_session_token`` and ``write_session`` raise it. The credentials file
            is then as it was.
    """
    plan = Plan(request, environ)
    if not plan.must_renew and (kept := _kept(plan)):
        return kept
    if not request.force:
        _refuse_replacing_aws(plan)
    if request.token_code is not None:
        return _renew(plan)
    before = _key_id(plan)
    patience = PATIENCE_SECONDS if request.patience is None else request.patience
    with turn_to_ask(plan.files.credentials_path, plan.profile, request.note, patience):
        plan.look_again()
        renewed_meanwhile = _key_id(plan) != before
        if renewed_meanwhile and (kept := _kept(plan)):
            return kept
        return _renew(plan)


def _kept(plan: Plan) -> Login | None:
    """Return the session that is held, if it is not due and is the one that was asked for."""
    session = held_session(plan.profile, plan.files)
    if session is None:
        return None
    record = read_record(plan.files.credentials_path, plan.profile, session.access_key_id)
    if record is None or not plan.agrees_with(session, record):
        how = "it is not known how it was made" if record is None else "it was made differently"
        debug.event("the session is not reused: {}", how)
        return None
    now = datetime.now(UTC)
    state = judge(session.expiration, now, record.made_at, plan.request.min_remaining)
    if state != VALID:
        debug.event("the session is not reused: it is {}", state)
        return None
    return Login(
        plan.profile,
        record.serial_number,
        session.expiration,
        plan.source.origin,
        account=record.account,
        reused=True,
    )


def _key_id(plan: Plan) -> str | None:
    session = held_session(plan.profile, plan.files)
    return None if session is None else session.access_key_id


def _renew(plan: Plan) -> Login:
    if plan.needs_code and plan.serial_number is None:
        _find_device(plan)
    sts = plan.sts()
    check_writable(plan.files.credentials_path)
    session = spend_code(plan, sts) if plan.needs_code else sts.assume_role(plan.role)
    keep_session(plan.profile, session, plan.files, plan.request.note)
    _tell_if_shortened(plan, session)
    record = _record(plan, sts, session)
    keep_record(plan.files.credentials_path, record, plan.request.note)
    return Login(
        plan.profile,
        plan.serial_number,
        session.expiration,
        plan.source.origin,
        account=record.account,
        reused=False,
    )


def _find_device(plan: Plan) -> None:
    devices = find_devices(plan.source)
    usable = [device for device in devices if device.is_usable]
    if len(usable) > 1 and plan.may_ask:
        names = [device.serial_number for device in usable]
        plan.serial_number = names[plan.asker.choose("Which device?", names)]
        debug.event("device: {}, as chosen of {}", plan.serial_number, ", ".join(names))
        return
    device = only_device(devices)
    how = "a guess from the user's name" if device.is_guess else "the only one that IAM lists"
    debug.event("device: {}, {}", device.serial_number, how)
    if device.is_guess:
        plan.request.note(
            f"IAM does not let this user list devices; {device.serial_number} is a guess"
        )
    plan.serial_number = device.serial_number


def _tell_if_shortened(plan: Plan, session: SessionCredentials) -> None:
    if session.expiration is None or plan.duration is None:
        return
    given = session.expiration - datetime.now(UTC)
    if given < plan.duration - _SHORTENED:
        given_text = format_duration(given.total_seconds() + 1)
        asked = format_duration(plan.duration.total_seconds())
        is_beyond_root = plan.duration > _ROOTS_LONGEST
        reason = "; a root user's session lasts one hour at most" if is_beyond_root else ""
        plan.request.note(f"AWS gave {given_text} for the {asked} that was asked for{reason}")


def _record(plan: Plan, sts: STS, session: SessionCredentials) -> SessionRecord:
    role_arn = plan.role.get("RoleArn")
    return SessionRecord(
        datetime.now(UTC),
        profile=plan.profile,
        access_key_id=session.access_key_id,
        source_profile=plan.source.profile,
        source_access_key_id=plan.source.access_key_id,
        serial_number=plan.serial_number,
        role_arn=role_arn,
        role_options=plan.role_options,
        endpoint_url=plan.endpoint_url,
        account=account_of(role_arn) or sts.account or account_of(plan.serial_number),
        arn=sts.arn,
    )


def _refuse_replacing_aws(plan: Plan) -> None:
    """Keep a simulator's session from taking the place of a real one by accident."""
    if is_of_aws(plan.endpoint_url):
        return
    session = held_session(plan.profile, plan.files)
    if session is None:
        return
    record = read_record(plan.files.credentials_path, plan.profile, session.access_key_id)
    ended = session.expiration is not None and session.expiration <= datetime.now(UTC)
    if not ended and (record is None or is_of_aws(record.endpoint_url)):
        raise ProfileError(
            f"the profile {plan.profile!r} holds a live AWS session, and {plan.endpoint_url} is"
            " not AWS",
            "name another profile, or replace it with --force",
        )
