"""Logging in: check everything, ask for the code, and write the session."""

from __future__ import annotations

import time
from contextlib import nullcontext

from mfakit import debug
from mfakit.errors import (
    BusyError,
    CodeRefusedError,
    DeviceUnknownError,
    ExchangeError,
    MFAKitError,
    ProfileError,
)
from mfakit.exchange import CommandCode, GivenCode, TypedCode
from mfakit.exchange.aws import partition_of
from mfakit.exchange.iam import account_of, find_devices, only_device, unread_device
from mfakit.exchange.recipe import GLOBAL_ENDPOINT, is_refused_in, make_recipe
from mfakit.exchange.source import endpoint_url, is_of_aws
from mfakit.exchange.terminal import PATIENCE_SECONDS, Terminal, turn_to_ask
from mfakit.language import translate
from mfakit.moments import format_duration, timedelta, utc_now
from mfakit.profiles.own_files import SessionRecord
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, RoleSession
from mfakit.profiles.selection import region_of
from mfakit.session import VALID
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from mfakit.exchange import Codes
    from mfakit.exchange.recipe import LoginRequest, Recipe, Role
    from mfakit.exchange.spending import STS
    from mfakit.profiles.profile import Held, Profile
    from mfakit.session import SessionCredentials

# How much a session's duration may differ from the requested one: the session ends by AWS's clock,
# and began by this machine's.
_TOLERANCE = timedelta(minutes=5)
_ROOTS_LONGEST = timedelta(hours=1)
_WRITER_SECONDS = 20  # less than a credential_process may take


class Login(Value):
    """The result of a login: the session of a profile, new or reused.

    Args:
        profile: the session profile.
        session: the session itself.
        serial_number: the device, if it is known.
        origin: a description of the credentials that it was made from; "" if unknown.
        account: the account, if it is known.
        reused: whether the session existed before.
    """

    profile: str
    session: SessionCredentials
    serial_number: str | None = None
    origin: str = ""
    account: str | None = None
    reused: bool = False

    @property
    def expiration(self) -> datetime | None:
        """When the session ends; None if that is not known."""
        return self.session.expiration


def login(profile: Profile, request: LoginRequest) -> Login:
    """Return the session that the profile holds if it can be reused, else make and write one.

    With a code, a duration or ``force`` in the request, the session that the profile holds is not
    reused. All checks that are possible come before the question for a code, since a code works
    only once. Of several processes that want the same session only one asks; the others wait for
    it, and use its session.

    Args:
        profile: the session profile.
        request: what the user wants.

    Raises:
        MFAKitError: as ``get_session_token`` and ``write_session`` raise it. The credentials file
            was not changed then.
    """
    profile.check_may_hold()
    profile.refuse_foreign("the session profile is")
    try:
        result = _logged_in(request, profile)
        if not result.reused:
            keep_settings(profile, request.note)
    except MFAKitError as error:
        error.hint = _for_profile(error.hint, profile.name)
        raise
    return result


def assume_role_of(profile: Profile, role: Role, request: LoginRequest) -> SessionCredentials:
    """Return a session of a role, assumed without a code from the session that a profile holds.

    It is kept in the session cache alone, and reused as the profile's own would be.

    Args:
        profile: the session profile; its session has not ended.
        role: the role.
        request: the patience and the other wishes of the user; it names no role.

    Raises:
        MFAKitError: as ``login`` raises it.
    """
    asked = request.replace(source_profile=profile.name, role=role)
    return _logged_in(asked, role.session_of(profile)).session


def _for_profile(hint: str, profile: str) -> str:
    """Return a hint whose commands name the profile, unless it is the usual one."""
    import re
    import shlex

    if profile == DEFAULT_SESSION_PROFILE:
        return hint
    option = f" --profile {shlex.quote(profile)}"
    return re.sub(
        r"mfakit (login|configure|devices(?: add| resync)?)\b(?! (?:--profile|add|resync|remove))",
        lambda m: m[0] + option,
        hint,
    )


