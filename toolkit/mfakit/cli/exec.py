"""Hand on the session, renewed first if it is due: to a command, `mfakit exec`, or to SDKs.

SDKs ask for it by their `credential_process`, which runs `mfakit credential-process`.
"""

from __future__ import annotations

import os

from mfakit.cli.output import complain, note, write
from mfakit.errors import CommandError, ProfileError, UsageError
from mfakit.moments import format_timestamp, utc_now
from mfakit.profiles.selection import (
    endpoint_to_set,
    region_to_set,
    role_left_out,
    session_profile,
)
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
    """Run the command; on POSIX systems it takes the place of this process."""
    from mfakit.environment.running import run_command

    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise UsageError("there is no command to run", "name it: mfakit exec -- aws s3 ls")
    role = chosen_role(options)
    profile = session_profile(options.profile, files)
    if role is None and options.profile is None and (left_out := role_left_out(profile)):
        note(f"the command runs with the session of profile {profile.name}, {left_out}")
    try:
        if options.serve:
            return _run_served(command, profile, role, options.min_remaining)
        session = session_to_hand_on(profile, role, options.min_remaining)
        region, url = region_to_set(profile), endpoint_to_set(profile)
        return run_command(command, session, region=region, profile=profile.name, endpoint_url=url)
    except CommandError as error:
        complain(error)
        return error.exit_code


def chosen_role(options: Namespace) -> Role | None:
    """Return the role that the options name, if they name one."""
    if not (options.role_arn or options.policy or options.policy_arn):
        return None
    from mfakit.cli.login import read_role

    return read_role(options)


def session_to_hand_on(
    profile: Profile, role: Role | None, min_remaining: float | None
) -> SessionCredentials:
    """Return the profile's session, or a role's that is assumed from it; renew it first if due.

    Args:
        profile: the session profile.
        role: the role, if there is one.
        min_remaining: how many seconds it has to last, instead of the rule.

    Raises:
        MFAKitError: there is no such session, and none can be made.
    """
    held, may_make_do = profile.held(), min_remaining is None
    if held is None or held.state(utc_now(), min_remaining).is_due:
        session = _renewed(profile, None, min_remaining, may_make_do=may_make_do)
    else:
        session = profile.live(utc_now())
    return (
        session if role is None else _renewed(profile, role, min_remaining, may_make_do=may_make_do)
    )


def _renewed(
    profile: Profile,
    role: Role | None,
    min_remaining: float | None,
    *,
    may_make_do: bool = True,
    patience: float | None = None,
) -> SessionCredentials:
    from mfakit.cli.renewing import renew
    from mfakit.exchange.recipe import LoginRequest

    request = LoginRequest(
        min_remaining=min_remaining, as_before=role is None, patience=patience, note=note
    )
    return renew(profile, request, may_make_do=may_make_do, role=role)


def _run_served(
    command: list[str], profile: Profile, role: Role | None, min_remaining: float | None
) -> int:
    from mfakit.cli.serving import new_server
    from mfakit.environment.endpoint import CONTRADICTING, endpoint_variables
    from mfakit.environment.running import run_in

    server = new_server(profile, role)
    session_to_hand_on(profile, role, min_remaining)
    variables = endpoint_variables(profile.read_again(), server.url, server.token)
    kept = {name: value for name, value in os.environ.items() if name not in CONTRADICTING}
    server.begin()
    return run_in(command, kept | variables)


def credential_process(options: Namespace, files: AWSFiles) -> int:
    """Run `mfakit credential-process`."""
    profile = session_profile(options.profile, files)
    role = chosen_role(options)
    write(_as_json(_session(profile) if role is None else _session_of_role(role, profile)))
    return 0


def _session(profile: Profile) -> SessionCredentials:
    held = profile.held()
    return held.session if held and _lasts(held) else _renewed_in_time(profile, held)


def _session_of_role(role: Role, profile: Profile) -> SessionCredentials:
    """Return a session of a role, assumed from the profile's, which is renewed first if it is due.

    As long as the last one lasts, nothing is asked for.
    """
    base, held = profile.held(), role.session_of(profile).held()
    if held and base and held.is_made_from(base) and _lasts(held):
        return held.session
    _session(profile)
    return _renewed_in_time(profile.read_again(), held, role)


def _lasts(held: Held) -> bool:
    return held.state(utc_now(), _warn_seconds(held)) == VALID


def _warn_seconds(held: Held | None) -> float | None:
    if held is None or held.session.expiration is None:
        return None
    return process_warn_seconds(held.session.expiration, held.made_at)


def _renewed_in_time(
    profile: Profile, held: Held | None, role: Role | None = None
) -> SessionCredentials:
    if role is None:
        _refuse_loop(profile.name)
    return _renewed(profile, role, _warn_seconds(held), patience=_PATIENCE_SECONDS)


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
    from mfakit.environment import json_object

    given: dict[str, str | int] = {
        "Version": 1,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
    }
    if session.expiration is not None:
        given["Expiration"] = format_timestamp(session.expiration)
    return json_object(given)
