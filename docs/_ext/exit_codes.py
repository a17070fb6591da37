"""Sphinx: exit codes, as the errors, the commands and `check` themselves have them."""

from __future__ import annotations

from sphinx.util.docutils import SphinxDirective

from mfakit import errors
from mfakit.cli.commands import COMMANDS
from mfakit.expiry.report import EXIT_CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx


class ExitCodes(SphinxDirective):
    """``{exit-codes}``: each code, and the errors that have it."""

    def run(self) -> list[Node]:
        by_code: dict[int, list[str]] = {}
        for name, error in vars(errors).items():
            if isinstance(error, type) and issubclass(error, errors.MFAKitError):
                by_code.setdefault(error.exit_code, []).append(f"{{exc}}`~mfakit.errors.{name}`")
        rows = [f"| {code} | {', '.join(by_code[code])} |" for code in sorted(by_code)]
        own = [
            f"| {c.error_exit_code} | every error of [`{c.name}`](/reference/commands.md"
            f"#command-{c.name}) that is not what it ran or found |"
            for c in COMMANDS.values()
            if c.error_exit_code is not None
        ]
        lines = ["| exit code | of |", "|---|---|", "| 0 | what is done |", *rows, *own]
        return self.parse_text_to_nodes("\n".join(lines))


class ExitCodesOfCheck(SphinxDirective):
    """``{exit-codes-of-check}``: the states of a session, and the code of each."""

    def run(self) -> list[Node]:
        rows = [f"| {code} | `{state}` |" for state, code in EXIT_CODES.items()]
        return self.parse_text_to_nodes("\n".join(["| exit code | state |", "|---|---|", *rows]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directives; called by Sphinx."""
    app.add_directive("exit-codes", ExitCodes)
    app.add_directive("exit-codes-of-check", ExitCodesOfCheck)
    return {"parallel_read_safe": True}
