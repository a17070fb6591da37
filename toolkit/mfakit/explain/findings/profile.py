"""What is wrong with a profile: its keys, its role, and the files that hold them."""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches

from mfakit.environment.formats import unset_line
from mfakit.errors import FileError, UnreadableError, UsageError
from mfakit.exchange.device import check_serial_number, is_arn
from mfakit.exchange.recipe import GLOBAL_ENDPOINT, is_refused_in
from mfakit.exchange.source import endpoint_url, is_of_aws
from mfakit.explain.chain import ABSENT, FAILED, USED
from mfakit.explain.findings import (
    COMMENT,
    IN_QUOTES,
    WITH_COMMENT,
    Finding,
    edit,
    fault_of,
    login,
    quoted,
    set_setting,
    shortened,
    without_lines,
    without_settings,
    wrong_length,
)
from mfakit.explain.javascript import line_above_sections
from mfakit.explain.situation import is_metadata, likely_account
from mfakit.moments import format_timestamp
from mfakit.profiles.document import Document
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, Profile, may_name_profile
from mfakit.profiles.reading import UTF_16, read_text
from mfakit.profiles.section import (
    KEYS,
    has_access_key,
    has_keys,
    is_long_term,
    is_session,
    lacks_token,
    session_token,
)
from mfakit.profiles.selection import (
    default_source_profile,
    may_be_source,
    named_source_profile,
    source_profile,
)
from mfakit.profiles.stores import CREDENTIALS_FILE, STORE_KINDS
from mfakit.state import EXPIRED, EXPIRING, VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.expiry.status import SessionStatus
    from mfakit.explain.situation import Situation
    from mfakit.profiles.own_files import SessionRecord

_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d+")
_ARN_PARTS = 6
_TOKENS = ("aws_session_token", "aws_security_token")
_FILE_PROVIDERS = ("shared-credentials-file", "config-file", "fromIni")
# Placeholders of guides and generators. Shorter words occur in real secrets.
_PLACEHOLDER = re.compile(
    r"example|your(?:[-_ ]|access|secret|aws|key)|changeme|placeholder|xxxxx|as-in-|<|\.\.\."
    r"|secret-access",
    re.I,
)
# What settings are called whose variables have other names.
_MEANT = {"aws_default_region": "region", "aws_default_output": "output"}
_NAMES_PROFILE = ("aws_profile", "aws_default_profile")
_READ = {
    *KEYS,
    *_TOKENS,
    "profile",
    "default_profile",
    "region",
    "output",
    "mfa_serial",
    "role_arn",
    "role_session_name",
    "source_profile",
    "credential_process",
    "web_identity_token_file",
    "ca_bundle",
    "endpoint_url",
    "sts_regional_endpoints",
}
# What sed takes out of a key, by what is wrong with it.
_CUTS = {IN_QUOTES: "[\"']//g", WITH_COMMENT: "[[:blank:]][#;].*//"}
_CHAINED_SECONDS = 3600  # IAM User Guide: a role assumed with a session lasts one hour at most
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


def session_expired(situation: Situation) -> Iterator[Finding]:
    """The session of the profile, or of a role's source, has ended, which no SDK checks."""
    status = _used_session(situation)
    if status is None or status.state != EXPIRED or status.expiration is None:
        return
    profile = status.profile
    if situation.files.merged(profile).get("credential_process"):
        yield Finding(
            "expired-keys-shadow-process",
            f"the profile {profile!r} has keys that ended at {format_timestamp(status.expiration)}"
            f" in {situation.files.credentials_path}, and a credential_process",
            "the keys come first, expired or not, and the process is never run",
            f"mfakit logout --profile {quoted(profile)}",
        )
        return
    yield Finding(
        "session-expired",
        f"the session of profile {profile!r} ended at {format_timestamp(status.expiration)}",
        "it is sent all the same, and AWS refuses it (ExpiredToken)",
        f"mfakit login --profile {quoted(profile)}",
    )


