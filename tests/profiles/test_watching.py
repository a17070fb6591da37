"""Files that other programs have open, named pipes, and mounts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.profiles.test_bad_files import IN_JSON
from tests.stopping import Traced

from mfakit.errors import FileError
from mfakit.profiles.editing import edit_text
from mfakit.profiles.reading import has_writer_now, is_mount_point, is_remote, read_text

pytestmark = pytest.mark.pythons

MOUNTS = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:45 / /home rw,relatime shared:1 - nfs4 server:/home rw,vers=4.2
31 22 0:46 / /mnt/share rw - cifs //server/share rw
32 22 254:0 /tmp/c /home/a\040b/.aws/credentials rw - ext4 /dev/vda rw
33 22 254:0 /tmp/c /home/c\134d rw - ext4 /dev/vda rw
"""
LONG_TERM = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n"
# The system calls that open a file, by architecture.
OPEN = {"x86_64": (2, 257), "aarch64": (56,)}
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes")


@pytest.fixture
def reading(tmp_path):
    """Yield the descriptor of a file that is open for reading, and its path."""
    path = tmp_path / "file"
    path.write_text("text")
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor, path
    os.close(descriptor)


@linux_only
def test_a_process_that_has_the_file_open_for_writing_is_detected(reading) -> None:
    """It counts even before it has written anything; readers do not."""
    descriptor, path = reading
    with path.open():
        assert not has_writer_now(descriptor)
    with path.open("r+"):
        assert has_writer_now(descriptor)
    assert not has_writer_now(descriptor)


@linux_only
def test_looking_for_a_writer_neither_blocks_nor_kills_other_processes(reading) -> None:
    """The lease is released immediately, and its signal is ignored by default."""
    descriptor, path = reading
    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
    script = "import sys\nfor _ in range(3000): open(sys.argv[1], 'r+').close()"
    with subprocess.Popen([sys.executable, "-c", script, str(path)]) as other:
        while other.poll() is None:
            has_writer_now(descriptor)
    # An unreleased lease would block each open for 45 s.
    assert other.returncode == 0


@linux_only
def test_no_writer_is_reported_for_another_users_file(reading) -> None:
    """Only the owner may take a lease; for others the modification time decides."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    descriptor, path = reading
    with path.open("r+"):
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            os._exit(has_writer_now(descriptor))
        assert os.waitpid(child, 0)[1] == 0


LEASE = """
import fcntl, signal, sys, threading
def give_back(*_):
    threading.Timer(0.1, done.set).start()
done = threading.Event()
signal.signal(signal.SIGIO, give_back)
file = open(sys.argv[1], "r+")
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(flush=True)
while not done.wait(0.05): pass
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
"""


@linux_only
@pytest.mark.parametrize("command", ["status", "login --from-json -"])
def test_a_lease_of_another_program_is_waited_for(home, command: str) -> None:
    """Samba takes one for each client that writes the file, and gives it back when asked."""
    home.write_credentials(LONG_TERM)
    holder = [sys.executable, "-c", LEASE, str(home.credentials)]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        done = home.mfakit(*command.split(), stdin=IN_JSON)
    assert "temporarily unavailable" not in done.stderr
    assert (command == "status") != ("ASIA" in home.credentials.read_text()), done.stderr


@linux_only
def test_the_text_of_a_writer_that_opened_the_file_before_the_swap_is_kept(home) -> None:
    """What it writes to the replaced file is restored, and the edit is applied to that."""
    home.write_credentials(LONG_TERM)
    os.utime(home.credentials, (0, 0))
    theirs = f"{LONG_TERM}# theirs\n"

    def change(text: str) -> str:
        if "theirs" not in text:
            file = home.credentials.open("r+")
            threading.Timer(0.5, lambda: (file.write(theirs), file.close())).start()
        return f"{text}# ours\n"

    edit_text(str(home.credentials), change)
    assert home.credentials.read_text() == f"{theirs}# ours\n"


def test_network_file_systems_are_recognized_by_their_mounts() -> None:
    """They refuse a lease with the error that means a writer on local file systems."""
    assert is_remote(os.makedev(0, 45), MOUNTS)
    assert is_remote(os.makedev(0, 46), MOUNTS)
    assert not is_remote(os.makedev(254, 0), MOUNTS)
    assert not is_remote(os.makedev(0, 45), "")


def test_a_single_mounted_file_is_recognized_by_any_name() -> None:
    assert is_mount_point("/home/a b/.aws/credentials", MOUNTS)
    assert is_mount_point("/home/c\\d", MOUNTS)
    assert not is_mount_point("/home/a", MOUNTS)
    assert not is_mount_point("/home/a b/.aws/credentials", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("command", ["env", "login", "check"])
def test_a_named_pipe_as_credentials_file_is_an_error(home, command: str) -> None:
    """Reading it would wait forever for a writer."""
    os.mkfifo(home.credentials)
    done = home.mfakit(command, *(["--shell", "sh"] if command == "env" else []))
    assert done.returncode in (1, 3)
    assert f"{home.credentials} is a named pipe" in done.stderr


@linux_only
def test_a_file_that_becomes_a_named_pipe_before_it_is_opened_is_an_error(home) -> None:
    """The process holds the lock then, so it must not wait."""
    home.write_credentials(LONG_TERM)
    go, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(go, 1)
        with contextlib.suppress(FileError):
            read_text(str(home.credentials))
            os._exit(1)
        os._exit(0)
    traced = Traced(pid)
    os.write(said, b"!")
    while call := traced.step():
        paths = map(traced.text_at, call.arguments[:2])
        if call.number in OPEN[os.uname().machine] and str(home.credentials) in paths:
            break
    home.credentials.unlink()
    os.mkfifo(home.credentials)
    ender = threading.Timer(10, os.kill, (pid, signal.SIGKILL))
    ender.start()
    assert os.waitstatus_to_exitcode(traced.let_go()) == 0
    ender.cancel()


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="the shell has no pipes with names")
def test_a_process_substitution_is_read_only_once(home) -> None:
    """A second read of `<(...)` finds nothing."""
    session = "aws_access_key_id=ASIA1\naws_secret_access_key=s\naws_session_token=t\n"
    reading, writing = os.pipe()
    os.write(writing, f"[mfa]\n{session}".encode())
    os.close(writing)
    done = subprocess.run(
        [sys.executable, "-m", "mfakit", "env", "--shell", "sh"],
        env=home.environ | {"AWS_SHARED_CREDENTIALS_FILE": f"/dev/fd/{reading}"},
        pass_fds=[reading],
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(reading)
    assert "AWS_SESSION_TOKEN='t'" in done.stdout, done.stderr


def test_a_file_that_is_emptied_repeatedly_is_read_when_it_is_complete(home) -> None:
    """Only a file that stays empty is an error."""
    home.write_credentials(LONG_TERM)
    end = time.monotonic() + 3
    found: list[str] = []
    readers = [
        threading.Thread(target=lambda: found.append(read_text(str(home.credentials))))
        for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    while time.monotonic() < end and any(reader.is_alive() for reader in readers):
        with home.credentials.open("w") as file:
            time.sleep(0.02)
            file.write(LONG_TERM)
        time.sleep(0.01)
    for reader in readers:
        reader.join()
    assert found == [LONG_TERM] * 8
