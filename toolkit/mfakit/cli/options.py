"""Options and commands as data: the parser, and whatever else describes a command, come from it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from mfakit.durations import parse_duration
from mfakit.errors import UsageError


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
        usage_exit_code: what wrong usage exits with, where that is not 64.
    """

    __slots__ = ("example", "name", "options", "summary", "usage_exit_code")

    def __init__(
        self,
        name: str,
        summary: str,
        example: str,
        options: tuple[Option, ...],
        usage_exit_code: int = 64,
    ) -> None:
        self.name = name
        self.summary = summary
        self.example = example
        self.options = options
        self.usage_exit_code = usage_exit_code

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
