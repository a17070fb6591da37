"""Handing a session to the steps of GitHub Actions that come."""

from __future__ import annotations

import os

from mfakit.environment import assignments
from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def hand_on(variables: dict[str, str], write: Callable[[str], object]) -> None:
    """Append variables to the file that the steps to come get their environment from.

    Args:
        variables: the session.
        write: takes the lines that make GitHub Actions hide the session's values in its logs.

    Raises:
        MFAKitError: this is no step of GitHub Actions, or its file cannot be written.
    """
    path = os.environ.get("GITHUB_ENV")
    if not path:
        raise MFAKitError(
            "GITHUB_ENV names no file, so this is not a step of GitHub Actions",
            "name the shell or format that is wanted: --shell sh",
        )
    values = [variables[name] for name in _SECRETS if name in variables]
    write("".join(f"::add-mask::{value.replace('%', '%25')}\n" for value in values))
    try:
        # the runner makes it before each step; if it has not, what is made here is nobody else's
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            _append(descriptor, assignments(variables).encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MFAKitError(
            f"cannot write {path}: {error.strerror}", "see what GITHUB_ENV names"
        ) from None


def _append(descriptor: int, lines: bytes) -> None:
    """Append lines to a file; take back what was written if the file cannot take all of it.

    Raises:
        MFAKitError: a part stays in the file, since another program has appended to it meanwhile.
        OSError: it cannot be written. It is then as it was.
    """
    content = lines if _ends_a_line(descriptor) else b"\n" + lines
    written = 0
    try:
        while written < len(content):  # by one call, unless the disk is full
            written += os.write(descriptor, content[written:])
    except OSError as error:
        if written and not _take_back(descriptor, written):
            raise MFAKitError(
                f"GITHUB_ENV has taken only a part of the session: {error.strerror}",
                "make room there, and run the job again: the next steps would read that part",
            ) from None
        raise


def _take_back(descriptor: int, length: int) -> bool:
    """Take back the last bytes that were appended; return whether nothing stands behind them."""
    try:
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if os.fstat(descriptor).st_size == end:
            os.ftruncate(descriptor, end - length)
            return True
    except OSError:
        pass
    return False


def _ends_a_line(descriptor: int) -> bool:
    """Whether a file is empty or ends with a line end, so that what is appended is a line."""
    if not os.fstat(descriptor).st_size:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"
