"""`mfakit env`: print the session as environment variables."""

from __future__ import annotations

import os
import sys

from mfakit.cli.output import note, write
from mfakit.environment import FORMATS, SHELLS, shell_kind
from mfakit.environment.render import (
    detect_shell,
    render_environment,
    render_failure,
    render_unset,
    session_variables,
)
from mfakit.errors import MFAKitError, SessionExpiredError, UsageError
from mfakit.moments import utc_now
from mfakit.profiles.selection import (
    ENDPOINT,
    REGIONS,
    endpoint_of,
    endpoint_to_set,
    region_of,
    region_to_set,
    role_left_out,
    session_profile,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials

    Settings = tuple[str | None, str | None, str | None]

_GITHUB = "github"


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    shell = detect_shell() if options.shell == "auto" else options.shell
    if options.unset:
        is_profile = options.from_json is None
        region, endpoint = _set_with_it(options, files) if is_profile else (False, False)
        write(render_unset(shell, region=region, endpoint_url=endpoint))
        return 0
    profile = None
    if options.from_json is None:
        profile = session_profile(options.profile, files)
    settings: Settings = (None, None, None)
    if profile is not None:
        settings = (region_to_set(profile), profile.name, endpoint_to_set(profile))
    session = _session(options, profile)
    if shell == _GITHUB:
        from mfakit.environment.github import hand_on

        hand_on(session_variables(session, *settings), write)
        return 0
    write(render_environment(session, shell, *settings))
    if profile and options.profile is None and (left_out := role_left_out(profile)):
        note(f"these are the variables of the session of profile {profile.name}, {left_out}")
    if sys.stdout.isatty() and shell in SHELLS:
        usage = SHELLS[shell].usage.format(command="mfakit env")
        note(f"this is for a shell to evaluate: {usage}")
    return 0


def _set_with_it(options: Namespace, files: AWSFiles) -> tuple[bool, bool]:
    """Whether region and endpoint in the environment are those that `env` sets for the profile.

    A session can be taken out of a shell whatever is wrong with the files.
    """
    try:
        profile = session_profile(options.profile, files)
        region, endpoint = region_of(profile), endpoint_of(profile)
    except MFAKitError:
        return False, False
    is_region_its = {os.environ.get(name) for name in REGIONS} == {region}
    return is_region_its, endpoint is not None and os.environ.get(ENDPOINT) == endpoint


def on_failure(arguments: list[str]) -> None:
    """Print a statement that fails, whatever went wrong; nothing where data is expected.

    ``eval ""`` succeeds: without it, a script would go on with other credentials.
    """
    named = _named_shell(arguments)
    if named not in (*SHELLS, *FORMATS, _GITHUB):
        try:
            named = detect_shell()
        except MFAKitError:
            named = "sh"
    write(render_failure(named))


def _named_shell(arguments: list[str]) -> str | None:
    """Find what ``--shell`` says in a line that may make no sense; a profile may have any name."""
    named = None
    words = iter(arguments)
    for word in words:
        if word == "--shell":
            named = shell_kind(next(words, ""))
        elif word.startswith("--shell="):
            named = shell_kind(word.removeprefix("--shell="))
        elif word in ("-p", "--profile", "--from-json"):
            next(words, None)
    return named


def _session(options: Namespace, profile: Profile | None) -> SessionCredentials:
    if profile is not None:
        return profile.live(utc_now())
    from mfakit.cli.output import read_input
    from mfakit.session import has_ended, session_from_json

    if options.profile is not None:
        raise UsageError("--profile has no meaning beside --from-json", "leave one of them out")
    session = session_from_json(read_input(options.from_json))
    if has_ended(session.expiration, utc_now()):
        raise SessionExpiredError("this session has expired", "get another")
    return session
