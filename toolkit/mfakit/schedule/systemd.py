"""The job as a timer of the user's own systemd."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress

from mfakit.errors import MFAKitError
from mfakit.programs import find_program
from mfakit.schedule.scheduler import (
    DAY,
    HOUR,
    INTERVALS,
    MINUTE,
    Job,
    Scheduler,
    call,
    demand,
    read_own,
    refuse_foreign,
    remove_own,
    write_own,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE = "mfakit-check.service"
_TIMER = "mfakit-check.timer"
_MARK = "# Written by mfakit; `mfakit schedule remove` takes it away."
_LONGEST_SPREAD_SECONDS = 60
_HINT = "see systemctl --user status; or take --using cron"


class Systemd(Scheduler):
    """The systemd user manager of the user who runs mfakit."""

    name = "systemd"
    program = "systemctl"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        home = environ.get("HOME") or os.path.expanduser("~")
        config = environ.get("XDG_CONFIG_HOME", "")
        if not os.path.isabs(config):  # a relative path is ignored (XDG Base Directory)
            config = os.path.join(home, ".config")
        self._folder = os.path.join(config, "systemd", "user")

    def is_here(self) -> bool:
        """See `Scheduler`."""
        return super().is_here() and self._call("show", "--property=Version") == ""

    def environment(self) -> dict[str, str]:
        """See `Scheduler`."""
        with suppress(MFAKitError):
            answer = call("systemctl", "--user", "show-environment", environ=self._environ)
            lines = answer.output.decode("utf-8", "replace").splitlines()
            return dict(line.split("=", 1) for line in lines if "=" in line and "$'" not in line)
        return {}

    def trouble(self) -> str | None:
        """See `Scheduler`."""
        if self._call("is-active", _TIMER) == "":
            return None
        return f"its timer is not active: systemctl --user enable --now {_TIMER}"

    def files(self, job: Job) -> str:
        """See `Scheduler`."""
        return "\n".join(f"# {path}\n{text}" for path, text in self._units(job).items())

    def install(self, job: Job) -> list[str]:
        """See `Scheduler`."""
        units = self._units(job)
        for path in units:
            refuse_foreign(path, _MARK)
        for path, text in units.items():
            write_own(path, text)
        try:
            self._demand("daemon-reload")
            self._demand("enable", _TIMER)
            self._demand("restart", _TIMER)  # a running timer would keep its old interval
        except MFAKitError:
            self.remove()
            raise
        return self._lingering()

    def installed(self) -> Job | None:
        """See `Scheduler`."""
        service = read_own(self._path(_SERVICE), _MARK)
        timer = read_own(self._path(_TIMER), _MARK)
        if service is None or timer is None:
            return None
        when = _value(timer, "OnCalendar")
        every = next((known for known in INTERVALS if calendar_event(known) == when), None)
        command = _value(service, "ExecStart")
        try:
            words = shlex.split(command)  # which undoes quotes and backslashes as systemd does
        except ValueError:
            return Job([command], every)
        return Job([word.replace("%%", "%").replace("$$", "$") for word in words], every)

    def remove(self) -> list[str]:
        """See `Scheduler`."""
        if not self._leftovers():
            return []
        manager = find_program(self.program, self._environ)
        if manager:
            self._call("disable", "--now", _TIMER)
        # disable does this too, where the manager answers
        with suppress(OSError):
            os.unlink(os.path.join(self._folder, "timers.target.wants", _TIMER))
        removed = [path for path in self._leftovers() if remove_own(path)]
        if manager:
            self._call("daemon-reload")
        return removed

    def _leftovers(self) -> list[str]:
        paths = (self._path(_SERVICE), self._path(_TIMER))
        return [path for path in paths if read_own(path, _MARK) is not None]

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _units(self, job: Job) -> dict[str, str]:
        assert job.every is not None
        program, *arguments = job.words
        command = " ".join([_quote(program), *(_quote(a.replace("$", "$$")) for a in arguments)])
        spread = min(_LONGEST_SPREAD_SECONDS, job.every // 10)
        service = f"""{_MARK}
[Unit]
Description=Notify before AWS sessions end

[Service]
Type=oneshot
ExecStart={command}
TimeoutStartSec=1h
"""
        timer = f"""{_MARK}
[Unit]
Description=Notify before AWS sessions end, periodically

[Timer]
OnCalendar={calendar_event(job.every)}
AccuracySec=1s
RandomizedDelaySec={spread}s
Persistent=true

[Install]
WantedBy=timers.target
"""
        return {self._path(_SERVICE): service, self._path(_TIMER): timer}

    def _lingering(self) -> list[str]:
        with suppress(MFAKitError):
            user = str(os.getuid())
            answer = call("loginctl", "show-user", user, "--property=Linger", environ=self._environ)
            if answer.output.strip() == b"Linger=yes":
                return []
        return ["it runs while you are logged in; to keep it beyond that: loginctl enable-linger"]

    def _call(self, *words: str) -> str:
        """Send a command to the manager; return its complaint, "" if there is none."""
        with suppress(MFAKitError):
            answer = call("systemctl", "--user", *words, environ=self._environ)
            return answer.complaint or "failed" if answer.code else ""
        return "failed"

    def _demand(self, *words: str) -> None:
        demand("systemctl", "--user", *words, environ=self._environ, hint=_HINT)


def calendar_event(seconds: int) -> str:
    """Write an interval as systemd's ``OnCalendar``."""
    if seconds < HOUR:
        return f"*-*-* *:0/{seconds // MINUTE}:00"
    return f"*-*-* 0/{seconds // HOUR}:00:00" if seconds < DAY else "*-*-* 00:00:00"


def _quote(word: str) -> str:
    """Quote a word of ``ExecStart``, where ``%`` begins a specifier (systemd.unit(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _value(unit: str, key: str) -> str:
    lines = (line for line in unit.splitlines() if line.startswith(f"{key}="))
    return next(lines, "").removeprefix(f"{key}=")
