"""Strategies for homes and environments: profiles, roles, processes, stale keys."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

PROFILES = ("default", "work", "mfa", "admin")
ROLE = "arn:aws:iam::123456789012:role/admin"
SERIAL = "arn:aws:iam::123456789012:mfa/alice"
ECHO = shutil.which("echo") or "echo"
PROCESS = f'{ECHO} \'{{"Version": 1, "AccessKeyId": "PROCESS", "SecretAccessKey": "s"}}\''

Section = dict[str, str]


@dataclass
class Case:
    """A home's two files, the variables, `--profile`, and whether `aws sso login` was run."""

    credentials: dict[str, Section] = field(default_factory=dict)
    config: dict[str, Section] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    flag: str | None = None
    signed_in: bool = True

    def settle(self, folder: Path) -> dict[str, str]:
        """Write the files into a folder; return the environment that leads there.

        The endpoint of AWS is a port where nothing answers.
        """
        if self.signed_in:
            kept = folder / ".aws" / "sso" / "cache"
            kept.mkdir(parents=True, exist_ok=True)
            for name in ("https://example.com", "house"):
                token = {"accessToken": "t", "expiresAt": "2126-01-01T00:00:00Z"}
                digest = hashlib.sha1(name.encode()).hexdigest()
                (kept / f"{digest}.json").write_text(json.dumps(token))
        (folder / "token").write_text("a token of a web identity")
        for values in (*self.config.values(), self.variables):
            for key, value in values.items():
                values[key] = value.replace("TOKEN_FILE", str(folder / "token"))
        (folder / "credentials").write_text(_text(self.credentials, lambda name: name))
        (folder / "config").write_text(_text(self.config, _header))
        return {
            "HOME": str(folder),
            "PATH": os.defpath,
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_MAX_ATTEMPTS": "1",
            **self.variables,
        }


def _header(name: str) -> str:
    return name if name == "default" or name.startswith("sso-session ") else f"profile {name}"


def _text(sections: dict[str, Section], header) -> str:
    return "".join(
        f"[{header(name)}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
        for name, values in sections.items()
    )


def _part(draw, values: dict[str, str], missing: int = 1) -> Section:
    """Draw a part of the keys, and sometimes all."""
    if draw(st.integers(0, 5)):
        return dict(values)
    left_out = draw(st.sets(st.sampled_from(sorted(values)), max_size=missing))
    return {key: value for key, value in values.items() if key not in left_out}


@st.composite
def sections(draw, name: str, *, in_config: bool, online: bool) -> Section:
    """Draw the content of a profile in one of the files."""
    kinds = ["keys", "session", "nothing"]
    if in_config:
        kinds += ["role", "role", "process", "serial", "no-program", "no-process", "lost"]
    if in_config and online:
        kinds += ["sso", "session-sso", "web", "login"]
    values: Section = {}
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=2)):
        place = "CONFIG" if in_config else "FILE"
        keys = {"aws_access_key_id": f"AKIA{place}{name.upper()}", "aws_secret_access_key": "s"}
        if kind == "keys":
            values |= _part(draw, keys)
        elif kind == "session":
            values |= _part(draw, keys | {"aws_session_token": "t", "aws_security_token": "old"})
        elif kind == "role":
            values |= _role(draw)
        else:
            values |= _OTHERS[kind]
    return values


_OTHERS = {
    "nothing": {"region": "eu-west-1"},
    "process": {"credential_process": PROCESS},
    "serial": {"mfa_serial": SERIAL},
    "sso": {
        "sso_start_url": "https://example.com",
        "sso_region": "eu-west-1",
        "sso_account_id": "123456789012",
        "sso_role_name": "r",
    },
    "session-sso": {
        "sso_session": "house",
        "sso_account_id": "123456789012",
        "sso_role_name": "r",
    },
    "web": {"web_identity_token_file": "TOKEN_FILE", "role_arn": ROLE},
    "lost": {"web_identity_token_file": "/nowhere", "role_arn": ROLE},
    "no-program": {"credential_process": "/nowhere/program"},
    "no-process": {"credential_process": ""},
    "login": {"login_session": "arn:aws:iam::123456789012:user/alice"},
}


def _role(draw) -> Section:
    values = {"role_arn": ROLE}
    source = draw(st.sampled_from((*PROFILES, "nowhere", None)))
    if source is not None:
        values["source_profile"] = source
    if draw(st.integers(0, 3)) == 0:
        values["credential_source"] = draw(st.sampled_from(("Environment", "Nonsense")))
    if draw(st.booleans()):
        values["mfa_serial"] = SERIAL
    if draw(st.booleans()):
        values["duration_seconds"] = draw(st.sampled_from(("3600", "7200", "long")))
    return values


@st.composite
def cases(draw, *, online: bool = True) -> Case:
    """Draw a home and an environment; offline ones have nothing that signs in over the network."""
    case = Case()
    for name in PROFILES:
        if draw(st.booleans()):
            case.credentials[name] = draw(sections(name, in_config=False, online=online))
        if draw(st.booleans()):
            case.config[name] = draw(sections(name, in_config=True, online=online))
    if online and draw(st.booleans()):
        case.config["sso-session house"] = {
            "sso_start_url": "https://example.com",
            "sso_region": draw(st.sampled_from(("eu-west-1", "us-east-1"))),
        }
    case.variables = draw(variables(online=online))
    case.signed_in = draw(st.booleans())
    case.flag = draw(st.sampled_from((None, None, None, *PROFILES, "nowhere")))
    return case


@st.composite
def variables(draw, *, online: bool) -> dict[str, str]:
    """Draw variables that a shell may have left in the environment."""
    found: dict[str, str] = {}
    if draw(st.integers(0, 2)) == 0:
        keys = {"AWS_ACCESS_KEY_ID": "AKIAVARIABLE", "AWS_SECRET_ACCESS_KEY": "s"}
        if draw(st.booleans()):
            keys |= {"AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": "old"}
        if draw(st.integers(0, 2)) == 0:
            moments = (
                "2126-01-01T00:00:00Z",
                "2126-01-01T00:00:00",
                "2001-01-01T00:00:00Z",
                "soon",
            )
            keys["AWS_CREDENTIAL_EXPIRATION"] = draw(st.sampled_from(moments))
        found |= _part(draw, keys, missing=2)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if draw(st.integers(0, 3)) == 0:
            found[name] = draw(st.sampled_from((*PROFILES, "nowhere", "")))
    if online and draw(st.integers(0, 9)) == 0:
        found |= {"AWS_WEB_IDENTITY_TOKEN_FILE": draw(st.sampled_from(("TOKEN_FILE", "/nowhere")))}
        if draw(st.booleans()):
            found["AWS_ROLE_ARN"] = ROLE
    return found
