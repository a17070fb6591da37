"""Telling a command of the user's own."""

from __future__ import annotations

import os
import shlex

from mfakit.errors import MFAKitError, UsageError
from mfakit.expiry.notices.programs import run_program
from mfakit.expiry.notices.way import Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.expiry.notices.news import News

_PATIENCE_SECONDS = 60


class CommandWay(Way):
    """A command that is run with ``MFAKIT_PROFILE``, ``MFAKIT_STATE`` and ``MFAKIT_EXPIRATION``.

    Args:
        command: the program and its arguments, quoted as in a shell; none is used.
        patience: seconds that it may take.

    Raises:
        UsageError: its quotes do not match, or there is nothing in it.
    """

    def __init__(self, command: str, patience: float = _PATIENCE_SECONDS) -> None:
        from hashlib import sha256

        # by its hash: it may hold anything, secrets too
        super().__init__(f"command {sha256(command.encode(errors='replace')).hexdigest()[:16]}")
        self._words = split_command(command)
        self._patience = patience

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """See `Way`."""
        import shutil

        program = shutil.which(self._words[0], path=environ.get("PATH"))
        if program is None:
            raise MFAKitError(
                f"there is no program {self._words[0]!r} for --on-expiring",
                "install it, or name it by its whole path",
            )

        def run(news: News) -> None:
            run_program(
                [program, *self._words[1:]],
                {**environ, **news.variables},
                name=f"{os.path.basename(program)} of --on-expiring",
                hint="run it by hand; it is tried again at the next check",
                patience=self._patience,
            )

        return [run]


def split_command(command: str) -> list[str]:
    """Split a command into its words.

    Raises:
        UsageError: its quotes do not match, or there is nothing in it.
    """
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"the command cannot be read: {error}", "mend its quotes") from None
    if not words:
        raise UsageError("the command is empty", "name a program, and its arguments")
    return words
