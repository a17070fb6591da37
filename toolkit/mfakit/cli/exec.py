"""`mfakit exec`: run a command with the session in its environment, or with an endpoint for it."""

from __future__ import annotations

import os

from mfakit.cli.output import complain, note
from mfakit.environment.render import run_command
from mfakit.errors import CommandError, UsageError
from mfakit.moments import utc_now
from mfakit.profiles.selection import endpoint_to_set, region_to_set, session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.exchange.recipe import Role
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command; on POSIX systems it takes the place of this process."""
    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise UsageError("there is no command to run", "name it: mfakit exec -- aws s3 ls")
    role = chosen_role(options)
    profile = session_profile(options.profile, files)
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
    held = profile.held()
    if held is None or held.state(utc_now(), min_remaining).is_due:
        session = _renewed(profile, min_remaining)
    else:
        session = held.session
    return session if role is None else _renewed(profile, min_remaining, role)


def _renewed(
    profile: Profile, min_remaining: float | None, role: Role | None = None
) -> SessionCredentials:
    from mfakit.cli.renewing import renew
    from mfakit.exchange.recipe import LoginRequest

    request = LoginRequest(min_remaining=min_remaining, as_before=role is None, note=note)
    return renew(profile, request, may_make_do=min_remaining is None, role=role)


def _run_served(
    command: list[str], profile: Profile, role: Role | None, min_remaining: float | None
) -> int:
    from mfakit.cli.serving import new_server
    from mfakit.environment.endpoint import CONTRADICTING, endpoint_variables
    from mfakit.environment.render import run_in

    server = new_server(profile, role)
    session_to_hand_on(profile, role, min_remaining)
    variables = endpoint_variables(profile.read_again(), server.url, server.token)
    kept = {name: value for name, value in os.environ.items() if name not in CONTRADICTING}
    server.begin()
    return run_in(command, kept | variables)
