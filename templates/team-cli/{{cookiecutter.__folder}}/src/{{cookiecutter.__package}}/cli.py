"""The command line. Standard output carries only what a program consumes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NoReturn, TextIO

import mfakit

from . import __version__
from .team import TEAM, Role

Command = Callable[[argparse.Namespace], int]
EXPIRED, NO_SESSION, USAGE, EXEC_FAILED, INTERRUPTED = 2, 3, 64, 125, 130
CANNOT_RUN = (126, 127)  # the exit codes of shells
ROLE_SETTINGS = ("role_arn", "source_profile", "mfa_serial", "credential_source")
DATA = ("json", "dotenv", "docker")  # formats of `env` that no shell evaluates
CHECK_CODES = {"valid": 0, "expiring": 1, "expired": EXPIRED}
OURS = {  # texts in mfakit's hints, and what this command has instead; their order matters
    f"mfakit login --profile {TEAM.session_profile}": f"{TEAM.command} login",
    "mfakit login": f"{TEAM.command} login",
    f"mfakit logout --profile {TEAM.session_profile}": f"{TEAM.command} logout",
    "mfakit configure": f"{TEAM.command} configure",
    "name another profile for the session: --profile mfa": "give that profile another name",
    "see why, and what mends it: mfakit explain": "mend what it names",
    "name another profile, or replace it with --force": f"replace it: {TEAM.command} login --force",
    "run mfakit as": "run it as",
    "mfakit ...": f"{TEAM.command} ...",
    " or --token-command": "",
    "--token-code": f"{TEAM.command} login --token-code",
    "--source-profile": f"{TEAM.command} configure --source-profile",
    "--serial-number": f"{TEAM.command} configure --serial-number",
}


def run() -> NoReturn:
    """Run the command that the process was started with."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run a command; an error becomes two lines on standard error and an exit code."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    command: Command = options.run
    try:
        return command(options)
    except (KeyboardInterrupt, mfakit.MFAKitError) as error:
        if "shell" in options:
            _fail_in_shell(options.shell)
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        _complain(error)
        if error.exit_code in CANNOT_RUN:
            return error.exit_code
        return options.error_code or error.exit_code


def configure(options: argparse.Namespace) -> int:
    """Write the team's profiles into the AWS config; what else is there stays as it is."""
    profiles = TEAM.profiles()
    own = {
        "mfakit_source_profile": options.source_profile,
        "mfa_serial": options.serial_number,
    }
    profiles[TEAM.session_profile] |= {key: value for key, value in own.items() if value}
    mfakit.write_settings(profiles)
    tell(f"wrote the profiles of {TEAM.name}: {', '.join(profiles)}")
    tell(f"log in with: {TEAM.command} login")
    return 0


def login(options: argparse.Namespace) -> int:
    """Get a session for a code; one that is not due is kept."""
    done = _log_in(options.token_code, force=options.force)
    made = f"is there, made with the keys of {done.origin}"
    tell(f"the session {'is not due, and kept' if done.reused else made}{_until(done.expiration)}")
    return 0


def logout(_: argparse.Namespace) -> int:
    """Remove the session from this machine; AWS honours it until it ends."""
    mfakit.remove_session(TEAM.session_profile)
    tell(f"removed the session from the profile {TEAM.session_profile}")
    return 0


def use(options: argparse.Namespace) -> int:
    """Print what makes the AWS tools of a shell act as a role."""
    role = _role(options.role)
    _check_configured(role.profile)
    _session(role.name)
    _write(mfakit.render_profile(role.profile, _shell(options)))
    _tell_how_to_evaluate(options, f"use {role.name}")
    return 0


def env(options: argparse.Namespace) -> int:
    """Print a session as environment variables."""
    shell = _shell(options)
    session = _session(options.role)
    profile = None if options.role else TEAM.session_profile
    _write(mfakit.render_environment(session, shell, TEAM.region, profile))
    _tell_how_to_evaluate(options, f"env --role {options.role}" if options.role else "env")
    return 0


def execute(options: argparse.Namespace) -> int:
    """Run a command with a session in its environment."""
    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise mfakit.MFAKitError(
            "there is no command to run", f"name it: {TEAM.command} exec -- aws s3 ls"
        )
    session = _session(options.role)
    profile = None if options.role else TEAM.session_profile
    return mfakit.run_command(command, session, region=TEAM.region, profile=profile)


def check(_: argparse.Namespace) -> int:
    """Say whether the session is valid; the exit code says it to programs."""
    for status in mfakit.check_sessions():
        if status.profile == TEAM.session_profile and status.source != "environment":
            _write(f"{status.profile}: {status.state}{_until(status.expiration)}\n")
            return CHECK_CODES.get(status.state, NO_SESSION)
    raise mfakit.MFAKitError(
        f"the profile {TEAM.session_profile} holds no session", f"{TEAM.command} login"
    )


