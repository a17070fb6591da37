"""Replacing a file, on different systems and file systems."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.profiles.test_bad_files import IN_JSON, KEYS, WRITE, two_lines

from mfakit.errors import FileError
from mfakit.profiles.editing import check_writable
from mfakit.profiles.own_files import OwnFile
from mfakit.profiles.reading import is_untouched, read_now
from mfakit.profiles.replacing import Temporary, temporary_beside
from mfakit.profiles.swapping import rename

pytestmark = pytest.mark.pythons

ACCESS_LIST = "system.posix_acl_access"
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_a_rename_is_retried_while_another_program_holds_the_file() -> None:
    """A virus scanner or an indexer of Windows holds a new file for a moment."""
    calls: list[tuple[str, str]] = []
    pauses: list[float] = []

    def replace(old: str, new: str) -> None:
        calls.append((old, new))
        if len(calls) < 3:
            raise PermissionError(13, "a sharing violation")

    rename("new", "file", tries=20, replace=replace, sleep=pauses.append)
    assert calls == [("new", "file")] * 3
    assert len(pauses) == 2


def test_a_rename_fails_after_a_second_of_sharing_violations() -> None:
    """The system's own error is raised, and other errors are not retried."""
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
def test_only_temporary_files_of_killed_processes_are_removed(tmp_path) -> None:
    """A running process is known by its lock: in a container, pids mean other processes."""
    path = str(tmp_path / "file")
    kept = tmp_path / f".file.mfakit-{'-'.join(['0' * 16] * 3)}"
    kept.write_text("a file that came out of a swap")
    for name in (".file.mfakit-1-deaddead", ".file.mfakit-0123456789abcdef"):
        (tmp_path / name).write_text("secret")
    with temporary_beside(path) as at_work:
        OwnFile(path).replace("text")
        assert sorted(temporaries(tmp_path)) == sorted([os.path.basename(at_work.path), kept.name])
    assert temporaries(tmp_path) == [kept.name]


