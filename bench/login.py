"""From the code to the session, beside the AWS CLI, each less the server's own time.

mfakit has asked for the code on a terminal, so its time runs from Enter until the process has
ended. So does that of `aws configure mfa-login`, which AWS CLI v2 has; `aws sts get-session-token`
is started with the code.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.measure import elapsed, ratio
from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.measure import Row

ROUNDS = 12
BUDGET = 1.0
TYPING_SECONDS = 2


def rows() -> Iterator[Row]:
    """Measure."""
    with TemporaryDirectory() as folder, AWSSimulator() as aws, aws.serve() as url:
        user = aws.create_user("alice")
        device = user.enable_virtual_mfa()
        environ = _home(Path(folder), user.access_key_id, user.secret_access_key) | {
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        serial = ["--serial-number", device.serial_number]
        client = user.session().client("sts", endpoint_url=url, region_name="us-east-1")
        ways: dict[str, Callable[[str], float]] = {
            "server": lambda code: elapsed(
                partial(client.get_session_token, SerialNumber=device.serial_number, TokenCode=code)
            ),
            "mfakit": partial(
                from_enter,
                [sys.executable, "-m", "mfakit", "login", "--force", *serial],
                environ,
                b"MFA code for",
            ),
        }
        ways |= dict(_peers(serial, environ))
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            aws.clock.advance(minutes=3)  # else the device's tries are spent
            for name, act in ways.items():
                taken = act(device.code())
                if number:  # the first round does not count
                    times[name].append(taken)
        server, ours, *peers = ((name, median(taken)) for name, taken in times.items())
        for name, plain in peers:
            yield ratio(f"code to session, {name}", plain - server[1], ours[1] - server[1], BUDGET)


def _peers(
    serial: list[str], environ: dict[str, str]
) -> Iterator[tuple[str, Callable[[str], float]]]:
    aws = shutil.which("aws")
    if aws is None:
        raise SystemExit("the AWS CLI is not there to measure beside: pip install awscli")
    run = partial(subprocess.run, check=True, env=environ, stdout=subprocess.DEVNULL)
    plain = [aws, "sts", "get-session-token", *serial, "--token-code"]
    yield "aws sts", lambda code: elapsed(partial(run, [*plain, code]))
    version = subprocess.run([aws, "--version"], check=True, capture_output=True, text=True)
    if version.stdout.startswith("aws-cli/2"):
        command = [aws, "configure", "mfa-login", "--update-profile", "theirs", *serial]
        yield "aws mfa-login", partial(from_enter, command, environ, b"MFA token code:")


def _home(folder: Path, key: str, secret: str) -> dict[str, str]:
    """Make a home whose default profile holds the key; return the environment that leads there."""
    folder.joinpath(".aws").mkdir()
    path = folder / ".aws" / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    path.chmod(0o600)
    return {"HOME": str(folder), "PATH": os.environ["PATH"]}


def from_enter(command: list[str], environ: dict[str, str], question: bytes, code: str) -> float:
    """Start a command on a terminal of its own, answer its question as slowly as a person does.

    Returns:
        The seconds from Enter until the process has ended.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environ)
    said = b""
    while question not in said:
        said += os.read(terminal, 1024)
    time.sleep(TYPING_SECONDS)
    began = time.perf_counter()
    os.write(terminal, f"{code}\n".encode())
    _, status = os.waitpid(pid, 0)
    taken = time.perf_counter() - began
    os.close(terminal)
    if status:
        raise SystemExit(f"{command[0]} failed: {status}")
    return taken
