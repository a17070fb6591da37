"""From the command line to the command: only the parser of the chosen command is built."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from mfakit.cli.commands import COMMANDS
from mfakit.cli.output import complain, note, write
from mfakit.errors import FAILED, USAGE, MFAKitError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from mfakit.cli.options import Command

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run() -> NoReturn:
    """Run the command that the process was started with, and exit with its code."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run a command.

    Args:
        arguments: the command line, without the program's name.

    Returns:
        The exit code.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        write(_overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        from importlib.metadata import version

        write(f"mfakit {version('mfakit')}\n")
        return 0
    command = COMMANDS.get(arguments[0])
    if command is None:
        note(f"no such command: {arguments[0]}")
        note(f"try: one of {', '.join(COMMANDS)}")
        return USAGE
    return _run_command(command, arguments[1:])


def make_parser(command: Command) -> argparse.ArgumentParser:
    """Build a command's parser from the table."""
    parser = _Parser(
        prog=f"mfakit {command.name}",
        description=command.summary,
        epilog=f"example: {command.example}",
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    for option in command.options:
        parser.add_argument(*option.names, **option.settings)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see {self.prog} --help")


class _Formatter(argparse.HelpFormatter):
    """A formatter that knows its width: finding it out would load shutil, at every start."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except (OSError, ValueError):
            columns = 80
        super().__init__(prog, width=max(40, min(columns, 100) - 2))


def _run_command(command: Command, arguments: list[str]) -> int:
    try:
        options = make_parser(command).parse_args(arguments)
        code: int = import_module(command.module).run(options)
    except MFAKitError as error:
        complain(error)
        return command.error_exit_code or error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read our output is gone; nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {command.name:{width}}  {command.summary}" for command in COMMANDS.values()]
    return "\n".join(
        [
            "usage: mfakit COMMAND [OPTION ...]",
            "",
            "A six-digit code becomes an AWS session.",
            "",
            *lines,
            "",
            "mfakit COMMAND --help says more.",
            "",
        ]
    )