def test_a_temporary_file_that_cannot_be_locked_is_removed(tmp_path) -> None:
    """It has a second descriptor for its lock, which may be one too many for the process."""
    resource = pytest.importorskip("resource")
    os.close(free := os.open(os.devnull, os.O_RDONLY))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Temporary(str(tmp_path / "file"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert temporaries(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_with_the_name_of_a_temporary_file_is_not_waited_for(home) -> None:
    home.write_credentials(KEYS)
    os.mkfifo(home.credentials.with_name(".credentials.mfakit-0123456789abcdef"))
    done = home.run("timeout", "20", sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert temporaries(home.credentials.parent) == []


@pytest.mark.parametrize("ending", ["backup", "1", "2126-01-01", "0123456789abcdef.bak"])
def test_a_users_own_file_with_a_name_like_ours_is_not_removed(home, ending: str) -> None:
    """It may be the user's own backup of the keys."""
    home.write_credentials(KEYS)
    backup = home.credentials.with_name(f".credentials.mfakit-{ending}")
    backup.write_text(KEYS)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    assert backup.read_text() == KEYS


def set_access_list(path: Path, kind: str, others: int) -> bytes:
    """Let user 1234 read a file, or what is made in a folder; return the list."""
    nobody = 0xFFFFFFFF
    rows = [(1, 6, nobody), (2, 4, 1234), (4, 4, nobody), (0x10, 4, nobody), (0x20, others, nobody)]
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)
    try:
        os.setxattr(path, kind, packed)
    except OSError:
        pytest.skip("this file system has no access lists")
    return packed


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="there are no access lists to set")
def test_an_access_list_is_kept_without_access_for_others(home) -> None:
    """Users who are named in it keep their access; everybody else has none."""
    home.write_credentials(KEYS)
    wanted = set_access_list(home.credentials, ACCESS_LIST, others=0)
    set_access_list(home.credentials, ACCESS_LIST, others=4)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    assert os.getxattr(home.credentials, ACCESS_LIST) == wanted


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="there are no access lists to set")
def test_an_access_list_of_the_folder_lets_nobody_read_a_file_that_had_none(home) -> None:
    """Its mask would be the bits of the group, whose access is a choice."""
    home.write_credentials(KEYS)
    home.credentials.chmod(0o640)
    set_access_list(home.credentials.parent, "system.posix_acl_default", others=0)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    assert home.credentials.stat().st_mode & 0o777 == 0o640
    assert ACCESS_LIST not in os.listxattr(home.credentials)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such owners")
def test_a_file_whose_owner_cannot_be_kept_is_refused_before_a_code_is_spent() -> None:
    """`sudo aws configure` makes such files; the session would have no place then."""
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's file")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "credentials"
        path.write_text("")
        os.chown(folder, 4321, 4321)
        child = os.fork()
        if not child:
            refused = False
            try:
                os.setgid(4321)
                os.setuid(4321)
                check_writable(str(path))
            except FileError as error:
                refused = "Operation not permitted" in error.message
            finally:
                os._exit(0 if refused else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert not list(Path(folder).glob(".credentials*"))


@pytest.mark.parametrize("attribute", ["i", "a"])
@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_file_that_attributes_protect_is_refused_before_a_code_is_spent(
    home, attribute: str, place: str
) -> None:
    """Nothing is written then: what is in a folder that can only grow could not be removed."""
    home.write_credentials(KEYS)
    protected = home.credentials if place == "file" else home.credentials.parent
    if not shutil.which("chattr") or home.run("chattr", f"+{attribute}", protected).returncode:
        pytest.skip("no such attribute can be set here")
    try:
        with pytest.raises(FileError, match="Operation not permitted") as found:
            check_writable(str(home.credentials))
    finally:
        home.run("chattr", f"-{attribute}", protected)
    assert "lsattr" in found.value.hint
    assert not list(home.credentials.parent.glob(".credentials*"))
    check_writable(str(home.credentials))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_a_folder_that_may_be_entered_and_not_listed_can_be_written_to(home) -> None:
    home.write_credentials(KEYS)
    home.credentials.parent.chmod(0o300)
    check = f"from mfakit.profiles.editing import check_writable as c; c({str(home.credentials)!r})"
    user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = home.run(*user, sys.executable, "-c", f"{check}\n{WRITE}")
    home.credentials.parent.chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
@pytest.mark.parametrize("umask", [0o777, 0o277, 0o000])
def test_only_its_owner_can_read_and_write_a_new_file_whatever_the_umask(home, umask: int) -> None:
    """The second write shows that the owner can open the lock file too."""
    script = f"import os; os.umask({umask})\n{WRITE}"
    for _ in range(2):
        assert home.run(sys.executable, "-c", script).returncode == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.credentials.parent.iterdir()}
    assert modes == {"credentials": 0o600, "credentials.lock": 0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_mfakits_own_files_can_be_read_by_their_owner_whatever_the_umask(home) -> None:
    """Git could not read a `.gitignore` without bits, and would commit what it hides."""
    home.write_credentials(KEYS)
    place = str(home.credentials)
    before = os.umask(0o777)
    try:
        OwnFile.of(place, "records", "a").replace("x=y\n")
        OwnFile.of(place, "keys", "a").make("x=y\n")
    finally:
        os.umask(before)
    files = [path for path in (home.credentials.parent / "mfakit").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len(files) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_mfakits_own_files_are_private_whoever_could_read_them_before(home) -> None:
    """A backup may have brought them back with bits for the group."""
    file = OwnFile.of(str(home.credentials), "records", "a")
    file.replace("x=y\n")
    os.chmod(file.path, 0o660)
    file.replace("x=z\n")
    assert os.stat(file.path).st_mode & 0o777 == 0o600


@needs_strace
def test_a_write_succeeds_in_a_folder_that_cannot_be_listed(home) -> None:
    """Only the fsync of the folder fails, after the new file is in place."""
    home.write_credentials(KEYS)
    home.credentials.parent.chmod(0o300)
    try:
        done = home.run(*_as_nobody(home.credentials.parent), sys.executable, "-c", WRITE)
    finally:
        home.credentials.parent.chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ASIA1" in home.credentials.read_text()


@needs_strace
def test_a_folder_that_cannot_be_listed_is_named_since_a_killed_mfakit_may_have_left_something(
    home,
) -> None:
    home.write_credentials(KEYS)
    home.credentials.parent.chmod(0o300)
    login = (sys.executable, "-m", "mfakit", "login", "--from-json", "-")
    try:
        done = home.run(*_as_nobody(home.credentials.parent), *login, stdin=IN_JSON)
    finally:
        home.credentials.parent.chmod(0o700)
    said = f"{home.credentials.parent} cannot be listed (Permission denied)"
    assert (done.returncode, said in done.stderr) == (0, True), done.stderr


@needs_strace
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mfakit", "{} cannot be listed (Permission denied), and may hold files named"),
        ("mfakit/credentials.before", "what a killed mfakit has left beside {} stays: cannot"),
    ],
)
def test_what_may_be_left_in_a_place_of_mfakit_that_it_cannot_read_is_named(
    home, name: str, said: str
) -> None:
    home.write_credentials(KEYS)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    place = home.credentials.parent / name
    folder = home.credentials.parent / "mfakit"
    left = folder / f".credentials.before.mfakit-{'1' * 16}-{'2' * 16}-{'3' * 16}"
    left.write_text("# theirs\n")
    mode = place.stat().st_mode
    place.chmod(0o300)
    login = (sys.executable, "-m", "mfakit", "login", "--from-json", "-")
    try:
        done = home.run(*_as_nobody(place), *login, stdin=IN_JSON)
    finally:
        place.chmod(mode)
    assert (done.returncode, said.format(place) in done.stderr) == (0, True), done.stderr
    assert left.read_text() == "# theirs\n"


@needs_strace
@pytest.mark.skipif(sys.platform != "linux", reason="injects an error into Linux's calls")
def test_a_disk_that_fails_up_to_its_root_is_an_error_and_no_endless_loop(home) -> None:
    folders = [os.path.realpath(folder) for folder in home.credentials.parents]
    places = [word for folder in folders for word in ("-P", folder)]
    inject = ["-e", "inject=?stat,?newfstatat,?statx,?openat,?mkdir,?mkdirat:error=EIO"]
    strace = ("strace", "-f", "-qq", "-o", os.devnull, *places, *inject)
    done = home.run(*strace, sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr.count("\n")) == (1, 2), done.stderr
    assert "Input/output error" in done.stderr


@needs_strace
def test_an_old_file_that_cannot_be_removed_is_named_and_no_error(home) -> None:
    """The new file is in its place; the next write removes the old one."""
    home.write_credentials(KEYS)
    refuse = ["-e", "trace=unlink", "-e", "inject=unlink:error=EIO"]
    login = (sys.executable, "-m", "mfakit", "login", "--from-json", "-")
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *refuse, *login, stdin=IN_JSON)
    assert done.returncode == 0
    assert "ASIA2" in home.credentials.read_text()
    (left,) = home.credentials.parent.glob(".credentials.mfakit-*")
    assert left.read_text() == KEYS
    assert f"{left} has keys, and could not be removed: Input/output error" in done.stderr
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    assert not left.exists()


