"""Sphinx: pages made of the table of commands, so that nothing is written twice."""

from __future__ import annotations

from command_words import help_of, spellings, synopsis
from sphinx.util.docutils import SphinxDirective

from mfakit.cli.commands import COMMANDS
from mfakit.cli.options import GENERAL_OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx

    from mfakit.cli.options import Command, Option


class CommandList(SphinxDirective):
    """``{command-list}``: each command in a line, with a link to its section."""

    def run(self) -> list[Node]:
        rows = [
            f"| [`{c.name}`](/reference/commands.md#command-{c.name}) | {c.summary} |"
            for c in COMMANDS.values()
        ]
        return self.parse_text_to_nodes("\n".join(["| command | does |", "|---|---|", *rows]))


class Commands(SphinxDirective):
    """``{commands}``: a section for each command, with its example and options."""

    def run(self) -> list[Node]:
        text = "\n".join(_section(command) for command in COMMANDS.values())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class GeneralOptions(SphinxDirective):
    """``{general-options}``: the options that every command takes."""

    def run(self) -> list[Node]:
        program = _fenced("program", "mfakit")
        return self.parse_text_to_nodes("\n".join([program, *map(_option, GENERAL_OPTIONS)]))


def _section(command: Command) -> str:
    """Write a command's section in Markdown."""
    return "\n".join(
        [
            f"(command-{command.name})=",
            f"## {command.name}",
            "",
            f"{command.summary[0].upper()}{command.summary[1:]}.",
            "",
            _fenced("code-block", "text", [command.example]),
            f"Usage: `{synopsis(command)}`",
            "",
            _fenced("program", f"mfakit {command.name}"),
            *(_option(option) for option in command.options),
        ]
    )


def _option(option: Option) -> str:
    return _fenced("option", ", ".join(spellings(option)), [help_of(option)])


def _fenced(directive: str, argument: str, content: list[str] | None = None) -> str:
    return "\n".join([f"```{{{directive}}} {argument}", *(content or ()), "```", ""])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; called by Sphinx."""
    app.add_directive("command-list", CommandList)
    app.add_directive("commands", Commands)
    app.add_directive("general-options", GeneralOptions)
    return {"parallel_read_safe": True}
