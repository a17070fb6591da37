"""`mfakit credential-process`: what the SDKs' `credential_process` asks for."""

from __future__ import annotations

import os

from mfakit.cli.output import note, write
from mfakit.environment import json_object
from mfakit.errors import ProfileError
from mfakit.moments import format_timestamp, utc_now
from mfakit.profiles.selection import session_profile
from mfakit.session import VALID, process_warn_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.exchange.recipe import Role
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Held, Profile
    from mfakit.session import SessionCredentials

_PATIENCE_SECONDS = 50  # most SDKs end the process after a minute
_GOING_ON = "MFAKIT_PROCESSES"


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    profile = session_profile(options.profile, files)
    if options.role_arn or options.policy or options.policy_arn:
        session = _session_of_role(options, profile)
    else:
        session = _session(profile)
    write(_as_json(session))
    return 0


def _session(profile: Profile) -> SessionCredentials:
    held = profile.held()
    return held.session if held and _lasts(held) else _renewed(profile, held)


def _session_of_role(options: Namespace, profile: Profile) -> SessionCredentials:
    """Return a session of a role, assumed from the profile's, which is renewed first if it is due.

    As long as the last one lasts, nothing is asked for.
    """
    from mfakit.cli.login import read_role

    role, base = read_role(options), profile.held()
    assert role is not None
    held = role.session_of(profile).held()
    if held and base and held.is_made_from(base) and _lasts(held):
        return held.session
    _session(profile)
    return _renewed(profile.read_again(), held, role)


def _lasts(held: Held) -> bool:
    return held.state(utc_now(), _warn_seconds(held)) == VALID


def _warn_seconds(held: Held | None) -> float | None:
    if held is None or held.session.expiration is None:
        return None
    return process_warn_seconds(held.session.expiration, held.made_at)


def _renewed(profile: Profile, held: Held | None, role: Role | None = None) -> SessionCredentials:
    from mfakit.cli.renewing import renew
    from mfakit.exchange.recipe import LoginRequest

    if role is None:
        _refuse_loop(profile.name)
    request = LoginRequest(
        min_remaining=_warn_seconds(held),
        as_before=role is None,
        patience=_PATIENCE_SECONDS,
        note=note,
    )
    return renew(profile, request, role=role)


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
