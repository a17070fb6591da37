"""Calling the programs that a scheduler is spoken to with."""

from __future__ import annotations

import os
import shutil

from mfakit.errors import FileError, MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.expiry.schedule.job import Job


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


_ENCODING = "utf-8"


def read_own(path: str, mark: str) -> str | None:
    """Read a file of ours.

    Args:
        path: the file.
        mark: what only our files hold.

    Returns:
        Its text; None if there is none, or it is somebody else's.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            text = file.read().decode(_ENCODING, "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}", "see its mode: ls -l") from None
    return text if mark in text else None


def refuse_foreign(path: str, mark: str) -> None:
    """Refuse to write a file that is not ours.

    Raises:
        FileError: there is one that somebody else wrote.
    """
    if os.path.lexists(path) and read_own(path, mark) is None:
        raise FileError(f"{path} is there, and not of mfakit's making", "move it out of the way")


def write_own(path: str, text: str) -> None:
    """Write a file whole or not at all, with the folders above it.

    Raises:
        FileError: it cannot be written. It is then as it was.
    """
    from mfakit.profiles.replacing import make_private_folder, refuse_other_owners, replace_file

    real = os.path.realpath(path)
    try:
        refuse_other_owners(real)
        make_private_folder(os.path.dirname(real))
        replace_file(real, text.encode(_ENCODING))
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot write {path}: {reason}", "see the modes of its folders") from None


def remove_own(path: str) -> bool:
    """Remove a file of ours.

    Returns:
        Whether it was there.

    Raises:
        FileError: it cannot be removed.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError(
            f"cannot remove {path}: {error.strerror}", "see the mode of its folder"
        ) from None
    return True


class Scheduler:
    """Something that runs commands from time to time, for the user that this is run by.

    Args:
        environ: where its program and its files are looked for.
    """

    name: str

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def is_here(self) -> bool:
        """Whether this scheduler can be used on this machine."""
        raise NotImplementedError

    def files(self, job: Job) -> str:
        """Return the text that would be written for a job.

        Raises:
            MFAKitError: the scheduler could not take it.
        """
        raise NotImplementedError

    def install(self, job: Job) -> list[str]:
        """Install a job, in the place of one that is there.

        Returns:
            What a person should know of it.

        Raises:
            MFAKitError: it could not be done; the message has the scheduler's own words.
        """
        raise NotImplementedError

    def installed(self) -> Job | None:
        """Find our job, as the scheduler has it.

        Raises:
            MFAKitError: it cannot be looked for.
        """
        raise NotImplementedError

    def remove(self) -> list[str]:
        """Remove our job, and nothing else.

        Returns:
            What was removed.

        Raises:
            MFAKitError: it could not be done.
        """
        raise NotImplementedError