def tell(text: str) -> None:
    """Print a message to standard error; control characters from a file are escaped."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    if sys.stderr is None:
        return  # or it would go to standard output, which a shell may evaluate
    try:
        print(f"{TEAM.command}: {shown}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:  # a message that cannot be written is no error
        _give_up(sys.stderr)


def _write(text: str) -> None:
    """Write to standard output what a program consumes."""
    if sys.stdout is None:
        raise mfakit.MFAKitError("standard output is closed", "leave it open")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _give_up(sys.stdout)
        raise mfakit.MFAKitError(
            f"cannot write to standard output: {error.strerror}", "see where it is sent to"
        ) from None


def _give_up(stream: TextIO) -> None:
    """Discard the stream's buffer, which Python would otherwise fail to write at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(error: mfakit.MFAKitError) -> None:
    tell(error.message)
    hint = error.hint
    for theirs, ours in OURS.items():
        hint = hint.replace(theirs, ours)
    if error.exit_code in (EXPIRED, NO_SESSION):
        hint = f"{TEAM.command} login"
    if hint:
        tell(f"try: {hint}")


def _fail_in_shell(shell: str | None) -> None:
    """Print a statement that fails: a shell that evaluates nothing would go on."""
    if shell in DATA:
        return
    try:
        failure = mfakit.render_failure(shell or "") or mfakit.render_failure(mfakit.detect_shell())
    except mfakit.MFAKitError:
        failure = mfakit.render_failure("sh")
    with suppress(mfakit.MFAKitError):  # the error itself is reported anyway
        _write(failure)


def _shell(options: argparse.Namespace) -> str:
    return mfakit.detect_shell() if options.shell in (None, "auto") else options.shell


def _log_in(token_code: str | None = None, *, force: bool = False) -> mfakit.Login:
    """Log in unless the session is not due; report a session of another account."""
    _check_configured(TEAM.session_profile)
    done = mfakit.login(TEAM.session_profile, token_code=token_code, force=force, note=tell)
    if done.account not in (None, TEAM.account_id):
        tell(f"this session is of account {done.account}, and the team's is {TEAM.account_id}")
        tell(f"try: {TEAM.command} configure --source-profile NAME, with your keys of the team's")
    return done


def _session(role_name: str | None = None) -> mfakit.SessionCredentials:
    """Return the session, renewed if it is due, or a role's, which needs no code."""
    role = _role(role_name) if role_name else None
    _log_in()
    if role is None:
        return mfakit.read_session(TEAM.session_profile)
    return mfakit.assume_role(role_arn=role.arn, source_profile=TEAM.session_profile)


def _role(name: str) -> Role:
    if name in TEAM.roles:
        return TEAM.roles[name]
    raise mfakit.MFAKitError(f"there is no role {name!r}", f"one of {', '.join(TEAM.roles)}")


def _check_configured(profile: str) -> None:
    """Raise an error if a profile is missing, or differs from the team's current settings."""
    is_now, wanted = mfakit.read_settings(profile), TEAM.profiles()[profile]
    changed = [key for key in ROLE_SETTINGS if key in wanted and is_now.get(key) != wanted[key]]
    if not is_now or changed:
        how = " as the team has it now" if is_now else ""
        raise mfakit.MFAKitError(
            f"the profile {profile} is not in the AWS config{how}", f"{TEAM.command} configure"
        )


def _until(expiration: datetime | None) -> str:
    if expiration is None:
        return ""
    end = f"{expiration.astimezone():%Y-%m-%d %H:%M}"
    left = expiration - datetime.now(UTC)
    if left < timedelta(0):
        return f" since {end}"
    hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
    return f", until {end} ({hours}h{minutes:02}m left)"


def _tell_how_to_evaluate(options: argparse.Namespace, words: str) -> None:
    if options.shell is None and sys.stdout.isatty():
        tell(f'this is for a shell to evaluate, as in: eval "$({TEAM.command} {words})"')


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if any(action.dest == "shell" for action in self._actions):
            _fail_in_shell(None)
        code = self.get_default("error_code") or USAGE
        self.exit(code, f"{TEAM.command}: {message}\n{TEAM.command}: try: {self.prog} --help\n")


def _parser() -> _Parser:
    parser = _Parser(prog=TEAM.command, description="AWS sessions with MFA, for the team")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Command, error_code: int = 0) -> _Parser:
        command: _Parser = commands.add_parser(name, help=function.__doc__)
        command.set_defaults(run=function, parser=command, error_code=error_code)
        return command

    one = add("configure", configure)
    one.add_argument("--source-profile", metavar="NAME", help="where your access key is")
    one.add_argument("--serial-number", metavar="ARN", help="your MFA device")
    one = add("login", login)
    one.add_argument("--token-code", metavar="CODE", help="the six digits; - reads them")
    one.add_argument("--force", action="store_true", help="get a new one in any case")
    add("logout", logout)
    one = add("use", use)
    one.add_argument("role", help=f"one of {', '.join(TEAM.roles)}")
    one.add_argument("--shell", help="for which shell; by default the one that asks")
    one = add("env", env)
    one.add_argument("--role", help=f"one of {', '.join(TEAM.roles)}")
    one.add_argument("--shell", help=f"for which shell, or a format: {', '.join(DATA)}")
    one = add("exec", execute, EXEC_FAILED)
    one.add_argument("--role", help=f"one of {', '.join(TEAM.roles)}")
    one.add_argument("command", nargs=argparse.REMAINDER, help="what to run")
    add("check", check, NO_SESSION)
    return parser