REFUSE_CTYPES_ONCE = """
import errno, sys
left = [1]
def refuse(event, arguments):
    if event == "import" and arguments[0] == "_ctypes" and left:
        left.pop()
        raise {error}
sys.addaudithook(refuse)
"""
ERRORS = (
    "OSError(errno.EMFILE, 'Too many open files')",
    "ImportError('cannot open shared object file')",
    "ModuleNotFoundError('an error of stat says so, too')",
)


@needs_strace
@pytest.mark.skipif(sys.platform != "linux", reason="reads a log of Linux's calls")
@pytest.mark.parametrize("problem", [*ERRORS, "call"])
def test_an_error_of_a_moment_does_not_turn_the_swap_off(home, problem: str) -> None:
    """Without it, a file that another program renames into place could be lost."""
    home.write_credentials(KEYS)
    log = home.folder / "calls"
    strace = ["strace", "-f", "-o", str(log), "-e", "trace=renameat2,link,linkat"]
    if problem == "call":
        strace += ["-e", "inject=renameat2:error=EINVAL:when=1"]
    refuse = REFUSE_CTYPES_ONCE.format(error=problem)
    code = WRITE if problem == "call" else refuse + WRITE
    done = home.run(*strace, sys.executable, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    calls = log.read_text()
    assert "RENAME_EXCHANGE) = 0" in calls
    assert " link" not in calls


APPEND_WHILE_LEASES_FAIL = """
import errno, fcntl, os, sys
left, theirs = [{first}], []
def hook(event, arguments):
    if event == "fcntl.fcntl" and arguments[1:] == (fcntl.F_SETLEASE, fcntl.F_RDLCK):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.{error}, os.strerror(errno.{error}))
    if event == "open" and ".credentials.mfakit-" in str(arguments[0]) and not theirs:
        theirs.append(open(os.path.expanduser("~/.aws/credentials"), "a"))
        theirs[0].write("# theirs\\n")
sys.addaudithook(hook)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
@pytest.mark.parametrize("error", ["ENOMEM", "EIO"])
@pytest.mark.parametrize("first", range(3))
def test_an_error_while_looking_for_a_writer_does_not_count_as_no_writer(
    home, first: int, error: str
) -> None:
    """A program that has the file open to append writes into the replaced file otherwise."""
    home.write_credentials(KEYS)
    hook = APPEND_WHILE_LEASES_FAIL.format(first=first, error=error)
    done = home.run(sys.executable, "-c", hook + WRITE)
    assert (done.returncode, done.stderr.count("\n")) == (1, 2)
    assert "then try again" in done.stderr
    assert home.credentials.read_text() == KEYS + "# theirs\n" * (first > 0)


@needs_strace
@pytest.mark.skipif(sys.platform != "linux", reason="injects an error into Linux's calls")
def test_a_ctypes_of_which_python_has_seen_the_folder_alone_is_loaded_again(home) -> None:
    """So it is after an error of a moment; the module has no functions then."""
    file = ctypes.__file__
    inject = ["-P", file, "-e", "inject=?stat,?newfstatat,?statx:error=EIO:when=1"]
    log = home.folder / "calls"
    code = "from mfakit.profiles.swapping import load; print(load() is not None)"
    done = home.run("strace", "-f", "-o", str(log), *inject, sys.executable, "-c", code)
    assert "INJECTED" in log.read_text()
    assert done.stdout == "True\n", done.stderr


def _as_nobody(place: Path) -> list[str]:
    """Return a strace command that refuses a place to root; other users need none."""
    if os.geteuid() != 0:
        return []
    inject = ["-e", "trace=openat", "-e", "inject=openat:error=EACCES"]
    return ["strace", "-f", "-qq", "-o", os.devnull, "-P", os.path.realpath(place), *inject]


@needs_strace
@pytest.mark.parametrize("answer", ["EOPNOTSUPP", "ENOLCK", "EINVAL", "ENOSYS"])
def test_without_flock_another_lock_is_used_or_the_write_is_refused(home, answer: str) -> None:
    """Another lock is used only if the system has no such call."""
    home.write_credentials(KEYS)
    home.credentials.with_name("credentials.lock").touch()  # left behind, and held by no process
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
def test_without_atomic_swaps_hard_links_are_used(home, answer: str, text: str | None) -> None:
    """FUSE, NFS and sandboxes refuse the swap. No extra file is left there either."""
    if text is not None:
        home.write_credentials(text)
    inject = ["-e", "trace=renameat2", "-e", f"inject=renameat2:error={answer}"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert home.credentials.read_text().startswith(text or "[mfa]")
    assert "ASIA1" in home.credentials.read_text()
    assert home.credentials.stat().st_nlink == 1
    assert temporaries(home.credentials.parent) == []


def test_a_file_is_recognized_where_a_hard_link_has_another_inode_number(tmp_path) -> None:
    """mergerfs has such numbers, and each write there failed when the new file was in place."""
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("text")
    before = read_now(str(file))
    shutil.copy2(file, other)
    assert is_untouched(str(other), before)
    other.write_text("texT")
    os.utime(other, ns=(0, file.stat().st_mtime_ns))
    assert not is_untouched(str(other), before)


@needs_strace
def test_without_hard_links_a_plain_rename_is_used(home) -> None:
    """FAT has neither swaps nor hard links."""
    home.write_credentials(KEYS)
    inject = ["-e", "inject=renameat2:error=EINVAL", "-e", "inject=link,linkat:error=EPERM"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ASIA1" in home.credentials.read_text()
    assert temporaries(home.credentials.parent) == []


def test_a_path_that_ends_in_a_slash_is_an_error(home) -> None:
    """No tool would read the file that would be written."""
    place = f"{home.folder}/missing/"
    done = home.run(sys.executable, "-c", WRITE, AWS_SHARED_CREDENTIALS_FILE=place)
    assert done.returncode == 1
    two_lines(done.stderr, f"{place} is a folder")


SWAP = """
from mfakit.profiles.swapping import swap
print(swap("new", "file", "spare"))
"""


@needs_strace
def test_without_atomic_swaps_a_single_rename_changes_the_file(home) -> None:
    """A second rename that fails could put the old file over later changes."""
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


LIKE_SMB = ["-e", "trace=renameat2,rename", "-e", "inject=renameat2:error=EINVAL"]


@needs_strace
def test_a_rename_that_is_refused_while_a_program_has_the_file_open_is_tried_again(home) -> None:
    """A server of SMB refuses it, and Linux' client of SMB may remove the old file then."""
    home.write_credentials(KEYS)
    refuse = [*LIKE_SMB, "-e", "inject=rename:error=EACCES:when=2..4"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *refuse, sys.executable, "-c", WRITE)
    assert (done.returncode, done.stderr) == (0, "")
    assert home.credentials.read_text().startswith(KEYS)
    assert "ASIA1" in home.credentials.read_text()
    assert _files(home) == ["credentials", "credentials.lock", "mfakit"]
    assert _kept(home) == []


@needs_strace
def test_the_text_of_a_file_that_vanishes_as_it_cannot_be_replaced_is_in_the_new_one(home) -> None:
    """Linux' client of SMB removes it when the program that had it open closes it."""
    home.write_credentials(KEYS)
    refuse = [*LIKE_SMB, "-e", "inject=rename:error=EACCES:when=2+"]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, *refuse]
    ours = subprocess.Popen([*strace, sys.executable, "-c", WRITE], env=home.environ)
    while ours.poll() is None and not _kept(home):
        time.sleep(0.01)
    home.credentials.unlink()
    assert ours.wait() == 0
    assert home.credentials.read_text().startswith(KEYS)
    assert "ASIA1" in home.credentials.read_text()
    assert _kept(home) == []


