"""Reading and editing credentials files, beside configparser and botocore's loader."""

from __future__ import annotations

import configparser
import io
import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time_ns
from typing import TYPE_CHECKING

from botocore.configloader import raw_config_parse

from bench.measure import in_turns, ratio
from mfakit import SessionCredentials, write_session
from mfakit.profiles.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.measure import Row

FEW, MANY = 200, 10_000
# The same work on more text; the rest is what the machine's caches make of it.
GROWTH = 1.5


def rows() -> Iterator[Row]:
    """Measure."""
    with TemporaryDirectory() as folder:
        few, many = (credentials(Path(folder, str(count)), count) for count in (FEW, MANY))
        plain, ours = in_turns(lambda: raw_config_parse(str(few)), lambda: read(few), 50)
        yield ratio(f"read one session of {FEW}", plain, ours, 0.25)
        plain, ours = in_turns(lambda: rewrite(few), lambda: replace(few), 50)
        yield ratio(f"replace one session of {FEW}", plain, ours, 1.0)
        plain, ours = in_turns(lambda: raw_config_parse(str(many)), lambda: read(many), 5)
        yield ratio(f"read one session of {MANY}", plain, ours, 0.05)
        plain, ours = in_turns(lambda: rewrite(many), lambda: write(many), 5)
        yield ratio(f"write one session of {MANY}", plain, ours, 0.15)
        times = MANY / FEW
        for name, act in (("read", read), ("replace", replace)):
            plain, ours = in_turns(partial(repeat, act, few, int(times)), partial(act, many), 9)
            yield ratio(f"{name} one of {MANY}, beside {times:g} of {FEW}", plain, ours, GROWTH)


def credentials(path: Path, count: int) -> Path:
    """Make a credentials file with that many sessions."""
    path.write_text(
        "".join(
            f"[profile-{number:05}]\naws_access_key_id = ASIA{number:016}\n"
            f"aws_secret_access_key = {'s' * 40}\naws_session_token = {'t' * 400}\n"
            "region = us-east-1\n\n"
            for number in range(count)
        )
    )
    return path


def repeat(act: Callable[[Path], None], path: Path, times: int) -> None:
    """Do something several times."""
    for _ in range(times):
        act(path)


def read(path: Path) -> None:
    """Read one session."""
    Document(path.read_bytes().decode(), str(path)).section("profile-00100")


def replace(path: Path) -> None:
    """Replace one session by another."""
    document = Document(path.read_bytes().decode(), str(path))
    values = {"aws_access_key_id": "ASIA", "aws_secret_access_key": "s", "aws_session_token": "t"}
    document.update("profile-00100", {**values, "expiration": "2126-01-01T00:00:00Z"})
    document.text.encode()


def write(path: Path) -> None:
    """Replace one session by another in the file, with a lock and all that belongs to it."""
    os.utime(path, (0, 0))  # a file that has just changed is read after a pause
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_CONFIG_FILE": os.devnull}
    write_session(
        "profile-00100", SessionCredentials("ASIA1", "s", str(time_ns())), environ=environ
    )


def rewrite(path: Path) -> None:
    """Do the same with configparser, as other tools do."""
    parser = configparser.RawConfigParser()
    parser.read(path)
    parser.set("profile-00100", "aws_session_token", "t")
    parser.write(io.StringIO())
