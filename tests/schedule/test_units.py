"""The files for systemd, launchd and the Task Scheduler, each checked by its own rules."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.schedule.conftest import RECORDER, SCHTASKS

from mfakit.errors import MFAKitError, UsageError
from mfakit.schedule import RUNNER, Job
from mfakit.schedule.experimental import Launchd, TaskScheduler
from mfakit.schedule.unix import Systemd

ODD = ["100%", "%h", "$HOME", "${HOME}", "$$", 'a "b"', "it's", "a\\b", "x y", "", ";", "<&>", "é"]
JOB = Job(["/bin/true", "-P", "-m", RUNNER, "/home/me/my log", *ODD], 600)
MADE_BY_HAND = "made by hand\n"


def calls(home) -> list[str]:
    path = home.folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def systemctl(home, provide) -> None:
    provide("systemctl", RECORDER)
    provide("loginctl", RECORDER)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("every", [60, 7200, 86400])
def test_systemd_accepts_the_units_without_a_warning(home, systemctl, every: int) -> None:
    Systemd(home.environ).install(Job(JOB.words, every))
    units = sorted((home.folder / ".config/systemd/user").glob("mfakit-*"))
    verify = ["systemd-analyze", "verify", "--user", *map(str, units)]
    done = home.run(*verify, XDG_RUNTIME_DIR=str(home.folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(units) == 2
    units[0].write_text(units[0].read_text().replace("/bin/true", "/bin/nosuch"))
    assert home.run(*verify, XDG_RUNTIME_DIR=str(home.folder)).returncode != 0


def test_the_units_are_installed_read_back_and_removed_alone(home, systemctl) -> None:
    """A second install changes nothing."""
    systemd = Systemd(home.environ)
    before = tree(home.folder)
    for every in (300, 600):
        notes = systemd.install(Job(JOB.words, every))
        found = systemd.installed()
        assert (found.words, found.every, found.log) == (JOB.words, every, "/home/me/my log")
    assert "loginctl enable-linger" in notes[0]
    assert calls(home)[:3] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable mfakit-check.timer",
        "systemctl --user restart mfakit-check.timer",
    ]
    removed = systemd.remove()
    assert [os.path.basename(path) for path in removed] == [
        "mfakit-check.service",
        "mfakit-check.timer",
    ]
    assert systemd.remove() == []
    assert tree(home.folder) - before == {"calls"}


def test_install_gives_no_hint_to_linger_to_those_who_do(home, systemctl) -> None:
    """The timer runs without a login session then."""
    assert Systemd(home.environ | {"LINGER": "yes"}).install(JOB) == []


@pytest.mark.parametrize(
    ("kind", "name", "fails"),
    [(Systemd, "systemctl", "enable"), (Launchd, "launchctl", "bootstrap")],
)
def test_a_job_that_the_scheduler_refuses_leaves_no_file(home, provide, kind, name, fails) -> None:
    """The error has the scheduler's own words."""
    provide(name, RECORDER)
    before = tree(home.folder)
    with pytest.raises(MFAKitError, match=f"{name}: it would not"):
        kind(home.environ | {"FAILS": fails}).install(JOB)
    assert tree(home.folder) - before == {"calls"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Systemd, ".config/systemd/user/mfakit-check.timer"),
        (Launchd, "Library/LaunchAgents/mfakit.check.plist"),
    ],
)
def test_a_foreign_file_of_our_name_is_left_alone(home, provide, kind, path: str) -> None:
    provide("systemctl", RECORDER)
    provide("launchctl", RECORDER)
    theirs = home.folder / path
    theirs.parent.mkdir(parents=True)
    theirs.write_text(MADE_BY_HAND)
    with pytest.raises(MFAKitError, match="was not written by mfakit"):
        kind(home.environ).install(JOB)
    assert kind(home.environ).installed() is None
    assert kind(home.environ).remove() == []
    assert theirs.read_text() == MADE_BY_HAND


def test_the_launchd_agent_is_a_property_list_with_the_exact_words(home, provide) -> None:
    """launchd loads it, and a second install loads it anew."""
    provide("launchctl", RECORDER)
    launchd = Launchd(home.environ)
    for _ in range(2):
        launchd.install(JOB)
    path = home.folder / "Library/LaunchAgents/mfakit.check.plist"
    agent = plistlib.loads(path.read_bytes())
    assert (agent["ProgramArguments"], agent["StartInterval"]) == (JOB.words, 600)
    assert (launchd.installed().words, launchd.installed().every) == (JOB.words, 600)
    domain = f"gui/{os.getuid()}"
    once = [f"launchctl bootout {domain}/mfakit.check", f"launchctl bootstrap {domain} {path}"]
    assert calls(home) == once * 2
    assert launchd.remove() == [str(path)]
    assert launchd.remove() == []


WINDOWS = Job(
    [r"C:\Program Files\Python\pythonw.exe", "-m", RUNNER, r"C:\Users\A B\check.log", "a<b", "$x"],
    86400,
)


@pytest.mark.parametrize("user", [{}, {"USERNAME": "A <B>", "USERDOMAIN": "DESK"}])
def test_the_windows_task_is_valid_by_its_schema(home, provide, user) -> None:
    """The schema is Microsoft's ([MS-TSCH] 2.5), the file is UTF-16, and there is one task only."""
    import xmlschema  # takes half a second, which every worker would spend to collect the tests

    schema = xmlschema.XMLSchema(Path(__file__).with_name("task.xsd"))
    provide("schtasks", SCHTASKS)
    scheduler = TaskScheduler({**home.environ, **user})
    before = tree(home.folder)
    for every in (300, 86400):
        scheduler.install(Job(WINDOWS.words, every))
        (name,) = tree(home.folder) - before
        assert (home.folder / name).read_bytes().startswith(b"\xff\xfe<\0?\0")
        schema.validate(home.folder / name)
        found = scheduler.installed()
        assert (found.words, found.every) == (WINDOWS.words, every)
        assert found.log == r"C:\Users\A B\check.log"
    assert len(scheduler.remove()) == 1
    assert scheduler.remove() == []
    assert tree(home.folder) == before


def test_a_percent_sign_in_a_task_is_refused() -> None:
    """The Task Scheduler has no escape for it."""
    with pytest.raises(UsageError, match="%"):
        TaskScheduler({}).files(Job(["python", "%PATH%"], 60))


def test_windows_programs_split_the_arguments_into_the_same_words() -> None:
    """The C runtime splits them; `$` is doubled, since `$(Arg0)` would be a parameter."""
    arguments = ["a b", 'say "x"', "end\\", "$x"]
    text = TaskScheduler({}).files(Job(["python", *arguments], 60))
    expected = subprocess.list2cmdline(arguments).replace("$", "$$")
    assert f"<Arguments>{expected}</Arguments>" in text