def _logged_in(request: LoginRequest, profile: Profile) -> Login:
    held = profile.held()
    before = _made_before(held)
    recipe = make_recipe(request, profile, before)
    if before and before.role_arn and recipe.role is None and not request.force:
        raise ProfileError(
            f"the profile {profile.name!r} holds a session of the role {before.role_arn}, and this"
            " login asks for one of your own",
            f"{profile.login_command()}; or replace it with --force",
        )
    codes = _find_codes(request, recipe, profile)
    if held and not request.wants_new and _will_do(held, recipe, request):
        return _reused(held, recipe)
    _refuse_to_replace_aws(held, recipe, request)
    _note_of_other_keys(held, before, recipe, request)
    with _turn(profile, request):
        renewed = None
        if request.token_code is None:
            profile = profile.read_again()
            renewed = profile.held()
        is_new = renewed and (held is None or renewed.key_id != held.key_id)
        if renewed and is_new and _will_do(renewed, recipe, request):
            return _reused(renewed, recipe)
        _refuse_to_replace_aws(renewed, recipe, request)
        return _renew(profile, recipe, codes, request)


def _note_of_other_keys(
    held: Held | None, before: SessionRecord | None, recipe: Recipe, request: LoginRequest
) -> None:
    """Note that the login replaces a live session that was made from another profile's keys."""
    import shlex

    source = recipe.source.profile
    if not held or not before or not source or before.source_profile in (None, source):
        return
    beside = held.profile.other(source).its_session
    if beside != held.profile.name and not held.has_ended(utc_now()):
        request.note(
            f"this replaces the session of {before.source_profile} in profile {held.profile.name};"
            f" to keep both: mfakit login --profile {shlex.quote(beside)}"
        )


def _turn(profile: Profile, request: LoginRequest) -> AbstractContextManager[None]:
    """Return a context that waits until no other process asks for this session.

    With a code in the request it does not wait, since nobody is asked.
    """
    if request.token_code is not None:
        return nullcontext()
    patience = PATIENCE_SECONDS if request.patience is None else request.patience
    return turn_to_ask(profile.own_file("turns"), request.note, patience)


def _made_before(held: Held | None) -> SessionRecord | None:
    """Return the record of a session that mfakit made, and not another tool."""
    record = held.record if held else None
    return record if record and record.source_access_key_id else None


def _find_codes(request: LoginRequest, recipe: Recipe, profile: Profile) -> Codes | None:
    """Return where codes come from; None if the source is an MFA session, which needs none.

    Raises:
        MFAKitError: it is already known that there will be no code.
    """
    if recipe.source.is_session:
        return None
    asker = request.asker or Terminal(request.patience)
    configured = profile.files.setting("mfakit_token_command", profile.name, recipe.source.profile)
    command = request.token_command or configured
    codes: Codes = TypedCode(asker)
    if request.token_code is not None:
        codes = GivenCode(request.token_code)
    elif command is not None and not request.must_ask:
        codes = CommandCode(command, asker)
    elif request.asker is None:
        return codes  # it is checked later, as there may be no need to ask
    codes.check()
    return codes


def _will_do(held: Held, recipe: Recipe, request: LoginRequest) -> bool:
    """Whether a session is not due, and is what was requested."""
    record = held.record
    if record is None:
        debug.event("the session is not reused: it is not known how it was made")
        return False
    name = request.role.session_name if request.role else None
    is_asked_for = name in (None, record.role_session_name) and _lasts(held, request.duration)
    if not is_asked_for or not recipe.agrees_with(record):
        debug.event("the session is not reused: it was made differently")
        return False
    state = held.state(utc_now(), request.min_remaining)
    if state != VALID:
        debug.event("the session is not reused: it is {}", state)
    return state == VALID


def _lasts(held: Held, duration: timedelta | None) -> bool:
    """Whether a session was made with the requested duration."""
    if duration is None or held.session.expiration is None or held.made_at is None:
        return True
    return abs(held.session.expiration - held.made_at - duration) <= _TOLERANCE


def _reused(held: Held, recipe: Recipe) -> Login:
    assert held.record is not None
    return Login(
        held.profile.name,
        held.session,
        held.record.serial_number,
        recipe.source.origin,
        held.record.account,
        reused=True,
    )


