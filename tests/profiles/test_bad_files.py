"""Files that cannot be read or written: an error of two lines, and the file as it was."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from mfakit.errors import FileError
from mfakit.profiles.editing import check_writable, edit_text, locked

pytestmark = pytest.mark.pythons

WRITE = """
import datetime, sys, mfakit
from mfakit.cli.output import complain
now = datetime.datetime.now(datetime.UTC)
session = mfakit.SessionCredentials("ASIA1", "secret", "token" * 2000, now)
try:
    mfakit.write_session("mfa", session)
except mfakit.MFAKitError as error:
    complain(error)
    sys.exit(error.exit_code)
"""
SESSION = (
    "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = secret\naws_session_token = token\n"
    "expiration = 2126-01-01T00:00:00Z\n"
)
IN_JSON = """{"Credentials": {"AccessKeyId": "ASIA2", "SecretAccessKey": "secret",
"SessionToken": "token", "Expiration": "2126-01-01T00:00:00Z"}}"""
KEYS = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"


def two_lines(stderr: str, message: str) -> None:
    lines = stderr.splitlines()
    assert len(lines) == 2, stderr
    first, second = lines
    assert message in first
    assert second.startswith("mfakit: try: ")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("login", 1), ("login --from-json -", 1), ("logout", 1), ("env --shell sh", 3),
        ("status --plain", 3), ("check", 3), ("check --all", 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[default]\naws_access_key_id = \xff\n", "is not UTF-8 (byte 30)"),
        (b"junk\n", "line 1: there is no section above this line"),
        (SESSION.encode("utf-8-sig"), "line 1: there is a byte-order mark before this line"),
        (SESSION.encode() * 2, "line 6: the section [mfa] is there twice"),
        (SESSION.encode() + b"Expiration = 1\n", "line 6: the key expiration is there twice"),
        (SESSION.encode() + "\u200b\n".encode(), "and holds an invisible character, U+200B"),
    ],
)
def test_a_file_that_botocore_cannot_read_is_an_error_and_stays_as_it_was(
    home, command: str, code: int, content: bytes, message: str
) -> None:
    """No AWS tool finds the session in it, so `check` must not call it valid."""
    home.credentials.write_bytes(content)
    done = home.mfakit(*command.split(), stdin=IN_JSON)
    assert done.returncode == code
    two_lines(done.stderr, message)
    assert home.credentials.read_bytes() == content
    assert "secret" not in done.stderr


@pytest.mark.parametrize(("command", "code"), [("login", 1), ("env", 1), ("check", 3)])
def test_a_folder_in_place_of_the_file_is_an_error(home, command: str, code: int) -> None:
    home.credentials.mkdir()
    done = home.mfakit(command, *(["--shell", "sh"] if command == "env" else []))
    assert done.returncode == code
    two_lines(done.stderr, "Is a directory")


def test_an_unreadable_file_is_reported_with_the_systems_own_message(home) -> None:
    """Root may read every file, so as root strace makes the open fail."""
    home.write_credentials(KEYS)
    refuse: list[str] = []
    if os.geteuid() == 0:
        path = os.path.realpath(home.credentials)
        refuse = ["strace", "-f", "-qq", "-o", os.devnull, "-P", path]
        refuse += ["-e", "trace=openat", "-e", "inject=openat:error=EACCES"]
    else:
        home.credentials.chmod(0)
    done = home.run(*refuse, sys.executable, "-m", "mfakit", "login")
    assert done.returncode == 1
    two_lines(done.stderr, "Permission denied")


def test_a_full_disk_leaves_the_old_file_and_no_half_written_copy(home, tmp_path) -> None:
    """The write fails before the old file is touched."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("only root can mount a small disk")
    try:
        credentials = disk / "credentials"
        credentials.write_text(KEYS)
        place = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
        done = home.run(sys.executable, "-c", WRITE, **place)
        assert done.returncode == 1
        two_lines(done.stderr, "No space left on device")
        with pytest.raises(FileError, match="No space left on device"):  # before a code is spent
            check_writable(str(credentials))
        assert credentials.read_text() == KEYS
        assert set(os.listdir(disk)) <= {
            "credentials",
            "credentials.lock",
            "mfakit",
        }
    finally:
        subprocess.check_call(["umount", str(disk)])


def test_a_held_lock_is_an_error_after_the_timeout(home) -> None:
    """The write neither hangs nor goes ahead without the lock."""
    home.write_credentials(KEYS)
    path = str(home.credentials)
    with locked(path, 1), pytest.raises(FileError, match=r"waited 0\.1 s") as caught:
        edit_text(path, lambda _: "ours", lock_timeout=0.1)
    assert f"another mfakit that is writing {path}" in caught.value.message
    assert home.credentials.read_text() == KEYS


@pytest.mark.parametrize(
    ("mode", "kept"), [(0o640, 0o640), (0o660, 0o660), (0o644, 0o600), (0o664, 0o600)]
)
def test_group_permissions_are_kept_only_if_others_have_none(home, mode: int, kept: int) -> None:
    """Where others have access, an umask has set the bits, and nobody chose them."""
    home.write_credentials(KEYS)
    home.credentials.chmod(mode)
    if os.geteuid() == 0:
        os.chown(home.credentials, 0, 4321)
    before = home.credentials.stat()
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    after = home.credentials.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_mode & 0o777 == kept


def test_a_device_is_never_replaced(home) -> None:
    """If root replaced /dev/null, it would be a plain file for the whole machine."""
    done = home.run(sys.executable, "-c", WRITE, AWS_SHARED_CREDENTIALS_FILE="/dev/null")
    assert done.returncode == 1
    two_lines(done.stderr, "is no regular file")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such names")
@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_file_that_is_named_by_its_descriptor_is_refused(home, name: str) -> None:
    """The copy of its keys would go to a folder in `/dev`."""
    home.write_credentials(KEYS)
    command = f"exec {sys.executable} -c {shlex.quote(WRITE)} < {home.credentials}"
    done = home.run("sh", "-c", command, AWS_SHARED_CREDENTIALS_FILE=name)
    assert (done.returncode, home.credentials.read_text()) == (1, KEYS)
    two_lines(done.stderr, f"{name} only leads to a file")
    assert not os.path.exists("/dev/mfakit")


def test_a_name_that_leaves_no_room_for_the_new_files_is_found_before_a_code_is_asked(home) -> None:
    """File systems take names of 255 bytes; the longest one beside the file has 59 more."""
    path = home.credentials.with_name("c" * 197)
    with pytest.raises(FileError, match="File name too long") as found:
        check_writable(str(path))
    assert "AWS_SHARED_CREDENTIALS_FILE" in (found.value.hint or "")
    check_writable(str(home.credentials.with_name("c" * 196)))


def test_new_folders_are_private_whatever_the_umask(home) -> None:
    """This holds for each new folder, not only for the last one."""
    place = home.folder / "a" / "b" / "credentials"
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(place)}
    script = f"import os; os.umask(0)\n{WRITE}"
    assert home.run(sys.executable, "-c", script, **environ).returncode == 0
    assert [path.stat().st_mode & 0o777 for path in (place.parent.parent, place.parent, place)] == [
        0o700,
        0o700,
        0o600,
    ]