@needs_strace
def test_what_another_program_puts_in_place_of_a_file_that_vanishes_is_kept(home) -> None:
    """The write starts again, and the text that vanished does not come back."""
    home.write_credentials(KEYS)
    refuse = [*LIKE_SMB, "-e", "inject=rename:error=EACCES:when=2:delay_enter=1000000"]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, *refuse]
    ours = subprocess.Popen([*strace, sys.executable, "-c", WRITE], env=home.environ)
    while ours.poll() is None and home.credentials.stat().st_nlink == 1:
        time.sleep(0.01)
    (home.folder / "theirs").write_text("[theirs]\naws_access_key_id = AKIA2\n")
    (home.folder / "theirs").replace(home.credentials)
    assert ours.wait() == 0
    assert home.credentials.read_text().startswith("[theirs]")
    assert "ASIA1" in home.credentials.read_text()
    assert "AKIA1" not in home.credentials.read_text()
    assert _files(home) == ["credentials", "credentials.lock", "mfakit"]
    assert _kept(home) == []


@needs_strace
def test_what_is_written_into_a_file_before_the_rename_is_tried_again_is_not_lost(home) -> None:
    """The file has a second name at that moment, too."""
    home.write_credentials(KEYS)
    # after those of the safety copy, of the first try, and of the copy of a file that may vanish
    wait = "inject=link:delay_exit=500000:when=4"
    refuse = ["-e", "trace=renameat2,rename,link", *LIKE_SMB[2:]]
    refuse += ["-e", "inject=rename:error=EACCES:when=2", "-e", wait]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, *refuse]
    ours = subprocess.Popen([*strace, sys.executable, "-c", WRITE], env=home.environ)
    while ours.poll() is None and not (_kept(home) and home.credentials.stat().st_nlink == 1):
        time.sleep(0.005)
    while ours.poll() is None and home.credentials.stat().st_nlink == 1:
        time.sleep(0.005)
    with home.credentials.open("a") as file:
        file.write("[theirs]\naws_access_key_id = AKIA2\n")
    assert ours.wait() == 0
    assert "AKIA2" in home.credentials.read_text()
    assert "ASIA1" in home.credentials.read_text()


