"""The command line. Standard output carries only what a program consumes."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
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
PASSED_ON = {  # to mfakit, with the session's profile if no other is named
    "status": "show every session here, and how long it lasts",
    "devices": "list, enrol, resynchronise and remove MFA devices",
    "keys": "list, move to the keychain and rotate long-term keys",
    "explain": "show which credentials AWS tools use, and what is wrong",
}
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
    if arguments and arguments[0] in PASSED_ON:
        return _pass_on(arguments)
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
    _check_source(options.source_profile)
    _check_device(options.serial_number, options.source_profile)
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


def stand(_: argparse.Namespace) -> int:
    """Show where you stand, and what to do next."""
    profile = TEAM.session_profile
    found = [one for one in mfakit.check_sessions() if one.profile == profile]
    if not mfakit.read_settings(profile):
        state, step = "is not configured", "configure"
    elif not found:
        state, step = "no session yet", "login"
    else:
        state = f"{found[0].state}{_until(found[0].expiration)}"
        step = "exec -- aws s3 ls" if found[0].state == "valid" else "login"
    _write(f"{profile}: {state}\nnext: {TEAM.command} {step}\n")
    _write(f"{TEAM.command} --help lists the commands\n")
    return 0


def completion(options: argparse.Namespace) -> int:
    """Print what a shell needs to complete command lines."""
    import shtab  # noqa: PLC0415 (slow to load, and mfakit brings it along)

    parser = _parser()
    for name, summary in PASSED_ON.items():
        _commands(parser).add_parser(name, help=summary)
    _write(shtab.complete(parser, shell=options.shell) + "\n")
    return 0


def _pass_on(arguments: list[str]) -> int:
    """Run a command of mfakit; what it says on standard error names this command."""
    is_named = any(re.match(r"-p|--profile\b", word) for word in arguments)
    env = dict(os.environ)
    if not is_named and arguments[0] == "explain" and "AWS_PROFILE" not in env:
        arguments = [*arguments, "--profile", TEAM.session_profile]
    env.setdefault("MFAKIT_PROFILE", TEAM.session_profile)
    asks_help = bool({"-h", "--help"}.intersection(arguments))
    process = subprocess.Popen(  # noqa: S603 (it is mfakit)
        [sys.executable, "-m", "mfakit", *arguments],
        env=env,
        stdout=subprocess.PIPE if asks_help else None,
        stderr=subprocess.PIPE,
    )
    try:
        if process.stdout is not None:
            _write(_ours(process.stdout.read().decode()))
        while process.stderr is not None and (part := os.read(process.stderr.fileno(), 1 << 16)):
            if sys.stderr is not None:
                print(_ours(part.decode(errors="replace")), end="", file=sys.stderr, flush=True)  # noqa: T201
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        return INTERRUPTED


def _ours(text: str) -> str:
    """Return a text of mfakit's with the commands of this program."""
    for theirs, ours in OURS.items():
        text = text.replace(theirs, ours)
    return re.sub(rf"\bmfakit(?=:| (?:{'|'.join(PASSED_ON)})\b)", TEAM.command, text)


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
    hint = _ours(error.hint)
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


def _check_source(name: str | None) -> None:
    """Raise an error if a profile is named that is in none of the AWS files."""
    if name is None:
        return
    from botocore.session import Session  # noqa: PLC0415 (slow to load)

    known = sorted({*Session().available_profiles} - {*TEAM.profiles()})
    if name not in known:
        near = get_close_matches(name, known, n=1) or known or ["aws configure"]
        raise mfakit.MFAKitError(f"there is no profile {name!r}", near[0])


def _check_device(serial_number: str | None, source: str | None) -> None:
    """Raise an error if a device is named that the user does not have, as far as AWS tells."""
    if serial_number is None:
        return
    command = [sys.executable, "-m", "mfakit", "devices", "--profile", TEAM.session_profile]
    named = [] if source is None else ["--source-profile", source]
    asked = subprocess.run([*command, *named], check=False, capture_output=True, text=True)  # noqa: S603
    if asked.returncode:
        tell(f"AWS does not tell whether the device {serial_number} exists")
    elif serial_number not in asked.stdout.split():
        raise mfakit.MFAKitError(
            f"you have no device {serial_number}", f"{TEAM.command} devices, which lists yours"
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
        step = f"{self.prog} --help"
        if match := re.match(r"argument COMMAND: invalid choice: '(.*?)' ", message):
            message = f"there is no command {match[1]!r}"
            known = [*_commands(self).choices, *PASSED_ON]
            near = get_close_matches(match[1].lower(), known, n=1)
            step = f"{self.prog} {near[0]}" if near else f"{step}, which lists them"
        self.exit(code, f"{TEAM.command}: {message}\n{TEAM.command}: try: {step}\n")


def _commands(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[_Parser]:
    return next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction))


def _parser() -> _Parser:
    parser = _Parser(
        prog=TEAM.command,
        description="AWS sessions with MFA, for the team",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(
            ["mfakit's commands, for the team's session:"]
            + [f"  {name:<10} {summary}" for name, summary in PASSED_ON.items()]
        ),
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(run=stand, parser=parser, error_code=0)
    commands = parser.add_subparsers(metavar="COMMAND")

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
    one = add("completion", completion)
    one.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell")
    return parser
