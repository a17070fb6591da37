"""What a scheduler starts: mfakit, with the environment that it lacks there, and a log.

``python -P -m mfakit.cli.scheduled [LOG] [NAME=VALUE ...] COMMAND [OPTION ...]``. So a job is one
plain command, the same in a crontab, a unit, a property list and a task.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile

from mfakit.cli.main import main
from mfakit.cli.output import complain, write
from mfakit.errors import FAILED, MFAKitError
from mfakit.schedule.scheduler import is_log, log_path
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_FULL_BYTES = 256 * 1024


def run(arguments: list[str]) -> int:
    """Run mfakit with its output in the log.

    Args:
        arguments: the log, if it is not where the system keeps such files; the environment; the
            command.

    Returns:
        0 whatever came of it: that a session has expired is no failure of the job. 1 if there
        can be no log: to be told of a session does not depend on one, so the command runs all the
        same, and what it says goes to whom the scheduler reports to.
    """
    rest = list(arguments)
    given = rest.pop(0) if is_log(rest[0]) else None
    environ = list(takewhile(lambda word: "=" in word, rest))
    for word in environ:
        name, _, value = word.partition("=")
        os.environ[name] = value
    command = rest[len(environ) :]
    log = given or log_path(os.environ)
    code = 0
    try:
        _write_to(log)
    except OSError as error:
        reason = error.strerror or str(error)
        complain(MFAKitError(f"cannot write {log}: {reason}", "see the modes of its folders"))
        code = FAILED
    with suppress(MFAKitError, BrokenPipeError):  # the disk may be full
        write(f"{' '.join((format_timestamp(datetime.now(UTC)), 'mfakit', *command))}\n")
    main(command)
    return code


def _write_to(log: str) -> None:
    """Send to the log what this process and those that it starts print from now on.

    A full log becomes the old one, and the one that was old is gone.
    """
    from mfakit.profiles.replacing import make_private_folder
    from mfakit.profiles.swapping import rename

    make_private_folder(os.path.dirname(log))
    if os.path.exists(log) and os.path.getsize(log) > _FULL_BYTES:
        rename(log, f"{log}.old")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(log, flags, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    sys.stdout, sys.stderr = map(_text, (1, 2))


def _text(descriptor: int) -> TextIO:
    errors = "backslashreplace"
    return open(descriptor, "w", encoding="utf-8", errors=errors, buffering=1, closefd=False)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
