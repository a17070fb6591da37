"""What is wrong with the role of a profile, its device, and where its credentials come from."""

from __future__ import annotations

from mfakit.environment import unset_line
from mfakit.errors import UsageError
from mfakit.exchange.aws import partition_of, region_of
from mfakit.exchange.iam import check_serial_number, is_arn, meant_serial_number
from mfakit.exchange.recipe import CHAINED_SECONDS, is_too_long_for_chain
from mfakit.explain.chain import FAILED
from mfakit.explain.findings import (
    COMMENT,
    IN_QUOTES,
    Finding,
    edit,
    login,
    quoted,
    set_setting,
    without_settings,
)
from mfakit.explain.findings.environment import wrong_header
from mfakit.explain.findings.files import header_followed, line_before_sections
from mfakit.explain.findings.keys import (
    FILE_PROVIDERS,
    finds_none,
    keys_in_capitals,
    session_expired,
    setting_unread,
)
from mfakit.explain.situation import likely_account
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, Profile, may_name_profile
from mfakit.profiles.section import KEYS, is_long_term, is_session, session_token
from mfakit.profiles.selection import may_be_source, next_source_profile
from mfakit.profiles.stores import STORE_KINDS
from mfakit.session import EXPIRING, VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mfakit.expiry import SessionStatus
    from mfakit.explain.situation import Situation
    from mfakit.profiles.own_files import SessionRecord

_ARN_PARTS = 6
_OTHER_WAYS = (
    "role_arn",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "sso_role_name",
)
_FOR_ROLES = ("source_profile", "credential_source", "web_identity_token_file")
_WAYS = (*KEYS, *_OTHER_WAYS, "credential_process", "login_session")


def serial_of_another(situation: Situation) -> Iterator[Finding]:
    """The device is of another account or partition than the keys it would be used with."""
    values = situation.values
    serial = values.get("mfa_serial", "")
    if not serial.startswith("arn:"):
        return
    if any(map(str.isspace, serial)):
        if not COMMENT.search(serial):  # `text_after_value` reports that
            yield Finding(
                "serial-with-blank",
                f"there is a blank in mfa_serial ({situation.place('mfa_serial')})",
                "AWS knows no such device (ValidationError)",
                set_setting(situation, "mfa_serial", "".join(serial.split())),
            )
        return
    parts = serial.split(":")
    if len(parts) != _ARN_PARTS:
        return
    account, is_known = _account_of_keys(situation)
    role = values.get("role_arn", "").split(":")
    partition = role[1] if len(role) > 4 else parts[1]
    if parts[1] == partition and account in (None, parts[4]):
        region, place = situation.chain.region, situation.region_place
        if region and partition_of(region) != partition:
            yield Finding(
                "serial-of-another-partition",
                f"mfa_serial ({situation.place('mfa_serial')}) is of {partition}, and the region"
                f" {region} ({place}) of {partition_of(region)}",
                "AWS does not know the device there; mfakit login refuses it",
                unset_line(situation.shell, [place])
                if place in situation.environ
                else set_setting(situation, "region", region_of(serial)),
            )
        return
    right = ":".join([parts[0], partition, *parts[2:4], account or parts[4], *parts[5:]])
    are = "are" if is_known or account in (None, parts[4]) else "seem by their id to be"
    yield Finding(
        "serial-of-another-account",
        f"mfa_serial ({situation.place('mfa_serial')}) is of account"
        f" {parts[4]} in {parts[1]}, but the keys {are} of {account or parts[4]} in {partition}",
        "AWS refuses every code of that device",
        set_setting(situation, "mfa_serial", right),
        matters=are == "are",
    )


