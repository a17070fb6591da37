"""The chain of the AWS SDK for JavaScript v3, which differs from botocore's.

A profile that ``AWS_PROFILE`` names beats the access key's variables, ``AWS_DEFAULT_PROFILE`` and
``aws_security_token`` are ignored, and within a profile the keys beat all but ``role_arn``. It has
its own reading of the two files, too: keys count in lower case alone, ``:`` separates nothing, an
empty value is none, a section may have no spaces in its name, and a malformed line is ignored.
(From the source of its packages ``credential-provider-node``, ``credential-provider-ini`` and
``@smithy/core``.)
"""

from __future__ import annotations

import os
import re

from mfakit.explain.chain import (
    ABSENT,
    FAILED,
    SHADOWED,
    USED,
    Chain,
    Link,
    described,
    judged,
)
from mfakit.explain.inert import check_file, check_program, check_sso_token
from mfakit.profiles.reading import read_quiet
from mfakit.profiles.section import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Sections = dict[str, dict[str, str]]

_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
_FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_WEB_IDENTITY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
_SSO_NEEDED = ("sso_start_url", "sso_account_id", "sso_region", "sso_role_name")
SSO = (*_SSO_NEEDED, "sso_session")
_SOURCES = {"source_profile", "credential_source"}
_ERROR = "CredentialsProviderError"
_CONTAINER_HOSTS = ("169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]", "localhost")
# A shell runs the credential_process. Of a command with other characters, or with one of these
# words first, it is not judged whether the program exists.
_PLAIN_COMMAND = re.compile(r"[\w@%+=:,./ -]*", re.ASCII)
_OF_SHELLS = ("exec", "command", "eval", ".", "cd", "set", "export", "if", "for", "while", "case")


class _SkippedError(Exception):
    """A profile has no credentials; the message, if any, says why."""


class _EndError(Exception):
    """The search ends here; the message says why."""


def walk_javascript(flag: str | None, environ: Mapping[str, str], now: datetime) -> Chain:
    """Walk the chain as ``fromNodeProviderChain`` does.

    Args:
        flag: the profile that the program names, if it does.
        environ: the environment.
        now: the time to judge by.
    """
    named = environ.get("AWS_PROFILE") if flag is None else flag
    profile = flag or environ.get("AWS_PROFILE") or "default"
    search = _Search(environ, now)
    links = [
        _from_env(environ, skipped=bool(named)),
        search.from_ini(profile),
        search.from_process(profile),
        _from_token_file(environ),
        _remote(environ),
    ]
    region = environ.get("AWS_REGION") or search.profiles.get(profile, {}).get("region")
    return Chain(profile, judged(links), region=region)


