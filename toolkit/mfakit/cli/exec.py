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

    from mfakit.session import SessionCredentials

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
        session = _renewed(profile, options.min_remaining)
    else:
        session = read_live_session(profile, files, datetime.now(UTC))
    variables = session_variables(session, files.setting("region", profile), profile)
    return _run(command, session_environment(os.environ, variables))


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


def _run(command: list[str], environ: dict[str, str]) -> int:
    program = command[0]
    if not program:
        return _not_found(program)
    try:
        if os.name == "posix":
            _replace(command, environ)
        return _attend(command, environ)
    except FileNotFoundError:
        if os.path.isfile(program):
            return _cannot_run(f"cannot run {program}", "see the program that its first line names")
        return _not_found(program)
    except OSError as error:
        hint = "see its mode, ls -l, and its first line, #!"
        return _cannot_run(f"cannot run {program}: {error.strerror}", hint)


def _not_found(program: str) -> int:
    complain(MFAKitError(f"there is no program {program!r}", "see its name, and PATH"))
    return NOT_FOUND


def _cannot_run(message: str, hint: str) -> int:
    complain(MFAKitError(message, hint))
    return CANNOT_RUN


def _replace(command: list[str], environ: dict[str, str]) -> NoReturn:
    """Become the command: signals, the terminal and the exit code are its own then."""
    import signal

    for ignored_by_python in ("SIGPIPE", "SIGXFSZ"):  # and that would be inherited
        if hasattr(signal, ignored_by_python):
            signal.signal(getattr(signal, ignored_by_python), signal.SIG_DFL)
    os.execvpe(command[0], command, environ)  # noqa: S606


def _attend(command: list[str], environ: dict[str, str]) -> int:
    """Stay until the command has ended, where no process can become another: on Windows.

    Ctrl-C reaches both, and what it means is up to the command. Names without an ending are
    looked up as the prompt does, so that `npm` finds `npm.cmd`.
    """
    import shutil
    import signal
    import subprocess

    program = shutil.which(command[0]) or command[0]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run([program, *command[1:]], check=False, env=environ).returncode
