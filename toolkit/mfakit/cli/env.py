"""`mfakit env`: print the session as environment variables."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from mfakit.cli.output import note, write
from mfakit.environment.render import render_environment, render_failure, render_unset
from mfakit.environment.shells import detect_shell
from mfakit.errors import MFAKitError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile
from mfakit.profiles.sessions import read_live_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Run the command."""
    shell = detect_shell() if options.shell == "auto" else options.shell
    if options.unset:
        write(render_unset(shell))
        return 0
    try:
        write(_environment(options.profile, shell))
    except MFAKitError:
        # eval "" succeeds: without a statement that fails, a script would go on as somebody else.
        write(render_failure(shell))
        raise
    if sys.stdout.isatty():
        note('this is for a shell to evaluate: eval "$(mfakit env)"')
    return 0


def _environment(profile: str | None, shell: str) -> str:
    files = AWSFiles(os.environ)
    name = session_profile(profile, os.environ, files)
    session = read_live_session(name, files, datetime.now(UTC))
    return render_environment(session, shell, files.setting("region", name), name)
