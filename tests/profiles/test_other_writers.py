"""Other programs write the credentials file without our lock, and lose nothing by our writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.profiles.test_bad_files import IN_JSON, WRITE
from tests.writers import write_with_many

from mfakit import SessionCredentials, read_session, remove_session, write_session
from mfakit.errors import FileError, ProfileError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.editing import check_writable, edit_text
from mfakit.profiles.own_files import SessionRecord, digest
from mfakit.profiles.profile import Profile
from mfakit.profiles.replacing import swap_name

SESSION = SessionCredentials("ASIA1", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
LONG_TERM = "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n"


def write_as_the_aws_cli(path, text: str, pause: float) -> None:
    """Empty the file, and write it a moment later."""
    with open(path, "w") as file:
        file.truncate()
        time.sleep(pause)
        file.write(text)


def old(path) -> None:
    """Set the file's modification time to a minute ago."""
    os.utime(path, (time.time() - 60,) * 2)


@pytest.mark.parametrize("pause", [0.001, 0.05])
def test_the_text_of_a_writer_that_empties_the_file_first_is_kept(home, pause: float) -> None:
    """Its text is in the file afterwards, and so is the session."""
    for number in range(5):
        home.write_credentials(LONG_TERM)
        old(home.credentials)
        text = f"{LONG_TERM}# version {number}\n"
        other = threading.Thread(target=write_as_the_aws_cli, args=(home.credentials, text, pause))
        other.start()
        write_session("mfa", SESSION, environ=home.environ)
        other.join()
        assert home.credentials.read_text().startswith(text)
        assert read_session("mfa", environ=home.environ) == SESSION


def test_a_file_that_an_editor_has_moved_away_before_the_write_is_waited_for(home) -> None:
    """It was there when mfakit first looked; the editor puts a new one in its place."""
    home.write_credentials(LONG_TERM)
    profile = Profile("mfa", AWSFiles(home.environ))
    assert profile.files.credentials_file.text
    home.credentials.rename(home.credentials.with_name("credentials~"))
    editor = threading.Timer(0.1, home.write_credentials, [f"{LONG_TERM}# edited\n"])
    editor.start()
    profile.keep(SESSION, print)
    editor.join()
    assert home.credentials.read_text().startswith(f"{LONG_TERM}# edited\n")
    assert read_session("mfa", environ=home.environ) == SESSION


def test_a_reader_waits_while_another_program_rewrites_the_file(home) -> None:
    """`check` must not report a missing session because a file is being rewritten."""
    write_session("mfa", SESSION, environ=home.environ)
    text = home.credentials.read_text()
    other = threading.Thread(target=write_as_the_aws_cli, args=(home.credentials, text, 0.1))
    other.start()
    time.sleep(0.02)
    assert read_session("mfa", environ=home.environ) == SESSION
    other.join()


def test_a_change_between_reading_and_replacing_is_kept(home) -> None:
    """The edit is applied again, to the changed text."""
    home.write_credentials(LONG_TERM)
    old(home.credentials)
    seen = []

    def change(text: str) -> str:
        seen.append(text)
        if len(seen) == 1:
            home.credentials.write_text(f"{LONG_TERM}# theirs\n")
        return f"{text}# ours\n"

    edit_text(str(home.credentials), change)
    assert home.credentials.read_text() == f"{LONG_TERM}# theirs\n# ours\n"
    assert seen == [LONG_TERM, f"{LONG_TERM}# theirs\n"]


def test_a_file_that_is_emptied_during_the_write_and_stays_empty_is_refused(home) -> None:
    """Another program is still writing it, or has lost its text."""
    home.write_credentials(LONG_TERM)
    file = home.credentials.open("r+")  # mfakit waits for it to be closed

    def empty() -> None:
        with file:
            time.sleep(0.5)
            file.truncate()

    other = threading.Thread(target=empty)
    other.start()
    with pytest.raises(FileError, match="has emptied"):
        write_session("mfa", SESSION, environ=home.environ)
    other.join()


def test_a_write_waits_until_a_slow_writer_has_closed_the_file(home) -> None:
    """While another program has the file open, its text may be incomplete."""
    home.write_credentials(LONG_TERM)
    text = f"{LONG_TERM}# theirs\n"
    other = threading.Thread(target=write_as_the_aws_cli, args=(home.credentials, text, 0.8))
    other.start()
    time.sleep(0.4)
    write_session("mfa", SESSION, environ=home.environ)
    other.join()
    assert home.credentials.read_text().startswith(text)
    assert read_session("mfa", environ=home.environ) == SESSION


