"""A person's machine at given times, and the output of the real programs on its terminal."""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import time_machine
from tests.conftest import Home
from tests.exchange.conftest import TerminalProcess
from tests.roles import make_role

from mfakit.testing import AWSSimulator

WIDTH = 80
_AT = Path(__file__).with_name("at.py")
_PROGRAMS = ("aws", "mfakit")
_CODE = "492039"  # as the picture has it: the real one is another one each time
_ENDPOINT = re.compile(r"^endpoint_url=.*\n", re.MULTILINE)


class Machine:
    """Alice's machine, with a simulated AWS that allows nothing without MFA.

    There are the buckets photos and reports, and a role named developer. The clock stands still
    unless it is told to move, so that what is shown is the same however fast the machine is.

    Args:
        folder: an empty folder.
        moment: a time, RFC 3339.
    """

    def __init__(self, folder: Path, moment: str) -> None:
        self._life = ExitStack()
        self._clock = self._life.enter_context(time_machine.travel(moment, tick=False))
        aws = self._life.enter_context(AWSSimulator())
        alice = aws.create_user("alice")
        self._device = alice.enable_virtual_mfa()
        make_role(aws, "developer", alice.arn)
        for bucket in ("photos", "reports"):
            aws.root.session().client("s3").create_bucket(Bucket=bucket)
        self._home = Home(folder)
        self._home.write_credentials(
            f"[default]\naws_access_key_id = {alice.access_key_id}\n"
            f"aws_secret_access_key = {alice.secret_access_key}\n"
        )
        self._home.environ |= {
            "AWS_ENDPOINT_URL": self._life.enter_context(aws.serve()),
            "AWS_DEFAULT_REGION": "us-east-1",
            "PATH": os.pathsep.join([_programs(folder), self._home.environ["PATH"]]),
            "TERM": "xterm-256color",
            "COLUMNS": str(WIDTH),
            "TZ": "UTC",
        }
        for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
            self._home.environ.pop(name, None)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def move_to(self, moment: str) -> None:
        """Set the clock.

        Args:
            moment: a time, RFC 3339.
        """
        self._clock.move_to(moment)
        self._home.environ["MOMENT"] = moment

    def show(self, command: str) -> str:
        """Run a command, and return its output with all escape sequences.

        A code that is asked for is given. The session's record forgets that its AWS is a simulated
        one: at the real one, there is no such line.
        """
        terminal = TerminalProcess(["/bin/sh", "-c", command], self._home.environ)
        typed = self._device.code() if command.startswith("mfakit login") else None
        try:
            if typed:
                terminal.read_until("MFA code for")
                terminal.read_until(": ")
                terminal.send(f"{typed}\n")
            terminal.wait()
            terminal.read(0)
        finally:
            terminal.close()
        for record in self._home.credentials.parent.glob("mfakit/records/*"):
            record.write_text(_ENDPOINT.sub("", record.read_text()))
        shown = terminal.screen.replace("\r", "")
        return shown.replace(typed, _CODE) if typed else shown


def clock_of(moment: str) -> str:
    """Return the time of day as a prompt shows it."""
    return f"{datetime.fromisoformat(moment):%H:%M}"


def _programs(folder: Path) -> str:
    """Make a folder of programs that run the real ones at the time of `MOMENT`."""
    programs = folder / "bin"
    programs.mkdir()
    for name in _PROGRAMS:
        real = Path(sys.executable).with_name(name)
        line = shlex.join([sys.executable, str(_AT)]) + f' "$MOMENT" {shlex.quote(str(real))} "$@"'
        (programs / name).write_text(f"#!/bin/sh\nexec {line}\n")
        (programs / name).chmod(0o700)
    return str(programs)
