"""What is wrong with the keys of a profile, its session, and the names of its settings."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches

from mfakit.exchange.recipe import GLOBAL_ENDPOINT, is_refused_in
from mfakit.exchange.source import endpoint_url, is_of_aws
from mfakit.explain.chain import ABSENT, FAILED, USED
from mfakit.explain.findings import (
    IN_QUOTES,
    WITH_COMMENT,
    Finding,
    edit,
    fault_of,
    login,
    quoted,
    renew,
    set_setting,
    shortened,
    without_lines,
    without_settings,
    wrong_length,
)
from mfakit.explain.findings.files import header_followed
from mfakit.explain.situation import is_metadata
from mfakit.moments import format_timestamp
from mfakit.profiles.profile import Profile
from mfakit.profiles.reading import read_text
from mfakit.profiles.section import KEYS, has_access_key, indent_of, is_long_term, lacks_token
from mfakit.profiles.selection import LONG_TERM_PREFIX, is_of_another_program, source_profile
from mfakit.profiles.stores import CREDENTIALS_FILE
from mfakit.session import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.expiry import SessionStatus
    from mfakit.explain.situation import Situation
    from mfakit.profiles.aws_files import AWSFiles

TOKENS = ("aws_session_token", "aws_security_token")
FILE_PROVIDERS = ("shared-credentials-file", "config-file", "fromIni")
# Placeholders of guides and generators. Shorter words occur in real secrets.
_PLACEHOLDER = re.compile(
    r"example|your(?:[-_ ]|access|secret|aws|key)|changeme|placeholder|xxxxx|as-in-|<|\.\.\."
    r"|secret-access",
    re.I,
)
# A variable, in whose place nothing puts its value: $X, ${X}, %X%, %(X)s, {{ X }}.
_VARIABLE = re.compile(r"\$[A-Z]\w+|\$?\{+[^{}]+\}+|%[A-Z]\w+%|%\(\w+\)s?")
# What settings are called whose variables have other names.
_MEANT = {"aws_default_region": "region", "aws_default_output": "output"}
_NAMES_PROFILE = ("aws_profile", "aws_default_profile")
_READ = {
    *KEYS,
    *TOKENS,
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
    is_foreign = is_of_another_program(Profile(profile, situation.files))
    renewed = "; the program that made it renews it" if is_foreign else ""
    yield Finding(
        "session-expired",
        f"the session of profile {profile!r} ended at {format_timestamp(status.expiration)}",
        f"it is sent all the same, and AWS refuses it (ExpiredToken){renewed}",
        renew(situation, profile),
    )


def session_of_another_endpoint(situation: Situation) -> Iterator[Finding]:
    """A session that a simulator or an emulator made would be sent to AWS, or the reverse."""
    status = _used_session(situation)
    record = status.record if status else None
    if status is None or record is None or record.source_access_key_id is None:
        return
    files = situation.files
    url = endpoint_url(situation.as_profile, files.environ)
    if is_of_aws(url) != is_of_aws(record.endpoint_url):
        yield Finding(
            "session-of-another-endpoint",
            f"the session of profile {status.profile!r} was made by"
            f" {record.endpoint_url or 'AWS'}, and would be sent to {url or 'AWS'}",
            "it is not known there (InvalidClientTokenId)",
            renew(situation, status.profile, " --force"),
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
    profile = situation.as_profile
    held = profile.held_elsewhere()
    if held is not None and held.store.kind != profile.store.kind:
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
    profile, is_source = _profile_of_keys(situation)
    values = _values_of_keys(situation)
    tokens = ["aws_session_token"] if situation.sdk == "js" else list(TOKENS)
    found = [key for key in tokens if values.get(key)]
    if not found or not (is_source or _keys_are_used(situation)):
        return
    if values.get(KEYS[0], "").startswith(LONG_TERM_PREFIX):
        place = situation.files.place(profile, found[0])
        yield Finding(
            "stale-token",
            f"{found[0]} ({place}) stands beside a long-term key",
            "a session's token is sent with it, and AWS refuses them (InvalidClientTokenId)",
            without_settings(situation, *found, profile=profile),
        )
        return
    if len({values[key] for key in found}) < len(TOKENS):
        return
    yield Finding(
        "stale-token",
        f"aws_security_token ({situation.files.place(profile, 'aws_security_token')}) and"
        " aws_session_token differ",
        "the first is sent with the key, and AWS refuses them (InvalidClientTokenId)",
        renew(situation, profile, " --force"),
    )


def keys_partial(situation: Situation) -> Iterator[Finding]:
    """Only a part of an access key is in the profile."""
    links = situation.chain.links
    failed = any(k.state == FAILED and k.provider in FILE_PROVIDERS for k in links)
    there = [key for key in KEYS if situation.values.get(key)]
    is_skipped = there == ["aws_secret_access_key"] and finds_none(situation)
    # these say why the SDK does not see the other one
    is_hidden = any(keys_in_capitals(situation)) or any(keys_quoted(situation))
    is_hidden |= any(found.code == "keys-unread" for found in setting_unread(situation))
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
    profile, is_source = _profile_of_keys(situation)
    if lacks_token(_values_of_keys(situation)) and (is_source or _keys_are_used(situation)):
        files = situation.files
        removed = without_settings(situation, *KEYS, profile=profile)
        fix = f"{removed} && {login(situation, profile)}"
        if Profile(profile, files).in_file.has_other_secret(files.keys(profile)):
            fix = f"aws configure --profile {quoted(profile)}"  # the secret may be nowhere else
        yield Finding(
            "keys-partial",
            f"the key of profile {profile!r} ({files.place(profile, KEYS[0])}) is of a session,"
            f" and there is no aws_session_token{_token_elsewhere(files, profile)}",
            "AWS refuses it (InvalidClientTokenId)",
            fix,
        )


def _token_elsewhere(files: AWSFiles, profile: str) -> str:
    """Return where the other file has a token for the key, which no SDK looks for there."""
    found = next((key for key in TOKENS if files.merged(profile).get(key)), None)
    if found is None:
        return ""
    return f" beside it: the {found} of the other file ({files.place(profile, found)}) is not read"


def keys_quoted(situation: Situation) -> Iterator[Finding]:
    """A key is in quotes, which are part of it to every SDK, or has a character of no key."""
    profile, is_source = _profile_of_keys(situation)
    values = _values_of_keys(situation)
    found = [key for key in (*KEYS, *TOKENS) if fault_of(key, values.get(key, ""))]
    found.sort(key=lambda key: "\n" not in values[key])
    lines = [situation.files.line_of(profile, key) for key in found]
    goes_on = bool(found) and "\n" in values[found[0]]
    if found and any(lines) and (is_source or goes_on or _keys_are_used(situation)):
        fault = fault_of(found[0], values[found[0]])
        fix = f"aws configure --profile {quoted(profile)}"
        path, first = next(line for line in lines if line)
        edits = ""
        if goes_on:
            fault, edits = "goes on in the line below, which is indented", _as_lines(path, first)
        elif cut := _CUTS.get(fault):
            edits = ";".join(f"{line[1]}s/{cut}" for line in lines if line)
        if edits:
            fix = f"sed -i.bak {quoted(edits)} {quoted(os.path.realpath(path))}"
        yield Finding(
            "keys-quoted",
            f"{found[0]} of profile {profile!r} ({situation.files.place(profile, found[0])})"
            f" {fault}",
            "it is sent as it is, and AWS refuses the key",
            fix,
        )


def _as_lines(path: str, line: int) -> str:
    """Return what makes sed take the lines indented below a setting for lines of their own.

    What is no setting becomes a comment.
    """
    lines = read_text(path).split("\n")
    indent, edits = indent_of(lines[line - 1]), []
    for number, text in enumerate(lines[line:], line + 1):
        if text.strip() and len(indent_of(text)) <= len(indent):
            break
        if text.strip():
            edits.append(f"{number}s/^[[:blank:]]*/{indent}{'' if '=' in text else '# '}/")
    return ";".join(edits)


def _profile_of_keys(situation: Situation) -> tuple[str, bool]:
    """Return the profile whose keys are sent, and whether they assume the role of another."""
    winner, source = situation.chain.winner, situation.role_source
    is_source = winner and winner.source and winner.source.provider in FILE_PROVIDERS
    return (source, True) if is_source and source is not None else (situation.profile, False)


def keys_length(situation: Situation) -> Iterator[Finding]:
    """A key of AWS's form has more or fewer characters than those of AWS; none of it is shown."""
    values, profile = _key_section(situation), situation.profile
    wrong = wrong_length(values)
    if wrong is None or not _keys_are_used(situation):
        return
    if any(map(fault_of, values, values.values())) or any(keys_placeholder(situation)):
        return  # these say more
    yield Finding(
        "keys-length",
        f"{wrong[0]} of profile {profile!r} ({situation.place(wrong[0])}) {wrong[1]}",
        "AWS refuses it, if a part is missing or something else was copied with it",
        f"aws configure --profile {quoted(profile)}",
        matters=False,
    )


