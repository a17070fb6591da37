"""Calling the programs that a scheduler is spoken to with."""

from __future__ import annotations

import os
import shutil

from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = 60


class Answer:
    """What a program said: exit code, output, and what it complained of in one line."""

    __slots__ = ("code", "complaint", "output")

    def __init__(self, code: int, output: bytes, errors: bytes) -> None:
        self.code = code
        self.output = output
        said = (errors.strip() or output.strip()).decode("utf-8", "replace")
        self.complaint = "; ".join(line.strip() for line in said.splitlines() if line.strip())


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Find a program on the search path."""
    return shutil.which(name, path=environ.get("PATH", os.defpath))


def call(
    *words: str, environ: Mapping[str, str], stdin: bytes = b"", in_english: bool = True
) -> Answer:
    """Run a program to its end.

    Raises:
        MFAKitError: it is not there, cannot be started, or takes more than a minute.
    """
    import subprocess

    program = find_program(words[0], environ)
    if program is None:
        raise MFAKitError(
            f"there is no program {words[0]}", "name a scheduler that is here: --using"
        )
    variables = dict(environ) | ({"LC_ALL": "C"} if in_english else {})
    try:
        done = subprocess.run(
            [program, *words[1:]],
            check=False,
            env=variables,
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
        )
    except OSError as error:
        raise MFAKitError(f"cannot run {words[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise MFAKitError(f"{words[0]} took more than {_TIMEOUT_SECONDS} s") from None
    return Answer(done.returncode, done.stdout, done.stderr)


def demand(*words: str, environ: Mapping[str, str], stdin: bytes = b"", hint: str) -> Answer:
    """Run a program that has to succeed.

    Raises:
        MFAKitError: it did not; the message is its own text.
    """
    answer = call(*words, environ=environ, stdin=stdin)
    if answer.code:
        raise MFAKitError(f"{words[0]} failed: {answer.complaint or answer.code}", hint)
    return answer
