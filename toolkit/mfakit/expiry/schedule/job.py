"""How often the check is run: intervals that divide an hour or a day, as calendars want them."""

from __future__ import annotations

import ntpath
import os
import sys
import unicodedata

from mfakit.errors import MFAKitError, UsageError
from mfakit.moments import format_duration, parse_duration
from mfakit.profiles.aws_files import config_path, credentials_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_MINUTE, _HOUR, _DAY = 60, 3600, 86400

INTERVALS = (
    *(_MINUTE * count for count in range(1, 60) if 60 % count == 0),
    *(_HOUR * count for count in range(1, 24) if 24 % count == 0),
    _DAY,
)


def parse_interval(text: str) -> int:
    """Read how often the check is to run.

    cron and systemd count anew with each hour and each day. What does not divide those would come
    at odd moments (``*/7`` runs at :56 and at :00); so it is refused for every scheduler alike.

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


def cron_fields(seconds: int) -> str:
    """Write an interval as the five fields of a crontab line."""
    if seconds < _HOUR:
        return f"{_every(seconds // _MINUTE)} * * * *"
    return f"0 {_every(seconds // _HOUR)} * * *" if seconds < _DAY else "0 0 * * *"


def calendar_event(seconds: int) -> str:
    """Write an interval as systemd's ``OnCalendar``."""
    if seconds < _HOUR:
        return f"*-*-* *:0/{seconds // _MINUTE}:00"
    return f"*-*-* 0/{seconds // _HOUR}:00:00" if seconds < _DAY else "*-*-* 00:00:00"


def _every(count: int) -> str:
    return "*" if count == 1 else f"*/{count}"


RUNNER = "mfakit.cli.scheduled"

# What a scheduler's own environment lacks. Nothing in it is a secret: MFAKIT_NOTIFY, keys, tokens
# and proxies, which may hold passwords, are never carried.
_CARRIED = ("HOME", "XDG_CONFIG_HOME", "APPRISE_CONFIG_PATH", "AWS_CA_BUNDLE")
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS")
_FILES = {"AWS_CONFIG_FILE": config_path, "AWS_SHARED_CREDENTIALS_FILE": credentials_path}


class Job:
    """A command, and how often it is to run.

    Args:
        words: the command, its program by absolute path.
        every: seconds; None for a job that was found installed in a way that we would not do it.
    """

    __slots__ = ("every", "words")

    def __init__(self, words: Sequence[str], every: int | None) -> None:
        self.words = list(words)
        self.every = every

    @property
    def log(self) -> str | None:
        """The file that the output goes to; None if the job leaves that to who it runs for."""
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
        MFAKitError: an endpoint holds a password, or it is not known which Python this is.
    """
    # -P: a module must not be found in the folder that the scheduler happens to start it in
    start = [_whole(python) if python else _python(sys.executable), "-P", "-m", RUNNER]
    words = [*start, *([] if python else _of_here(environ)), *arguments]
    for word in words:
        _refuse_control_characters(word)
    return Job(words, every)


def _of_here(environ: Mapping[str, str]) -> list[str]:
    """Return the words of a job that are specific to this machine and user: log and environment."""
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
    """Locate the file that the output of the checks goes to, where the system keeps such files."""
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME") or os.path.expanduser("~")
    if platform == "win32":
        state = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif platform == "darwin":
        state = os.path.join(home, "Library", "Logs")
    else:
        state = environ.get("XDG_STATE_HOME", "")
        if not os.path.isabs(state):  # such a one is to be ignored (XDG Base Directory)
            state = os.path.join(home, ".local", "state")
    return os.path.join(os.path.abspath(state), "mfakit", "check.log")


def _whole(python: str) -> str:
    if python.startswith("/") or ntpath.splitdrive(python)[0]:
        return python
    raise UsageError(
        f"{python!r} is not the whole path of a Python", "such as --python /opt/mfakit/bin/python"
    )


def _python(executable: str) -> str:
    """Name the interpreter; on Windows the one that opens no window each time, if it is there.

    Raises:
        MFAKitError: it is not known.
    """
    if not executable:
        raise MFAKitError("it is not known which Python this is", "start mfakit by its full path")
    path = os.path.abspath(executable)
    silent = os.path.join(os.path.dirname(path), "pythonw.exe")
    return silent if path.endswith("python.exe") and os.path.exists(silent) else path


def _search_path(path: str) -> str:
    """Keep the folders of a search path that exist, once each: cron takes no long lines."""
    folders = dict.fromkeys(path.split(os.pathsep))
    return os.pathsep.join(f for f in folders if os.path.isabs(f) and os.path.isdir(f))


def _without_password(name: str, url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise MFAKitError(
            f"{name} holds a user name or password, which must not stand in a scheduler's files",
            "set it without them for this command",
        )
    return url


def _refuse_control_characters(word: str) -> None:
    """Refuse what would end a line, and what is no text (file names may be any bytes)."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in word):
        raise UsageError(
            f"a scheduler cannot be given the control characters in {word!r}",
            "name another file, or leave them out",
        )
