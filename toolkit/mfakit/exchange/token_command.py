"""Commands that print a code: a YubiKey's, a password manager's, oathtool."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from contextlib import contextmanager

from mfakit.errors import ExchangeError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)", re.ASCII)
_TIMEOUT_SECONDS = 60
_SEE_IT = "run it by hand and see what it prints; it should be the code"


def check_command(command: str) -> list[str]:
    """Split a command into its words, and make sure that its program is there.

    Raises:
        UsageError: it cannot be split, or there is no such program.
    """
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"the token command cannot be read: {error}", "mend its quotes") from None
    if not words or shutil.which(words[0]) is None:
        raise UsageError(
            f"there is no program {words[0] if words else ''!r} for the token command",
            "install it, or mend mfakit_token_command or --token-command",
        )
    return words


def run_token_command(command: str) -> str:
    """Run a command that prints a code, without a shell.

    The terminal is its standard input and error, so that it can ask for a touch or a password
    while an SDK has those of this process. What it prints is never shown.

    Args:
        command: the program and its arguments, quoted as in a shell.

    Returns:
        The code.

    Raises:
        UsageError: there is no such program.
        ExchangeError: it failed, took more than a minute, or did not print exactly one code.
    """
    import subprocess

    words = check_command(command)
    name = os.path.basename(words[0])
    with _keyboard() as keyboard, _screen() as screen:
        try:
            done = subprocess.run(
                words,
                check=False,
                stdin=keyboard,
                stdout=subprocess.PIPE,
                stderr=screen,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ExchangeError(
                f"the token command {name} took more than {_TIMEOUT_SECONDS} s", _SEE_IT
            ) from None
        except OSError as error:
            raise ExchangeError(
                f"the token command {name} cannot be run: {error.strerror}", _SEE_IT
            ) from None
    if done.returncode:
        raise ExchangeError(f"the token command {name} failed ({done.returncode})", _SEE_IT)
    codes = set(_CODE.findall(done.stdout.decode("utf-8", "replace")))
    if len(codes) != 1:
        found = "no code" if not codes else "several codes"
        raise ExchangeError(f"the token command {name} printed {found}", _SEE_IT)
    return str(codes.pop())


@contextmanager
def _screen() -> Iterator[int | None]:
    """Open the terminal for writing; where there is none, standard error has to do."""
    try:
        screen = os.open("CONOUT$" if os.name == "nt" else "/dev/tty", os.O_WRONLY)
    except OSError:
        yield None
        return
    try:
        yield screen
    finally:
        os.close(screen)


def _keyboard() -> IO[bytes]:
    """Open the terminal for reading; where there is none, nothing can be read."""
    try:
        return open("CONIN$" if os.name == "nt" else "/dev/tty", "rb", buffering=0)
    except OSError:
        return open(os.devnull, "rb", buffering=0)
