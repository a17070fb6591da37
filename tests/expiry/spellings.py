"""Every place and spelling of the end of a session, and the tool that writes it so.

The form of each is that of the tool named: of aws-mfa 0.0.12, awsume 4.5.4, yawsso and gsts as
their sources have it, of botocore 1.44 and the AWS CLI as their caches show.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mfakit import SessionCredentials, write_session

# What writes a session with its end into a home; it gives what that adds to the environment.
Writer = Callable[[Path, datetime], dict[str, str]]

NAIVE = "%Y-%m-%d %H:%M:%S"
ZULU = "%Y-%m-%dT%H:%M:%SZ"
KEYS = "aws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
VARIABLES = {"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SECRET_ACCESS_KEY": "s"}
TOKEN = {"AWS_SESSION_TOKEN": "t"}
OWN_PROCESS = "[profile mfa]\ncredential_process = mfakit credential-process --profile mfa\n"
STS_KEYS = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t"}
ROLE = "arn:aws:sts::123456789012:assumed-role/admin/alice"


def zulu(end: datetime) -> str:
    return end.astimezone(UTC).strftime(ZULU)


def local_rfc3339(end: datetime) -> str:
    return end.astimezone().isoformat(timespec="seconds")


def naive_utc(end: datetime) -> str:
    return end.astimezone(UTC).strftime(NAIVE)


def naive_local(end: datetime) -> str:
    return end.astimezone().strftime(NAIVE)


def place(path: Path, text: str) -> None:
    """Write a file with an old modification time: mfakit waits before it reads a fresh one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (0, 0))


def section(key: str, spell: Callable[[datetime], str], more: str = "") -> Writer:
    """Write the credentials file's section by hand, with one key for the end."""

    def write(home: Path, end: datetime) -> dict[str, str]:
        place(home / ".aws/credentials", f"[mfa]\n{KEYS}{key} = {spell(end)}\n{more}")
        return {}

    return write


def variable(name: str, spell: Callable[[datetime], str]) -> Writer:
    return lambda _, end: {**VARIABLES, **TOKEN, name: spell(end)}


def mfakit(home: Path, end: datetime) -> dict[str, str]:
    session = SessionCredentials("ASIA1", "s", "t", end)
    write_session("mfa", session, environ={"HOME": str(home)})
    os.utime(home / ".aws/credentials", (0, 0))
    return {}


def mfakit_cache(home: Path, end: datetime) -> dict[str, str]:
    place(home / ".aws/config", OWN_PROCESS)
    session = SessionCredentials("ASIA1", "s", "t", end)
    write_session("mfa", session, environ={"HOME": str(home)})
    return {}


def old_token_variable(_: Path, end: datetime) -> dict[str, str]:
    return {**VARIABLES, "AWS_SECURITY_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": zulu(end)}


def cached(name: str, content: Callable[[datetime], object]) -> Writer:
    def write(home: Path, end: datetime) -> dict[str, str]:
        place(home / ".aws" / name, json.dumps(content(end)))
        return {}

    return write


def moved_login_cache(home: Path, end: datetime) -> dict[str, str]:
    place(home / "elsewhere/1.json", json.dumps(login_token(end)))
    return {"AWS_LOGIN_CACHE_DIRECTORY": "~/elsewhere"}


def role_session(end: datetime) -> object:
    return {
        "Credentials": {**STS_KEYS, "Expiration": end.isoformat()},
        "AssumedRoleUser": {"AssumedRoleId": "AROA1:alice", "Arn": ROLE},
    }


def sso_role_session(end: datetime) -> object:
    return {"ProviderType": "sso", "Credentials": {**STS_KEYS, "Expiration": zulu(end)}}


def sso_token(end: datetime, spell: Callable[[datetime], str] = zulu) -> object:
    return {
        "startUrl": "https://example.awsapps.com/start",
        "region": "eu-west-1",
        "accessToken": "secret",
        "expiresAt": spell(end),
        "clientId": "id",
        "clientSecret": "secret",
        "registrationExpiresAt": "2126-01-01T00:00:00Z",
        "refreshToken": "secret",
    }


def login_token(end: datetime) -> object:
    keys = {"accessKeyId": "ASIA1", "secretAccessKey": "s", "sessionToken": "t"}
    return {
        "accessToken": {**keys, "accountId": "123456789012", "expiresAt": zulu(end)},
        "tokenType": "aws_sigv4",
        "refreshToken": "secret",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": "secret",
    }


AWS_MFA = "assumed_role = False\naws_security_token = t\n"
AWSUME = "manager = awsume\nregion = eu-west-1\n"
AUTOAWSUME = f"{AWSUME}autoawsume = true\nawsumepy_command = -a work\n"
START_URL = "https://example.awsapps.com/start"

# name -> profile and source that it is listed with, and its writer
SPELLINGS: dict[str, tuple[str, str, Writer]] = {
    "mfakit": ("mfa", "credentials-file", mfakit),
    "aws-vault": ("mfa", "credentials-file", section("aws_credential_expiration", zulu)),
    "aws-mfa": ("mfa", "credentials-file", section("expiration", naive_utc, AWS_MFA)),
    "awsume": ("mfa", "credentials-file", section("expiration", naive_local, AWSUME)),
    "autoawsume": ("mfa", "credentials-file", section("expiration", naive_local, AUTOAWSUME)),
    "saml2aws": ("mfa", "credentials-file", section("x_security_token_expires", local_rfc3339)),
    "gimme-aws-creds": (
        "mfa",
        "credentials-file",
        section("x_security_token_expires", datetime.isoformat),
    ),
    "clisso": ("mfa", "credentials-file", section("aws_expiration", zulu)),
    "yawsso": (
        "mfa",
        "credentials-file",
        section("aws_session_expiration", lambda end: zulu(end).replace("Z", "+0000")),
    ),
    "gsts": (
        "mfa",
        "credentials-file",
        section("aws_session_expiration", lambda end: zulu(end).replace("Z", ".000Z")),
    ),
    "by hand, small letters": (
        "mfa",
        "credentials-file",
        section("Expiration", lambda end: zulu(end).lower()),
    ),
    "by hand, nanoseconds": (
        "mfa",
        "credentials-file",
        section("expiration", lambda end: zulu(end).replace("Z", ".000000001Z")),
    ),
    "session cache": ("mfa", "session-cache", mfakit_cache),
    "mfakit env": ("environment", "environment", variable("AWS_CREDENTIAL_EXPIRATION", zulu)),
    "aws-vault exec": ("environment", "environment", variable("AWS_SESSION_EXPIRATION", zulu)),
    "awsume in a shell": (
        "environment",
        "environment",
        variable("AWSUME_EXPIRATION", lambda end: naive_local(end).replace(" ", "T")),
    ),
    "old token variable": ("environment", "environment", old_token_variable),
    "AWS CLI, role": (ROLE, "cli-cache", cached("cli/cache/1.json", role_session)),
    "AWS CLI, role by SSO": ("1", "cli-cache", cached("cli/cache/1.json", sso_role_session)),
    "AWS CLI, SSO": (START_URL, "sso-cache", cached("sso/cache/1.json", sso_token)),
    "AWS CLI of 2020, SSO": (
        START_URL,
        "sso-cache",
        cached("sso/cache/1.json", lambda end: sso_token(end, lambda e: f"{zulu(e)[:-1]}UTC")),
    ),
    "AWS CLI, login": (
        "123456789012",
        "login-cache",
        cached("login/cache/1.json", login_token),
    ),
    "AWS CLI, login elsewhere": ("123456789012", "login-cache", moved_login_cache),
}
