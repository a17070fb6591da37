"""What is wrong with the variables of an environment."""

from __future__ import annotations

import os
import re

from mfakit.environment import unset_line
from mfakit.environment.endpoint import URL, endpoint_of
from mfakit.exchange.iam import UNREAD_SERIAL
from mfakit.explain.chain import FAILED, SHADOWED, USED
from mfakit.explain.findings import (
    Finding,
    edit,
    env_line,
    fault_of,
    login,
    quoted,
    real_path,
    shortened,
    wrong_length,
)
from mfakit.explain.situation import ENDPOINT_PROVIDERS
from mfakit.moments import format_timestamp, parse_timestamp
from mfakit.profiles.aws_files import AWSFiles, expand_path, header_of, new_header, profile_of
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, SERVED_PROFILE, Profile
from mfakit.profiles.section import KEYS, has_access_key
from mfakit.profiles.selection import (
    LONG_TERM_PREFIX,
    may_be_source,
    named_source_profile,
    next_source_profile,
    variables_hold_keys,
    with_long_term_keys,
)
from mfakit.session import SESSION_KEY_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.explain.chain import Link
    from mfakit.explain.situation import Situation

_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
)
# botocore's provider fails without this one; if it fails with it, the expiration is malformed
_NEEDED = "AWS_SECRET_ACCESS_KEY"
_TOKENS = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - the name of a variable
_WEB_IDENTITY = ("assume-role-with-web-identity", "fromTokenFile")
_CREDENTIALS_PATH = "AWS_SHARED_CREDENTIALS_FILE"
_NOT_READ = re.compile(
    r"AWS_(?!(SHARED_CREDENTIALS|CREDENTIAL)_FILE$)(SHARED_)?CREDENTIALS?_(\w+_)?FILE"
)
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_EXPIRATIONS = ("AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION", "AWSUME_EXPIRATION")


def variables_shadow_profile(situation: Situation) -> Iterator[Finding]:
    """The access key's variables beat the profile that a variable names."""
    link, named = _used_variables(situation), situation.profile_variable
    if link is None or named is None:
        return
    if situation.files.keys(situation.environ[named]).get(KEYS[0]) == link.access_key_id:
        return  # `mfakit env` of that very profile
    if situation.reads_variables:
        yield Finding(
            "variables-shadow-profile",
            f"the role of {named}={situation.environ[named]} is made from the variables"
            " (credential_source), which come before it",
            f"the key {shortened(link.access_key_id)} of the variables is used, not the role; a"
            " program gets the role if it is told the profile: --profile",
            unset_line(situation.shell, [named]),
        )
        return
    yield Finding(
        "variables-shadow-profile",
        f"AWS_ACCESS_KEY_ID is set beside {named}={situation.environ[named]}",
        f"the key {shortened(link.access_key_id)} of the variables is used, not the profile",
        _login_with_only_keys(situation) + unset_variables(situation),
    )


def _login_with_only_keys(situation: Situation) -> str:
    """Return the login, and ` && `, with keys of the variables that no profile has; else ""."""
    profile = Profile(situation.role_source or situation.profile, situation.files)
    sources = (profile, next_source_profile(profile))
    if not variables_hold_keys(situation.environ) or any(map(may_be_source, sources)):
        return ""
    if has_access_key(profile.keys) or with_long_term_keys(profile):
        return ""
    return f"{login(situation, profile.name)} && "


def web_identity_shadows_profile(situation: Situation) -> Iterator[Finding]:
    """A web identity in the variables, as in Kubernetes, beats the profile that they name."""
    winner, named = situation.chain.winner, situation.profile_variable
    is_used = winner is not None and winner.provider in _WEB_IDENTITY and winner.state == USED
    if named is not None and is_used and situation.environ.get(_TOKEN_FILE):
        yield Finding(
            "web-identity-shadows-profile",
            f"{_TOKEN_FILE} is set beside {named}={situation.environ[named]}",
            "the role of the web identity is used, not the profile, unless --profile names it",
            unset_line(situation.shell, [_TOKEN_FILE]),
        )


def variables_expired(situation: Situation) -> Iterator[Finding]:
    """A session in the variables has ended; boto3 does not even send it."""
    link = _used_variables(situation) or _variables_of_role(situation)
    told = (parse_timestamp(situation.environ.get(name, "")) for name in _EXPIRATIONS)
    end = min((moment for moment in told if moment is not None), default=None)
    if link is None or end is None or end > situation.now or not link.has_token:
        return
    yield Finding(
        "variables-expired",
        f"the session in the variables ended at {format_timestamp(end)}",
        "AWS refuses it (ExpiredToken), or boto3 does not send it at all",
        env_line(situation) if situation.reads_variables else unset_variables(situation),
    )


