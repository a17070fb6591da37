"""The parser of a command, made from the table."""

from __future__ import annotations

import argparse
import os
import re

from mfakit.cli.options import GENERAL_OPTIONS
from mfakit.cli.output import show
from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from mfakit.cli.options import Command


_LONGEST_CHOICES = 50  # letters: argparse does not wrap the choices, but it does wrap the help


def make_parser(command: Command) -> Parser:
    """Build a command's parser from the table."""
    parser = Parser(
        command.example,
        prog=f"mfakit {command.name}",
        description=command.summary,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    add_options(parser, command)
    return parser


def add_options(parser: argparse.ArgumentParser, command: Command) -> list[argparse.Action]:
    """Add a command's options to a parser; return what argparse made of them."""
    actions = []
    for option in (*command.options, *GENERAL_OPTIONS):
        settings = option.settings
        if "type" in settings:
            settings = settings | {"type": _explained(settings["type"])}
        if len(values := ", ".join(settings.get("choices", ()))) > _LONGEST_CHOICES:
            wrapped = f"{settings['help']}; one of {values}"
            settings = settings | {"metavar": "NAME", "help": wrapped}
        actions.append(parser.add_argument(*option.names, **settings))
    return actions


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are MFAKitErrors, and whose help begins with an example."""

    def __init__(self, example: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._example = example

    def format_help(self) -> str:
        """Return the help, with the example at its top."""
        return f"example: {self._example}\n\n{super().format_help()}"

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Read a command line, whose options may be before, between and after the arguments."""
        if any(action.nargs == argparse.REMAINDER for action in self._actions):
            return self.parse_args(arguments)  # the rest is another command's
        return self.parse_intermixed_args(arguments)

    def error(self, message: str) -> NoReturn:
        """Raise a complaint of argparse as a UsageError."""
        # a URL may hold a password, and cron mails error messages
        shown = re.sub(r"[\w.+-]+://\S+", "(a URL)", message)
        raise UsageError(shown, self._hint(message))

    def _hint(self, message: str) -> str:
        """Return the nearest option or value, if argparse's message names a mistyped one."""
        from difflib import get_close_matches

        if message.endswith("expected one argument"):
            return "give it a value, after = if that begins with -; or see --help"
        mistyped = re.search(r"(?:unrecognized arguments: |invalid choice: ')([^\s'=]+)", message)
        near = get_close_matches(mistyped[1], self._words(), n=1, cutoff=0.75) if mistyped else []
        return f"{near[0]}; or see {self.prog} --help" if near else f"see {self.prog} --help"

    def _words(self) -> list[str]:
        """Return all names of options, and all values that one can choose from."""
        known = ((*action.option_strings, *(action.choices or ())) for action in self._actions)
        return [word for words in known for word in words if isinstance(word, str)]

    def print_help(self, file: object = None) -> None:
        """Show the help."""
        show(self.format_help())


class _Formatter(argparse.HelpFormatter):
    """A formatter with a set width: argparse would load shutil to find it."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except (OSError, ValueError):
            columns = 80
        super().__init__(prog, width=max(40, min(columns, 100) - 2))


def _explained(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Turn a UsageError of a reader of values into argparse's own error."""

    def explained(text: str) -> Any:
        try:
            return read(text)
        except UsageError as error:
            reason = f"{error.message}; {error.hint}" if error.hint else error.message
            raise argparse.ArgumentTypeError(reason) from None

    return explained
