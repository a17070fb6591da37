"""`mfakit credential-process`: what the SDKs' `credential_process` asks for."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.output import note, write
from mfakit.environment.formats import json_object
from mfakit.errors import ProfileError
from mfakit.expiry.rule import VALID, judge, process_warn_seconds
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.record import read_record
from mfakit.profiles.selection import session_profile
from mfakit.profiles.sessions import held_session
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.session import SessionCredentials

_PATIENCE_SECONDS = 50  # most SDKs end the process after a minute
_GOING_ON = "MFAKIT_PROCESSES"


def run(options: Namespace) -> int:
    """Run the command."""
    files = AWSFiles(os.environ)
    profile = session_profile(options.profile, os.environ, files)
    session = _session(profile, files)
    write(_as_json(session))
    return 0


def _session(profile: str, files: AWSFiles) -> SessionCredentials:
    now = datetime.now(UTC)
    warn: float | None = None
    session = held_session(profile, files)
    if session is not None:
        record = read_record(files.credentials_path, profile, session.access_key_id)
        if session.expiration is not None:
            warn = process_warn_seconds(session.expiration, record.made_at if record else None)
        if judge(session.expiration, now, warn=warn) == VALID:
            return session
    from mfakit.cli.renewing import renew

    return renew(profile, lambda: _log_in(profile, warn))


def _log_in(profile: str, warn: float | None) -> None:
    from mfakit.exchange.login import login
    from mfakit.exchange.plan import LoginRequest

    _refuse_loop(profile)
    login(
        LoginRequest(
            profile=profile,
            min_remaining=warn,
            as_before=True,
            patience=_PATIENCE_SECONDS,
            note=note,
        ),
        os.environ,
    )


def _refuse_loop(profile: str) -> None:
    """Notice that the keys for this session are asked, in the end, of this very command."""
    going_on = [name for name in os.environ.get(_GOING_ON, "").split("\n") if name]
    if profile in going_on:
        raise ProfileError(
            f"the credential_process of profile {profile!r} leads back to itself",
            "let mfakit_source_profile name a profile with long-term keys",
        )
    os.environ[_GOING_ON] = "\n".join([*going_on, profile])


def _as_json(session: SessionCredentials) -> str:
    given: dict[str, str | int] = {
        "Version": 1,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
    }
    if session.expiration is not None:
        given["Expiration"] = format_timestamp(session.expiration)
    return json_object(given)
