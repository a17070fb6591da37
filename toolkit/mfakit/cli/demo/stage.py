"""Where the demo plays: a simulator, a home of its own, and processes whose output is shown."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import site
import subprocess
import sys
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from mfakit.cli.output import write
from mfakit.errors import MFAKitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self


USER = "alice"


class SimulatorProcess:
    """`mfakit simulate` with one user who needs MFA for nearly everything.

    Args:
        folder: where the process works; nothing of it stays there.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            MFAKitError: it did not start.
        """
        command = [sys.executable, "-m", "mfakit", "simulate", "--json", "--require-mfa"]
        self._process = subprocess.Popen(
            [*command, "--user", USER], cwd=self._folder, stdout=subprocess.PIPE, text=True
        )
        try:
            self._take_over(self._process.stdout)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _take_over(self, stdout: IO[str] | None) -> None:
        assert stdout is not None
        line = stdout.readline()
        if not line:
            raise MFAKitError("the simulator did not start", "see what it said above")
        said = json.loads(line)
        self.endpoint_url: str = said["endpoint_url"]
        self.region: str = said["region"]
        self._token: str = said["control_token"]
        user = said["users"][0]
        self.user_arn: str = user["arn"]
        self.access_key_id: str = user["access_key_id"]
        self.secret_access_key: str = user["secret_access_key"]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def code(self) -> str:
        """Return a code of the user's device that is valid now and was never handed out before."""
        return str(self._control("code", user=USER, advance="true")["code"])

    def advance(self, seconds: int) -> None:
        """Move the simulator's clock."""
        self._control("clock", advance=seconds)

    def _control(self, what: str, **query: object) -> dict[str, Any]:
        request = Request(  # noqa: S310
            f"{self.endpoint_url}/_mfakit/{what}?{urlencode(query)}",
            method="POST",
            headers={"X-Mfakit-Token": self._token},
        )
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return dict(json.load(answer))


_TIMEOUT_SECONDS = 60


@contextmanager
def temporary_home() -> Iterator[str]:
    """Make a home with an empty ``.aws``, and take it away again."""
    with TemporaryDirectory(prefix="mfakit-demo-") as home:
        os.mkdir(os.path.join(home, ".aws"), 0o700)
        yield home


class Result:
    """What a process said, on both of its outputs, and its exit code."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output


class Stage:
    """Runs commands in the temporary home, and shows them as a terminal would.

    Args:
        home: the temporary home; the simulator's user is its default profile.
        simulator: what the commands talk to.
    """

    def __init__(self, home: str, simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self._environ = _environment(home, simulator)
        self._mfakit = [sys.executable, "-m", "mfakit"]
        self._aws = [sys.executable, "-m", "mfakit.cli.demo.aws_stand_in"]
        self.aws_note = "There is no AWS CLI here; a few lines of boto3 stand in for `aws`."
        if (found := shutil.which("aws")) and self._run([found, "--version"]).code == 0:
            self._aws = [found]
            self.aws_note = f"The AWS CLI is {found}."
        self._shims(home)
        _write_private(
            os.path.join(home, ".aws", "credentials"),
            "[default]\n"
            f"aws_access_key_id = {simulator.access_key_id}\n"
            f"aws_secret_access_key = {simulator.secret_access_key}\n",
        )

    def title(self, text: str) -> None:
        """Begin a step."""
        write(f"\n# {text}\n")

    def mfakit(self, *arguments: str, quiet_if: list[int] | None = None) -> Result:
        """Run mfakit; what it said is not shown again while the exit code stays the same."""
        result = self._run([*self._mfakit, *arguments])
        if [result.code] != quiet_if:
            self._show(shlex.join(["mfakit", *arguments]), result)
        return result

    def aws(self, *arguments: str) -> Result:
        """Run the AWS CLI against the simulator, and nothing else."""
        result = self._run([*self._aws, "--endpoint-url", self.simulator.endpoint_url, *arguments])
        self._show(self.aws_line(*arguments), result)
        return result

    def aws_line(self, *arguments: str) -> str:
        """Write an AWS CLI command as one types it."""
        return shlex.join(["aws", "--endpoint-url", self.simulator.endpoint_url, *arguments])

    def shell(self, *lines: str) -> Result:
        """Run lines in a POSIX shell."""
        shell = shutil.which("sh")
        if shell is None:
            raise MFAKitError(
                "there is no sh on the PATH", "install one, such as Git's for Windows"
            )
        result = self._run([shell, "-c", "\n".join(["set -e", *lines])])
        self._show("\n$ ".join(lines), result)
        return result

    def expect(self, fulfilled: bool, claim: str) -> None:
        """Check what a step claims.

        Raises:
            MFAKitError: it is not so.
        """
        if not fulfilled:
            raise MFAKitError(f"the demo failed: {claim}", "see what the last command said")

    def _run(self, command: list[str]) -> Result:
        try:
            done = subprocess.run(
                command,
                check=False,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise MFAKitError(
                f"{os.path.basename(command[0])} did not end in {_TIMEOUT_SECONDS} s",
                "see whether the machine is busy, and try again",
            ) from None
        return Result(done.returncode, done.stdout.strip())

    def _show(self, line: str, result: Result) -> None:
        write(f"$ {line}\n{result.output}\n" if result.output else f"$ {line}\n")
        write(f"(exit code {result.code})\n" if result.code else "")

    def _shims(self, home: str) -> None:
        """Put `mfakit` and `aws` on the shells' PATH, the very ones that the other steps run."""
        folder = os.path.join(home, "bin")
        os.mkdir(folder, 0o700)
        for name, command in (("mfakit", self._mfakit), ("aws", self._aws)):
            path = os.path.join(folder, name)
            _write_private(path, f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
            os.chmod(path, 0o700)
        self._environ["PATH"] = folder + os.pathsep + self._environ.get("PATH", os.defpath)


def _environment(home: str, simulator: SimulatorProcess) -> dict[str, str]:
    """Return the environment of the commands, without the person's own AWS settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MFAKIT_")) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "HOME": home,
        "USERPROFILE": home,
        "PYTHONUSERBASE": site.getuserbase(),
        "AWS_ENDPOINT_URL": simulator.endpoint_url,
        "AWS_DEFAULT_REGION": simulator.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }


def _write_private(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
