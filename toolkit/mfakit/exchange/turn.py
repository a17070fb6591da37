"""One question at a time: of many processes that need the same session, one asks for the code."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress

from mfakit import debug
from mfakit.errors import ExchangeError, FileError
from mfakit.exchange.terminal import terminal_name
from mfakit.profiles.editing import NO_LOCKS, take_lock
from mfakit.profiles.own_files import OwnFile, make_own_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 50
ALL_PROFILES = ""  # which no profile is called
_PAUSE_SECONDS = 0.05
_NOTE_AFTER_SECONDS = 0.5


@contextmanager
def turn_to_ask(
    credentials_path: str,
    profile: str,
    note: Callable[[str], object],
    patience: float = PATIENCE_SECONDS,
) -> Iterator[None]:
    """Wait until no other process is asking for a code for this profile.

    Args:
        credentials_path: our own files stand beside it.
        profile: the session profile; ``ALL_PROFILES`` for a turn among those who ask for any.
        note: is told for whom this waits, if it takes a while.
        patience: seconds to wait; a process that was stopped while it asks would block for ever.

    Raises:
        ExchangeError: another process has been asking all the while.
        FileError: our own folder cannot be written.
    """
    path = OwnFile.of(credentials_path, "turns", profile).path
    try:
        make_own_folder(path)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}", "see who owns it") from error
    try:
        _wait_for_lock(descriptor, path, note, patience)
        _sign(path)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(
    descriptor: int, path: str, note: Callable[[str], object], patience: float
) -> None:
    debug.event("wait for the turn to ask: {}", path)
    began = time.monotonic()
    told = False
    while not _take_lock(descriptor):
        waited = time.monotonic() - began
        if waited > patience:
            raise _still_asking(path, patience)
        if waited > _NOTE_AFTER_SECONDS and not told:
            note(f"waiting for {_holder(path)}, which is asking for the code")
            told = True
        time.sleep(_PAUSE_SECONDS)
    debug.event("it is this process's turn to ask, after {:.1f} s", time.monotonic() - began)


def _take_lock(descriptor: int) -> bool:
    try:
        return take_lock(descriptor)
    except OSError as error:
        # a file system without locks lets everybody ask, which is better than nobody
        if error.errno in NO_LOCKS:
            return True
        raise


def _still_asking(path: str, patience: float) -> ExchangeError:
    since = f" for more than {patience:g} s" if patience else ""
    return ExchangeError(
        f"{_holder(path)} has been asking for the code{since}",
        "answer it, or end it, and try again",
    )


def _sign(path: str) -> None:
    """Write down who is asking, for those who wait."""
    terminal = "no terminal"
    with suppress(OSError):
        descriptor = os.open("/dev/tty", os.O_RDONLY)
        try:
            terminal = terminal_name(descriptor)
        finally:
            os.close(descriptor)
    with suppress(OSError), open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.truncate()
        file.write(f"process {os.getpid()} on {terminal}")


def _holder(path: str) -> str:
    with suppress(OSError), open(path) as file:
        return file.read() or "another process"
    return "another process"
