"""`mfakit exec`: run a command with the session in its environment."""

from __future__ import annotations

import os

from mfakit.cli.output import complain, note
from mfakit.environment.render import run_command
from mfakit.errors import CommandError, UsageError
from mfakit.moments import utc_now
from mfakit.profiles.selection import region_to_set, session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.exchange.recipe import Role
    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials


def run(options: Namespace) -> int:
    """Run the command; on POSIX systems it takes the place of this process."""
    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise UsageError("there is no command to run", "name it: mfakit exec -- aws s3 ls")
    role = None
    if options.role_arn or options.policy or options.policy_arn:
        from mfakit.cli.roles import read_role

        role = read_role(options)
    profile = session_profile(options.profile, os.environ)
    held = profile.held()
    if held is None or held.state(utc_now(), options.min_remaining).is_due:
        session = _renewed(profile, options.min_remaining)
    else:
        session = held.session
    if role is not None:
        session = _renewed(profile, options.min_remaining, role)
    region = region_to_set(profile)
    try:
        return run_command(command, session, region=region, profile=profile.name)
    except CommandError as error:
        complain(error)
        return error.exit_code


def _renewed(
    profile: Profile, min_remaining: float | None, role: Role | None = None
) -> SessionCredentials:
    from mfakit.cli.renewing import renew
    from mfakit.exchange.recipe import LoginRequest

    request = LoginRequest(
        profile=profile.name, min_remaining=min_remaining, as_before=role is None, note=note
    )
    return renew(profile, request, may_make_do=min_remaining is None, role=role)
