"""Options and commands as data: the parser, and whatever else describes a command, come from it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from importlib import import_module

from mfakit.durations import parse_duration
from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LAST_PORT = 65535


class Option:
    """An option of a command: its names, and what argparse needs to know."""

    __slots__ = ("names", "settings")

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names = names
        self.settings = settings


class Command:
    """A command: what it does in a line, an example, its options; its code is in the module named.

    Args:
        name: as it is typed.
        summary: what it does, one line.
        example: a command line that shows it at work.
        options: its options.
        error_exit_code: what every error exits with, where the error itself does not tell.
    """

    __slots__ = ("error_exit_code", "example", "name", "options", "summary")

    def __init__(
        self,
        name: str,
        summary: str,
        example: str,
        options: tuple[Option, ...],
        error_exit_code: int | None = None,
    ) -> None:
        self.name = name
        self.summary = summary
        self.example = example
        self.options = options
        self.error_exit_code = error_exit_code

    @property
    def module(self) -> str:
        """The module that runs the command."""
        return f"mfakit.cli.{self.name.replace('-', '_')}"

    def on_failure(self, arguments: list[str]) -> None:
        """Do what the command's module wants done when it failed, whatever it failed of."""
        module = import_module(self.module)
        if hasattr(module, "on_failure"):
            module.on_failure(arguments)


def duration(text: str) -> int:
    """Read the duration that an option was given, in seconds."""
    try:
        return parse_duration(text)
    except UsageError as error:
        raise ArgumentTypeError(f"{error.message}; {error.hint}") from None


def port(text: str) -> int:
    """Read the number of a TCP port; 0 is a free one."""
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_PORT))
    if not short or int(text) > _LAST_PORT:
        raise ArgumentTypeError(f"{text!r} is no port; it is a number from 0 to {_LAST_PORT}")
    return int(text)


def user_name(text: str) -> str:
    """Read the name of an IAM user, which is a matter of IAM's pattern for it."""
    from mfakit.cli.simulate.seed_file import USER_NAME

    if not USER_NAME.fullmatch(text):
        raise ArgumentTypeError(
            f"{text!r} is no user name; it is 1 to 64 letters, digits and characters of _+=,.@-"
        )
    return text
