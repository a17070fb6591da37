"""A write that is killed, or fails, at any point: the file is the old or the new one, whole.

The write runs under strace, which kills it as it enters a system call, or lets the call fail. One
run without harm tells which calls there are; then there is one run for each of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mfakit import SessionCredentials, write_session

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed (CI installs it)"
)

OLD = (
    "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n\n"
    "[mfa]\naws_access_key_id = ASIAOLD\naws_secret_access_key = old\naws_session_token = old\n"
)
END = datetime(2126, 1, 1, tzinfo=UTC)
# The first writes load all that is loaded once. Then each run is a process forked from this one,
# to which strace attaches while it waits; what is between the marks is the write itself.
SERVER = """
import datetime, gc, json, os, select, subprocess, sys, tempfile, mfakit
from mfakit.cli.output import complain
end = datetime.datetime(2126, 1, 1, tzinfo=datetime.UTC)
session = mfakit.SessionCredentials("ASIANEW", "new", "new", end)
for _ in range(2):
    mfakit.write_session("mfa", session)

def write():
    os.path.exists("/begin-of-the-write")
    try:
        mfakit.write_session("mfa", session)
    except mfakit.MFAKitError as error:
        complain(error)
        return error.exit_code
    finally:
        os.path.exists("/end-of-the-write")
    return 0

gc.disable()
for line in sys.stdin:
    environ, options = json.loads(line)
    said = tempfile.TemporaryFile()
    begin, held = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(said.fileno(), 2)
        os.environ.update(environ)
        select.select([begin], [], [])  # strace counts it or not: the write makes no such call
        code = 70
        try:
            code = write()
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    strace = subprocess.Popen(["strace", "-p", str(pid), *options], stderr=subprocess.PIPE)
    assert b"attached" in strace.stderr.readline()
    os.write(held, b"!")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    strace.communicate()
    os.close(begin)
    os.close(held)
    said.seek(0)
    print(json.dumps([code, said.read().decode()]), flush=True)
"""
# What each call can answer, of the errors that a disk, a mount or another user leads to.
ERRORS = {
    "openat": ("ENOSPC", "EIO", "EACCES", "EBUSY"),
    "open": ("ENOSPC", "EIO", "EACCES", "EBUSY"),
    "rename": ("ENOSPC", "EIO", "EACCES", "EBUSY"),
    # EINVAL and ENOSYS: there is no such call here, and hard links take its place
    "renameat2": ("ENOSPC", "EIO", "EACCES", "EBUSY", "EINVAL", "ENOSYS"),
    "unlink": ("EIO", "EACCES", "EBUSY"),
    "mkdir": ("ENOSPC", "EIO", "EACCES"),
    "write": ("ENOSPC", "EIO"),
    "fsync": ("ENOSPC", "EIO"),
    "close": ("ENOSPC", "EIO"),
    "ftruncate": ("EIO", "EACCES"),
    "read": ("EIO",),
    "pread64": ("EIO",),
    "getdents64": ("EIO",),
    "fchmod": ("EIO", "EACCES"),
    "chmod": ("EIO", "EACCES"),
    "fchown": ("EIO", "EACCES"),
    "utimensat": ("EIO", "EACCES"),
    "utimes": ("EIO", "EACCES"),
    "newfstatat": ("EIO", "EACCES"),
    "fstat": ("EIO",),
    "readlink": ("EIO", "EACCES"),
    "listxattr": ("EIO", "EACCES"),
    "getxattr": ("EIO", "EACCES"),
    "fsetxattr": ("ENOSPC", "EIO", "EACCES"),
    "fremovexattr": ("EIO", "EACCES"),
    "flock": ("EIO",),
}
MEMORY = {"brk", "mmap", "munmap", "mprotect", "madvise", "mremap", "rt_sigaction", "futex"}


class Writer:
    """The process that all runs of the write are forked from."""

    def __init__(self, folder: Path) -> None:
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONHASHSEED": "0",
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "other"),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, environ: dict[str, str], *strace: str) -> tuple[int, str]:
        """Run the write under strace; return the exit code and what it wrote to stderr."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([environ, strace]) + "\n")
        self._process.stdin.flush()
        code, said = json.loads(self._process.stdout.readline())
        return code, said

    def end(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path)
    yield made
    made.end()


