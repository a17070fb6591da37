"""Programs that are served: what they get, and what they ask."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mfakit import SessionCredentials, write_session

# Prints its environment, and lasts until its standard input ends.
SHOWN = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


def keep(home, key: str = "ASIA1", minutes: float = 600, profile: str = "mfa") -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    write_session(profile, SessionCredentials(key, "s", "token", end), environ=home.environ)


def ask(environ: dict[str, str], method: str = "GET", **headers: str) -> tuple[int, dict[str, Any]]:
    """Ask the endpoint as an SDK does, with other headers if they are given."""
    url = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    sent = {"Authorization": environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]} | headers
    connection.request(method, sent.pop("path", url.path), headers=sent)
    answer = connection.getresponse()
    status, content = answer.status, json.loads(answer.read())
    connection.close()
    return status, content


def wait_until(is_so, seconds: float = 20, every: float = 0.05) -> Any:
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, "it has not come to that"
        time.sleep(every)
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def server_of(pid: int, environ: dict[str, str]) -> int:
    """Return the process that listens on the port of an endpoint."""
    port = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]).port
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A"
    }
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it has just been closed
            if os.readlink(descriptor) in {f"socket:[{inode}]" for inode in inodes}:
                return int(descriptor.parts[2])
    raise AssertionError("nothing listens")


class Served:
    """A command under `exec --serve`, or what `serve` printed.

    Attributes:
        process: mfakit, which becomes the command.
        environ: the environment of the command.
    """

    def __init__(self, process: subprocess.Popen[str], environ: dict[str, str]) -> None:
        self.process = process
        self.environ = environ

    @property
    def server(self) -> int:
        return server_of(self.process.pid, self.environ)


@contextmanager
def served(home, *options: str, files: tuple[int, ...] = (), **environ: str) -> Iterator[Served]:
    """Run a command under `exec --serve`, which inherits some files, until the block ends."""
    command = [sys.executable, "-m", "mfakit", "exec", "--serve", *options]
    with (home.folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--", sys.executable, "-c", SHOWN],
            env=home.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            pass_fds=files,
        )
    try:
        line = process.stdout.readline()
        assert line, (home.folder / "stderr").read_text()
        yield Served(process, json.loads(line))
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def noted(home) -> str:
    """Return what mfakit has said to the command under `served`."""
    return (home.folder / "stderr").read_text()


@pytest.fixture
def held(home):
    """Return a home whose profile `mfa` holds a session."""
    keep(home)
    return home