def test_a_file_that_another_program_keeps_open_for_writing_is_an_error(home) -> None:
    """The file stays as it was, and a login sees it before it spends a code."""
    home.write_credentials(LONG_TERM)
    with home.credentials.open("a"):
        with pytest.raises(FileError, match="another program is writing"):
            check_writable(str(home.credentials))
        with pytest.raises(FileError, match="another program is writing"):
            write_session("mfa", SESSION, environ=home.environ)
    assert home.credentials.read_text() == LONG_TERM


def test_a_file_that_was_emptied_after_its_safety_copy_was_made_is_refused(home) -> None:
    """The safety copy shows that it had long-term credentials."""
    home.write_credentials(LONG_TERM)
    write_session("mfa", SESSION, environ=home.environ)
    home.write_credentials("")
    old(home.credentials)
    with pytest.raises(FileError, match="is empty, but was not") as caught:
        write_session("mfa", SESSION, environ=home.environ)
    assert "mfakit/credentials.before say" in caught.value.hint
    assert home.credentials.read_text() == ""


def test_a_file_that_another_program_moves_away_for_a_moment_is_waited_for(home) -> None:
    """Editors rename the file, and write a new one. Only a file that stays away is a new one."""
    home.write_credentials(LONG_TERM)
    moved = home.credentials.with_name("credentials~")

    def move() -> None:
        time.sleep(0.05)
        home.credentials.rename(moved)
        time.sleep(0.1)
        home.credentials.write_text(f"{LONG_TERM}# theirs\n")

    other = threading.Thread(target=move)
    other.start()
    write_session("mfa", SESSION, environ=home.environ)
    other.join()
    assert home.credentials.read_text().startswith(f"{LONG_TERM}# theirs\n")
    home.write_credentials(LONG_TERM)
    other = threading.Timer(0.05, home.credentials.unlink)
    other.start()
    write_session("mfa", SESSION, environ=home.environ)
    other.join()
    assert home.credentials.read_text().startswith("[mfa]\n")


def test_a_file_that_a_logout_leaves_without_sections_is_written_again(home) -> None:
    """mfakit itself never empties the file, so it is not refused as emptied by another program."""
    home.write_credentials(LONG_TERM)
    write_session("mfa", SESSION, environ=home.environ)
    home.credentials.unlink()
    write_session("mfa", SESSION, environ=home.environ)
    remove_session("mfa", environ=home.environ)
    assert home.credentials.read_text() == "\n"
    write_session("mfa", SESSION, environ=home.environ)
    assert read_session("mfa", environ=home.environ) == SESSION


def test_a_file_that_is_emptied_while_the_user_types_the_code_is_refused(home) -> None:
    """It had text when the login began, though there is no safety copy yet."""
    home.write_credentials(LONG_TERM)
    profile = Profile("mfa", AWSFiles(home.environ))
    profile.check_may_hold()
    home.write_credentials("")
    old(home.credentials)
    with pytest.raises(FileError, match="is empty, but was not"):
        profile.keep(SESSION, print)
    assert home.credentials.read_text() == ""
    home.credentials.unlink()
    profile.keep(SESSION, print)
    assert read_session("mfa", environ=home.environ) == SESSION


