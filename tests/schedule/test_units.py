"""What systemd, launchd and the Task Scheduler are given, each judged by its own rules."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest
import xmlschema
from tests.schedule.conftest import RECORDER, SCHTASKS

from mfakit.errors import MFAKitError, UsageError
from mfakit.schedule.launchd import Launchd
from mfakit.schedule.scheduler import RUNNER, Job
from mfakit.schedule.schtasks import TaskScheduler
from mfakit.schedule.systemd import Systemd

ODD = ["100%", "%h", "$HOME", "${HOME}", "$$", 'a "b"', "it's", "a\\b", "x y", "", ";", "<&>", "é"]
JOB = Job(["/bin/true", "-P", "-m", RUNNER, "/home/me/my log", *ODD], 600)
SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("task.xsd"))
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
def test_systemd_has_nothing_to_say_against_the_units(home, systemctl, every: int) -> None:
    """`systemd-analyze verify` passes them without a word."""
    Systemd(home.environ).install(Job(JOB.words, every))
    units = sorted((home.folder / ".config/systemd/user").glob("mfakit-*"))
    verify = ["systemd-analyze", "verify", "--user", *map(str, units)]
    done = home.run(*verify, XDG_RUNTIME_DIR=str(home.folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(units) == 2
    units[0].write_text(units[0].read_text().replace("/bin/true", "/bin/nosuch"))
    assert home.run(*verify, XDG_RUNTIME_DIR=str(home.folder)).returncode != 0


def test_units_are_written_once_and_read_back(home, systemctl) -> None:
    """A second install is the first; what is removed is gone, and nothing else is."""
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


def test_who_lingers_is_not_told_to(home, systemctl) -> None:
    """The timer runs without a login session then."""
    assert Systemd(home.environ | {"LINGER": "yes"}).install(JOB) == []


@pytest.mark.parametrize(
    ("kind", "name", "fails"),
    [(Systemd, "systemctl", "enable"), (Launchd, "launchctl", "bootstrap")],
)
def test_what_the_scheduler_refuses_is_not_left_behind(home, provide, kind, name, fails) -> None:
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
def test_a_file_of_somebody_else_is_left_alone(home, provide, kind, path: str) -> None:
    """Even if it has our file's name."""
    provide("systemctl", RECORDER)
    provide("launchctl", RECORDER)
    theirs = home.folder / path
    theirs.parent.mkdir(parents=True)
    theirs.write_text(MADE_BY_HAND)
    with pytest.raises(MFAKitError, match="not of mfakit's making"):
        kind(home.environ).install(JOB)
    assert kind(home.environ).installed() is None
    assert kind(home.environ).remove() == []
    assert theirs.read_text() == MADE_BY_HAND


def test_the_agent_is_a_property_list_with_the_words_as_they_are(home, provide) -> None:
    """launchd is told to load it, and a second install loads it anew."""
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
def test_the_task_is_valid_xml_of_its_schema(home, provide, user) -> None:
    """As Microsoft documents it ([MS-TSCH] 2.5), in UTF-16; one task, and one only."""
    provide("schtasks", SCHTASKS)
    scheduler = TaskScheduler({**home.environ, **user})
    before = tree(home.folder)
    for every in (300, 86400):
        scheduler.install(Job(WINDOWS.words, every))
        (name,) = tree(home.folder) - before
        assert (home.folder / name).read_bytes().startswith(b"\xff\xfe<\0?\0")
        SCHEMA.validate(home.folder / name)
        found = scheduler.installed()
        assert (found.words, found.every) == (WINDOWS.words, every)
        assert found.log == r"C:\Users\A B\check.log"
    assert len(scheduler.remove()) == 1
    assert scheduler.remove() == []
    assert tree(home.folder) == before


def test_the_schema_would_tell() -> None:
    """What it is to keep out, it keeps out."""
    good = TaskScheduler({"USERNAME": "A"}).files(WINDOWS)
    SCHEMA.validate(good)
    for right, wrong in [
        ("PT1440M", "PT30S"),
        ("InteractiveToken", "Interactive"),
        ("Command>", "Program>"),
        ('Context="owner"', 'Context="nobody"'),
        ("<StartBoundary>2020-01-01T", "<StartBoundary>01.01.2020 "),
    ]:
        assert not SCHEMA.is_valid(good.replace(right, wrong))


def test_a_percent_sign_has_no_place_in_a_task() -> None:
    """The Task Scheduler has no way to write one that stands for itself."""
    with pytest.raises(UsageError, match="%"):
        TaskScheduler({}).files(Job(["python", "%PATH%"], 60))


def test_windows_programs_split_the_arguments_as_they_were() -> None:
    """As the C runtime does; `$` is doubled, since `$(Arg0)` would be a parameter."""
    arguments = ["a b", 'say "x"', "end\\", "$x"]
    text = TaskScheduler({}).files(Job(["python", *arguments], 60))
    expected = subprocess.list2cmdline(arguments).replace("$", "$$")
    assert f"<Arguments>{expected}</Arguments>" in text
