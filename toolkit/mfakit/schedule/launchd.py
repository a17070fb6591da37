"""The job as a launchd agent of the user, on macOS. Experimental: not tried there."""

from __future__ import annotations

import os
from contextlib import suppress

from mfakit.errors import MFAKitError
from mfakit.schedule.scheduler import (
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

_LABEL = "mfakit.check"
_MARK = f"<string>{_LABEL}</string>"


class Launchd(Scheduler):
    """The launchd domain of the logged-in user."""

    name = "launchd"
    program = "launchctl"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        home = environ.get("HOME") or os.path.expanduser("~")
        self._path = os.path.join(home, "Library", "LaunchAgents", f"{_LABEL}.plist")

    def files(self, job: Job) -> str:
        """See `Scheduler`."""
        import plistlib

        agent = {
            "Label": _LABEL,
            "ProgramArguments": job.words,
            "StartInterval": job.every,
            "RunAtLoad": True,
            "ProcessType": "Background",
        }
        return plistlib.dumps(agent).decode()

    def install(self, job: Job) -> list[str]:
        """See `Scheduler`."""
        refuse_foreign(self._path, _MARK)
        self._unload()
        write_own(self._path, self.files(job))
        try:
            demand(
                *("launchctl", "bootstrap", _domain(), self._path),
                environ=self._environ,
                hint="log in on the machine's own screen once, or take --using cron",
            )
        except MFAKitError:
            remove_own(self._path)
            raise
        return []

    def installed(self) -> Job | None:
        """See `Scheduler`."""
        import plistlib
        from xml.parsers.expat import ExpatError

        text = read_own(self._path, _MARK)
        if text is None:
            return None
        try:
            agent = plistlib.loads(text.encode())
            return Job([*map(str, agent["ProgramArguments"])], agent.get("StartInterval"))
        except (ExpatError, ValueError, LookupError, TypeError):
            return Job([self._path], None)

    def remove(self) -> list[str]:
        """See `Scheduler`."""
        if read_own(self._path, _MARK) is None:
            return []
        self._unload()
        return [self._path] if remove_own(self._path) else []

    def _unload(self) -> None:
        with suppress(MFAKitError):  # it may not be loaded
            call("launchctl", "bootout", f"{_domain()}/{_LABEL}", environ=self._environ)


def _domain() -> str:
    return f"gui/{os.getuid()}"
