"""A new file in an old one's place, on whatever system."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys

import pytest
from tests.profiles.test_bad_files import KEYS, WRITE, two_lines

from mfakit.profiles.own_files import OwnFile
from mfakit.profiles.replacing import temporary_beside
from mfakit.profiles.swapping import rename

pytestmark = pytest.mark.pythons

ACCESS_LIST = "system.posix_acl_access"
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_a_rename_is_tried_again_while_another_program_holds_the_file() -> None:
    """A virus scanner or an indexer of Windows, which lets go after a moment."""
    calls: list[tuple[str, str]] = []
    pauses: list[float] = []

    def replace(old: str, new: str) -> None:
        calls.append((old, new))
        if len(calls) < 3:
            raise PermissionError(13, "a sharing violation")

    rename("new", "file", tries=20, replace=replace, sleep=pauses.append)
    assert calls == [("new", "file")] * 3
    assert len(pauses) == 2


def test_a_rename_is_given_up_in_the_end() -> None:
    """After a second, with the system's own word for it; another error is not waited for."""
    pauses: list[float] = []

    def held(old: str, new: str) -> None:
        raise PermissionError(13, "a sharing violation")

    def full(old: str, new: str) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(PermissionError):
        rename("new", "file", tries=20, replace=held, sleep=pauses.append)
    assert sum(pauses) == pytest.approx(0.95)
    with pytest.raises(OSError, match="No space"):
        rename("new", "file", tries=20, replace=full, sleep=pauses.append)
    assert len(pauses) == 19


def temporaries(folder) -> list[str]:
    return [name for name in os.listdir(folder) if ".mfakit-" in name]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_only_what_killed_processes_left_is_removed(tmp_path) -> None:
    """Who is at work holds a lock; the number of a process means another in a container."""
    path = str(tmp_path / "file")
    kept = tmp_path / f".file.mfakit-{'-'.join(['0' * 16] * 3)}"
    kept.write_text("a file that came out of a swap")
    for name in (".file.mfakit-1-deaddead", ".file.mfakit-0123456789abcdef"):
        (tmp_path / name).write_text("secret")
    with temporary_beside(path) as at_work:
        OwnFile(path).replace("text")
        assert sorted(temporaries(tmp_path)) == sorted([os.path.basename(at_work.path), kept.name])
    assert temporaries(tmp_path) == [kept.name]


@pytest.mark.parametrize("ending", ["backup", "1", "2126-01-01", "0123456789abcdef.bak"])
def test_a_file_that_a_person_has_named_like_ours_stays(home, ending: str) -> None:
    """A copy of the keys, say, from before a try of mfakit."""
    home.write_credentials(KEYS)
    backup = home.credentials.with_name(f".credentials.mfakit-{ending}")
    backup.write_text(KEYS)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    assert backup.read_text() == KEYS


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="there are no access lists to set")
def test_an_access_list_stays_without_others(home) -> None:
    """Who was named in it still is; everybody else is not let in by it."""
    home.write_credentials(KEYS)
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 4, 1234), (4, 4, nobody), (0x10, 4, nobody), (0x20, 4, nobody)]

    def packed(others: int) -> bytes:
        rows = [*entries[:-1], (0x20, others, nobody)]
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)

    try:
        os.setxattr(home.credentials, ACCESS_LIST, packed(4))
    except OSError:
        pytest.skip("this file system has no access lists")
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    assert os.getxattr(home.credentials, ACCESS_LIST) == packed(0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
@pytest.mark.parametrize("umask", [0o777, 0o277, 0o000])
def test_a_new_file_is_its_owners_whatever_the_umask(home, umask: int) -> None:
    """To read and to write; the second write shows that the lock is too."""
    script = f"import os; os.umask({umask})\n{WRITE}"
    for _ in range(2):
        assert home.run(sys.executable, "-c", script).returncode == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.credentials.parent.iterdir()}
    assert modes == {"credentials": 0o600, "credentials.lock": 0o600}


@needs_strace
def test_a_folder_that_cannot_be_listed_is_no_error(home) -> None:
    """The new file is in place by then; that its folder cannot be flushed changes nothing."""
    home.write_credentials(KEYS)
    home.credentials.parent.chmod(0o300)
    try:
        done = home.run(*_as_nobody(home), sys.executable, "-c", WRITE)
    finally:
        home.credentials.parent.chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ASIA1" in home.credentials.read_text()


