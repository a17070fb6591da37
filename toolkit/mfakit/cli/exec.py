"""`mfakit exec`: run a command with the session in its environment."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.output import complain, note
from mfakit.environment.render import run_command
from mfakit.errors import CommandError, SessionNotFoundError, UsageError
from mfakit.expiry.status import check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile
from mfakit.profiles.sessions import read_live_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.session import SessionCredentials


def run(options: Namespace) -> int:
    """Run the command; on POSIX systems it takes the place of this process."""
    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise UsageError("there is no command to run", "name it: mfakit exec -- aws s3 ls")
    files = AWSFiles(os.environ)
    profile = session_profile(options.profile, os.environ, files)
    if _is_due(profile, files, options.min_remaining):
        session = _renewed(profile, options.min_remaining)
    else:
        session = read_live_session(profile, files, datetime.now(UTC))
    try:
        return run_command(
            command, session, region=files.setting("region", profile), profile=profile
        )
    except CommandError as error:
        complain(error)
        return error.exit_code


def _is_due(profile: str, files: AWSFiles, min_remaining: float | None) -> bool:
    try:
        status = check_session(profile, files, datetime.now(UTC), min_remaining)
    except SessionNotFoundError:
        return True
    return status.state in ("expiring", "expired")


def _renewed(profile: str, min_remaining: float | None) -> SessionCredentials:
    from mfakit.cli.renewing import renew
    from mfakit.exchange.login import login
    from mfakit.exchange.plan import LoginRequest

    request = LoginRequest(profile=profile, min_remaining=min_remaining, as_before=True, note=note)
    return renew(profile, lambda: login(request, os.environ), may_make_do=min_remaining is None)