def _renew(profile: Profile, recipe: Recipe, codes: Codes | None, request: LoginRequest) -> Login:
    """Get a session, with a code unless the source is an MFA session, and write it."""
    from mfakit.exchange.spending import STS, spend_code

    if codes and recipe.serial_number is None:
        recipe = recipe.replace(serial_number=_find_device(recipe, codes, request))
    sts = STS(recipe.source, recipe.serial_number)
    profile.check_writable()
    if codes:
        try:
            session = spend_code(recipe, codes, sts, profile.files.credentials_path)
        except (CodeRefusedError, DeviceUnknownError) as error:
            error.hint = "; ".join(filter(None, (error.hint, _way_on(recipe, error))))
            raise
    else:
        session = sts.get_session(recipe.role, recipe.duration)
    _keep(profile, session, request, lambda: _record(profile, recipe, sts, session))
    _note_if_shortened(recipe, session, request)
    source, serial_number = recipe.source, recipe.serial_number
    account = _account(recipe, sts)
    return Login(profile.name, session, serial_number, source.origin, account)


def _keep(
    profile: Profile,
    session: SessionCredentials,
    request: LoginRequest,
    record: Callable[[], SessionRecord],
) -> None:
    """Write a new session, which may have cost a code: wait long for a program that writes."""
    end = time.monotonic() + _WRITER_SECONDS
    while True:
        try:
            return profile.keep(session, request.note, record)
        except BusyError as error:
            if time.monotonic() > end:
                raise
            request.note(f"{error.message}; the session is kept as soon as that ends")


def _way_on(recipe: Recipe, error: ExchangeError) -> str:
    """Return what to do about a device whose codes AWS refuses; "" if nothing is known of it."""
    try:
        devices = find_devices(recipe.source)
    except MFAKitError:
        return ""
    present = [one.serial_number for one in devices if one.is_usable]
    if isinstance(error, DeviceUnknownError) and devices and devices[0].is_guess:
        if named := unread_device():
            return named
        guess = "" if recipe.serial_number in present else f", perhaps {present[0]}"
        return (
            "IAM does not let this user list devices: see yours in the AWS console, under security"
            f" credentials, and name it: --serial-number ARN{guess}"
        )
    others = [one for one in present if one != recipe.serial_number]
    if recipe.serial_number not in present:
        other = f"this device is enabled: --serial-number {others[0]}" if others else ""
        return other or "no device is enabled: mfakit devices add"
    if isinstance(error, DeviceUnknownError):
        return ""
    lost = "an administrator removes a lost device: mfakit devices remove --user NAME --last"
    other = f"or take another device: --serial-number {others[0]}" if others else lost
    return f"if the device's clock is off: mfakit devices resync; {other}"


def keep_settings(profile: Profile, note: Callable[[str], object]) -> None:
    """Write what AWS tools need of the source to a session profile without it.

    That is the region, the endpoint and the certificates to trust.

    A region of another partition than the session's is only named. An endpoint is written if the
    session was made there, since no other knows it.

    Args:
        profile: the session profile, with a session and its record.
        note: called with what was written, or why it was not.
    """
    from mfakit.profiles.settings import change_settings

    try:
        profile = profile.read_again()
        region, held = region_of(profile), profile.held()
        if region and is_refused_in(region, profile):
            note(f"AWS refuses this session in {region}: {GLOBAL_ENDPOINT}")
        record = held.record if held else None
        if record is None:
            return
        lacking = {**_certificates(profile, record), **_endpoint_settings(profile, record)}
        parts = (record.role_arn or record.serial_number or record.arn or "").split(":")
        if region and len(parts) > 1 and parts[1] != partition_of(region):
            whose = f"{region} of profile {profile.name}"
            note(f"the region {whose} is not of {parts[1]}, as its session")
        elif region and profile.setting("region") is None:
            lacking = {"region": region, **lacking}
        if lacking:
            changes = change_settings(profile, {profile.name: lacking}, note, by_login=True)
            # an endpoint may have a password in it
            what = " and ".join(
                change.key if "@" in (change.value or "") else f"{change.key} = {change.value}"
                for change in changes
            )
            if what:
                note(f"wrote {what} to profile {profile.name} of the AWS config")
    except MFAKitError as error:
        note(f"the session is kept, but not the region of its source: {error.message}")