def profiles_of(environ: Mapping[str, str]) -> Sections:
    """Return the settings of each profile in both files, as the SDK reads them."""
    found = _config_profiles(environ)
    for name, values in _parsed(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials").items():
        found.setdefault(name, {}).update(values)
    return found


def _config_profiles(environ: Mapping[str, str]) -> Sections:
    found: Sections = {}
    sections = _parsed(environ, "AWS_CONFIG_FILE", "config")
    if "default" in sections:
        found["default"] = sections["default"]
    for name, values in sections.items():
        kind, dot, rest = name.partition(".")
        if dot and kind in _KINDS:
            found[rest if kind == "profile" else name] = values
    return found


# JavaScript's white space; Python's differs.
_BLANK = "\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_BLANKS = f"[{_BLANK}]"
_COMMENT = re.compile(f"(?:^|{_BLANKS})[;#]")
_ENDS = re.compile(f"^{_BLANKS}+|{_BLANKS}+$")
_TWO_WORDS = re.compile(rf"([\w-]+){_BLANKS}([\"']?)([\w\-@+.%:/]+)\2", re.ASCII)
_KINDS = ("profile", "sso-session", "services")


def _parsed(environ: Mapping[str, str], variable: str, name: str) -> Sections:
    """Return the sections of a file; none if it cannot be read."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")
    path = environ.get(variable) or os.path.join(home, ".aws", name)
    if path.startswith("~/"):
        path = os.path.join(home, path[2:])
    try:
        return _sections(read_quiet(path).content.decode("utf-8", "replace"))
    except (OSError, ValueError):
        return {}


def _sections(text: str) -> Sections:
    """Parse a file as ``parseIni`` does; a key under one with an empty value is ``key.inner``.

    Raises:
        ValueError: the SDK ignores the whole file.
    """
    sections: Sections = {}
    section, outer = "", ""
    for line in re.split("\r?\n", text):
        content = _ENDS.sub("", _COMMENT.split(line, maxsplit=1)[0])
        if content[:1] == "[" and content[-1:] == "]":
            section, outer = _section_name(content[1:-1]), ""
            continue
        key, sign, value = (_ENDS.sub("", part) for part in content.partition("="))
        if not section or not sign or content[0] == "=":
            continue
        if not value:
            outer = key
            continue
        if not re.match(_BLANKS, line):
            outer = ""
        sections.setdefault(section, {})[f"{outer}.{key}" if outer else key] = value
    return sections


def line_above_sections(text: str) -> int | None:
    """Return the line of a setting above every section, which the SDK ignores; None without one."""
    for number, line in enumerate(re.split("\r?\n", text), 1):
        content = _ENDS.sub("", _COMMENT.split(line, maxsplit=1)[0])
        if content[:1] == "[" and content[-1:] == "]":
            break
        if "=" in content:
            return number
    return None


def _section_name(header: str) -> str:
    """Return ``profile.NAME`` for ``profile NAME``, a header of other words as it is; else ""."""
    if header in ("__proto__", "profile __proto__"):
        raise ValueError(header)
    words = _TWO_WORDS.fullmatch(header)
    if words is None:
        return header
    return f"{words[1]}.{words[3]}" if words[1] in _KINDS else ""


def _from_env(environ: Mapping[str, str], *, skipped: bool) -> Link:
    if not (environ.get(_KEY) and environ.get(_SECRET)):
        return Link("fromEnv", ABSENT)
    return Link(
        "fromEnv",
        SHADOWED if skipped else USED,
        access_key_id=environ[_KEY],
        has_token=bool(environ.get("AWS_SESSION_TOKEN")),
    )


class _Search:
    """The search in profiles.

    Args:
        environ: the environment.
        now: the time to judge by.
    """

    def __init__(self, environ: Mapping[str, str], now: datetime) -> None:
        self.profiles = profiles_of(environ)
        self._environ = environ
        self._now = now

    def from_ini(self, profile: str) -> Link:
        """Look at a profile as ``fromIni`` does."""
        try:
            return self._resolved(profile, ())
        except _EndError as error:
            return Link("fromIni", FAILED, error=(_ERROR, str(error)))
        except OSError as error:
            return Link("fromIni", FAILED, error=described(error))
        except _SkippedError as error:
            why = str(error)
            return Link("fromIni", ABSENT, error=(_ERROR, why) if why else None)

    def from_process(self, profile: str) -> Link:
        """Look for a credential_process, which ``fromIni`` has run already unless a role failed."""
        command = self.profiles.get(profile, {}).get("credential_process")
        if command is None:
            return Link("fromProcess", ABSENT)
        try:
            _check_command(command)
        except _SkippedError as error:
            return Link("fromProcess", ABSENT, error=(_ERROR, str(error)))
        return Link("fromProcess", USED, asks=True)

    def _resolved(self, profile: str, visited: tuple[str, ...], *, is_source: bool = False) -> Link:
        """Resolve a profile: roles first, then keys, then providers that ask.

        Raises:
            _SkippedError: it has no credentials, and the search continues.
            _EndError, OSError: it has none, and the search ends.
        """
        values = self.profiles.get(profile, {})
        has_keys = all(key in values for key in KEYS)
        is_role = "role_arn" in values and len(_SOURCES & values.keys()) == 1
        if (is_role or is_source) and not (visited and has_keys):
            return self._role(profile, visited)
        if has_keys:
            token = bool(values.get("aws_session_token"))
            return Link("fromIni", USED, access_key_id=values[KEYS[0]], has_token=token)
        if {"web_identity_token_file", "role_arn"} <= values.keys():
            check_file(values["web_identity_token_file"])
        elif "credential_process" in values:
            _check_command(values["credential_process"])
        elif any(key in values for key in SSO):
            self._check_signed_in(profile)
        elif "login_session" not in values:
            raise _SkippedError
        return Link("fromIni", USED, asks=True)

    def _role(self, profile: str, visited: tuple[str, ...]) -> Link:
        values = self.profiles[profile]
        source = values.get("source_profile")
        if source in visited:
            raise _SkippedError(f"the source profiles form a loop, at {source}")
        named = values.get("credential_source")
        if source is None and named not in _CREDENTIAL_SOURCES:
            raise _SkippedError(f"there is no credential_source {named}")
        if values.get("mfa_serial") and "role_arn" in values:
            raise _EndError(f"the role of profile {profile} {WANTS_CODE}")
        if source is None:
            _check_credential_source(named, self._environ)
            return Link("fromIni", USED, asks=True)
        of_source = self.profiles.get(source, {})
        is_source = "credential_source" in of_source and "role_arn" not in of_source
        found = self._resolved(source, (*visited, source), is_source=is_source)
        return Link("fromIni", USED, asks=True, source=found.source or found)

    def _check_signed_in(self, profile: str) -> None:
        """Raise an error unless `aws sso login` has kept a token."""
        from botocore.exceptions import BotoCoreError

        values = dict(self.profiles[profile])
        name = values.get("sso_session")
        if name is not None:
            session = _config_profiles(self._environ).get(f"sso-session.{name}")
            if session is None:
                raise _EndError(f"there is no sso-session {name}")
            values |= {key: session.get(key, "") for key in ("sso_region", "sso_start_url")}
        if missing := [key for key in _SSO_NEEDED if not values.get(key)]:
            raise _EndError(f"the profile {profile} has no {', '.join(missing)}")
        home = self._environ.get("HOME") or self._environ.get("USERPROFILE") or ""
        try:
            check_sso_token(home, values["sso_start_url"], name, self._now)
        except BotoCoreError as error:
            raise _EndError(str(error)) from None


WANTS_CODE = "wants a code, and the program has no way to ask for it"
_CREDENTIAL_SOURCES = ("EcsContainer", "Ec2InstanceMetadata", "Environment")


def _check_credential_source(name: str | None, environ: Mapping[str, str]) -> None:
    if name == "Environment" and not (environ.get(_KEY) and environ.get(_SECRET)):
        raise _SkippedError(
            "the access key's variables, which credential_source names, are not set"
        )
    if name == "EcsContainer":
        _check_container(environ)


def _check_command(command: str) -> None:
    first = command.split(maxsplit=1)[0]
    if not _PLAIN_COMMAND.fullmatch(command) or "=" in first or first in _OF_SHELLS:
        return
    try:
        check_program(first)
    except OSError as error:
        raise _SkippedError(": ".join(described(error))) from None


def _from_token_file(environ: Mapping[str, str]) -> Link:
    if not all(environ.get(name) for name in _WEB_IDENTITY):
        return Link("fromTokenFile", ABSENT)
    try:
        check_file(environ[_WEB_IDENTITY[0]])
    except OSError as error:
        return Link("fromTokenFile", FAILED, error=described(error))
    return Link("fromTokenFile", USED, asks=True)


def _remote(environ: Mapping[str, str]) -> Link:
    if environ.get(_RELATIVE_URI) or environ.get(_FULL_URI):
        try:
            _check_container(environ)
        except _SkippedError as error:
            return Link("remoteProvider", ABSENT, error=(_ERROR, str(error)))
        except ValueError as error:
            return Link("remoteProvider", FAILED, error=described(error))
        return Link("remoteProvider", USED, asks=True)
    disabled = environ.get("AWS_EC2_METADATA_DISABLED", "") not in ("", "false")
    return Link("remoteProvider", ABSENT if disabled else USED, asks=not disabled)


def _check_container(environ: Mapping[str, str]) -> None:
    """Raise an error unless the SDK would ask the container's endpoint.

    Raises:
        _SkippedError: there is none, or it is plain http to another machine.
        ValueError: it is no URL.
    """
    from urllib.parse import urlsplit

    if environ.get(_RELATIVE_URI):
        return
    if not environ.get(_FULL_URI):
        raise _SkippedError(f"neither {_RELATIVE_URI} nor {_FULL_URI} is set")
    url = urlsplit(environ[_FULL_URI])
    if not url.scheme:
        raise ValueError(f"{_FULL_URI} is no URL")
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    is_loopback = re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
    if url.scheme != "https" and host not in _CONTAINER_HOSTS and not is_loopback:
        raise _SkippedError(f"plain http to {host} is refused")