def device_without_codes(situation: Situation) -> Iterator[Finding]:
    """The device of a role, or beside keys, has no codes, as a security key, or cannot be one."""
    values, source = situation.values, situation.role_source or situation.profile
    serial, has_role = values.get("mfa_serial"), {"role_arn", "source_profile"} <= values.keys()
    is_read = has_role or situation.as_profile.is_long_term
    if not serial or not is_read or any(map(str.isspace, serial)):
        return  # blanks are reported by `serial_of_another` and `text_after_value`
    try:
        check_serial_number(serial)
    except UsageError as error:
        fix = f"mfakit devices --source-profile {quoted(source)}"
        live = [one for one in _live(situation) if one.source_profile == source]
        if meant := meant_serial_number(serial):
            fix = set_setting(situation, "mfa_serial", meant)
        elif live and live[0].serial_number:
            fix = (
                f"mfakit configure --profile {quoted(live[0].profile)} --role-profile"
                f" {quoted(situation.profile)} --serial-number {quoted(live[0].serial_number)}"
            )
        yield Finding(
            "device-without-codes",
            f"mfa_serial ({situation.place('mfa_serial')}): {error.message}",
            "AWS refuses every code for it, so that the role cannot be assumed"
            if has_role
            else "mfakit login refuses it, and no AWS tool reads it there",
            fix,
        )


def role_malformed(situation: Situation) -> Iterator[Finding]:
    """A role's ARN lacks a part."""
    role = situation.values.get("role_arn", "")
    if role and not (is_arn(role) and role.partition(":role/")[2]):
        unquoted = role.strip("\"' ")
        if unquoted != role and is_arn(unquoted) and ":role/" in unquoted:
            what, fix = IN_QUOTES, set_setting(situation, "role_arn", unquoted)
        else:
            what = (
                "is no ARN of a role, which is arn:aws:iam::ACCOUNT:role/NAME, with twelve digits"
                " for the account"
            )
            fix = edit(situation.place("role_arn").rpartition(", line ")[0])
        yield Finding(
            "role-malformed",
            f"role_arn ({situation.place('role_arn')}) {what}",
            "AWS refuses to assume it (ValidationError)",
            fix,
        )


def _account_of_keys(situation: Situation) -> tuple[str | None, bool]:
    """Return the account of the keys that the device's codes are sent with, and if it is known.

    A record knows it, of a session that was made with the keys. Their id only suggests it.
    """
    keys = situation.files.keys(situation.values.get("source_profile", situation.profile))
    key_id = keys.get(KEYS[0])
    if session_token(keys):
        status = situation.session_with(key_id)
        key_id = status.record.source_access_key_id if status and status.record else None
    records = [status.record for status in situation.sessions if status.record]
    for record in records:
        made_with = record.source_access_key_id if record.role_arn is None else None
        if key_id and made_with == key_id and record.account:
            return record.account, True
    return likely_account(key_id), False


def no_credentials(situation: Situation) -> Iterator[Finding]:
    """The profile has no credentials at all."""
    if finds_none(situation) and not any(
        finding.code != "setting-unread"
        for rule in (
            wrong_header,
            keys_in_capitals,
            header_followed,
            line_before_sections,
            setting_unread,
        )
        for finding in rule(situation)
    ):
        lacks_source = situation.values.get("role_arn") and not _names_source(situation.values)
        is_role = situation.role_source is not None or lacks_source
        if is_role or any(map(situation.values.get, KEYS)):
            return  # `role_without_source` or `keys_partial` reports that
        if situation.as_profile.has_key_elsewhere:
            session = situation.as_profile.its_session
            yield Finding(
                "key-elsewhere",
                f"AWS tools find no key for profile {situation.profile!r}: it is not in the files",
                "mfakit makes sessions of it, in another profile",
                f"mfakit login --profile {quoted(session)}",
            )
            return
        meant = situation.files.spelled(situation.profile)
        like = f"; {meant!r} is another profile" if meant else ""
        yield Finding(
            "no-credentials",
            f"there are no credentials for profile {situation.profile!r}{like}",
            "SDKs ask the machine's metadata service, which machines at AWS alone have",
            f"export AWS_PROFILE={quoted(meant)}" if meant else login(situation, situation.profile),
        )


def _names_source(values: Mapping[str, str]) -> bool:
    return any(values.get(way) for way in _FOR_ROLES)


