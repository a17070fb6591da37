"""Schedule: the machine's scheduler runs the check every few minutes.

Here are the job, and what all kinds of schedulers have in common.
"""

from __future__ import annotations

import ntpath
import os
import sys
import unicodedata

from mfakit.errors import FileError, MFAKitError, UsageError
from mfakit.moments import format_duration, parse_duration
from mfakit.profiles.aws_files import config_path, credentials_path
from mfakit.programs import find_program, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfakit.programs import Answer

MINUTE, HOUR, DAY = 60, 3600, 86400
INTERVALS = (
    *(MINUTE * count for count in range(1, 60) if 60 % count == 0),
    *(HOUR * count for count in range(1, 24) if 24 % count == 0),
    DAY,
)
RUNNER = "mfakit.cli.scheduled"

# What a scheduler's own environment lacks. Nothing in it is a secret: MFAKIT_NOTIFY, keys, tokens
# and proxies, which may hold passwords, are never carried.
_CARRIED = (
    *("HOME", "XDG_CONFIG_HOME", "APPRISE_CONFIG_PATH", "AWS_CA_BUNDLE"),
    *("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"),  # of the notifications
)
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
_FILES = {"AWS_CONFIG_FILE": config_path, "AWS_SHARED_CREDENTIALS_FILE": credentials_path}
_TIMEOUT_SECONDS = 60
_ENCODING = "utf-8"


class Scheduler:
    """A program that runs commands from time to time, for the user who runs mfakit."""

    name: str
    program: str

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def is_here(self) -> bool:
        """Whether this scheduler can be used on this machine."""
        return find_program(self.program, self._environ) is not None

    def environment(self) -> dict[str, str]:
        """Return what the scheduler's jobs find in their environment, as far as is known."""
        return dict(self._environ)

    def trouble(self) -> str | None:
        """Return why installed jobs do not run; None if they do, as far as is known."""
        return None

    def files(self, job: Job) -> str:
        """Return the text that would be written for a job.

        Raises:
            MFAKitError: the scheduler could not take it.
        """
        raise NotImplementedError

    def install(self, job: Job) -> list[str]:
        """Install a job, or replace it; return notes for the person.

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
        """Remove our job, and nothing else; return the names of what was removed.

        Raises:
            MFAKitError: it could not be done.
        """
        raise NotImplementedError


class Job:
    """A command, and how often it is to run.

    Args:
        words: the command, its program by absolute path.
        every: seconds; None for a job that somebody has edited, which runs at other times.
    """

    __slots__ = ("every", "words")

    def __init__(self, words: Sequence[str], every: int | None) -> None:
        self.words = list(words)
        self.every = every

    @property
    def command(self) -> list[str]:
        """The command of mfakit in it, as a person would type it."""
        after = self.words[self.words.index(RUNNER) + 1 :] if RUNNER in self.words else self.words
        given = [word for word in after if not is_log(word)]
        while given and "=" in given[0]:
            del given[0]
        return ["mfakit", *given] if RUNNER in self.words else given

    @property
    def log(self) -> str | None:
        """The file that the output goes to; None if the job does not name it."""
        after = self.words[self.words.index(RUNNER) + 1 :] if RUNNER in self.words else []
        return after[0] if after and is_log(after[0]) else None


def make_job(
    arguments: Sequence[str], every: int, environ: Mapping[str, str], python: str | None = None
) -> Job:
    """Make the job that runs mfakit with these arguments.

    Args:
        arguments: of mfakit: ``check`` and its options.
        every: seconds between two runs, one of the intervals.
        environ: where the job finds its environment.
        python: the Python that mfakit is installed with on other machines. The job is for those,
            then, the same for each of their users, and carries no environment.

    Raises:
        UsageError: a part of it cannot stand in a crontab or unit file.
        MFAKitError: an endpoint holds a password, or Python does not name its own interpreter.
    """
    # -P: a module must not be found in the folder that the scheduler happens to start it in
    start = [_whole(python) if python else _python(sys.executable), "-P", "-m", RUNNER]
    words = [*start, *([] if python else _of_here(environ)), *arguments]
    for word in words:
        _refuse_control_characters(word)
    return Job(words, every)


def _of_here(environ: Mapping[str, str]) -> list[str]:
    """Return the words of a job that only this machine and user have: log and environment."""
    carried = carried_environment(environ).items()
    return [log_path(environ), *(f"{name}={value}" for name, value in carried)]


def carried_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the job needs and a scheduler does not have.

    Raises:
        MFAKitError: an endpoint holds a password.
    """
    carried = {"PATH": _search_path(environ.get("PATH", os.defpath))}
    carried |= {name: environ[name] for name in _CARRIED if environ.get(name)}
    carried |= {
        name: os.path.abspath(find(environ)) for name, find in _FILES.items() if environ.get(name)
    }
    for name in _ENDPOINTS:
        if environ.get(name):
            carried[name] = _without_password(name, environ[name])
    return carried