def session_of_another_endpoint(situation: Situation) -> Iterator[Finding]:
    """A session that a simulator or an emulator made would be sent to AWS, or the reverse."""
    status = _used_session(situation)
    record = status.record if status else None
    if status is None or record is None or record.source_access_key_id is None:
        return
    files = situation.files
    url = endpoint_url(Profile(situation.profile, files), files.environ)
    if is_of_aws(url) != is_of_aws(record.endpoint_url):
        yield Finding(
            "session-of-another-endpoint",
            f"the session of profile {status.profile!r} was made by"
            f" {record.endpoint_url or 'AWS'}, and would be sent to {url or 'AWS'}",
            "it is not known there (InvalidClientTokenId)",
            f"mfakit login --force --profile {quoted(status.profile)}",
        )


def session_refused_in_region(situation: Situation) -> Iterator[Finding]:
    """A session of STS's global endpoint is used in a region that accounts have to opt in to."""
    status, region = _used_session(situation), situation.chain.region
    if status is None or not region:
        return
    session = Profile(status.profile, situation.files)
    source = source_profile(session)
    if source is not None and is_refused_in(region, session):
        yield Finding(
            "session-of-global-endpoint",
            f"the region is {region}, and of the session of profile {session.name!r}:"
            f" {GLOBAL_ENDPOINT}",
            "AWS refuses it there (InvalidClientTokenId), unless the account was set otherwise",
            f"aws configure set sts_regional_endpoints regional --profile {quoted(source.name)} &&"
            f" mfakit login --force --profile {quoted(session.name)}",
            matters=False,
        )


def session_out_of_reach(situation: Situation) -> Iterator[Finding]:
    """A session is in the session cache, and the setting that leads there is gone."""
    profile = Profile(situation.profile, situation.files)
    if not profile.is_behind_process and profile.behind_process():
        yield Finding(
            "session-out-of-reach",
            f"the session cache has a session of profile {profile.name!r}, whose credential_process"
            " does not lead there any more",
            "no AWS tool finds it, and its secret stays on this disk",
            f"mfakit logout --profile {quoted(profile.name)}",
            matters=False,
        )


def stale_token(situation: Situation) -> Iterator[Finding]:
    """A token is left over: beside a long-term key, or under its older name, which wins."""
    values = _key_section(situation)
    tokens = ["aws_session_token"] if situation.sdk == "js" else list(_TOKENS)
    found = [key for key in tokens if values.get(key)]
    if not found or not _keys_are_used(situation):
        return
    if values.get(KEYS[0], "").startswith("AKIA"):
        yield Finding(
            "stale-token",
            f"{found[0]} ({situation.place(found[0])}) stands beside a long-term key",
            "a session's token is sent with it, and AWS refuses them (InvalidClientTokenId)",
            without_settings(situation, *found),
        )
        return
    if len({values[key] for key in found}) < len(_TOKENS):
        return
    yield Finding(
        "stale-token",
        f"aws_security_token ({situation.place('aws_security_token')}) and"
        " aws_session_token differ",
        "the first is sent with the key, and AWS refuses them (InvalidClientTokenId)",
        f"mfakit login --force --profile {quoted(situation.profile)}",
    )


def keys_partial(situation: Situation) -> Iterator[Finding]:
    """Only a part of an access key is in the profile."""
    links = situation.chain.links
    failed = any(k.state == FAILED and k.provider in _FILE_PROVIDERS for k in links)
    there = [key for key in KEYS if situation.values.get(key)]
    is_skipped = there == ["aws_secret_access_key"] and _has_none(situation)
    is_hidden = any(keys_in_capitals(situation))  # it says why the SDK does not see the other one
    if (failed or is_skipped or situation.sdk == "js") and len(there) == 1 and not is_hidden:
        missing = next(key for key in KEYS if key not in there)
        yield Finding(
            "keys-partial",
            f"the profile {situation.profile!r} has {there[0]} ({situation.place(there[0])}),"
            f" but no {missing}",
            "boto3 and the AWS CLI fail",
            f"aws configure --profile {quoted(situation.profile)}",
        )


def keys_empty(situation: Situation) -> Iterator[Finding]:
    """A key is set to nothing, and is used all the same."""
    values, profile = situation.values, situation.profile
    empty = next((key for key in KEYS if values.get(key) == ""), None)
    if empty is not None and _keys_are_used(situation):
        yield Finding(
            "keys-partial",
            f"{empty} of profile {profile!r} ({situation.place(empty)}) is empty",
            "it is used all the same, and AWS refuses it",
            without_settings(situation, *KEYS)
            if values.get("credential_process")
            else f"aws configure --profile {quoted(profile)}",
        )


