"""From the command line to the command. Only the modules of the chosen command are loaded."""

from __future__ import annotations

import gc
import os

from mfakit import debug
from mfakit.cli.commands import COMMANDS, GROUPS
from mfakit.cli.options import read_plain_line
from mfakit.cli.output import complain, escape, show
from mfakit.errors import FAILED, MFAKitError, UnreadableError, UsageError
from mfakit.profiles.aws_files import AWSFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.cli.options import Command

_WRITERS = ("login", "configure", "logout", "keys")  # of the AWS files
# The commands of other tools, and mfakit's own in their place.
_MEANT = {
    "renew": "login --force",
    "refresh": "login --force",
    "whoami": "explain --online",
    "version": "--version",
    "rotate": "keys rotate",
}
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code. An error becomes two lines, never a traceback."""
    if arguments[:1] == ["--debug"] or os.environ.get("MFAKIT_DEBUG", "0") not in ("", "0"):
        _debug()
        arguments = arguments[arguments[:1] == ["--debug"] :]
    command = COMMANDS.get(arguments[0]) if arguments else None
    files = AWSFiles(os.environ)
    try:
        if command is None:
            return _general(arguments, files)
        return _run_command(command, arguments[1:], files)
    except BaseException as error:
        code = _report(error)
        if command is None:
            return code
        from contextlib import suppress

        with suppress(Exception):
            command.on_failure(arguments[1:])
        if isinstance(error, UnreadableError) and command.name in _WRITERS:
            return FAILED
        return command.error_exit_code or code


def _run_command(command: Command, arguments: list[str], files: AWSFiles) -> int:
    options: object = read_plain_line(command, arguments)
    if options is None:
        from mfakit.cli.parser import make_parser

        try:
            options = make_parser(command).parse(arguments)
        except SystemExit:
            return 0  # --help, which is all that argparse exits for here
    if getattr(options, "debug", False):
        _debug()
    debug.event("command {}", command.name)
    run = command.load()
    if not gc.isenabled():  # see `run`
        gc.freeze()
        gc.enable()
    return run(options, files)


def _debug() -> None:
    """Turn --debug on, if it is not on."""
    if not debug.is_on():
        from mfakit.cli.debugging import start_debugging

        start_debugging(os.environ)


def _general(arguments: list[str], files: AWSFiles) -> int:
    """Handle a command line without a known command."""
    if not arguments:
        from mfakit.cli.status import standing

        lines = [*standing(files), "mfakit --help lists the commands"]
        show("".join(f"{escape(line)}\n" for line in lines))
    elif arguments[0] == "help" and len(arguments) > 1:
        return main([arguments[1], "--help"])
    elif arguments[0] in ("-h", "--help", "help"):
        show(_overview())
    elif arguments[0] in ("-V", "--version"):
        from importlib.metadata import version

        show(f"mfakit {version('mfakit')}\n")
    else:
        raise UsageError(f"no such command: {arguments[0]}", _nearest(arguments[0]))
    return 0


def _nearest(name: str) -> str:
    """Return a hint with the nearest command, or all of them."""
    from difflib import get_close_matches

    if name.startswith("-"):
        return "name the command first, then its options"
    if name.lower() in _MEANT:
        return f"mfakit {_MEANT[name.lower()]}"
    near = get_close_matches(name.lower(), COMMANDS, n=1)
    return f"mfakit {near[0]}" if near else f"one of {', '.join(COMMANDS)}"


def _report(error: BaseException) -> int:
    """Print an error, if there is something to print, and return the exit code."""
    if isinstance(error, MFAKitError):
        complain(_with_keys(_with_cause(error)))
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if not isinstance(error, BrokenPipeError):
        complain(_unexpected(error))
    return FAILED


def _with_keys(error: MFAKitError) -> MFAKitError:
    """Return an error about a missing session with the keys that the login it advises needs."""
    if error.session_profile is None or "mfakit login" not in error.hint:
        return error
    from mfakit.profiles.profile import Profile
    from mfakit.profiles.selection import first_step

    try:
        error.hint = first_step(Profile(error.session_profile, AWSFiles(os.environ)), error.hint)
    except MFAKitError:
        return error  # it was to say more
    return error


def _with_cause(error: MFAKitError) -> MFAKitError:
    """Return an error about keys with the cause that `explain` finds, if it finds one."""
    if error.suspect is None:
        return error
    from mfakit.environment.render import likely_shell
    from mfakit.explain import cause

    try:
        found = cause(error.suspect, os.environ, likely_shell())
    except Exception:
        return error  # it was to say more of the error, not to hide it
    return error if found is None else MFAKitError(f"{error.message}: {found.message}", found.fix)


def _unexpected(error: BaseException) -> MFAKitError:
    """Return an error for a bug of ours, by its kind and place; its message might hold a secret."""
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}, line {place.lineno}"
    return MFAKitError(
        f"unexpected {type(error).__name__} in {where}",
        "run it again with --debug, and report what that shows",
    )


def _overview() -> str:
    lines = ["usage: mfakit COMMAND [OPTION ...]", "", "A six-digit code becomes an AWS session."]
    width = max(map(len, COMMANDS))
    for heading, names in GROUPS.items():
        lines += ["", f"{heading}:"]
        lines += [f"  {name:{width}}  {COMMANDS[name].summary}" for name in names]
    return "\n".join([*lines, "", "mfakit COMMAND --help shows its options.", ""])
