"""An engineer with a session of a simulated AWS that checks MFA, and their notifications."""

from __future__ import annotations

{% if cookiecutter.notify == 'apprise' -%}
import json
{% endif -%}
import os
import plistlib
import re
import subprocess
import sys
from collections.abc import Callable{{ ', Iterator' if cookiecutter.notify == 'apprise' }}
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
{%- if cookiecutter.notify == 'apprise' %}
from http.server import BaseHTTPRequestHandler, HTTPServer
{%- endif %}
from pathlib import Path
{%- if cookiecutter.notify == 'apprise' %}
from threading import Thread
{%- endif %}

import mfakit
import pytest
from mfakit.testing import AWSSimulator

import render


def read_options(name: str) -> dict[str, str]:
    """Read the options of a file by their names."""
    parts = (option.removeprefix("--").partition("=") for option in render.options(name))
    return {key: value for key, _, value in parts}


def duration(text: str) -> timedelta:
    """Parse hours, minutes and seconds, such as 1h30m."""
    parts = re.findall(r"([0-9]+)([hms]?)", text)
    return timedelta(seconds=sum(int(n) * {"h": 3600, "m": 60}.get(unit, 1) for n, unit in parts))


PEOPLE, HOSTS = read_options("people.options"), read_options("hosts.options")
PROFILE, WARN = PEOPLE["profile"], duration(PEOPLE["warn"])


@dataclass
class Engineer:
    """A user with a session, and the notifications to that user."""

    home: Path
    told: Callable[[], list[str]]

    def session_ends_in(self, left: timedelta) -> None:
        """Change the time at which the session ends."""
        session = mfakit.read_session(PROFILE)
        keys = (session.access_key_id, session.secret_access_key, session.session_token)
        mfakit.write_session(
            PROFILE, mfakit.SessionCredentials(*keys, expiration=datetime.now(UTC) + left)
        )

    def job_runs(self) -> None:
        """Run the command of the schedulers as they do, with a minimal environment."""
        agent = plistlib.loads((render.FOLDER / "mfakit.check.plist").read_bytes())
        command = [sys.executable, *agent["ProgramArguments"][1:]]
        environ = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(self.home / "bin"), os.defpath]),
            {%- if cookiecutter.notify == 'desktop' %}
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere",
            {%- endif %}
        }
        subprocess.run(command, check=True, env=environ)


@pytest.fixture
def engineer(
    aws_simulator: AWSSimulator,
    aws_home: Path,
    told: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Engineer:
    """Log a user in."""
    user = aws_simulator.create_user("engineer")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    mfakit.login(PROFILE, token_code=user.enable_virtual_mfa().code())
    return Engineer(aws_home, told)


{% if cookiecutter.notify == 'desktop' -%}
@pytest.fixture
def told(aws_home: Path) -> Callable[[], list[str]]:
    """Return a function that returns the arguments of the desktop's notification programs."""
    path = aws_home / "told"
    (aws_home / "bin").mkdir()
    for name in ("notify-send", "osascript"):
        program = aws_home / "bin" / name
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{path}'\n")
        program.chmod(0o755)
    return lambda: path.read_text().splitlines() if path.exists() else []
{%- else -%}
@pytest.fixture
def told(aws_home: Path) -> Iterator[Callable[[], list[str]]]:
    """Yield a function that returns the messages to a service; apprise's file has its URL."""
    messages = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            messages.append(json.loads(self.rfile.read(length))["title"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        path = aws_home / ".config" / "apprise.conf"
        path.parent.mkdir()
        path.touch(mode=0o600)
        url = f"json://127.0.0.1:{server.server_port}"
        path.write_text(f"{PEOPLE['notify']}={url}\n")
        yield lambda: messages
        server.shutdown()
{%- endif %}