def token_missing(situation: Situation) -> Iterator[Finding]:
    """The key is a session's, and its token is missing."""
    values, profile = _key_section(situation), situation.profile
    if lacks_token(values) and _keys_are_used(situation):
        yield Finding(
            "keys-partial",
            f"the key of profile {profile!r} ({situation.place(KEYS[0])}) is of a session,"
            f" and there is no aws_session_token{_token_elsewhere(situation)}",
            "AWS refuses it (InvalidClientTokenId)",
            f"{without_settings(situation, *KEYS)} && {login(situation, profile)}",
        )


def _token_elsewhere(situation: Situation) -> str:
    """Return where the other file has a token for the key, which no SDK looks for there."""
    found = next((key for key in _TOKENS if situation.values.get(key)), None)
    if found is None:
        return ""
    return f" beside it: the {found} of the other file ({situation.place(found)}) is not read"


def keys_quoted(situation: Situation) -> Iterator[Finding]:
    """A key is in quotes, which are part of it to every SDK, or has a character of no key."""
    values, profile = _key_section(situation), situation.profile
    winner, source = situation.chain.winner, situation.role_source
    is_source = winner and winner.source and winner.source.provider in _FILE_PROVIDERS
    if is_source and source is not None:  # the keys are those of a role's source
        values, profile = situation.files.keys(source), source
    found = [key for key in (*KEYS, *_TOKENS) if fault_of(values.get(key, ""))]
    lines = [situation.files.line_of(profile, key) for key in found]
    if found and any(lines) and (is_source or _keys_are_used(situation)):
        fault = fault_of(values[found[0]])
        fix = f"aws configure --profile {quoted(profile)}"
        if cut := _CUTS.get(fault):
            path = os.path.realpath(next(line for line in lines if line)[0])
            edits = ";".join(f"{line[1]}s/{cut}" for line in lines if line)
            fix = f"sed -i.bak {quoted(edits)} {quoted(path)}"
        yield Finding(
            "keys-quoted",
            f"{found[0]} of profile {profile!r} ({situation.files.place(profile, found[0])})"
            f" {fault}",
            "it is sent as it is, and AWS refuses the key",
            fix,
        )


def keys_length(situation: Situation) -> Iterator[Finding]:
    """A key of AWS's form has more or fewer characters than those of AWS; none of it is shown."""
    values, profile = _key_section(situation), situation.profile
    wrong = wrong_length(values)
    if wrong is None or not _keys_are_used(situation):
        return
    if any(map(fault_of, values.values())) or any(keys_placeholder(situation)):
        return  # these say more
    yield Finding(
        "keys-length",
        f"{wrong[0]} of profile {profile!r} ({situation.place(wrong[0])}) {wrong[1]}",
        "AWS refuses it, if a part is missing or something else was copied with it",
        f"aws configure --profile {quoted(profile)}",
        matters=False,
    )


def keys_placeholder(situation: Situation) -> Iterator[Finding]:
    """A key was pasted from a guide, not from the account."""
    values = situation.values
    pasted = next((key for key in KEYS if _PLACEHOLDER.search(values.get(key, ""))), None)
    if pasted is not None and _keys_are_used(situation):
        fix = f"aws configure --profile {quoted(situation.profile)}"
        if not has_access_key(_key_section(situation)):
            fix = login(situation, situation.profile)  # the place that aws-mfa has for a session
        yield Finding(
            "keys-placeholder",
            f"{pasted} of profile {situation.profile!r}"
            f" ({situation.place(pasted)}) looks like an example's",
            "AWS refuses it (InvalidClientTokenId)",
            fix,
        )


def mfa_serial_ignored(situation: Situation) -> Iterator[Finding]:
    """`mfa_serial` beside long-term credentials does nothing: it is read only with a role."""
    values = situation.values
    if not values.get("mfa_serial") or not is_long_term(values) or not _keys_are_used(situation):
        return
    source, target = situation.profile, Profile(situation.profile, situation.files).its_session
    yield Finding(
        "mfa-serial-ignored",
        f"mfa_serial ({situation.place('mfa_serial')}) stands beside long-term credentials",
        "no SDK reads it there: calls are made without MFA",
        f"mfakit login --source-profile {quoted(source)} --profile {quoted(target)} &&"
        f" export {situation.profile_variable or 'AWS_PROFILE'}={quoted(target)}",
    )