def _certificates(profile: Profile, record: SessionRecord) -> dict[str, str | None]:
    """Return the setting of the source for the certificates that the session needs, too."""
    key = "ca_bundle"
    source = profile.other(record.source_profile) if record.source_profile else None
    value = source and profile.setting(key) is None and source.setting(key)
    return {key: value} if value else {}


def _endpoint_settings(profile: Profile, record: SessionRecord) -> dict[str, str | None]:
    """Return the settings of the source that lead to the endpoint that a session was made by."""
    if record.endpoint_url is None or not record.source_profile:
        return {}
    source = profile.other(record.source_profile)
    if endpoint_url(source, {}) != record.endpoint_url or endpoint_url(profile, {}) is not None:
        return {}
    return {key: value for key in ("endpoint_url", "services") if (value := source.setting(key))}


def _find_device(recipe: Recipe, codes: Codes, request: LoginRequest) -> str:
    devices = find_devices(recipe.source)
    names = [device.serial_number for device in devices if device.is_usable]
    if len(names) > 1 and codes.asker is not None:
        name = names[codes.asker.choose(translate("Which device?"), names)]
        debug.event("device: {}, as chosen of {}", name, ", ".join(names))
        return name
    device = only_device(devices)
    how = "a guess from the user's name" if device.is_guess else "the only one that IAM lists"
    debug.event("device: {}, {}", device.serial_number, how)
    if device.is_guess:
        guess = f"IAM does not let this user list devices; {device.serial_number} is a guess"
        request.note("; ".join(filter(None, (guess, unread_device()))))
    return device.serial_number


def _note_if_shortened(recipe: Recipe, session: SessionCredentials, request: LoginRequest) -> None:
    if session.expiration is None or recipe.duration is None:
        return
    given = session.expiration - utc_now()
    if given < recipe.duration - _TOLERANCE:
        # one second for the way of the answer: else an hour would be printed as 59m59s
        given_text = format_duration(given.total_seconds() + 1)
        asked = format_duration(recipe.duration.total_seconds())
        reason = ""
        if given > _ROOTS_LONGEST:  # AWS shortens no other session
            ahead = format_duration((recipe.duration - given).total_seconds())
            reason = f"; this machine's clock seems to be {ahead} ahead of AWS's"
        elif recipe.duration > _ROOTS_LONGEST:
            reason = "; a root user's session lasts one hour at most"
        request.note(f"AWS gave {given_text} for the {asked} that was asked for{reason}")


def _record(
    profile: Profile, recipe: Recipe, sts: STS, session: SessionCredentials
) -> SessionRecord:
    return SessionRecord(
        made_at=utc_now(),
        profile=profile.name,
        access_key_id=session.access_key_id,
        source_profile=recipe.source.profile,
        source_access_key_id=recipe.source.access_key_id,
        serial_number=recipe.serial_number,
        role_arn=recipe.role.arn if recipe.role else None,
        role_options=recipe.role_options,
        policies_digest=recipe.role.policies_digest if recipe.role else None,
        endpoint_url=recipe.endpoint_url,
        account=_account(recipe, sts),
        arn=sts.arn,
    )


def _account(recipe: Recipe, sts: STS) -> str | None:
    """Return the account of a new session, as far as it is known."""
    of_role = account_of(recipe.role.arn) if recipe.role else None
    return of_role or sts.account or account_of(recipe.serial_number)


def _refuse_to_replace_aws(held: Held | None, recipe: Recipe, request: LoginRequest) -> None:
    """Refuse to replace a live session of AWS by a simulator's, unless it is forced.

    A role's session in the cache is made anew without a code, so that nothing is lost.
    """
    if held is None or request.force or isinstance(held.profile, RoleSession):
        return
    if recipe.is_of_aws or held.has_ended(utc_now()):
        return
    if held.record is None or is_of_aws(held.record.endpoint_url):
        raise ProfileError(
            f"the profile {held.profile.name!r} holds a live AWS session, and"
            f" {recipe.endpoint_url} is not AWS",
            "name another profile, or replace it with --force",
        )
