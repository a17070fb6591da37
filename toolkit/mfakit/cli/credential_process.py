"""`mfakit credential-process`: what the SDKs' `credential_process` asks for."""

from __future__ import annotations

import os

from mfakit.cli.output import note, write
from mfakit.environment.formats import json_object
from mfakit.errors import ProfileError
from mfakit.moments import format_timestamp, utc_now
from mfakit.profiles.selection import session_profile
from mfakit.state import VALID, process_warn_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials

_PATIENCE_SECONDS = 50  # most SDKs end the process after a minute
_GOING_ON = "MFAKIT_PROCESSES"


def run(options: Namespace) -> int:
    """Run the command."""
    session = _session(session_profile(options.profile, os.environ))
    write(_as_json(session))
    return 0


def _session(profile: Profile) -> SessionCredentials:
    warn: float | None = None
    held = profile.held()
    if held is not None:
        if held.session.expiration is not None:
            warn = process_warn_seconds(held.session.expiration, held.made_at)
        if held.state(utc_now(), warn) == VALID:
            return held.session
    from mfakit.cli.renewing import renew
    from mfakit.exchange.recipe import LoginRequest

    _refuse_loop(profile.name)
    request = LoginRequest(
        profile=profile.name,
        min_remaining=warn,
        as_before=True,
        patience=_PATIENCE_SECONDS,
        note=note,
    )
    return renew(profile, request)


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
