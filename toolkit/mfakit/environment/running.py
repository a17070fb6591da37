"""Running a command with a session in its environment."""

from __future__ import annotations

import os

from mfakit import debug
from mfakit.environment.render import session_environment, session_variables
from mfakit.errors import CommandError, CommandNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from mfakit.session import SessionCredentials


def run_command(
    command: list[str],
    credentials: SessionCredentials,
    *,
    region: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run a command with a session in its environment, and nothing that contradicts it.

    On POSIX systems the command replaces this process, so that signals, the terminal and the exit
    code are its own, and this function does not return.

    Args:
        command: the program and its arguments; no shell is involved.
        credentials: the session.
        region: sets the region too, if given.
        profile: the session profile, for mfakit's own use.
        endpoint_url: sets an endpoint that is not AWS's own too, if given.
        environ: the environment otherwise; the process's own by default.

    Returns:
        The exit code of the command, on Windows, where no process can become another.

    Raises:
        CommandNotFoundError: there is no such program; its exit code is 127, as in shells.
        CommandError: it cannot be run; its exit code is 126.
    """
    variables = session_variables(credentials, region, profile, endpoint_url)
    environment = session_environment(os.environ if environ is None else environ, variables)
    debug.event("run {} with the session {}", command[0], debug.key_id(credentials.access_key_id))
    return run_in(command, environment)


def run_in(command: list[str], environment: dict[str, str]) -> int:
    """Run a command in an environment, as ``run_command`` does."""
    program = command[0]
    if not program:
        raise _not_found(program)
    try:
        if os.name == "posix":
            _replace(command, environment)
        return _attend(command, environment)
    except FileNotFoundError:
        if os.path.isfile(program):
            raise CommandError(
                f"cannot run {program}", "see the program that its first line names"
            ) from None
        raise _not_found(program) from None
    except OSError as error:
        raise CommandError(
            f"cannot run {program}: {error.strerror}", "see its mode, ls -l, and its first line, #!"
        ) from None


def _not_found(program: str) -> CommandNotFoundError:
    import shlex

    hint = "see its name, and PATH"
    if "=" in program and program.partition("=")[0].isidentifier():
        hint = f"let env set the variable: mfakit exec -- env {shlex.quote(program)} PROGRAM"
    elif any(map(str.isspace, program)):
        hint = f"let a shell run the line: mfakit exec -- sh -c {shlex.quote(program)}"
    return CommandNotFoundError(f"there is no program {program!r}", hint)


def _replace(command: list[str], environ: dict[str, str]) -> NoReturn:
    """Replace this process by the command."""
    import signal

    for ignored_by_python in ("SIGPIPE", "SIGXFSZ"):  # and that would be inherited
        if hasattr(signal, ignored_by_python):
            signal.signal(getattr(signal, ignored_by_python), signal.SIG_DFL)
    os.execvpe(command[0], command, environ)  # noqa: S606


def _attend(command: list[str], environ: dict[str, str]) -> int:
    """Run the command and wait for its end.

    Ctrl-C reaches both, and is the command's to handle. Names without an extension are looked up
    as at the prompt, so that `npm` finds `npm.cmd`.
    """
    import shutil
    import signal
    import subprocess

    program = shutil.which(command[0]) or command[0]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.run([program, *command[1:]], check=False, env=environ).returncode