def keys_in_both_files(situation: Situation) -> Iterator[Finding]:
    """The profile has different keys in the two files."""
    profile, files = situation.profile, situation.files
    first, second = files.credentials(profile), files.config(profile)
    if not all(values.get(KEYS[0]) for values in (first, second)):
        return
    if first[KEYS[0]] == second[KEYS[0]]:
        return
    header = files.config_header(profile)
    found = (files.config_file.line_of(header, key) for key in (*KEYS, "aws_session_token"))
    lines = [line for line in found if line is not None]
    yield Finding(
        "keys-in-both-files",
        f"the profile {profile!r} has one key in {files.credentials_path}, and another in"
        f" {files.config_path}",
        f"the first is used: {shortened(first[KEYS[0]])}",
        without_lines(files.config_path, *lines),
        matters=_keys_are_used(situation),
    )


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
    is_read = has_role or Profile(situation.profile, situation.files).is_long_term
    if not serial or not is_read or any(map(str.isspace, serial)):
        return  # blanks are reported by `serial_of_another` and `text_after_value`
    try:
        check_serial_number(serial)
    except UsageError as error:
        fix = f"mfakit devices --source-profile {quoted(source)}"
        _, is_likely, right = error.hint.partition("perhaps ")
        live = [one for one in _live(situation) if one.source_profile == source]
        if is_likely:
            fix = set_setting(situation, "mfa_serial", right)
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
    if _has_none(situation) and not any(
        finding.code != "setting-unread"
        for rule in (keys_in_capitals, line_before_sections, setting_unread)
        for finding in rule(situation)
    ):
        if situation.role_source is not None or situation.values.get("aws_secret_access_key"):
            return  # `role_without_source` or `keys_partial` reports that
        if Profile(situation.profile, situation.files).has_key_elsewhere:
            session = Profile(situation.profile, situation.files).its_session
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


def role_without_source(situation: Situation) -> Iterator[Finding]:
    """The source profile of a role has no credentials."""
    values, source = situation.files.merged(situation.profile), situation.role_source
    if values.get("role_arn") and not any(values.get(way) for way in _FOR_ROLES):
        command = f"mfakit configure --role-profile {quoted(situation.profile)}"
        itself = Profile(situation.profile, situation.files)
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
    fix = login(situation, source)
    if not may_name_profile(source) and situation.values.get("source_profile") == source:
        meant = source.strip("[] ").removeprefix("profile ").strip("\"' ")
        fix = set_setting(situation, "source_profile", meant)
    elif situation.values.get("source_profile") == source and not situation.files.exists(source):
        spelled = situation.files.spelled(source)
        fix = set_setting(situation, "source_profile", spelled) if spelled else fix
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
    if ways[0] == "role_arn" and not any(values.get(way) for way in _FOR_ROLES):
        return  # `role_without_source` reports that, and keeps the role
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
    if process and winner and winner.provider in _FILE_PROVIDERS and not winner.asks:
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
    made_from = named_source_profile(None, session) or default_source_profile(files)
    return session.held() is not None and made_from.name == situation.profile


def role_asks_own_code(situation: Situation) -> Iterator[Finding]:
    """A role asks for a code of its own, although the session of another code could assume it."""
    roles = situation.roles
    asking = next((role for role in roles if role.setting("mfa_serial")), None)
    if asking is None:
        return
    serial, place = asking.setting("mfa_serial"), asking.files.place(asking.name, "mfa_serial")
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
    profile, roles = situation.profile, situation.roles
    if not roles or any(role.setting("mfa_serial") for role in roles):
        return
    source = roles[-1].other(roles[-1].setting("source_profile") or roles[-1].name)
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
        else f"mfa_serial is set for it ({situation.files.place(source.name, 'mfa_serial')})"
    )
    yield Finding(
        "role-without-mfa",
        f"the role of profile {roles[-1].name!r} is assumed with the long-term key of profile"
        f" {source.name!r}, without MFA, although {although}",
        "a role that requires MFA refuses that (AccessDenied)",
        configured if live else f"{configured} && mfakit login --profile {session}",
        matters=device is not None,
    )


