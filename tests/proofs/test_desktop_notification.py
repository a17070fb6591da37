"""A real notification: notify-send on a real session bus, from the empty environment of cron."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mfakit import SessionCredentials, write_session

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="its desktops have such a bus"),
    pytest.mark.skipif(
        not (shutil.which("notify-send") and shutil.which("dbus-daemon")),
        reason="libnotify-bin or dbus-daemon is not installed",
    ),
    pytest.mark.xdist_group("session-bus"),  # there is one place for a user's bus
]
# A desktop's notification service, as far as notify-send speaks with it (Desktop Notifications
# Specification): it prints what it is to show.
SERVICE = """
import json
from jeepney import MessageType, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

bus = open_dbus_connection("SESSION")
bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications"))
print(json.dumps("ready"), flush=True)
while True:
    call = bus.receive()
    if call.header.message_type != MessageType.method_call:
        continue
    name = call.header.fields.get(3)
    if name == "Notify":
        print(json.dumps(call.body), flush=True)
        bus.send(new_method_return(call, "u", (1,)))
    elif name == "GetServerInformation":
        bus.send(new_method_return(call, "ssss", ("test", "test", "1", "1.2")))
    else:
        bus.send(new_method_return(call, "as", (["body", "body-markup"],)))
"""
CRON = {"LOGNAME": "somebody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """The user's runtime folder, where systemd makes it, or else another."""
    folder = Path("/run/user") / str(os.getuid())
    if folder.exists() or not os.access(folder.parent.parent, os.W_OK):
        yield tmp_path
        return
    made = [path for path in (folder.parent, folder) if not path.exists()]
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        (folder / "bus").unlink(missing_ok=True)
        for path in reversed(made):
            path.rmdir()


@pytest.fixture
def cron(home, runtime: Path) -> dict[str, str]:
    """The environment of a cron job, with the runtime folder only if it is an unusual one."""
    told = {} if runtime.parent == Path("/run/user") else {"XDG_RUNTIME_DIR": str(runtime)}
    return {**CRON, "HOME": str(home.folder), **told}


@pytest.fixture
def bus(runtime: Path) -> Iterator[str]:
    """A session bus in the runtime folder."""
    address = f"unix:path={runtime}/bus"
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", f"--address={address}", "--print-address"],
        stdout=subprocess.PIPE,
    )
    assert daemon.stdout is not None
    daemon.stdout.readline()
    yield address
    daemon.terminate()
    daemon.communicate(timeout=10)


def keep_due(home, profile: str) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=12)
    write_session(profile, SessionCredentials("ASIA1", "s", "t", end), environ=home.environ)


def check(cron: dict[str, str], profile: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mfakit", "check", "--profile", profile, "--notify", "desktop"]
    return subprocess.run(
        command, env=cron, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_cron_job_shows_one_notification_on_the_desktop(
    home, bus: str, cron: dict[str, str]
) -> None:
    """It has the session's name, its end, and the command that renews it."""
    profile = "a<b>c"
    keep_due(home, profile)
    program, title, text = shown_by(bus, cron, profile)
    assert program == "mfakit"
    assert title.startswith(f"AWS session {profile} ends in 1")
    assert text.endswith("To renew it: mfakit login --profile 'a&lt;b&gt;c'")


def shown_by(bus: str, cron: dict[str, str], profile: str) -> tuple[str, str, str]:
    """Check twice; return the program, title and text of the one notification."""
    pytest.importorskip("jeepney")
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": bus},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert json.loads(service.stdout.readline()) == "ready"
        for _ in range(2):
            done = check(cron, profile)
            assert (done.returncode, done.stderr) == (1, "")
    finally:
        service.terminate()
        shown, _ = service.communicate(timeout=10)
    (line,) = shown.splitlines()
    program, _, _, title, text, *_ = json.loads(line)
    return program, title, text


def test_the_notification_is_in_chinese_where_the_locale_is(
    home, bus: str, cron: dict[str, str]
) -> None:
    keep_due(home, "mfa")
    _, title, text = shown_by(bus, {**cron, "LANG": "zh_CN.UTF-8"}, "mfa")
    assert re.fullmatch(r"AWS 会话 mfa 将在 1\d 分钟 \d+ 秒后到期", title)
    assert re.fullmatch(
        r".* 在 .* 上的会话 mfa 将于 .* 到期。续期命令：mfakit login --profile mfa", text
    )


def test_a_bus_without_a_desktop_is_an_error_and_the_notification_is_sent_later(
    home, bus: str, cron: dict[str, str]
) -> None:
    """Servers have such a bus."""
    keep_due(home, "mfa")
    for _ in range(2):
        done = check(cron, "mfa")
        assert done.returncode == 1
        assert "notify-send, which shows notifications, failed (1)" in done.stderr
        assert "--on-expiring COMMAND" in done.stderr