class Write:
    """One run of the write, on files of its own."""

    def __init__(self, writer: Writer, folder: Path) -> None:
        self._writer = writer
        self.folder = folder / "aws"
        self.folder.mkdir(mode=0o700)
        self.file = self.folder / "credentials"
        self.file.write_text(OLD)
        self.file.chmod(0o600)
        os.utime(self.file, (0, 0))
        self._environ = {"HOME": str(folder), "AWS_SHARED_CREDENTIALS_FILE": str(self.file)}

    def run(self, *strace: str) -> tuple[int, str]:
        return self._writer.run(self._environ, *strace)

    def harmed(self, call: str, harm: str) -> tuple[int, str]:
        """Run the write, and kill or fail it at one call."""
        return self.run("-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{harm}")

    def assert_whole(self, *texts: str) -> None:
        """The file is one of these, and nobody else's to read."""
        assert self.file.read_text() in texts
        assert stat.S_IMODE(self.file.stat().st_mode) == 0o600

    def assert_tidy_after_the_next_run(self) -> None:
        """Nothing with a secret is left but the file and the one copy that is kept of it."""
        session = SessionCredentials("ASIANEW", "new", "new", END)
        write_session("mfa", session, environ=self._environ)
        assert self.file.read_text() == NEW
        assert set(os.listdir(self.folder)) <= {"credentials", "credentials.lock", "mfakit"}
        own = {path.name for path in (self.folder / "mfakit").glob("*")}
        assert own <= {"credentials.before", ".gitignore"}
        for path in self.folder.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


NEW = (
    OLD.replace("ASIAOLD", "ASIANEW")
    .replace("= old", "= new")
    .replace(
        "token = new\n",
        "token = new\naws_credential_expiration = 2126-01-01T00:00:00Z\n"
        "expiration = 2126-01-01T00:00:00Z\n",
    )
)


def calls_of_the_write(writer: Writer, folder: Path) -> list[tuple[str, int]]:
    """Return each system call of the write, with its number among those of its name."""
    folder.mkdir()
    write = Write(writer, folder)
    log = folder / "log"
    code, said = write.run("-o", str(log))
    assert code == 0, said
    assert write.file.read_text() == NEW
    count: Counter[str] = Counter()
    found = []
    inside = False
    for line in log.read_text().splitlines():
        if match := re.match(r"(\w+)\(", line):
            count[match[1]] += 1
            inside = (inside or "/begin-of-the-write" in line) and "/end-of-the-write" not in line
            if inside and match[1] not in MEMORY and "/begin-of" not in line:
                found.append((match[1], count[match[1]]))
    return found


def test_a_write_killed_at_any_system_call_leaves_a_whole_file(
    writer: Writer, tmp_path: Path
) -> None:
    """It is the old file or the new one, and the next run tidies up."""
    calls = calls_of_the_write(writer, tmp_path / "calm")
    assert {"rename", "fsync", "write"} <= {name for name, _ in calls}
    for number, (name, which) in enumerate(calls):
        folder = tmp_path / str(number)
        folder.mkdir()
        write = Write(writer, folder)
        code, said = write.harmed(name, f"signal=KILL:when={which}")
        assert code == -9, f"{name} number {which} was not reached: {said}"
        write.assert_whole(OLD, NEW)
        write.assert_tidy_after_the_next_run()


def test_any_error_of_any_system_call_leaves_a_whole_file(writer: Writer, tmp_path: Path) -> None:
    """The command succeeds all the same, or two lines say that it failed and the old file stays."""
    calls = calls_of_the_write(writer, tmp_path / "calm")
    unknown = {name for name, _ in calls} - set(ERRORS) - {"lseek", "ioctl", "getpid", "kill"}
    assert unknown <= {"geteuid", "umask", "getrandom", "fcntl", "clock_nanosleep", "lstat"}
    for number, (name, which) in enumerate(calls):
        for error in ERRORS.get(name, ()):
            folder = tmp_path / f"{number}-{error}"
            folder.mkdir()
            write = Write(writer, folder)
            code, said = write.harmed(name, f"error={error}:when={which}")
            what = f"{name} number {which} answers {error}: {said}"
            assert code in (0, 1), what
            assert "Traceback" not in said, what
            assert len(said.splitlines()) == 2 * code, what
            write.assert_whole(OLD if code else NEW)
            write.assert_tidy_after_the_next_run()