def _live(situation: Situation) -> Iterator[SessionRecord]:
    """Yield the records of the sessions of users that mfakit made and that have not ended."""
    for status in situation.sessions:
        record = status.record
        if (
            status.state in (VALID, EXPIRING)
            and status.source in STORE_KINDS
            and record is not None
            and record.serial_number is not None
            and record.role_arn is None
        ):
            yield record


def role_too_long(situation: Situation) -> Iterator[Finding]:
    """A role that is assumed with a session may last one hour, no longer."""
    values = situation.values
    asked = values.get("duration_seconds", "")
    if "role_arn" not in values or not asked.isdecimal():
        return
    source = _session_behind(situation)
    # int refuses numbers of very many digits; a longer number is a larger one
    too_long = len(asked) > len("3600") or int(asked) > _CHAINED_SECONDS
    if too_long and source:
        yield Finding(
            "role-too-long",
            f"the role of profile {situation.profile!r} is to last {asked[:9]} s"
            f" ({situation.place('duration_seconds')}), but is assumed"
            f" with {source}",
            "AWS refuses it: a role assumed with a session lasts one hour at most",
            set_setting(situation, "duration_seconds", str(_CHAINED_SECONDS)),
        )


def region_empty(situation: Situation) -> Iterator[Finding]:
    """The region is set to nothing, which hides the one that would be found else."""
    if situation.chain.region != "" or situation.sdk == "js":
        return
    name = "AWS_DEFAULT_REGION"
    place, fix = name, unset_line(situation.shell, [name])
    if situation.environ.get(name) is None:
        place, fix = situation.place("region"), without_settings(situation, "region")
    in_config = situation.files.config(situation.profile)
    hidden = in_config.get("region") or situation.values.get("region")
    yield Finding(
        "region-empty",
        f"the region is set to nothing ({place})" + (f", which hides {hidden}" if hidden else ""),
        "AWS tools take it for a region: calls have no address, or are refused",
        fix,
    )


def certificates_missing(situation: Situation) -> Iterator[Finding]:
    """The file with the certificates to trust does not exist, so that no call reaches AWS."""
    name, named = "AWS_CA_BUNDLE", situation.environ.get("AWS_CA_BUNDLE")
    place, fix = name, unset_line(situation.shell, [name])
    if not named:
        name, named = "ca_bundle", situation.values.get("ca_bundle")
        place = f"{name} ({situation.place(name)})"
        fix = without_settings(situation, name) if named else ""
    if situation.sdk == "js" or not named or os.path.exists(named):
        return
    here = "" if os.path.isabs(named) else " here: AWS tools look in the folder they are run in"
    yield Finding(
        "certificates-missing",
        f"{place} names {named!r}, and there is no such file{here}",
        "no call reaches AWS (SSLError)",
        fix,
    )


def region_unknown(situation: Situation) -> Iterator[Finding]:
    """AWS has no region of that form, such as that of a zone; another server may have it."""
    region, place = situation.chain.region or "", situation.region_place
    url = endpoint_url(Profile(situation.profile, situation.files), situation.environ)
    if not region or _REGION.fullmatch(region) or not is_of_aws(url):
        return
    meant = _REGION.match(region.lower())
    name = meant[0] if meant else "REGION"
    yield Finding(
        "region-unknown",
        f"AWS has no region {region!r} ({place})",
        "calls have no address",
        f"export {place}={name}"
        if place.startswith("AWS_")
        else set_setting(situation, "region", name),
    )


def byte_order_mark(situation: Situation) -> Iterator[Finding]:
    """A byte-order mark is before the first line, which the AWS CLI and boto3 cannot read."""
    for path in (situation.files.credentials_path, situation.files.config_path):
        if situation.sdk != "js" and read_text(path).startswith("\ufeff"):
            yield Finding(
                "byte-order-mark",
                f"{path} begins with a byte-order mark",
                "boto3 and the AWS CLI cannot read the file (ConfigParseError)",
                "LC_ALL=C sed -i.bak"
                f""" "1s/^$(printf '\\357\\273\\277')//" {quoted(os.path.realpath(path))}""",
            )