def is_log(word: str) -> bool:
    """Whether a word is a log's path, not a variable or the command, which may come instead."""
    return os.path.isabs(word) or ntpath.isabs(word)


def log_path(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Return the path of the log of the checks, where the system keeps logs."""
    if platform == "win32":
        home = environ.get("USERPROFILE") or os.path.expanduser("~")
        state = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif platform == "darwin":
        state = in_home(environ, "Library", "Logs")
    else:
        state = xdg_folder(environ, "XDG_STATE_HOME", ".local", "state")
    return os.path.join(os.path.abspath(state), "mfakit", "check.log")


def in_home(environ: Mapping[str, str], *names: str) -> str:
    """Return a path in the user's home."""
    return os.path.join(environ.get("HOME") or os.path.expanduser("~"), *names)


def xdg_folder(environ: Mapping[str, str], variable: str, *names: str) -> str:
    """Return a folder of the XDG Base Directory; a variable with a relative path is ignored."""
    named = environ.get(variable, "")
    return named if os.path.isabs(named) else in_home(environ, *names)


def _whole(python: str) -> str:
    if python.startswith("/") or ntpath.splitdrive(python)[0]:
        return python
    raise UsageError(
        f"{python!r} is not the whole path of a Python", "such as --python /opt/mfakit/bin/python"
    )


def _python(executable: str) -> str:
    """Return the path of the interpreter; on Windows of the one that opens no window, if there.

    Raises:
        MFAKitError: it is not known.
    """
    if not executable:
        raise MFAKitError(
            "Python does not name its own interpreter", "start mfakit by its full path"
        )
    path = os.path.abspath(executable)
    silent = os.path.join(os.path.dirname(path), "pythonw.exe")
    return silent if path.endswith("python.exe") and os.path.exists(silent) else path


def _search_path(path: str) -> str:
    """Return a search path with only existing folders, once each: cron limits the line."""
    folders = dict.fromkeys(path.split(os.pathsep))
    return os.pathsep.join(f for f in folders if os.path.isabs(f) and os.path.isdir(f))


def _without_password(name: str, url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise MFAKitError(
            f"{name} holds a user name or password, which must not be in a scheduler's files",
            "set it without them for this command",
        )
    return url


def _refuse_control_characters(word: str) -> None:
    """Refuse characters that would end a line, and bytes of file names that are no text."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in word):
        raise UsageError(
            f"a scheduler cannot take the control characters in {word!r}",
            "name another file, or leave them out",
        )


def parse_interval(text: str) -> int:
    """Read how often the check is to run.

    cron and systemd begin to count with each hour and each day. An interval that divides neither
    would be uneven (``*/7`` runs at :56 and at :00), and is refused for every scheduler.

    Args:
        text: a duration, such as ``5m``.

    Returns:
        Seconds, from a minute to a day.

    Raises:
        UsageError: it is no duration, or divides neither an hour into minutes nor a day into hours.
    """
    seconds = parse_duration(text)
    if seconds in INTERVALS:
        return seconds
    nearest = min(INTERVALS, key=lambda known: abs(known - seconds))
    raise UsageError(
        f"cron cannot express every {text}: it is no whole part of an hour or a day in minutes",
        f"the nearest that works is --every {format_duration(nearest)}",
    )


def call(*words: str, environ: Mapping[str, str], stdin: bytes = b"") -> Answer:
    """Run a scheduler's program, which then answers in English.

    Raises:
        MFAKitError: it is not there, cannot be started, or takes more than a minute.
    """
    name, *arguments = words
    program = find_program(name, environ)
    if program is None:
        raise MFAKitError(f"there is no program {name}", "name a scheduler that is here: --using")
    return run_program(
        [program, *arguments],
        {**environ, "LC_ALL": "C"},
        name=name,
        hint="",
        seconds=_TIMEOUT_SECONDS,
        stdin=stdin,
        capture=True,
    )


def demand(*words: str, environ: Mapping[str, str], stdin: bytes = b"", hint: str) -> None:
    """Run a scheduler's program that has to succeed.

    Raises:
        MFAKitError: it did not; the message is its own text.
    """
    answer = call(*words, environ=environ, stdin=stdin)
    if answer.code:
        raise MFAKitError(f"{words[0]} failed: {answer.complaint or answer.code}", hint)


def read_own(path: str, mark: str) -> str | None:
    """Return the text of a file of ours, which holds a mark; None if it is missing or foreign.

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
        FileError: there is a file that mfakit did not write.
    """
    if os.path.lexists(path) and read_own(path, mark) is None:
        raise FileError(f"{path} was not written by mfakit", "move it out of the way")


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
    """Remove a file of ours; return whether it was there.

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
