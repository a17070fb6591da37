"""The process that asks the keychain, forked from the tests or from a command that was forked.

Python and the library keyring take a third of a second of processor time to load, and each of the
hundreds of commands that use a keychain asks it several times.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

from mfakit import keychain

ASKS_THE_KEYCHAIN = [sys.executable, *keychain._SERVE]


def load_keychains() -> None:
    """Load the modules of all keychains, as keyring does before it chooses one."""
    for backend in entry_points(group="keyring.backends"):
        with suppress(ImportError):
            backend.load()


def fork_the_keychains_process() -> None:
    """Let `subprocess` fork that process, and start all others as ever; again, it does nothing."""
    start: Any = subprocess._fork_exec
    if getattr(start, "forks", False):
        return

    def fork_or_start(arguments: list[str], executables: Any, close: Any, kept: Any, *rest: Any):
        stdin, _, _, stdout, _, stderr, _, failed = rest[2:10]
        if arguments != ASKS_THE_KEYCHAIN:
            return start(arguments, executables, close, kept, *rest)
        with warnings.catch_warnings():  # of threads of pytest-xdist, which the child does not use
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            return pid
        try:
            _become_the_child((stdin, stdout, stderr), set(kept) - {failed})
        finally:
            os._exit(1)

    fork_or_start.forks = True
    subprocess._fork_exec = fork_or_start


def _become_the_child(streams: tuple[int, int, int], kept: set[int]) -> None:
    for number, file in enumerate(streams):
        os.dup2(file, number)
    for file in {int(name) for name in os.listdir("/dev/fd")} - kept - {0, 1, 2}:
        with suppress(OSError):
            os.close(file)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 - they are open until the end
    sys.stderr = open(2, "w")  # noqa: SIM115
    keychain._serve()  # as the module does when it is run
    sys.stdout.flush()
    os._exit(0)