def _as_nobody(home) -> list[str]:
    """Root may list all; it is told not to."""
    if os.geteuid() != 0:
        return []
    folder = os.path.realpath(home.credentials.parent)
    inject = ["-e", "trace=openat", "-e", "inject=openat:error=EACCES"]
    return ["strace", "-f", "-qq", "-o", os.devnull, "-P", folder, *inject]


@needs_strace
@pytest.mark.parametrize("answer", ["EOPNOTSUPP", "ENOLCK", "EINVAL", "ENOSYS"])
def test_a_file_system_without_locks(home, answer: str) -> None:
    """Without that call another lock serves; else it is an error, and no change."""
    home.write_credentials(KEYS)
    home.credentials.with_name("credentials.lock").touch()  # which waits for nobody
    inject = ["-e", "trace=flock", "-e", f"inject=flock:error={answer}"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-c", WRITE)
    if answer == "ENOSYS":
        assert (done.returncode, done.stderr) == (0, "")
        assert "credentials.lock" not in os.listdir(home.credentials.parent)
    else:
        assert done.returncode == 1
        two_lines(done.stderr, "has no locks")
        assert home.credentials.read_text() == KEYS


@needs_strace
@pytest.mark.parametrize("answer", ["EINVAL", "ENOSYS", "EPERM", "EBUSY"])
@pytest.mark.parametrize("text", [KEYS, None])
def test_where_files_cannot_be_swapped_in_one_step_links_serve(
    home, answer: str, text: str | None
) -> None:
    """On FUSE and NFS, and in sandboxes; nothing else is left there than otherwise."""
    if text is not None:
        home.write_credentials(text)
    inject = ["-e", "trace=renameat2", "-e", f"inject=renameat2:error={answer}"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert home.credentials.read_text().startswith(text or "[mfa]")
    assert "ASIA1" in home.credentials.read_text()
    assert home.credentials.stat().st_nlink == 1
    assert temporaries(home.credentials.parent) == []


@needs_strace
def test_where_there_are_no_hard_links_either_a_rename_serves(home) -> None:
    """As on FAT."""
    home.write_credentials(KEYS)
    inject = ["-e", "inject=renameat2:error=EINVAL", "-e", "inject=link,linkat:error=EPERM"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ASIA1" in home.credentials.read_text()
    assert temporaries(home.credentials.parent) == []


def test_a_path_that_ends_in_a_slash_is_an_error(home) -> None:
    """It would make a file that nobody reads."""
    place = f"{home.folder}/missing/"
    done = home.run(sys.executable, "-c", WRITE, AWS_SHARED_CREDENTIALS_FILE=place)
    assert done.returncode == 1
    two_lines(done.stderr, f"{place} is a folder")


SWAP = """
from mfakit.profiles.swapping import swap
print(swap("new", "file", "spare"))
"""


@needs_strace
def test_without_swaps_one_step_changes_the_file(home) -> None:
    """There is no second one, whose failure would put the old file over what was written since."""
    (home.folder / "file").write_text("old")
    (home.folder / "new").write_text("new")
    inject = ["renameat2:error=EINVAL", "rename:error=EIO:when=2+"]
    words = [word for what in inject for word in ("-e", f"inject={what}")]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=renameat2,rename", *words]
    done = subprocess.run(
        [*strace, sys.executable, "-c", SWAP],
        cwd=home.folder,
        env=home.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "spare\n"), done.stderr
    assert (home.folder / "file").read_text() == "new"
    assert (home.folder / "spare").read_text() == "old"


@needs_strace
def test_a_link_that_becomes_a_file_while_it_is_followed_is_no_traceback(home) -> None:
    """Its place is not a link any more when it is asked where it leads."""
    (home.folder / "file").write_text(KEYS)
    home.credentials.symlink_to(home.folder / "file")
    inject = ["-e", "trace=readlink", "-e", "inject=readlink:error=EINVAL"]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(home.credentials), *inject]
    done = home.run(*strace, sys.executable, "-c", WRITE)
    assert "Traceback" not in done.stderr
    assert (home.folder / "file").read_text().startswith(KEYS)