def variables_partial(situation: Situation) -> Iterator[Finding]:
    """Only a part of an access key or a session is in the variables."""
    link = next((link for link in situation.chain.links if link.provider == "env"), None)
    used = _used_variables(situation)
    if link is not None and link.state == FAILED and not situation.environ.get(_NEEDED):
        yield Finding(
            "variables-partial",
            "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY",
            "boto3 and the AWS CLI fail, whatever the files hold",
            unset_variables(situation),
        )
    if used and not used.has_token and _key_id(used).startswith(SESSION_KEY_PREFIX):
        yield Finding(
            "variables-partial",
            "AWS_ACCESS_KEY_ID is of a session, and AWS_SESSION_TOKEN is not set",
            "AWS refuses it (InvalidClientTokenId)",
            unset_variables(situation),
        )


def variables_expiration(situation: Situation) -> Iterator[Finding]:
    """The variable for the end of the session holds no time, or one without a zone."""
    link = next((link for link in situation.chain.links if link.provider == "env"), None)
    if link is not None and link.state == FAILED and situation.environ.get(_NEEDED):
        yield Finding(
            "variables-expiration",
            "AWS_CREDENTIAL_EXPIRATION cannot be read as a time, or has no time zone",
            "boto3 and the AWS CLI fail, whatever the files hold",
            unset_line(situation.shell, ["AWS_CREDENTIAL_EXPIRATION"]),
        )


def variables_stale_token(situation: Situation) -> Iterator[Finding]:
    """A token is left over: beside a long-term key, or under its older name, which wins."""
    link = _used_variables(situation)
    if link and link.has_token and _key_id(link).startswith(LONG_TERM_PREFIX):
        names = [name for name in _TOKENS if situation.environ.get(name)]
        yield Finding(
            "variables-stale-token",
            f"{names[0]} is set beside a long-term key",
            "the token of a session is sent with it, and AWS refuses them (InvalidClientTokenId)",
            unset_line(situation.shell, names),
        )
        return
    old = situation.environ.get("AWS_SECURITY_TOKEN")
    new = situation.environ.get("AWS_SESSION_TOKEN")
    if link and situation.sdk != "js" and old and new and old != new:
        yield Finding(
            "variables-stale-token",
            "AWS_SECURITY_TOKEN and AWS_SESSION_TOKEN differ",
            "the first is sent with the key, and AWS refuses them (InvalidClientTokenId)",
            unset_line(situation.shell, ["AWS_SECURITY_TOKEN"]),
        )


def profile_variables_differ(situation: Situation) -> Iterator[Finding]:
    """Two variables name two profiles, and the SDKs differ in which they take."""
    old, new = (situation.environ.get(name) for name in _PROFILE_VARIABLES)
    if old and new and old != new and situation.flag is None:
        yield Finding(
            "profile-variables-differ",
            f"AWS_DEFAULT_PROFILE is {old}, and AWS_PROFILE is {new}",
            "boto3 takes the first, the AWS CLI v2 and the JavaScript SDK the second",
            unset_line(situation.shell, ["AWS_DEFAULT_PROFILE"]),
        )


def no_such_profile(situation: Situation) -> Iterator[Finding]:
    """The profile is in no file; an empty name counts as a missing profile, too."""
    profile = situation.profile
    missing = situation.chain.error and situation.chain.error[0] == "ProfileNotFound"
    if situation.sdk == "js":
        missing = not situation.values and not situation.files.exists(profile)
        missing = missing and profile != "default"
    if not missing:
        return
    if situation.files.unread_header(profile):
        return  # `wrong_header` reports that
    like, session = situation.files.like(profile), situation.as_profile
    if profile == DEFAULT_SESSION_PROFILE or named_source_profile(None, session) is not None:
        fix = login(situation, profile)  # it is the name of a session that is still to be made
    elif situation.flag is not None:
        fix = f"mfakit explain --profile {quoted(like)}" if like else "aws configure list-profiles"
    else:
        name = situation.profile_variable or "AWS_PROFILE"
        fix = unset_line(situation.shell, _PROFILE_VARIABLES)
        if like:
            fix = f"export {name}={quoted(like)}"
    yield Finding(
        "no-such-profile",
        f"there is no profile {profile!r} in {situation.files.config_path} or"
        f" {situation.files.credentials_path}",
        "the search continues without it"
        if situation.sdk == "js"
        else "boto3 and the AWS CLI fail, even with keys in the variables",
        fix,
    )


