"""Sphinx: exit codes, taken from the errors, the commands and `check`."""

from __future__ import annotations

from sphinx.util.docutils import SphinxDirective

from mfakit import errors
from mfakit.cli.commands import COMMANDS
from mfakit.state import STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx


_MEANINGS = {
    errors.FAILED: "it failed: AWS refused or was not reached, a file cannot be read or written",
    errors.EXPIRED: "the session has ended",
    errors.NOT_FOUND: "there is no session, or what is there cannot be read as one",
    errors.USAGE: "what was typed, or stands in the settings, makes no sense; nothing was done",
    errors.CANNOT_RUN: "`exec`: there is such a command, but it cannot be run",
    errors.COMMAND_NOT_FOUND: "`exec`: there is no such command",
}


class ExitCodes(SphinxDirective):
    """``{exit-codes}``: each code, what it means, and the errors that have it."""

    def run(self) -> list[Node]:
        by_code: dict[int, list[str]] = {}
        for name, error in vars(errors).items():
            if isinstance(error, type) and issubclass(error, errors.MFAKitError):
                by_code.setdefault(error.exit_code, []).append(f"{{exc}}`~mfakit.errors.{name}`")
        rows = [
            f"| {code} | {_MEANINGS[code]} | {', '.join(by_code[code])} |"
            for code in sorted(by_code)
        ]
        own = [
            f"| {c.error_exit_code} | every error of [`{c.name}`](/reference/commands.md"
            f"#command-{c.name}) that is not what it ran or found | |"
            for c in COMMANDS.values()
            if c.error_exit_code is not None
        ]
        lines = [
            "| exit code | it means | in Python |",
            "|---|---|---|",
            "| 0 | it is done | |",
            *rows,
            *own,
        ]
        return self.parse_text_to_nodes("\n".join(lines))


class ExitCodesOfCheck(SphinxDirective):
    """``{exit-codes-of-check}``: the states of a session, and the code of each."""

    def run(self) -> list[Node]:
        rows = [f"| {state.exit_code} | `{state}` |" for state in STATES]
        return self.parse_text_to_nodes("\n".join(["| exit code | state |", "|---|---|", *rows]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; called by Sphinx."""
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("exit-codes-of-check", ExitCodesOfCheck)
    return {"parallel_read_safe": True}
