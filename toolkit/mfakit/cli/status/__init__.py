"""`mfakit status`: every session on this machine, for people."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Run the command."""
    if options.short:
        if options.plain or options.watch:
            raise UsageError("--short goes with neither --plain nor --watch", "give only one")
        from mfakit.cli.status.short import show_short

        return show_short(options.profile, options.warn, os.environ, datetime.now(UTC))
    plain = options.plain or not _can_draw()
    if options.watch:
        from mfakit.cli.status.watch import watch_lines, watch_table

        return (watch_lines if plain else watch_table)(options.profile, options.warn)
    _show(options.profile, options.warn, plain)
    return 0


def _show(profile: str | None, warn: float | None, plain: bool) -> None:
    from mfakit.cli.output import show
    from mfakit.cli.status.looking import look

    now = datetime.now(UTC)
    statuses = look(profile, os.environ, now, warn)
    if plain:
        from mfakit.cli.status.plain import as_lines

        show("".join(f"{line}\n" for line in as_lines(statuses, now)))
        return
    from mfakit.cli.status.table import draw, make_console

    console = make_console()
    console.print(draw(console, statuses, now))


def _can_draw() -> bool:
    """Tell whether standard output is a terminal that knows colours and more than lines."""
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    if not sys.stdout.encoding.lower().startswith("utf"):
        return False
    return os.environ.get("TERM") not in ("dumb", "unknown")