def test_threads_that_wait_for_the_lock_leave_the_warning_filters_alone(home) -> None:
    """The program that uses the library decides which warnings are shown."""
    filters = list(warnings.filters)
    threads = [
        threading.Thread(
            target=write_session, args=(f"p{n}", SESSION), kwargs={"environ": home.environ}
        )
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == filters


def test_a_file_that_keeps_changing_is_an_error_and_no_endless_loop(home) -> None:
    home.write_credentials(LONG_TERM)
    numbers = iter(range(10**6))

    def change(text: str) -> str:
        home.credentials.write_text(f"{LONG_TERM}# {next(numbers)}\n")
        old(home.credentials)
        return f"{text}# ours\n"

    with pytest.raises(FileError, match="keeps changing"):
        edit_text(str(home.credentials), change)


@pytest.mark.long
def test_mfakit_and_the_real_aws_cli_can_write_the_same_file_concurrently(home) -> None:
    """The AWS CLI writes back what it read, so it may undo one session per run."""
    home.write_credentials(LONG_TERM)
    script = "for n in 1 2 3 4 5; do aws configure set aws_access_key_id AKIA$n --profile p$n; done"
    with subprocess.Popen(["sh", "-c", script], env=home.environ) as other:
        count = 0
        while other.poll() is None:
            write_session(f"s{count}", SESSION, environ=home.environ)
            count += 1
    text = home.credentials.read_text()
    assert text.startswith(LONG_TERM)
    assert all(f"AKIA{number}" in text for number in range(1, 6))
    kept = [number for number in range(count) if f"[s{number}]" in text]
    assert len(kept) >= count - 5, "the AWS CLI writes back what it read: one of ours a time"


def test_a_secret_that_was_put_into_a_sessions_section_before_its_id_is_never_overwritten(
    home,
) -> None:
    """`aws configure set` writes one of them at a time."""
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    text = home.credentials.read_text().replace("= secret\n", "= MINE\n")
    home.write_credentials(text)
    for command in ("login --from-json -", "logout", "login"):
        done = home.mfakit(*command.split(), stdin=IN_JSON)
        assert (done.returncode, home.credentials.read_text()) == (1, text)
        assert "another secret beside the session's key id" in done.stderr
    with pytest.raises(ProfileError):
        write_session("mfa", SESSION, environ=home.environ)
    assert "MINE" not in done.stderr
    home.write_credentials(text.replace("= MINE\n", "= \n"))
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_secret_beside_the_id_of_a_session_is_not_overwritten_after_a_login_that_was_killed(
    home,
) -> None:
    """It was killed when its session was in the file, before it wrote down how that was made."""
    home.write_credentials("[other]\nregion = eu-west-1\n")
    kill = ("strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=unlink:signal=KILL")
    login = (sys.executable, "-m", "mfakit", "login", "--from-json", "-")
    home.run(*kill, *login, stdin=IN_JSON)
    text = home.credentials.read_text()
    assert "= secret\n" in text
    home.write_credentials(text.replace("= secret\n", "= MINE\n"))
    done = home.mfakit("login", "--from-json", "-", stdin=IN_JSON)
    assert (done.returncode, "MINE" in home.credentials.read_text()) == (1, True), done.stderr
    assert "another secret beside the session's key id" in done.stderr


@pytest.mark.parametrize("command", ["login --from-json -", "logout"])
def test_a_secret_beside_a_session_stays_where_the_digests_cannot_be_read(home, command) -> None:
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    (digests,) = (home.credentials.parent / "mfakit/digests").iterdir()
    digests.unlink()
    digests.mkdir()
    text = home.credentials.read_text().replace("= secret\n", "= mine\n")
    home.write_credentials(text)
    done = home.mfakit(*command.split(), stdin=IN_JSON)
    assert (done.returncode, home.credentials.read_text()) == (1, text)
    assert f"cannot read {digests}" in done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("command", ["login --from-json -", "logout"])
def test_a_secret_beside_a_session_stays_where_the_folder_of_the_digests_cannot_be_listed(
    home, command: str
) -> None:
    """Its section was renamed since, so the digest is another profile's."""
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    folder = home.credentials.parent / "mfakit/digests"
    text = home.credentials.read_text().replace("= secret\n", "= mine\n")
    home.write_credentials(text.replace("[mfa]", "[work]"))
    old(home.credentials)
    inject = ("-P", str(folder), "-e", "inject=openat,getdents64:error=EIO")
    words = ["mfakit", *command.split(), "--profile", "work"]
    done = home.run("strace", "-f", "-o", os.devnull, *inject, *words, stdin=IN_JSON)
    assert (done.returncode, "= mine\n" in home.credentials.read_text()) == (1, True), done.stderr
    assert f"cannot read {folder}" in done.stderr


@pytest.mark.parametrize("folder", ["mfakit", "mfakit/digests"])
@pytest.mark.parametrize("command", ["login --from-json -", "logout"])
def test_a_secret_beside_a_session_stays_while_the_disk_of_the_digests_is_away(
    home, command: str, folder: str
) -> None:
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    place = home.credentials.parent / folder
    disk = home.folder / "disk"
    place.rename(disk)
    place.symlink_to(disk)
    disk.rename(home.folder / "away")
    text = home.credentials.read_text().replace("= secret\n", "= mine\n")
    home.write_credentials(text)
    done = home.mfakit(*command.split(), stdin=IN_JSON)
    assert (done.returncode, home.credentials.read_text()) == (1, text)
    assert f"cannot read {place}" in done.stderr


@pytest.mark.parametrize("comment", [" # of my phone", "\t# of my phone", ";of my phone"])
def test_a_secret_beside_a_session_with_a_comment_behind_its_id_is_never_overwritten(
    home, comment
) -> None:
    """AWS tools take that for a part of the id."""
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    text = home.credentials.read_text().replace("= secret\n", "= mine\n")
    text = text.replace("= ASIA2\n", f"= ASIA2{comment}\n")
    home.write_credentials(text)
    done = home.mfakit("login", "--from-json", "-", stdin=IN_JSON)
    assert (done.returncode, home.credentials.read_text()) == (1, text)


def test_no_advice_removes_a_secret_that_is_not_the_sessions(home) -> None:
    """Its own token was emptied, and its own id is yet to come."""
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    text = home.credentials.read_text().replace("= secret\n", "= MINE\n")
    home.write_credentials(re.sub("session_token = .*", "session_token =", text))
    for command in ("explain", "login"):
        done = home.mfakit(command, "--profile", "mfa")
        assert "sed -i" not in done.stdout + done.stderr
    assert "aws configure --profile mfa" in home.mfakit("explain", "--profile", "mfa").stdout


def test_two_logins_at_once_leave_the_record_of_the_session_that_stays(home) -> None:
    """The second waits while the first, whose session is written, asks AWS whose it is."""
    profile = Profile("mfa", AWSFiles(home.environ))
    is_asking, may_go_on = threading.Event(), threading.Event()

    def slow_record() -> SessionRecord:
        is_asking.set()
        may_go_on.wait(1)
        return SessionRecord(datetime.now(UTC), "mfa", "ASIA1")

    first = threading.Thread(target=profile.keep, args=(SESSION, print, slow_record))
    first.start()
    is_asking.wait()
    second = SessionCredentials("ASIA2", "secret2", "token", SESSION.expiration)
    record = SessionRecord(datetime.now(UTC), "mfa", "ASIA2")
    profile.read_again().keep(second, print, lambda: record)
    may_go_on.set()
    first.join()
    held = profile.read_again().held()
    assert (held.session.access_key_id, held.record.access_key_id) == ("ASIA2", "ASIA2")


def test_a_login_that_fails_leaves_the_record_of_the_session_that_stays(home) -> None:
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    before = Profile("mfa", AWSFiles(home.environ)).held().record
    lock = home.credentials.parent / "credentials.lock"
    lock.unlink()
    lock.mkdir()
    other = IN_JSON.replace("ASIA", "ASIAOTHER")
    assert home.mfakit("login", "--from-json", "-", stdin=other).returncode == 1
    assert before
    assert Profile("mfa", AWSFiles(home.environ)).held().record == before


def test_extended_attributes_are_kept(home) -> None:
    """A label or a tag belongs to the file, not to its inode."""
    home.write_credentials(LONG_TERM)
    try:
        os.setxattr(home.credentials, "user.test", b"kept")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")
    write_session("mfa", SESSION, environ=home.environ)
    assert os.getxattr(home.credentials, "user.test") == b"kept"


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_permissions_for_others_are_removed_with_a_note(home, mode: int) -> None:
    """The note comes once."""
    home.write_credentials(LONG_TERM)
    home.credentials.chmod(mode)
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert [note for note in notes if "everybody; now only you can" in note]
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert len(notes) == 1


def test_what_another_user_puts_beside_the_file_is_never_taken_for_what_was_in_it(home) -> None:
    """In a folder that all users share, one may write there whose name fits the present text."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file for another user")
    home.write_credentials("[other]\nregion = eu-west-1\n")
    text = home.credentials.read_bytes()
    planted = Path(swap_name(str(home.credentials), "0" * 16, digest(text)))
    planted.write_text(LONG_TERM)
    os.chown(planted, 4321, 4321)
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert f"{planted} may be another user's, and stays" in notes[0]
    assert home.credentials.stat().st_uid == 0
    assert "AKIA1" not in home.credentials.read_text()
    assert planted.read_text() == LONG_TERM
    planted.unlink()
    shared = home.folder / "shared"
    shared.write_text(LONG_TERM)
    shared.chmod(0o666)
    text = home.credentials.read_bytes()
    os.link(shared, swap_name(str(home.credentials), "0" * 16, digest(text)))
    home.credentials.parent.chmod(0o1777)
    write_session("mfa", SESSION, environ=home.environ)
    assert "AKIA1" not in home.credentials.read_text()
    assert not list((home.credentials.parent / "mfakit").glob("credentials.kept-*"))


def test_a_left_over_with_a_second_name_is_believed_where_nobody_else_may_write(home) -> None:
    """A backup by hard links, and the umask of many systems, make such a file."""
    home.write_credentials("[other]\nregion = eu-west-1\n")
    digests = "0" * 16, digest(home.credentials.read_bytes())
    left = Path(swap_name(str(home.credentials), *digests))
    left.write_text(LONG_TERM)
    left.chmod(0o664)
    os.link(left, home.folder / "backup")
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert not left.exists()
    assert "is now what another program wrote to it" in " ".join(notes)
    assert home.credentials.read_text().startswith(LONG_TERM)


def test_root_does_not_write_in_another_users_home(home) -> None:
    """A file of root's would lock the home's owner out."""
    if os.geteuid() != 0:
        pytest.skip("only root can be root")
    home.write_credentials(LONG_TERM)
    os.chown(home.credentials.parent, 1234, 1234)
    with pytest.raises(FileError, match="belongs to user 1234"):
        write_session("mfa", SESSION, environ=home.environ)
    assert home.credentials.read_text() == LONG_TERM
    home.credentials.unlink()
    home.credentials.parent.rmdir()
    os.chown(home.folder, 1234, 1234)
    with pytest.raises(FileError, match="belongs to user 1234"):
        write_session("mfa", SESSION, environ=home.environ)
    assert not home.credentials.parent.exists()


def test_a_mounted_credentials_file_is_an_error_with_a_workaround(home, tmp_path) -> None:
    """Containers mount single files, and a mounted file cannot be replaced."""
    home.write_credentials("")
    outside = tmp_path / "outside"
    outside.write_text(LONG_TERM)
    mount = ["mount", "--bind", str(outside), str(home.credentials)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("only root can mount a file")
    try:
        with pytest.raises(FileError, match="busy") as caught:
            write_session("mfa", SESSION, environ=home.environ)
        assert "AWS_SHARED_CREDENTIALS_FILE" in caught.value.hint
        with pytest.raises(FileError, match="is mounted as a single file"):
            check_writable(str(home.credentials))
        assert outside.read_text() == LONG_TERM
    finally:
        subprocess.check_call(["umount", str(home.credentials)])


def test_concurrent_mfakit_processes_lose_no_session(home) -> None:
    home.write_credentials(LONG_TERM)
    written = write_with_many(home.environ, writers=8, sessions=5)
    text = home.credentials.read_text()
    assert text.startswith(LONG_TERM)
    assert len(written) == 40
    assert all(header in text for header in written)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_without_swaps_and_hard_links_the_file_is_checked_just_before_the_rename(home) -> None:
    """What another program writes while the system refuses both is kept."""
    home.write_credentials(LONG_TERM)
    write_session("other", SESSION, environ=home.environ)  # makes the safety copy
    old(home.credentials)
    inject = ["renameat2:error=ENOSYS", "link,linkat:error=EPERM:delay_enter=1000000"]
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=renameat2,link,linkat"]
    words = [word for what in inject for word in ("-e", f"inject={what}")]
    ours = subprocess.Popen([*strace, *words, sys.executable, "-c", WRITE], env=home.environ)
    while not any(name.count("-") == 3 for name in os.listdir(home.credentials.parent)):
        time.sleep(0.01)
    time.sleep(0.3)
    with home.credentials.open("a") as file:
        file.write("\n[theirs]\naws_access_key_id = AKIA2\naws_secret_access_key = abc\n")
    assert ours.wait() == 0
    assert "AKIA2" in home.credentials.read_text()
    assert "ASIA1" in home.credentials.read_text()