def variable_unread(situation: Situation) -> Iterator[Finding]:
    """A variable whose name is almost right names the credentials file or the device, in vain."""
    device = situation.environ.get(UNREAD_SERIAL)
    if device and not situation.environ.get("MFAKIT_SERIAL_NUMBER"):
        yield Finding(
            "device-unread",
            f"{UNREAD_SERIAL} is set, which aws-vault alone reads",
            "mfakit login takes the device of the AWS files, or the only one that IAM lists",
            f"export MFAKIT_SERIAL_NUMBER={quoted(device)}",
            matters=False,
        )
    name = next((one for one in situation.environ if _NOT_READ.fullmatch(one)), "")
    if situation.environ.get(name) and not situation.environ.get(_CREDENTIALS_PATH):
        yield Finding(
            "variable-unread",
            f"{name} is set, which AWS tools do not read",
            f"the credentials file is {situation.files.credentials_path}",
            f"export {_CREDENTIALS_PATH}={quoted(situation.environ[name])}",
            matters=situation.chain.winner is None or situation.chain.failure is not None,
        )


def file_missing(situation: Situation) -> Iterator[Finding]:
    """A variable names a file that is missing, or has quotes, which belong to the path."""
    environ, files = situation.environ, situation.files
    named = {
        _CREDENTIALS_PATH: (files.credentials_path, "~/.aws/credentials"),
        "AWS_CONFIG_FILE": (files.config_path, "~/.aws/config"),
    }
    for name, (path, usual) in named.items():
        value = environ.get(name, "")
        if not value or os.path.exists(path) or situation.chain.winner is not None:
            continue
        unquoted = value.strip("\"'")
        fix = unset_line(situation.shell, [name])
        if os.path.exists(expand_path(unquoted, environ)):
            fix = f"export {name}={quoted(unquoted)}"
        elif not os.path.exists(expand_path(usual, environ)):
            fix = login(situation, situation.profile)  # the file is still to be made there
        yield Finding(
            "file-missing",
            f"{name} names {path}, which does not exist",
            "AWS tools find no profile there",
            fix,
        )


def credentials_hidden(situation: Situation) -> Iterator[Finding]:
    """A variable names a credentials file without long-term keys, and the usual one has some."""
    environ, files = situation.environ, situation.files
    usual = AWSFiles({name: environ[name] for name in environ if name != _CREDENTIALS_PATH})
    if not environ.get(_CREDENTIALS_PATH) or not os.path.exists(files.credentials_path):
        return  # `file_missing` reports that
    sources = (Profile(name, files) for name in files.profiles())
    if variables_hold_keys(environ) or any(map(may_be_source, sources)):
        return
    if hidden := with_long_term_keys(Profile("", usual)):
        yield Finding(
            "credentials-hidden",
            f"{_CREDENTIALS_PATH} names {files.credentials_path}, where no profile has long-term"
            f" keys; {usual.credentials_path} has those of profile {hidden!r}",
            "mfakit login finds no keys to make a session of",
            unset_line(situation.shell, [_CREDENTIALS_PATH]),
            matters=False,
        )


def endpoint_shadowed(situation: Situation) -> Iterator[Finding]:
    """The variables lead to mfakit's endpoint, which an SDK asks only after other places."""
    asked = [link for link in situation.chain.links if link.provider in ENDPOINT_PROVIDERS]
    is_shadowed = any(link.state == SHADOWED for link in asked)
    if situation.flag is not None or not is_shadowed or not endpoint_of(situation.environ):
        return
    fix = f"export AWS_PROFILE={SERVED_PROFILE}"
    if _used_variables(situation) is not None:
        fix = unset_variables(situation)
    elif situation.sdk == "boto3" and situation.environ.get("AWS_DEFAULT_PROFILE"):
        fix = f"{unset_line(situation.shell, ['AWS_DEFAULT_PROFILE'])} && {fix}"
    yield Finding(
        "endpoint-shadowed",
        f"{URL} leads to mfakit's endpoint, and other credentials come first",
        "the session that is served and renewed is not used",
        fix,
    )


