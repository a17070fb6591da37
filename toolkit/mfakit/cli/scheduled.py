"""The program that a scheduler starts: mfakit, with an environment and a log.

``python -P -m mfakit.cli.scheduled [LOG] [NAME=VALUE ...] COMMAND [OPTION ...]``. So a job is one
plain command, the same in a crontab, a unit, a property list and a task.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import takewhile

from mfakit.cli.main import main
from mfakit.cli.output import complain, write
from mfakit.errors import FAILED, MFAKitError
from mfakit.moments import format_timestamp, utc_now
from mfakit.schedule.scheduler import is_log, log_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_FULL_BYTES = 256 * 1024


def run(arguments: list[str]) -> int:
    """Run mfakit with its output in the log.

    Args:
        arguments: the log, if it is not where the system keeps logs; the environment; the command.

    Returns:
        0 for every result of the command, since an expired session is no failure of the job. 1 if
        the log cannot be written; the command runs all the same, since notifications do not depend
        on a log, and its output goes to the scheduler.
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
        write(f"{' '.join((format_timestamp(utc_now()), 'mfakit', *command))}\n")
    main(command)
    return code


def _write_to(log: str) -> None:
    """Redirect the output of this process and its children to the log.

    A full log replaces the old one.
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
