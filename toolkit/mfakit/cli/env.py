"""`mfakit env`: print the session as environment variables."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from mfakit.cli.output import note, write
from mfakit.environment.render import render_environment, render_failure, render_unset
from mfakit.environment.shells import SHELLS, detect_shell
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile
from mfakit.profiles.sessions import read_live_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Run the command."""
    shell = detect_shell() if options.shell == "auto" else options.shell
    files = AWSFiles(os.environ)
    profile = session_profile(options.profile, os.environ, files)
    region = files.setting("region", profile)
    if options.unset:
        write(render_unset(shell, region=region is not None))
        return 0
    session = read_live_session(profile, files, datetime.now(UTC))
    write(render_environment(session, shell, region, profile))
    if sys.stdout.isatty():
        note('this is for a shell to evaluate: eval "$(mfakit env)"')
    return 0


def on_failure(arguments: list[str]) -> None:
    """Print a statement that fails, whatever went wrong.

    ``eval ""`` succeeds: without it, a script would go on with other credentials.
    """
    named = [argument.removeprefix("--shell=") for argument in arguments]
    write(render_failure(next((name for name in named if name in SHELLS), "sh")))