def role_without_source(situation: Situation) -> Iterator[Finding]:
    """The source profile of a role has no credentials."""
    values, source = situation.files.merged(situation.profile), situation.role_source
    if values.get("role_arn") and not _names_source(values):
        command = f"mfakit configure --role-profile {quoted(situation.profile)}"
        itself = situation.as_profile
        session = itself.its_session if itself.is_protected else DEFAULT_SESSION_PROFILE
        yield Finding(
            "role-without-source",
            f"the role of profile {situation.profile!r} names no source profile",
            "the role cannot be assumed",
            f"{command} && {login(situation, session)}",
        )
        return
    if source is None or any(way in situation.files.merged(source) for way in _WAYS):
        return
    fix, origin = login(situation, source), Profile(source, situation.files)
    if origin.has_key_elsewhere:
        fix = (
            f"mfakit configure --role-profile {quoted(situation.profile)} &&"
            f" mfakit login --profile {quoted(origin.its_session)}"
        )
    elif not may_name_profile(source) and situation.values.get("source_profile") == source:
        meant = source.strip("[] ").removeprefix("profile ").strip("\"' ")
        fix = set_setting(situation, "source_profile", meant)
    elif situation.values.get("source_profile") == source and not situation.files.exists(source):
        other = situation.files.spelled(source)
        if other is None and fix.startswith("aws configure"):  # only a session can be the source
            other = next((one.profile for one in _valid(situation)), None)
        fix = set_setting(situation, "source_profile", other) if other else fix
    yield Finding(
        "role-without-source",
        f"the role of profile {situation.profile!r} is assumed from {source!r}, which has no"
        " credentials",
        "the role cannot be assumed",
        fix,
    )


def keys_beside_another_way(situation: Situation) -> Iterator[Finding]:
    """A role or IAM Identity Center in the same profile beats its keys."""
    profile, values = situation.profile, situation.values
    ways = [way for way in _OTHER_WAYS if way in values]
    link = situation.chain.winner
    if not ways or not values.get(KEYS[0]) or _is_made_from_itself(situation):
        return
    if ways[0] == "role_arn" and any(role_without_source(situation)):
        return  # that keeps the role
    if link is None or not (link.asks or link.state == FAILED):
        return
    if is_session(situation.files.credentials(profile)):
        fix = f"mfakit logout --profile {quoted(profile)}"
    else:
        fix = without_settings(situation, *ways)
    yield Finding(
        "keys-beside-role" if ways[0] == "role_arn" else "keys-beside-sso",
        f"the profile {profile!r} has keys ({situation.place(KEYS[0])}) and"
        f" {ways[0]} ({situation.place(ways[0])})",
        f"the keys are not used; {ways[0]} comes first",
        fix,
    )


def keys_shadow_process(situation: Situation) -> Iterator[Finding]:
    """Keys in the files beat the profile's own `credential_process`."""
    profile, winner = situation.profile, situation.chain.winner
    process = situation.values.get("credential_process")
    if process and winner and winner.provider in FILE_PROVIDERS and not winner.asks:
        if any(session_expired(situation)):
            return
        is_kept = is_session(situation.files.credentials(profile))
        yield Finding(
            "keys-shadow-process",
            f"the profile {profile!r} has keys ({situation.place(KEYS[0])}) and a"
            f" credential_process ({situation.place('credential_process')})",
            "the keys are used, and the process is never run",
            f"mfakit logout --profile {quoted(profile)}"
            if is_kept
            else edit(situation.place(KEYS[0]).rpartition(", line ")[0]),
            matters=False,
        )


def _is_made_from_itself(situation: Situation) -> bool:
    """Whether the role is assumed with the profile's own keys, or with a session made from them."""
    files, source = situation.files, situation.values.get("source_profile")
    if not source or source == situation.profile:
        return source is not None
    session = Profile(source, files)
    made_from = next_source_profile(session)
    return session.held() is not None and made_from.name == situation.profile


def role_asks_own_code(situation: Situation) -> Iterator[Finding]:
    """A role asks for a code of its own, although the session of another code could assume it."""
    roles = situation.roles
    asking = next((role for role in roles if role.setting("mfa_serial")), None)
    if asking is None or not asking.setting("source_profile"):
        return  # `role_without_source` reports that
    serial, place = asking.setting("mfa_serial"), asking.place("mfa_serial")
    live = [one.profile for one in _live(situation) if one.serial_number == serial]
    if live:
        yield Finding(
            "role-asks-own-code",
            f"the role of profile {asking.name!r} wants a code"
            f" ({place}), although {live[0]!r} is an MFA session",
            "each program asks for a code of its own, and each code works once",
            f"mfakit configure --profile {quoted(live[0])}"
            f" --role-profile {quoted(situation.profile)}",
        )


