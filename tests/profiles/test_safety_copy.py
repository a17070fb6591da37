"""The safety copy: the credentials file as it was before mfakit's first change."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.profiles.test_bad_files import WRITE

from mfakit import SessionCredentials, write_session, write_settings
from mfakit.errors import FileError
from mfakit.profiles.own_files import digest
from mfakit.profiles.replacing import swap_name

SESSION = SessionCredentials("ASIA1", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
KEYS = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n"


def linked(home) -> Path:
    """Put the credentials file into a git repository of dotfiles, behind a symlink."""
    real = home.folder / "dotfiles" / "credentials"
    real.parent.mkdir()
    real.write_text(KEYS)
    real.chmod(0o600)
    home.credentials.symlink_to(real)
    subprocess.run(["git", "init", "-q", real.parent], check=True)
    return real


def staged(folder: Path) -> set[str]:
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    command = ["git", "diff", "--cached", "--name-only"]
    return set(subprocess.check_output(command, cwd=folder, text=True).split())


def copy_of(home) -> Path:
    return home.credentials.parent / "mfakit" / "credentials.before"


def keep(home) -> list[str]:
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    return notes


def test_git_ignores_the_safety_copy(home) -> None:
    """The file may be linked into a repository, or its whole folder may be one."""
    real = linked(home)
    keep(home)
    assert copy_of(home).read_text() == KEYS
    assert staged(real.parent) == {"credentials", "credentials.lock"}
    subprocess.run(["git", "init", "-q", home.credentials.parent], check=True)
    assert not [name for name in staged(home.credentials.parent) if "mfakit" in name]


def test_a_config_file_with_long_term_keys_is_copied_before_its_first_change(home) -> None:
    """AWS tools read keys there, too."""
    home.write_config(KEYS)
    write_settings({"mfa": {"region": "eu-west-1"}}, environ=home.environ)
    assert copy_of(home).with_name("config.before").read_text() == KEYS


def test_root_keeps_no_copy_in_a_folder_that_another_user_has_put_there(home) -> None:
    """That user could remove it, or put another one in its place."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder for another user")
    home.write_credentials(KEYS)
    folder = copy_of(home).parent
    folder.mkdir()
    os.chown(folder, 4321, 4321)
    (note,) = keep(home)
    assert "no copy" in note
    assert not copy_of(home).exists()


def test_what_another_user_calls_a_copy_of_an_earlier_version_is_none(home) -> None:
    """Otherwise the keys that are really there would be copied nowhere."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file for another user")
    home.write_credentials(KEYS)
    planted = home.credentials.with_name("credentials.before-mfakit")
    planted.write_text("[default]\naws_access_key_id = AKIATHEIRS\n")
    os.chown(planted, 4321, 4321)
    assert keep(home) == []
    assert copy_of(home).read_text() == KEYS
    assert planted.exists()


def test_an_empty_gitignore_of_a_killed_process_is_completed(home) -> None:
    """Otherwise git would see the safety copy."""
    home.write_credentials(KEYS)
    copy_of(home).parent.mkdir(mode=0o700)
    copy_of(home).with_name(".gitignore").touch(0o600)
    keep(home)
    subprocess.run(["git", "init", "-q", home.credentials.parent], check=True)
    assert not [name for name in staged(home.credentials.parent) if "mfakit" in name]


@pytest.mark.parametrize(
    "lines",
    [b"notes.txt\n", b"*\n!credentials.before\n", b"# mine\n*.before\n\xff", b"*\n# the end\n"],
)
def test_git_ignores_the_folder_whatever_its_gitignore_says(home, lines: bytes) -> None:
    """The user's lines stay, and `*` comes last once: git takes the last pattern that matches."""
    home.write_credentials(KEYS)
    copy_of(home).parent.mkdir(mode=0o700)
    file = copy_of(home).with_name(".gitignore")
    file.write_bytes(lines)
    keep(home)
    write_again(home)
    subprocess.run(["git", "init", "-q", home.credentials.parent], check=True)
    assert not [name for name in staged(home.credentials.parent) if "mfakit" in name]
    assert file.read_bytes().startswith(lines)
    assert file.read_bytes().count(b"*\n") == 1 + lines.count(b"*\n!")