@needs_strace
def test_where_a_file_stays_open_its_text_is_kept_and_the_error_names_the_copy(home) -> None:
    """It may vanish after the command, when the other program closes it."""
    home.write_credentials(KEYS)
    refuse = [*LIKE_SMB, "-e", "inject=rename:error=EACCES:when=2+"]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *refuse, sys.executable, "-c", WRITE)
    assert done.returncode == 1
    (kept,) = _kept(home)
    two_lines(done.stderr, f"what was there is in {kept}")
    assert Path(kept).read_text() == KEYS
    assert Path(kept).stat().st_mode & 0o777 == 0o600
    assert home.credentials.read_text() == KEYS
    assert _files(home) == ["credentials", "credentials.lock", "mfakit"]


def _files(home) -> list[str]:
    return sorted(os.listdir(home.credentials.parent))


def _kept(home) -> list[str]:
    return [str(path) for path in home.credentials.parent.glob("mfakit/credentials.kept-*")]


@needs_strace
def test_a_lock_that_keeps_its_own_process_from_writing_is_given_up_before_the_write(home) -> None:
    """So are those of SMB, of which each is refused a second time to the descriptor that has it."""
    home.write_credentials(KEYS)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0  # makes the safety copy
    log = home.folder / "log"
    trace = ["-e", "trace=flock,close,write,fsync", "-e", "inject=flock:error=EACCES:when=3+"]
    write = [sys.executable, "-c", WRITE.replace("ASIA1", "ASIA2")]
    done = home.run("strace", "-f", "-qq", "-o", str(log), *trace, *write)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ASIA2" in home.credentials.read_text()
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    held, refused = [call.partition(",")[0] for call in calls if call.startswith("flock(")][1:3]
    assert held == refused
    after = calls[calls.index(next(call for call in calls if "INJECTED" in call)) + 1 :]
    written = next(call for call in after if call.startswith("write("))
    closed = held.replace("flock", "close") + ")"
    assert any(call.startswith(closed) for call in after[: after.index(written)])


