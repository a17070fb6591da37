"""Command lines that are plain: options in full, each with its value, as prompts and SDKs write.

To load argparse and build a parser takes longer than all that `env` or `check` do. So a line that
leaves nothing to argue about is read by the table alone; any other one is left to argparse, which
knows how to complain and to explain.
"""

from __future__ import annotations

from mfakit.cli.options import GENERAL_OPTIONS
from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.cli.options import Command, Option


class Options:
    """What a command was given, an attribute for each option, as argparse would name it."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def read_plain_line(command: Command, arguments: list[str]) -> Options | None:
    """Read a command's arguments by the table.

    Returns:
        The options; None if the line is not plain, which does not mean that it is wrong.
    """
    if any(o.is_positional and o.settings.get("nargs") != "..." for o in command.options):
        return None  # which of the words it is depends on what stands around it
    options = (*command.options, *GENERAL_OPTIONS)
    by_name = {name: option for option in options for name in option.names}
    values = {option.destination: option.default for option in options}
    left = list(reversed(arguments))
    while left:
        name, sign, value = left.pop().partition("=")
        option = by_name.get(name) if name[:1] == "-" else None
        if option is None or (sign and not (name[:2] == "--" and value and option.takes_value)):
            return _with_rest(command, values, [name + sign + value, *reversed(left)])
        if option.takes_value and not sign:
            value = left.pop() if left else "-?"
            if value.startswith("-") and value != "-":
                return None
        try:
            values[option.destination] = option.read(value, values[option.destination])
        except UsageError:
            return None
    return _with_rest(command, values, [])


def _with_rest(command: Command, values: dict[str, Any], rest: list[str]) -> Options | None:
    """Return the options, if nothing is left but the command that is to be run."""
    option = _positional(command)
    if option is None:
        return None if rest else Options(values)
    if rest and rest[0] != "--" and rest[0].startswith("-"):
        return None
    return Options({**values, option.destination: rest})


def _positional(command: Command) -> Option | None:
    return next((option for option in command.options if option.is_positional), None)