def file_unreadable(situation: Situation) -> Iterator[Finding]:
    """A file cannot be read by botocore, because of a line of it."""
    files = situation.files
    for path in (files.credentials_path, files.config_path):
        text = ""
        try:
            text = read_text(path)
            Document(text, path)
        except FileError as error:
            is_denied = not isinstance(error, UnreadableError)
            reads_it = situation.sdk == "js" and UTF_16 not in error.message
            if is_denied or (not text.startswith("\ufeff") and not reads_it):
                yield Finding(
                    "search-fails",
                    error.message,
                    "AWS tools find no profile in it, whatever is there",
                    _to_be_read(path) if is_denied else edit(path),
                )


def _to_be_read(path: str) -> str:
    """Return the command that gives a file to the user, or lets the user see why it cannot be."""
    try:
        owner = os.stat(path).st_uid
    except OSError:
        return f"ls -ld {quoted(os.path.dirname(path))}"
    if os.name != "posix" or not os.path.isfile(path):
        return f"ls -ld {quoted(path)}"
    if owner == os.geteuid():
        return f"chmod u+r {quoted(path)}"
    return f'sudo chown "$(id -u)" {quoted(path)}'


def line_before_sections(situation: Situation) -> Iterator[Finding]:
    """A setting is above every section, where the SDK for JavaScript ignores it in silence."""
    files = situation.files
    for path in (files.credentials_path, files.config_path):
        line = line_above_sections(read_text(path)) if situation.sdk == "js" else None
        if line is not None:
            yield Finding(
                "line-before-sections",
                f"there is no section above line {line} of {path}",
                "the SDK for JavaScript ignores it; boto3 and the AWS CLI cannot read the file",
                edit(path),
            )


def keys_in_capitals(situation: Situation) -> Iterator[Finding]:
    """The keys are not in small letters, or before `:`; JavaScript's SDK does not see them."""
    if situation.sdk != "js":
        return
    profile, files = situation.profile, situation.files
    section = files.keys(profile)
    hidden = [key for key in (*KEYS, *_TOKENS) if section.get(key)]
    lines = {key: files.line_of(profile, key) for key in hidden if key not in situation.values}
    if not lines or (first := next(iter(lines.values()))) is None:
        return
    edits = ";".join(f"{line[1]}s/^[^=:]*[=:]/{key} =/" for key, line in lines.items() if line)
    yield Finding(
        "keys-in-capitals",
        f"the names of the keys of profile {profile!r} ({situation.place(next(iter(lines)))}) are"
        " not in small letters, or not before `=`",
        "the SDK for JavaScript, and others, do not find them; boto3 and the AWS CLI do",
        f"sed -i.bak {quoted(edits)} {quoted(os.path.realpath(first[0]))}",
    )


def setting_unread(situation: Situation) -> Iterator[Finding]:
    """A setting has the name of a variable, or was copied from a shell with its `export`."""
    files, profile = situation.files, situation.profile
    values = files.merged(profile)
    for key, value in values.items():
        name = key.removeprefix("export ").lstrip()
        meant = _MEANT.get(name, name.removeprefix("aws_"))
        meant = name if name in (*KEYS, *_TOKENS) else meant
        if meant not in _READ:  # a letter of a key's name was lost, or is another
            meant = next(iter(get_close_matches(name, KEYS, 1, 0.85)), meant)
        if meant == key or meant not in _READ or (place := files.line_of(profile, key)) is None:
            continue
        names_profile = name in _NAMES_PROFILE
        # a line that is not needed becomes a comment, so that the numbers of others stay right
        is_needed = not names_profile and not values.get(meant)
        edited = f"{place[1]}s/^[^=:]*/{meant} /" if is_needed else f"{place[1]}s/^/# /"
        fix = f"sed -i.bak {quoted(edited)} {quoted(os.path.realpath(place[0]))}"
        why = f"the setting is called {meant}"
        if names_profile:
            fix = f"{fix} && export AWS_PROFILE={quoted(value)}"
            why = "AWS_PROFILE is a variable"
        is_key = meant in (*KEYS, *_TOKENS)
        yield Finding(
            "keys-unread" if is_key else "setting-unread",
            f"{key} ({situation.place(key)}) is no setting of a profile",
            f"no AWS tool reads it there: {why}",
            fix,
            matters=is_key and not values.get(meant),
        )


