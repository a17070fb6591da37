"""The command: a table of commands, and a module for each."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """Run the command that the process was started with, and exit with its code."""
    import gc
    import sys

    # What is loaded stays, so the garbage collector would look through it in vain.
    gc.disable()
    try:
        from mfakit.cli.main import main
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(main(sys.argv[1:]))
