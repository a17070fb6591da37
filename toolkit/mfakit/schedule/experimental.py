"""The schedulers of macOS and Windows: launchd and Task Scheduler. Not tried on either system."""

from __future__ import annotations

import codecs
import os
import re
import shlex
from contextlib import suppress

from mfakit.errors import MFAKitError, UsageError
from mfakit.schedule import (
    Job,
    Scheduler,
    call,
    demand,
    in_home,
    read_own,
    refuse_foreign,
    remove_own,
    write_own,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.programs import Answer

_LABEL = "mfakit.check"
_AGENT_MARK = f"<string>{_LABEL}</string>"

_LONGEST_PROGRAM = 260  # pathType of the task schema (MS-TSCH 2.5.1.4)
_SEE_WINDOW = "see the Task Scheduler's own window for the reason"
_UNITS = (86400, 3600, 60, 1)
# In the order of MS-TSCH 2.5. Without a duration the repetition has no end; it begins at a fixed
# time in the past, so that the same job is always the same task.
_TASK = """\
<?xml version="1.0"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Author>mfakit</Author>
    <Description>Notify before AWS sessions end; to remove it: mfakit schedule remove</Description>
  </RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <StartBoundary>2020-01-01T00:00:00</StartBoundary>
      <Repetition>
        <Interval>PT{minutes}M</Interval>
      </Repetition>
    </TimeTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT1H</ExecutionTimeLimit>
  </Settings>
  <Principals>
    <Principal id="owner">
      {who}
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Actions Context="owner">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
_ONE_USER = "<UserId>{}</UserId>\n      <LogonType>InteractiveToken</LogonType>"
_ALL_USERS = "<GroupId>S-1-5-32-545</GroupId>"  # BUILTIN\Users, whatever they are called there


class Launchd(Scheduler):
    """The launchd domain of the logged-in user; the job is an agent in it."""

    name = "launchd"
    program = "launchctl"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._path = in_home(environ, "Library", "LaunchAgents", f"{_LABEL}.plist")

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
        refuse_foreign(self._path, _AGENT_MARK)
        before = read_own(self._path, _AGENT_MARK)
        self._unload()
        write_own(self._path, self.files(job))
        try:
            self._load()
        except MFAKitError:
            remove_own(self._path)
            if before is not None:
                write_own(self._path, before)
                with suppress(MFAKitError):
                    self._load()
            raise
        return []

    def installed(self) -> Job | None:
        """See `Scheduler`."""
        import plistlib
        from xml.parsers.expat import ExpatError

        text = read_own(self._path, _AGENT_MARK)
        if text is None:
            return None
        try:
            agent = plistlib.loads(text.encode())
            return Job([*map(str, agent["ProgramArguments"])], agent.get("StartInterval"))
        except (ExpatError, ValueError, LookupError, TypeError):
            return Job([self._path], None)

    def remove(self) -> list[str]:
        """See `Scheduler`."""
        if read_own(self._path, _AGENT_MARK) is None:
            return []
        self._unload()
        return [self._path] if remove_own(self._path) else []

    def _load(self) -> None:
        demand(
            *("launchctl", "bootstrap", _domain(), self._path),
            environ=self._environ,
            hint="log in on the machine's own screen once, or take --using cron",
        )

    def _unload(self) -> None:
        with suppress(MFAKitError):  # it may not be loaded
            call("launchctl", "bootout", f"{_domain()}/{_LABEL}", environ=self._environ)


def _domain() -> str:
    return f"gui/{os.getuid()}"


class TaskScheduler(Scheduler):
    """The Task Scheduler, and the one task in it that is ours."""

    name = "schtasks"
    program = "schtasks"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._user = environ.get("USERNAME", "")
        # all users of the machine share the names of tasks
        self._task = f"mfakit-check-{self._user}" if self._user else "mfakit-check"

    def files(self, job: Job) -> str:
        """See `Scheduler`."""
        from xml.sax.saxutils import escape

        program, *arguments = job.words
        _refuse(program, arguments)
        account = f"{self._environ.get('USERDOMAIN', '.')}\\{self._user}"
        who = _ONE_USER.format(escape(account)) if self._user else _ALL_USERS
        return _TASK.format(
            minutes=(job.every or 0) // 60,
            who=who,
            program=escape(program),
            arguments=escape(_join(arguments)),
        )

    def install(self, job: Job) -> list[str]:
        """See `Scheduler`."""
        import tempfile

        with tempfile.TemporaryDirectory(prefix="mfakit-") as folder:
            path = os.path.join(folder, "task.xml")
            with open(path, "w", encoding="utf-16", newline="\r\n") as file:
                file.write(self.files(job))
            self._demand("/create", "/tn", self._task, "/xml", path, "/f")
        return ["it runs while you are logged in"]

    def installed(self) -> Job | None:
        """See `Scheduler`."""
        from xml.etree import ElementTree

        if not self.is_here():
            return None
        answer = self._call("/query", "/tn", self._task, "/xml")
        if answer.code:
            return None
        try:
            task = ElementTree.fromstring(_decode(answer.output))  # noqa: S314 - the system wrote it
        except ElementTree.ParseError:
            return Job([self._task], None)
        found = {element.tag.rpartition("}")[2]: element.text or "" for element in task.iter()}
        words = [found.get("Command", ""), *_split(found.get("Arguments", ""))]
        return Job(words, _seconds(found.get("Interval", "")))

    def remove(self) -> list[str]:
        """See `Scheduler`."""
        if self.installed() is None:
            return []
        self._demand("/delete", "/tn", self._task, "/f")
        return [f"the task {self._task}"]

    def _call(self, *words: str) -> Answer:
        return call("schtasks", *words, environ=self._environ)

    def _demand(self, *words: str) -> None:
        demand("schtasks", *words, environ=self._environ, hint=_SEE_WINDOW)


def _refuse(program: str, arguments: list[str]) -> None:
    if len(program) > _LONGEST_PROGRAM:
        raise UsageError(
            f"the path of {program} has more than {_LONGEST_PROGRAM} characters",
            "install mfakit in a folder with a shorter path",
        )
    for word in (program, *arguments):
        if "%" in word:
            raise UsageError(
                f"the Task Scheduler would read the % of {word!r} as a variable",
                "name another file, or leave it out",
            )


def _join(arguments: list[str]) -> str:
    """Join arguments as Windows' programs split them; ``$`` is doubled (MS-TSCH 2.5.9.1)."""
    from subprocess import list2cmdline

    return list2cmdline(arguments).replace("$", "$$")


def _split(arguments: str) -> list[str]:
    """Split arguments that `_join` wrote, to show them; a path has no quote in it."""
    words = shlex.split(arguments.replace("$$", "$"), posix=False)
    return [word.strip('"') for word in words]


def _decode(output: bytes) -> str:
    if output.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return output.decode("utf-16", "replace")
    return output.decode("oem" if os.name == "nt" else "utf-8", "replace")


def _seconds(interval: str) -> int | None:
    """Read an XML duration in any units."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", interval)
    if found is None:
        return None
    return sum(int(n or 0) * unit for n, unit in zip(found.groups(), _UNITS, strict=True)) or None