def role_without_mfa(situation: Situation) -> Iterator[Finding]:
    """A role is assumed with a long-term key, although a session of that key could assume it."""
    profile, roles, source = situation.profile, situation.roles, _source_of_roles(situation)
    if source is None or any(role.setting("mfa_serial") for role in roles):
        return
    if source.has_key_elsewhere or not may_be_source(source):
        return
    if source.setting("role_arn") and not source.is_long_term:
        return
    live = [one.profile for one in _live(situation) if one.source_profile == source.name]
    device = source.setting("mfa_serial")
    if not live and not device:
        return
    session = quoted(live[0] if live else source.its_session)
    configured = f"mfakit configure --profile {session} --role-profile {quoted(profile)}"
    although = (
        f"{live[0]!r} is an MFA session of it"
        if live
        else f"mfa_serial is set for it ({source.place('mfa_serial')})"
    )
    yield Finding(
        "role-without-mfa",
        f"the role of profile {roles[-1].name!r} is assumed with the long-term key of profile"
        f" {source.name!r}, without MFA, although {although}",
        "a role that requires MFA refuses that (AccessDenied)",
        configured if live else f"{configured} && mfakit login --profile {session}",
        matters=device is not None,
    )


def role_with_role(situation: Situation) -> Iterator[Finding]:
    """A role is assumed with the session of a role, where that of the user may be what it wants."""
    source = _source_of_roles(situation)
    for record in _recorded(situation):
        if source is not None and record.profile == source.name and record.role_arn:
            yield Finding(
                "role-with-role",
                f"the role of profile {situation.roles[-1].name!r} is assumed with the session of"
                f" the role {record.role_arn} in {source.name!r}",
                "a role that trusts the user alone refuses that (AccessDenied)",
                f"mfakit login --force --profile {quoted(source.name)}",
                matters=False,
            )


def _source_of_roles(situation: Situation) -> Profile | None:
    """Return the profile whose keys assume the roles of the profile; None without a role."""
    if not situation.roles:
        return None
    last = situation.roles[-1]
    return last.other(last.setting("source_profile") or last.name)


def _live(situation: Situation) -> Iterator[SessionRecord]:
    """Yield the records of the sessions of users that mfakit made and that have not ended."""
    for record in _recorded(situation):
        if record.serial_number is not None and record.role_arn is None:
            yield record


def _recorded(situation: Situation) -> Iterator[SessionRecord]:
    """Yield the records of the sessions of profiles that mfakit made and that have not ended."""
    for status in _valid(situation):
        if status.record is not None:
            yield status.record


def _valid(situation: Situation) -> Iterator[SessionStatus]:
    """Yield the sessions of profiles that have not ended."""
    for status in situation.sessions:
        if status.state in (VALID, EXPIRING) and status.source in STORE_KINDS:
            yield status


def role_too_long(situation: Situation) -> Iterator[Finding]:
    """A role that is assumed with a session may last one hour, no longer."""
    values = situation.values
    asked = values.get("duration_seconds", "")
    is_too_long = "role_arn" in values and is_too_long_for_chain(asked)
    if is_too_long and (source := _session_behind(situation)):
        yield Finding(
            "role-too-long",
            f"the role of profile {situation.profile!r} is to last {asked[:9]} s"
            f" ({situation.place('duration_seconds')}), but is assumed"
            f" with {source}",
            "AWS refuses it: a role assumed with a session lasts one hour at most",
            set_setting(situation, "duration_seconds", str(CHAINED_SECONDS)),
        )


def _session_behind(situation: Situation) -> str:
    """Return the name of the session that assumes the role of the profile; "" if there is none."""
    files, values = situation.files, situation.values
    source = values.get("source_profile")
    if source is None:
        named = values.get("credential_source")
        return "a machine's role" if named in ("Ec2InstanceMetadata", "EcsContainer") else ""
    is_role = "role_arn" in files.merged(source) and not is_long_term(files.keys(source))
    if source != situation.profile and is_role:
        return f"the role of profile {source!r}"
    return f"the session of profile {source!r}" if is_session(files.keys(source)) else ""


RULES = (
    serial_of_another,
    device_without_codes,
    role_malformed,
    no_credentials,
    role_without_source,
    keys_beside_another_way,
    keys_shadow_process,
    role_asks_own_code,
    role_without_mfa,
    role_with_role,
    role_too_long,
)
