"""`mfakit demo`: the main job from end to end, with real programs, against the simulator.

Each step runs a command as a person would, shows what it really printed, and checks that it did
what the step claims. All of it happens in a temporary home and on loopback. Where there is no AWS
CLI, this module, run as a program, does on boto3 what the demo shows of it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import site
import subprocess
import sys
import time
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from mfakit.cli.output import write, write_private
from mfakit.errors import MFAKitError
from mfakit.programs import require_extra

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from mfakit.profiles.aws_files import AWSFiles

_SHORTEST_SESSION_SECONDS = 900
_SHOWN_LIFE_SECONDS = 8
_TIMEOUT_SECONDS = 60
_USER = "alice"


def run(options: Namespace, _: AWSFiles) -> int:
    """Run the command."""
    require_extra("testing", "moto")
    signal.signal(signal.SIGTERM, _end)
    with temporary_home() as home, SimulatorProcess(home) as aws:
        stage = Stage(home, aws)
        write(f"An AWS simulator listens on {aws.endpoint_url}; home is {home}.\n")
        write(f"{stage.aws_note}\n")
        _denied_without_mfa(stage)
        code = _login(stage)
        _works_with_mfa(stage)
        _works_in_a_shell(stage)
        _refuses_a_used_code(stage, code)
        _expires_at_aws(stage)
        _runs_out_here(stage)
    write("\nAll of it worked. Nothing of it is left.\n")
    return 0


def _end(_signal: int, _frame: object) -> NoReturn:
    sys.exit(143)  # through the context managers, so that nothing is left behind


def _denied_without_mfa(stage: Stage) -> None:
    stage.title("Without MFA the policy denies nearly everything")
    result = stage.aws("s3", "ls")
    stage.expect(result.code != 0 and "AccessDenied" in result.output, "AWS should deny this")


def _login(stage: Stage) -> str:
    stage.title("A code from the device becomes a session")
    code = stage.simulator.code()
    result = stage.mfakit("login", "--token-code", code)
    stage.expect(result.code == 0, "the login should work")
    return code


def _works_with_mfa(stage: Stage) -> None:
    stage.title("Every AWS tool finds it as the profile mfa")
    stage.aws("s3", "mb", "s3://made-with-mfa", "--profile", "mfa")
    result = stage.aws("s3", "ls", "--profile", "mfa")
    stage.expect(result.code == 0 and "made-with-mfa" in result.output, "the bucket should be seen")


def _works_in_a_shell(stage: Stage) -> None:
    stage.title("Or in the environment of a shell")
    result = stage.shell('eval "$(mfakit env)"', stage.aws_line("sts", "get-caller-identity"))
    stage.expect(
        result.code == 0 and stage.simulator.user_arn in result.output, "AWS should know the user"
    )


def _refuses_a_used_code(stage: Stage, code: str) -> None:
    stage.title("A code works once")
    result = stage.mfakit("login", "--force", "--token-code", code)
    stage.expect(result.code == 1 and "used before" in result.output, "the code should be refused")


def _expires_at_aws(stage: Stage) -> None:
    stage.title("Thirteen hours later AWS does not honour the session any more")
    hours = 13 * 3600
    stage.simulator.advance(hours)
    result = stage.aws("s3", "ls", "--profile", "mfa")
    stage.expect(result.code != 0 and "ExpiredToken" in result.output, "AWS should say so")
    stage.simulator.advance(-hours)


def _runs_out_here(stage: Stage) -> None:
    stage.title(f"A session with {_SHOWN_LIFE_SECONDS} s to live comes due, and runs out")
    back = _SHORTEST_SESSION_SECONDS - _SHOWN_LIFE_SECONDS
    stage.simulator.advance(-back)
    result = stage.mfakit(
        "login", "--force", "--duration", "15m", "--token-code", stage.simulator.code()
    )
    stage.expect(result.code == 0, "the login should work")
    seen: list[int] = []
    give_up = time.monotonic() + 4 * _SHOWN_LIFE_SECONDS
    while seen[-1:] != [2] and time.monotonic() < give_up:
        code = stage.mfakit("check", quiet_if=seen[-1:]).code
        seen += [code] if seen[-1:] != [code] else []
        time.sleep(0.2)
    stage.expect(seen == [0, 1, 2], "it should be valid (0), due (1), expired (2)")


class SimulatorProcess:
    """`mfakit simulate` with one user who needs MFA for nearly everything."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            MFAKitError: it did not start.
        """
        command = [sys.executable, "-m", "mfakit", "simulate", "--json", "--require-mfa"]
        self._process = subprocess.Popen(
            [*command, "--user", _USER], cwd=self._folder, stdout=subprocess.PIPE, text=True
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
            raise MFAKitError("the simulator did not start", "see what it printed above")
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
        return str(self._control("code", user=_USER, advance="true")["code"])

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


@contextmanager
def temporary_home() -> Iterator[str]:
    """Make a home with an empty ``.aws``, and remove it at the end."""
    with TemporaryDirectory(prefix="mfakit-demo-") as home:
        os.mkdir(os.path.join(home, ".aws"), 0o700)
        yield home


class Result(NamedTuple):
    """What a process printed, on both of its outputs, and its exit code."""

    code: int
    output: str


class Stage:
    """Runs commands in the temporary home, and shows them as a terminal would."""

    def __init__(self, home: str, simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self._environ = _environment(home, simulator)
        self._mfakit = [sys.executable, "-m", "mfakit"]
        self._aws = [sys.executable, "-m", "mfakit.cli.demo"]
        self.aws_note = "There is no AWS CLI here; a few lines of boto3 stand in for `aws`."
        if (found := shutil.which("aws")) and self._run([found, "--version"]).code == 0:
            self._aws = [found]
            self.aws_note = f"The AWS CLI is {found}."
        self._shims(home)
        write_private(
            os.path.join(home, ".aws", "credentials"),
            "[default]\n"
            f"aws_access_key_id = {simulator.access_key_id}\n"
            f"aws_secret_access_key = {simulator.secret_access_key}\n",
        )

    def title(self, text: str) -> None:
        """Begin a step."""
        write(f"\n# {text}\n")

    def mfakit(self, *arguments: str, quiet_if: list[int] | None = None) -> Result:
        """Run mfakit; its output is not shown again while the exit code stays the same."""
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
            raise MFAKitError(f"the demo failed: {claim}", "see what the last command printed")

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
            write_private(path, f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
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


def stand_in_for_aws() -> int:
    """Run a command of the AWS CLI that the demo shows; errors read as the AWS CLI's do."""
    import argparse

    import boto3
    from botocore.exceptions import ClientError

    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint-url")
    parser.add_argument("--profile")
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    session = boto3.Session(profile_name=options.profile)
    client = session.client(options.words[0], endpoint_url=options.endpoint_url)
    try:
        sys.stdout.write(_answer(client, options.words[1:]))
    except ClientError as error:
        sys.stderr.write(f"{error}\n")
        return 254
    return 0


def _answer(client: Any, words: list[str]) -> str:
    match words:
        case ["ls"]:
            return "".join(f"{bucket['Name']}\n" for bucket in client.list_buckets()["Buckets"])
        case ["mb", url]:
            client.create_bucket(Bucket=url.removeprefix("s3://"))
            return f"make_bucket: {url.removeprefix('s3://')}\n"
        case _:
            answer = client.get_caller_identity()
            return json.dumps({key: answer[key] for key in ("UserId", "Account", "Arn")}, indent=4)


if __name__ == "__main__":
    sys.exit(stand_in_for_aws())