def include_profile(situation: Situation) -> Iterator[Finding]:
    """Settings are to be taken from another profile, which aws-vault alone does."""
    values, files = situation.values, situation.files
    if included := values.get("include_profile"):
        missing = files.merged(included).get("region")
        fix = edit(situation.place("include_profile").rpartition(", line ")[0])
        if missing and not values.get("region"):
            fix = set_setting(situation, "region", missing)
        yield Finding(
            "include-profile",
            f"the profile {situation.profile!r} includes {included!r}"
            f" ({situation.place('include_profile')})",
            "aws-vault alone reads that: for AWS tools, write the settings into the profile",
            fix,
            matters=False,
        )


def text_after_value(situation: Situation) -> Iterator[Finding]:
    """A value is followed by what looks like a comment, which botocore alone takes for a part."""
    values = situation.files.merged(situation.profile)
    found = [
        key
        for key, value in values.items()
        if not key.startswith("mfakit_") and COMMENT.search(value)
    ]
    if found:
        places = [f"{key} ({situation.place(key)})" for key in found]
        path = situation.place(found[0]).rpartition(", line ")[0]
        # in a command it is meant to be a part, and elsewhere a comment
        yield Finding(
            "text-after-value",
            f"there is text after `#` or `;` in {' and '.join(places)}",
            "boto3 and the AWS CLI take it for a part of the value, and other SDKs do not",
            edit(path),
            matters=any((key == "credential_process") == (situation.sdk == "js") for key in found),
        )


def readable_by_others(situation: Situation) -> Iterator[Finding]:
    """Everybody on the machine can read the keys."""
    files = situation.files
    paths = [files.credentials_path]
    if any(has_keys(values) for _, values in files.config_file.sections()):
        paths.append(files.config_path)
    for path in paths:
        mode = _mode(path)
        if mode & 0o007:  # bits for the group alone are a choice
            yield Finding(
                "readable-by-others",
                f"{path} has mode {mode:04o}",
                "other users of this machine can read your keys",
                f"chmod 600 {quoted(os.path.realpath(path))}",
            )


def _mode(path: str) -> int:
    """Return a file's mode; 0 for what is no regular file, such as ``/dev/null``."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return 0
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) and os.name == "posix" else 0


def _key_section(situation: Situation) -> dict[str, str]:
    """Return the settings that go with the key: its section; for JavaScript those of both files."""
    if situation.sdk == "js":
        return situation.values
    return situation.files.keys(situation.profile)


def _keys_are_used(situation: Situation) -> bool:
    links = situation.chain.links
    return any(k.state == USED and not k.asks and k.provider in _FILE_PROVIDERS for k in links)


def _has_none(situation: Situation) -> bool:
    """Whether the search ends with no credentials, but perhaps those of the machine."""
    chain = situation.chain
    return chain.error is None and all(
        link.state == ABSENT or is_metadata(link, situation) for link in chain.links
    )


def _used_session(situation: Situation) -> SessionStatus | None:
    """Return the session in the credentials file that is sent, even if for a role."""
    winner = situation.chain.winner
    link = winner and (winner.source or winner)
    if link is None or link.state != USED or link.provider not in _FILE_PROVIDERS:
        return None
    status = situation.session_with(link.access_key_id)
    return status if status and status.source == CREDENTIALS_FILE else None


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
    session_expired,
    session_of_another_endpoint,
    session_refused_in_region,
    session_out_of_reach,
    stale_token,
    keys_partial,
    keys_empty,
    token_missing,
    keys_quoted,
    keys_length,
    keys_placeholder,
    keys_in_capitals,
    setting_unread,
    include_profile,
    mfa_serial_ignored,
    keys_in_both_files,
    serial_of_another,
    device_without_codes,
    role_malformed,
    no_credentials,
    role_without_source,
    keys_beside_another_way,
    keys_shadow_process,
    role_asks_own_code,
    role_without_mfa,
    role_too_long,
    region_empty,
    certificates_missing,
    region_unknown,
    byte_order_mark,
    file_unreadable,
    line_before_sections,
    text_after_value,
    readable_by_others,
)