def keys_placeholder(situation: Situation) -> Iterator[Finding]:
    """A key was pasted from a guide, not from the account, or names a variable that holds it."""
    profile, is_source = _profile_of_keys(situation)
    files = situation.files
    values = files.merged(profile) if is_source else situation.values
    unset = next((key for key in KEYS if _VARIABLE.fullmatch(values.get(key, ""))), None)
    pasted = next((key for key in KEYS if _PLACEHOLDER.search(values.get(key, ""))), unset)
    if pasted is not None and (is_source or _keys_are_used(situation)):
        fix = f"aws configure --profile {quoted(profile)}"
        if not has_access_key(files.keys(profile)):
            fix = login(situation, profile)  # the place that aws-mfa has for a session
        what = "looks like an example's"
        if pasted == unset:
            what = "names a variable, in whose place no AWS tool puts its value"
            if values[pasted].startswith("{"):
                what = "stands in braces, which are part of it to AWS tools"
        yield Finding(
            "keys-placeholder",
            f"{pasted} of profile {profile!r} ({files.place(profile, pasted)}) {what}",
            "AWS refuses it (InvalidClientTokenId)",
            fix,
        )


def mfa_serial_ignored(situation: Situation) -> Iterator[Finding]:
    """`mfa_serial` beside long-term credentials does nothing: it is read only with a role."""
    values = situation.values
    if not values.get("mfa_serial") or not is_long_term(values) or not _keys_are_used(situation):
        return
    source, target = situation.profile, situation.as_profile.its_session
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


