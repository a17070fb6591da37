"""Findings: what is wrong with credentials, what it leads to, and the command that mends it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass  # noqa: TID253 - whatever explains loads botocore, too

from mfakit.debug import key_id, may_be_secret
from mfakit.environment import SHELLS
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE, Profile, may_name_profile
from mfakit.profiles.section import KEYS, has_access_key, is_no_key
from mfakit.profiles.selection import (
    finds_keys,
    keys_to_name,
    may_be_source,
    next_source_profile,
    source_profile,
    variables_hold_keys,
    with_long_term_keys,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.explain.situation import Situation
    from mfakit.profiles.document import Document

_AWS_KEY = re.compile("A[KS]IA[A-Z0-9]{12,}")
# Other SDKs cut a value here: seen with the one for JavaScript, and in the sources of Go's.
COMMENT = re.compile(r"(^|\s)[#;]")


@dataclass
class Finding:
    """Something that is wrong.

    Attributes:
        code: the name of the rule, such as ``variables-shadow-profile``.
        message: what is wrong.
        leads_to: its consequence.
        fix: the command that mends it.
        matters: whether AWS would refuse, or be called with other credentials than intended.
    """

    code: str
    message: str
    leads_to: str
    fix: str
    matters: bool = True


def quoted(text: str) -> str:
    """Quote a word for a shell; unprintable characters are escaped as in bash and zsh."""
    import shlex

    if text.isprintable():
        return shlex.quote(text)
    spelled = "".join(
        character if character.isprintable() and character not in "'\\" else _spelled(character)
        for character in text
    )
    return f"$'{spelled}'"


def _spelled(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def shortened(access_key_id: str | None) -> str:
    """Shorten a key's id to its ends: the whole id identifies the account."""
    if access_key_id is None:
        return "unknown"
    return access_key_id if len(access_key_id) <= 8 else key_id(access_key_id)


def login(situation: Situation, profile: str) -> str:
    """Return the command that logs in to a profile, after the one that sets up missing keys."""
    files, command = situation.files, f"mfakit login --profile {quoted(profile)}"
    if not may_name_profile(profile):
        return edit(files.config_path)
    source = next_source_profile(Profile(profile, files))
    # of keys in the profile itself, no session can be made: they are what is wrong
    may_log_in = may_be_source(source) and source.name != profile
    if may_log_in or variables_hold_keys(situation.environ):
        return command
    if (other := with_long_term_keys(source)) and not has_access_key(source.merged):
        return f"{command} --source-profile {quoted(other)}"
    typed = f"aws configure --profile {quoted(source.name)}"
    return typed if source.name == profile else f"{typed} && {command}"


def renew(situation: Situation, profile: str, option: str = "") -> str:
    """Return the command that renews a session, and names the keys if a login would find none."""
    session = Profile(profile, situation.files)
    command = session.login_command(option)
    source = source_profile(session)
    if source is None or finds_keys(session):
        return command
    if named := keys_to_name(session):
        return f"{command}{named}"
    if source.name != profile:
        return f"aws configure --profile {quoted(source.name)} && {command}"
    return f"aws configure --profile long-term && {command} --source-profile long-term"


def env_line(situation: Situation) -> str:
    """Return the command that puts the usual session into the variables of the shell."""
    profile = quoted(situation.environ.get("MFAKIT_PROFILE") or DEFAULT_SESSION_PROFILE)
    line = SHELLS[situation.shell].usage.format(command=f"mfakit env --profile {profile}")
    return f"{login(situation, DEFAULT_SESSION_PROFILE)} && {line}"


def edit(path: str) -> str:
    """Return the command with which a person edits a file by hand."""
    return f'"${{EDITOR:-vi}}" {quoted(path)}'


def set_setting(situation: Situation, key: str, value: str) -> str:
    """Return the command that changes a setting of the profile where it takes effect."""
    profile, files = situation.profile, situation.files
    command = f"aws configure set {key} {quoted(value)} --profile {quoted(profile)}"
    line = files.credentials_file.line_of(profile, key)
    # the AWS CLI writes it into the config file, which the credentials file beats
    return (
        command if line is None else f"{without_lines(files.credentials_path, line)} && {command}"
    )


def without_settings(situation: Situation, *keys: str, profile: str | None = None) -> str:
    """Return the command that removes settings of a profile from the first one's file.

    Args:
        situation: the situation.
        keys: the settings, of which the first is set.
        profile: the profile; by default that of the situation.
    """
    found = [situation.files.line_of(profile or situation.profile, key) for key in keys]
    places = [place for place in found if place is not None]
    path = places[0][0]
    return without_lines(path, *(line for where, line in places if where == path))


IN_QUOTES = "is in quotes"
WITH_COMMENT = "is followed by a comment, which is a part of it"


def fault_of(key: str, value: str) -> str:
    """Return what is wrong with the form of a key's id, secret or token; "" if nothing is.

    Args:
        key: the setting or the variable that holds it.
        value: what it holds.
    """
    if value[:1] in ("'", '"'):
        return IN_QUOTES
    if COMMENT.search(value):
        return WITH_COMMENT
    if is_no_key(value):
        return "has a character that no key has"
    is_id = key.lower() == KEYS[0]
    return "looks like a secret, not like the id of a key" if is_id and may_be_secret(value) else ""


def wrong_length(values: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the part of a key of AWS's form that is not as long as AWS's, and how long it is.

    AWS documents no lengths; all keys that it has given for many years have these.
    """
    lengths = dict(zip(KEYS, (20, 40), strict=True))
    for key, length in lengths.items() if _AWS_KEY.fullmatch(values.get(KEYS[0], "")) else ():
        found = len(values.get(key, ""))
        if found != length:
            return key, f"has {found} characters; those of AWS have {length}"
    return None


def real_path(document: Document) -> str:
    """Return the path of the file itself: sed would replace a link by a file."""
    return os.path.realpath(document.path)


def without_lines(path: str, *lines: int) -> str:
    """Return the command that makes comments of lines of a file, and keeps a copy of it.

    The next such command overwrites the copy, so a key that was removed would be in neither.
    """
    # sed would put a file in the place of a link
    real = os.path.realpath(path)
    return f"sed -i.bak '{';'.join(f'{line}s/^/# /' for line in lines)}' {quoted(real)}"