@pytest.mark.parametrize("lines", [None, "notes.txt\n", "*\n"])
def test_a_gitignore_that_is_a_link_is_replaced_and_never_followed(home, lines) -> None:
    """git reads no link, so that it would see the safety copy."""
    home.write_credentials(KEYS)
    copy_of(home).parent.mkdir(mode=0o700)
    file, target = copy_of(home).with_name(".gitignore"), home.folder / "mine"
    if lines is not None:
        target.write_text(lines)
    file.symlink_to(target)
    keep(home)
    subprocess.run(["git", "init", "-q", home.credentials.parent], check=True)
    assert not [name for name in staged(home.credentials.parent) if "mfakit" in name]
    assert (target.read_text() if target.exists() else None) == lines


@pytest.mark.parametrize("blank", ["", "\t", "\x0b", " \t ", "\u00a0"])
def test_keys_beside_a_session_token_of_blanks_alone_are_copied(home, blank: str) -> None:
    """They belong to no session, since they have no token."""
    keys = "[a]\naws_access_key_id = ASIAMINE\naws_secret_access_key = s\naws_session_token = "
    home.write_credentials(keys + blank)
    keep(home)
    assert copy_of(home).read_text() == keys + blank


def test_a_safety_copy_that_cannot_be_made_is_only_a_note(home) -> None:
    """The user asked for the session, and the file keeps its old text."""
    home.write_credentials(KEYS)
    script = copy_of(home).parent  # the user's own program of that name
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert f"no copy of {home.credentials} could be kept" in keep(home)[0]
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert home.credentials.read_text().startswith(KEYS)
    assert "ASIA1" in home.credentials.read_text()


