"""A reader's machine: a home, a simulated account, and terminals."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Home
from tests.docs.page import Step
from tests.docs.shell import Shell
from tests.roles import make_role
from tests.schedule.conftest import write_desktop

from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator
from mfakit.testing.account import Device

_BUCKETS = ("photos", "reports")
_ROLES = ("admin", "developer")


class Reader:
    """A reader who does all that a page says, in an account where nothing is allowed without MFA.

    The user alice has a device, whose seed is in ``MFA_SEED``, and her keys are the profile
    ``default``. There are the roles admin and developer, and the buckets photos and reports.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._homes = 0
        self._shells: dict[str, Shell] = {}
        self._account = ExitStack()
        self.go_to("us-east-1")

    def go_to(self, region: str, *, enrolled: bool = True) -> None:
        """Change to an account in a region's partition, where alice has a device or none."""
        self.close()
        aws = self._account.enter_context(AWSSimulator(region=region))
        url = self._account.enter_context(aws.serve())
        self._environ = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": region}
        self._person: Any = aws.create_user("alice", policy=REQUIRE_MFA_POLICY)
        self._aws = aws
        self._seed = self._person.enable_virtual_mfa().seed if enrolled else ""
        s3 = aws.root.session().client("s3")
        for name in _BUCKETS:
            s3.create_bucket(Bucket=name, **_place(region))
        for name in _ROLES:
            make_role(aws, name, self._person.arn)
        self.move()

    def administer(self) -> None:
        """Become an administrator of the same account, on a machine of that person's own."""
        self._person, self._seed = self._aws.create_user("admin"), ""
        self.move()

    def move(self) -> None:
        """Change to another machine, where nothing has been done yet."""
        self._leave()
        self._homes += 1
        folder = self._folder / str(self._homes)
        folder.mkdir(mode=0o700)
        self._home = Home(folder)
        self._home.write_credentials(
            f"[default]\naws_access_key_id = {self._person.access_key_id}\n"
            f"aws_secret_access_key = {self._person.secret_access_key}\n"
        )
        (folder / "bin").mkdir()
        write_desktop(folder / "bin")
        beside = str(Path(sys.executable).parent)
        places = (str(folder / "bin"), beside, self._home.environ["PATH"])
        self._home.environ |= self._environ | {
            "PATH": os.pathsep.join(places),
            "SHELL": "/bin/bash",
            "TERM": "xterm",
            "COLUMNS": "80",
            "LINES": "24",
            "TZ": "UTC",
            "MFA_SEED": self._seed,
        }
        self._names: dict[str, str] = {}

    def take(self, step: Step) -> None:
        """Carry out one step."""
        changes = {
            "new home": self.move,
            "no device": lambda: self.go_to("us-east-1", enrolled=False),
            "administrator": self.administer,
            "later": lambda: self._aws.clock.advance(hours=1),
            "region": lambda: self.go_to(step.text),
            "needs": lambda: _skip_without(step.text),
        }
        if step.kind in changes:
            changes[step.kind]()
        elif step.kind == "console":
            named = bool(step.terminal)
            self._shell(step.terminal).transcript(step.text, may_go_on=named)
        elif step.kind == "python":
            self._shell(step.terminal).script(f"python - <<'END'\n{step.text}\nEND\n")
        elif step.kind == "make":
            (self._home.folder / "Makefile").write_text(step.text)
        else:
            self._shell(step.terminal).script(step.text)

    def close(self) -> None:
        """End all that is running."""
        try:
            self._leave()
        finally:
            self._account.close()

    def _leave(self) -> None:
        while self._shells:
            self._shells.popitem()[1].close()

    def _code(self, question: str) -> str:
        """Return a code of the device that a question names, else of the first."""
        devices = self._aws._devices.all()
        named = [
            one
            for one in devices
            if re.search(rf"{re.escape(one.serial_number)}(?![\w-])", question)
        ]
        return Device(self._aws, (named or devices)[0]).code()

    def _shell(self, name: str) -> Shell:
        if name not in self._shells:
            lines = self._home.folder.with_name(f"{self._home.folder.name}-{name}")
            lines.mkdir(exist_ok=True)  # of a shell that was closed
            self._shells[name] = Shell(self._home, lines, self._code, self._names)
        return self._shells[name]


def _skip_without(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def _place(region: str) -> dict[str, Any]:
    """Return the location of a bucket; S3 takes that for all regions but one."""
    here = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    return {} if region == "us-east-1" else here


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    someone = Reader(tmp_path)
    try:
        yield someone
    finally:
        someone.close()