def keys_in_capitals(situation: Situation) -> Iterator[Finding]:
    """The keys are not in small letters, or before `:`; JavaScript's SDK does not see them."""
    if situation.sdk != "js" or any(header_followed(situation)):
        return
    profile, files = situation.profile, situation.files
    section = files.keys(profile)
    hidden = [key for key in (*KEYS, *TOKENS) if section.get(key)]
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
        meant = name if name in (*KEYS, *TOKENS) else meant
        if meant not in _READ:  # a letter of the name is missing or wrong
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
        is_key = meant in (*KEYS, *TOKENS)
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


def _key_section(situation: Situation) -> dict[str, str]:
    """Return the settings that go with the key: its section; for JavaScript those of both files."""
    if situation.sdk == "js":
        return situation.values
    return situation.files.keys(situation.profile)


def _values_of_keys(situation: Situation) -> dict[str, str]:
    """Return the settings that go with the key that is sent, even if for a role."""
    profile, is_source = _profile_of_keys(situation)
    return situation.files.keys(profile) if is_source else _key_section(situation)


def _keys_are_used(situation: Situation) -> bool:
    links = situation.chain.links
    return any(k.state == USED and not k.asks and k.provider in FILE_PROVIDERS for k in links)


def finds_none(situation: Situation) -> bool:
    """Whether the search ends with no credentials, but perhaps those of the machine."""
    chain = situation.chain
    return chain.error is None and all(
        link.state == ABSENT or is_metadata(link, situation) for link in chain.links
    )


def _used_session(situation: Situation) -> SessionStatus | None:
    """Return the session in the credentials file that is sent, even if for a role."""
    winner = situation.chain.winner
    link = winner and (winner.source or winner)
    if link is None or link.state != USED or link.provider not in FILE_PROVIDERS:
        return None
    status = situation.session_with(link.access_key_id)
    return status if status and status.source == CREDENTIALS_FILE else None


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
)