def test_the_folder_of_the_safety_copy_becomes_private_even_if_it_existed(home) -> None:
    """It holds keys and sessions."""
    home.write_credentials(KEYS)
    copy_of(home).parent.mkdir(mode=0o755)
    keep(home)
    assert stat.S_IMODE(copy_of(home).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(copy_of(home).stat().st_mode) == 0o600


def test_a_safety_copy_in_the_earlier_place_is_moved_by_the_next_write(home) -> None:
    """A note names the new path, once."""
    real = linked(home)
    earlier = real.with_name("credentials.before-mfakit")
    earlier.write_text("# earlier\n" + KEYS)
    assert f"is now {copy_of(home)}" in keep(home)[0]
    assert copy_of(home).read_text() == "# earlier\n" + KEYS
    assert not earlier.exists()
    assert write_again(home) == []


def write_again(home) -> list[str]:
    notes: list[str] = []
    other = SessionCredentials("ASIA2", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
    write_session("mfa", other, environ=home.environ, note=notes.append)
    return notes


def test_a_safety_copy_is_moved_across_file_systems(home, tmp_path) -> None:
    """The new copy is complete before the old one is removed."""
    real = linked(home)
    earlier = real.with_name("credentials.before-mfakit")
    earlier.write_text(KEYS)
    copy_of(home).parent.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(copy_of(home).parent)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("only root can mount a disk")
    try:
        keep(home)
        assert copy_of(home).read_text() == KEYS
        assert not earlier.exists()
    finally:
        subprocess.check_call(["umount", str(copy_of(home).parent)])


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_safety_copy_in_the_earlier_place_goes_when_the_new_one_is_on_disk(home) -> None:
    real = linked(home)
    real.with_name("credentials.before-mfakit").write_text(KEYS)
    log = home.folder / "log"
    trace = ["strace", "-f", "-y", "-o", str(log), "-e", "trace=fsync,unlink"]
    assert home.run(*trace, sys.executable, "-c", WRITE).returncode == 0
    new, folder, old = r"fsync\(.*/\.credentials\.before", r"fsync\(.*/mfakit>", "unlink.*before-"
    assert re.search(f"{new}.*{folder}.*{old}", log.read_text(), re.DOTALL)


def test_two_safety_copies_that_differ_are_both_kept_and_named(home) -> None:
    """Only a user can decide which one is of use."""
    real = linked(home)
    earlier = real.with_name("credentials.before-mfakit")
    earlier.write_text("# earlier\n" + KEYS)
    copy_of(home).parent.mkdir(mode=0o700)
    copy_of(home).write_text("# other\n" + KEYS)
    (note,) = keep(home)
    assert str(earlier) in note
    assert str(copy_of(home)) in note
    assert earlier.read_text() == "# earlier\n" + KEYS
    assert copy_of(home).read_text() == "# other\n" + KEYS


def test_an_interrupted_move_of_the_safety_copy_is_finished(home) -> None:
    """The new copy exists already; the one in the earlier place still has to go."""
    real = linked(home)
    earlier = real.with_name("credentials.before-mfakit")
    earlier.write_text(KEYS)
    copy_of(home).parent.mkdir(mode=0o700)
    copy_of(home).write_text(KEYS)
    keep(home)
    assert not earlier.exists()


def test_a_safety_copy_that_cannot_be_removed_stays_and_is_named(home, tmp_path) -> None:
    """The copy is in both places then."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    home.write_credentials(KEYS)
    earlier = home.credentials.with_name("credentials.before-mfakit")
    earlier.write_text(KEYS)
    if subprocess.call(["mount", "--bind", str(earlier), str(earlier)], stderr=subprocess.DEVNULL):
        pytest.skip("only root can mount")
    try:
        (note,) = keep(home)
        assert str(earlier) in note
        assert str(copy_of(home)) in note
        assert earlier.read_text() == copy_of(home).read_text() == KEYS
    finally:
        subprocess.check_call(["umount", str(earlier)])


def test_what_another_program_wrote_to_the_copy_when_mfakit_was_killed_stays(home) -> None:
    """`keys import` takes the key out of the copy, too, by a swap."""
    home.write_credentials(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    copy = home.credentials.parent / "mfakit/credentials.before"
    read, theirs = copy.read_bytes(), f"{KEYS}# theirs\n"
    copy.write_text("# without the key\n")
    names = swap_name(str(copy), digest(read), digest(copy.read_bytes()))
    Path(names).write_text(theirs)
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert copy.read_text() == theirs, notes
    Path(names).write_bytes(read)
    write_session("mfa", SESSION, environ=home.environ)
    assert not os.path.exists(names)


@pytest.mark.parametrize("is_moved", [False, True])
def test_an_emptied_file_is_refused_wherever_its_safety_copy_is(home, is_moved: bool) -> None:
    """The error names the copy."""
    home.write_credentials("")
    os.utime(home.credentials, (1, 1))
    place = home.credentials.with_name("credentials.before-mfakit")
    if is_moved:
        place = copy_of(home)
        place.parent.mkdir(mode=0o700)
    place.write_text(KEYS)
    with pytest.raises(FileError, match="is empty, but was not") as caught:
        keep(home)
    assert str(place) in caught.value.hint


@pytest.mark.parametrize(
    "keys",
    [
        "# keys\n[default]\naws_secret_access_key = abc\n\n"
        "[old]\naws_access_key_id = ASIA2\naws_session_token = token\n",
        "# keys\n[default]\naws_access_key_id = ASIA2\naws_secret_access_key = abc\n\n"
        "[old]\naws_session_token = token\n",
        "[default]\r\naws_access_key_id = ASIA2\r\naws_session_token = \r\n",
        "[default]\naws_access_key_id = ASIA2\naws_session_token =   \n[old]\nregion = x\n",
    ],
    ids=["secret alone", "id without a token", "no token in a file with CRLF", "token of spaces"],
)
def test_keys_that_only_look_like_a_session_have_a_safety_copy(home, keys: str) -> None:
    """A key id of STS and a token make a session only if they are in the same section."""
    home.credentials.parent.mkdir(parents=True, exist_ok=True)
    home.credentials.write_bytes(keys.encode())
    home.credentials.chmod(0o600)
    keep(home)
    assert copy_of(home).read_bytes() == keys.encode()
