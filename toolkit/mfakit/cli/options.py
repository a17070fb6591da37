"""Options and commands as data: the parser, and whatever else describes a command, come from it."""

from __future__ import annotations

from argparse import ArgumentTypeError

from mfakit.durations import parse_duration
from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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


def duration(text: str) -> int:
    """Read the duration that an option was given, in seconds."""
    try:
        return parse_duration(text)
    except UsageError as error:
        raise ArgumentTypeError(f"{error.message}; {error.hint}") from None
