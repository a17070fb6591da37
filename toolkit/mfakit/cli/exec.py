"""`mfakit exec`: run a command with the session in its environment."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.output import complain, note
from mfakit.environment.render import session_environment, session_variables
from mfakit.errors import MFAKitError, SessionNotFoundError, UsageError
from mfakit.expiry.status import check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile
from mfakit.profiles.sessions import read_live_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

CANNOT_RUN = 126
NOT_FOUND = 127


def run(options: Namespace) -> int:
    """Run the command; on POSIX systems it takes the place of this process."""
    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise UsageError("there is no command to run", "name it: mfakit exec -- aws s3 ls")
    files = AWSFiles(os.environ)
    profile = session_profile(options.profile, os.environ, files)
    if _is_due(profile, files, options.min_remaining):
        _renew(profile, options.min_remaining, files)
        files = AWSFiles(os.environ)
    session = read_live_session(profile, files, datetime.now(UTC))
    variables = session_variables(session, files.setting("region", profile), profile)
    return _run(command, session_environment(os.environ, variables))


def _is_due(profile: str, files: AWSFiles, min_remaining: float | None) -> bool:
    try:
        status = check_session(profile, files, datetime.now(UTC), min_remaining)
    except SessionNotFoundError:
        return True
    return status.state in ("expiring", "expired")


def _renew(profile: str, min_remaining: float | None, files: AWSFiles) -> None:
    """Log in; where that cannot be, a session that still lives has to do."""
    from mfakit.exchange.login import login
    from mfakit.exchange.plan import LoginRequest

    request = LoginRequest(profile=profile, min_remaining=min_remaining, as_before=True, note=note)
    try:
        login(request, os.environ)
    except MFAKitError as error:
        if min_remaining is not None:
            raise
        try:
            read_live_session(profile, files, datetime.now(UTC))
        except MFAKitError:
            raise error from None
        note(f"the session is due, but could not be renewed: {error.message}")


def _run(command: list[str], environ: dict[str, str]) -> int:
    try:
        if os.name == "posix":
            _replace(command, environ)
        import subprocess

        return subprocess.run(command, check=False, env=environ).returncode
    except FileNotFoundError:
        complain(MFAKitError(f"there is no program {command[0]}", "see its name, and PATH"))
        return NOT_FOUND
    except OSError as error:
        complain(MFAKitError(f"cannot run {command[0]}: {error.strerror}", "see its mode: ls -l"))
        return CANNOT_RUN


def _replace(command: list[str], environ: dict[str, str]) -> NoReturn:
    """Become the command: signals, the terminal and the exit code are its own then."""
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that is inherited
    os.execvpe(command[0], command, environ)  # noqa: S606