def wrong_header(situation: Situation) -> Iterator[Finding]:
    """The profile's section has a header that is right only in the other file, or lacks quotes."""
    files, names = situation.files, [situation.profile, situation.role_source]
    found = ((name, files.unread_header(name)) for name in names if name is not None)
    profile, wrong = next((each for each in found if each[1] is not None), ("", None))
    if situation.sdk == "js" and situation.values:
        return
    if situation.sdk == "js" and wrong is None:  # botocore takes more blanks than this SDK
        profile, known = situation.profile, header_of(files.config_file, situation.profile)
        wrong = (files.config_file, known) if known not in (None, new_header(profile)) else None
    if wrong is None:
        return
    document, header = wrong
    right = new_header(profile) if document is files.config_file else profile
    is_missing = situation.sdk == "js" or not files.exists(profile)
    line = document.line_of_header(header)
    yield Finding(
        "wrong-header",
        f"[{header}] ({document.path}, line {line}) is not read as the profile {profile!r}",
        "there is no such profile" if is_missing else "what is set there has no effect",
        f"sed -i.bak {quoted(f'{line}s/.*/[{_for_sed(right)}]/')} {quoted(real_path(document))}",
        matters=is_missing or has_access_key(document.section(header)),
    )


def section_hidden(situation: Situation) -> Iterator[Finding]:
    """Of two sections of the config file for one profile, botocore reads the later alone.

    The SDK for JavaScript prefers ``[profile default]`` to ``[default]``.
    """
    files, profile, is_js = situation.files, situation.profile, situation.sdk == "js"
    config, counts = files.config_file, files.config_header(profile)
    if is_js:
        counts = "profile default"
        if profile != "default" or not config.has_section(counts):
            return
    for header in config.names():
        if profile_of(header) != profile or header == counts:
            continue
        yield Finding(
            "section-hidden",
            f"[{header}] ({config.path}, line {config.line_of_header(header)}) is not read:"
            f" {'' if is_js else 'the later '}[{counts}]"
            f" (line {config.line_of_header(counts)}) is of the same profile",
            "the SDK for JavaScript takes what is in that one alone"
            if is_js
            else "boto3 and the AWS CLI take what is in the later one alone",
            edit(config.path),
            matters=has_access_key(config.section(header)),
        )


def _for_sed(text: str) -> str:
    return text.replace("\\", "\\\\").replace("/", "\\/").replace("&", "\\&")


def variables_quoted(situation: Situation) -> Iterator[Finding]:
    """A value in the variables has quotes, which docker's --env-file keeps, or a line break."""
    link = _used_variables(situation)
    found = [name for name in _VARIABLES[:-1] if fault_of(name, situation.environ.get(name, ""))]
    if link is not None and found:
        yield Finding(
            "variables-quoted",
            f"the value of {found[0]} {fault_of(found[0], situation.environ[found[0]])}",
            "it is sent as it is, and AWS refuses the key",
            unset_variables(situation),
        )


def variables_length(situation: Situation) -> Iterator[Finding]:
    """A key of AWS's form in the variables has more or fewer characters than those of AWS."""
    environ = situation.environ
    wrong = wrong_length({key: environ.get(key.upper(), "") for key in KEYS})
    if _used_variables(situation) is not None and wrong and not any(variables_quoted(situation)):
        yield Finding(
            "variables-length",
            f"the value of {wrong[0].upper()} {wrong[1]}",
            "AWS refuses it, if a part is missing or something else was copied with it",
            unset_variables(situation),
            matters=False,
        )


def _used_variables(situation: Situation) -> Link | None:
    links = situation.chain.links
    return next((k for k in links if k.provider in ("env", "fromEnv") and k.state == USED), None)


def _variables_of_role(situation: Situation) -> Link | None:
    """Return the variables that the role of the profile is assumed with."""
    winner = situation.chain.winner
    is_made_of_them = winner is not None and winner.source and situation.reads_variables
    return winner.source if winner is not None and is_made_of_them else None


def _key_id(link: Link) -> str:
    return link.access_key_id or ""


def unset_variables(situation: Situation) -> str:
    """Return the command that unsets the access key's variables."""
    return unset_line(situation.shell, [name for name in _VARIABLES if name in situation.environ])


RULES = (
    variables_shadow_profile,
    web_identity_shadows_profile,
    variables_expired,
    variables_partial,
    variables_expiration,
    variables_stale_token,
    profile_variables_differ,
    no_such_profile,
    variable_unread,
    file_missing,
    credentials_hidden,
    endpoint_shadowed,
    wrong_header,
    section_hidden,
    variables_quoted,
    variables_length,
)