@needs_strace
def test_a_lock_file_whose_lock_is_refused_a_second_time_stays(home) -> None:
    """On SMB, other processes that wait for it have it open, and a new one could not be made."""
    home.write_credentials(KEYS)
    assert home.run(sys.executable, "-c", WRITE).returncode == 0
    trace = ["-e", "trace=flock", "-e", "inject=flock:error=EACCES:when=3+"]
    write = [sys.executable, "-c", WRITE.replace("ASIA1", "ASIA2")]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *trace, *write)
    assert (done.returncode, done.stderr) == (0, "")
    assert _files(home) == ["credentials", "credentials.lock", "mfakit"]


@needs_strace
def test_where_locks_are_of_no_use_a_new_temporary_file_of_another_process_stays(home) -> None:
    """It may be at work, and on SMB it holds no lock."""
    home.write_credentials(KEYS)
    new = home.credentials.with_name(f".credentials.mfakit-{'1' * 16}")
    new.write_text("secret")
    trace = ["-e", "trace=flock", "-e", "inject=flock:error=EACCES:when=3+"]
    write = [sys.executable, "-c", WRITE]
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *trace, *write)
    assert (done.returncode, done.stderr) == (0, "")
    assert new.exists()
    os.utime(new, (0, 0))
    write[-1] = WRITE.replace("ASIA1", "ASIA2")
    done = home.run("strace", "-f", "-qq", "-o", os.devnull, *trace, *write)
    assert (done.returncode, done.stderr) == (0, "")
    assert not new.exists()


