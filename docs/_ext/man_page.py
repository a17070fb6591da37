"""The manual page, made from the table of commands: `python docs/_ext/man_page.py > mfakit.1`."""

from __future__ import annotations

import re
import sys

from command_words import help_of, spellings, synopsis

from mfakit.cli.options import GENERAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mfakit.cli.options import Command, Option

SUMMARY = "a six-digit MFA code becomes an AWS session"
FILES = {
    "~/.aws/credentials": "long-term keys and sessions; AWS_SHARED_CREDENTIALS_FILE names another",
    "~/.aws/config": "settings; AWS_CONFIG_FILE names another",
    "~/.aws/mfakit/": "how each session was made, and, of profiles with credential_process, the"
    " session; beside the credentials file",
}


def man_page(commands: Iterable[Command], version: str) -> str:
    """Write the manual page, in the macros of man(7).

    Args:
        commands: the table.
        version: of mfakit.
    """
    lines = [
        f'.TH MFAKIT 1 "" "mfakit {_text(version)}" "User Commands"',
        *_section("NAME", [rf"mfakit \- {SUMMARY}"]),
        *_section("SYNOPSIS", [".B mfakit", r"\fICOMMAND\fR [\fIOPTION\fR ...]"]),
        *_section("COMMANDS", [line for command in commands for line in _command(command)]),
        *_section(
            "EVERY COMMAND", [line for option in GENERAL_OPTIONS for line in _option(option)]
        ),
        *_section("FILES", [line for item in FILES.items() for line in _tagged(*item)]),
    ]
    return "".join(f"{line}\n" for line in lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return [f".SH {title}", *lines]


def _command(command: Command) -> list[str]:
    return [
        f".SS {_text(synopsis(command))}",
        f"{_text(command.summary)}.",
        ".PP",
        "Example:",
        rf"\fB{_text(command.example)}\fR",
        *(line for option in command.options for line in _option(option)),
    ]


def _option(option: Option) -> list[str]:
    return _tagged(", ".join(spellings(option)), help_of(option))


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", rf"\fB{_text(tag)}\fR", _text(text)]


def _text(text: str) -> str:
    r"""Escape what roff would read as its own: backslashes, hyphens, quotes, dots in front."""
    text = re.sub(r"[\\'`^~-]", lambda found: ESCAPES[found[0]], text)
    return rf"\&{text}" if text.startswith(".") else text


# What stands for itself in what people type: as roff's own signs it would become others.
ESCAPES = {"\\": r"\e", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", "-": r"\-"}


if __name__ == "__main__":
    from importlib.metadata import version

    from mfakit.cli.commands import COMMANDS

    sys.stdout.write(man_page(COMMANDS.values(), version("mfakit")))