@needs_strace
def test_what_a_killed_process_left_on_nfs_is_removed_and_not_what_is_at_work(home) -> None:
    """NFS 4 locks a file only for a descriptor that may write."""
    home.write_credentials(KEYS)
    left = home.credentials.with_name(f".credentials.mfakit-{'1' * 16}")
    left.write_text("secret")
    assert home.run(*NO_LOCKS_TO_READ, sys.executable, "-c", WRITE).stderr == ""
    assert not left.exists()
    with temporary_beside(str(home.credentials)) as at_work:
        write = WRITE.replace("ASIA1", "ASIA2")
        assert home.run(*NO_LOCKS_TO_READ, sys.executable, "-c", write).stderr == ""
        assert os.path.exists(at_work.path)


# the lock of the credentials file, and then each temporary file's first try
NO_LOCKS_TO_READ = [
    *("strace", "-f", "-qq", "-o", os.devnull),
    *("-e", "trace=flock", "-e", "inject=flock:error=EBADF:when=2..4+2"),
]


@needs_strace
@pytest.mark.parametrize(("which", "code"), [("1", 0), ("1..3", 0), ("1+", 1)])
def test_a_file_that_another_machine_replaces_while_it_is_read_is_read_again(
    home, which: str, code: int
) -> None:
    """NFS answers so, if the server does not have the file any more that was opened."""
    home.write_credentials(KEYS)
    stale = ["-P", str(home.credentials), "-e", f"inject=read:error=ESTALE:when={which}"]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=read", *stale]
    done = home.run(*strace, sys.executable, "-c", WRITE)
    assert done.returncode == code
    if code:
        two_lines(done.stderr, "Stale file handle")
    else:
        assert "ASIA1" in home.credentials.read_text()


GO_BACK = """
import os, sys
from mfakit.profiles.putting import put
from mfakit.profiles.reading import Snapshot, version_of

path = sys.argv[1]

def change_the_time(event, arguments):
    if event == "open" and os.path.basename(str(arguments[0])).count("-") > 2:
        os.utime(path, (5, 5))

stale = Snapshot(open(path, "rb").read().replace(b"AKIA1", b"AKIA0"), version_of(path))
sys.addaudithook(change_the_time)
print(put(path, path, stale, b"new", print))
"""


def test_after_a_read_from_a_stale_cache_the_file_goes_back_whatever_our_time(home) -> None:
    """CIFS shows what this machine has read before, and wrong times of new files."""
    home.write_credentials(KEYS)
    done = home.run(sys.executable, "-c", GO_BACK, str(home.credentials))
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "False"
    assert home.credentials.read_text() == KEYS
    assert _files(home) == ["credentials", "mfakit"]


@needs_strace
def test_a_symlink_that_becomes_a_file_while_it_is_followed_is_no_traceback(home) -> None:
    """The path is not a link any more when its target is read."""
    (home.folder / "file").write_text(KEYS)
    home.credentials.symlink_to(home.folder / "file")
    inject = ["-e", "trace=readlink", "-e", "inject=readlink:error=EINVAL"]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(home.credentials), *inject]
    done = home.run(*strace, sys.executable, "-c", WRITE)
    assert "Traceback" not in done.stderr
    assert (home.folder / "file").read_text().startswith(KEYS)
