"""Sessions of profiles that get their credentials from mfakit as `credential_process`."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.conftest import Home
from tests.profiles.test_bad_files import WRITE, two_lines

from mfakit import SessionCredentials, read_session, remove_session, write_session
from mfakit.errors import FileError, ProfileError, SessionNotFoundError
from mfakit.profiles.record import SessionRecord, keep_record, read_record
from mfakit.profiles.stores import is_own_process

pytestmark = pytest.mark.pythons

SESSION = SessionCredentials("ASIA1", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
OURS = "[profile mfa]\ncredential_process = /opt/bin/mfakit credential-process --profile mfa\n"


# Python itself may be where only root can load it from: so it is loaded before.
AS_ANOTHER = """
import datetime, os, mfakit, mfakit.cli.output
session = mfakit.SessionCredentials("ASIA1", "s", "t", datetime.datetime.now(datetime.UTC))
place = os.environ["PLACE"] + "/of-root"
os.mkdir(place)
environ = os.environ | {"AWS_SHARED_CREDENTIALS_FILE": place + "/credentials"}
mfakit.write_session("mfa", session, environ=environ)
os.setgid(4321)
os.setuid(4321)
"""


def entry(home):
    (found,) = (home.credentials.parent / "mfakit" / "sessions").iterdir()
    return found


def test_it_is_kept_where_it_does_not_shadow_the_process(home) -> None:
    """In a file of its own, in a folder of its own, for its owner alone."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    assert not home.credentials.exists()
    assert read_session("mfa", environ=home.environ) == SESSION
    assert stat.S_IMODE(entry(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(entry(home).parent.stat().st_mode) == 0o700
    assert "mfa" not in entry(home).name


def test_every_command_finds_it(home) -> None:
    """Through the same function as a session in the credentials file."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    assert "export AWS_SESSION_TOKEN='token'" in home.mfakit("env", "--shell", "sh").stdout
    said = json.loads(home.mfakit("check", "--format", "json").stdout)
    assert said["sessions"][0]["source"] == "session-cache"
    assert home.mfakit("logout").returncode == 0
    assert home.mfakit("check").returncode == 3


def test_removing_leaves_nothing(home) -> None:
    """And what is not there cannot be removed."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    remove_session("mfa", environ=home.environ)
    assert list((home.credentials.parent / "mfakit" / "sessions").iterdir()) == []
    with pytest.raises(SessionNotFoundError):
        remove_session("mfa", environ=home.environ)


@pytest.mark.parametrize("harm", ["link", "readable", "junk", "empty"])
def test_an_entry_that_is_not_ours_is_refused(home, tmp_path, harm: str) -> None:
    """Somebody else may have put it there."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    path = entry(home)
    if harm == "link":
        target = tmp_path / "elsewhere"
        path.rename(target)
        path.symlink_to(target)
    elif harm == "readable":
        path.chmod(0o644)
    else:
        path.write_text("{" if harm == "junk" else "")
    with pytest.raises(FileError, match="not a file that mfakit has made"):
        read_session("mfa", environ=home.environ)
    with pytest.raises(FileError):
        write_session("mfa", SESSION, environ=home.environ)
    assert path.is_symlink() == (harm == "link")


def test_an_entry_of_another_user_is_refused(home) -> None:
    """Root can make one to try it."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    os.chown(entry(home), 1234, 1234)
    with pytest.raises(FileError):
        read_session("mfa", environ=home.environ)


def test_keys_are_never_written_beside_another_programs_process(home) -> None:
    """They would shadow it."""
    home.write_config("[profile mfa]\ncredential_process = vault exec\n")
    with pytest.raises(ProfileError, match="another program"):
        write_session("mfa", SESSION, environ=home.environ)
    assert not home.credentials.exists()


def test_a_session_that_shadows_the_process_has_to_go_first(home) -> None:
    """No SDK would ask the process while it stands there."""
    write_session("mfa", SESSION, environ=home.environ)
    home.write_config(OURS)
    with pytest.raises(ProfileError, match="shadows the credential_process"):
        write_session("mfa", SESSION, environ=home.environ)
    remove_session("mfa", environ=home.environ)
    write_session("mfa", SESSION, environ=home.environ)


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("mfakit credential-process", True),
        ("/usr/bin/env mfakit credential-process --profile mfa", True),
        ("'/opt/my tools/mfakit' credential-process", True),
        ("python3 -m mfakit credential-process", True),
        ("uvx mfakit credential-process", True),
        (r'"C:\tools\mfakit.exe" credential-process', True),
        ("/opt/not-mfakit credential-process", False),
        ("mfakit-wrapper", False),
        ("mfakit env", False),
        ("", False),
    ],
)
def test_mfakit_is_known_by_any_path_or_wrapper(command: str, own: bool) -> None:
    """What counts is that it is mfakit's own command that runs."""
    assert is_own_process(command) is own


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_killed_write_leaves_nothing_after_the_next(home) -> None:
    """Its temporary file holds a session."""
    home.write_config(OURS)
    script = (
        "import datetime, mfakit\nend = datetime.datetime(2126, 1, 1, tzinfo=datetime.UTC)\n"
        "mfakit.write_session('mfa', mfakit.SessionCredentials('ASIA0', 'secret', 'old', end))"
    )
    kill = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=rename:signal=KILL"]
    home.run(*kill, sys.executable, "-c", script)
    assert ".mfakit-" in entry(home).name
    write_session("mfa", SESSION, environ=home.environ)
    assert ".mfakit-" not in entry(home).name


def test_what_else_stands_in_the_profiles_section_is_no_session(home) -> None:
    """A stale expiration without keys, say, does not hide the session in the cache."""
    home.write_config(OURS)
    home.write_credentials("[mfa]\nexpiration = 2020-01-01T00:00:00Z\nregion = eu-west-1\n")
    write_session("mfa", SESSION, environ=home.environ)
    assert read_session("mfa", environ=home.environ) == SESSION
    assert "ASIA" not in home.credentials.read_text()


@pytest.mark.parametrize("name", ["sessions", "."])
def test_a_folder_of_another_user_is_an_error(name: str) -> None:
    """Neither is a session put where somebody else can read it, nor is there a traceback."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    with TemporaryDirectory() as place:  # pytest's own folders are closed to other users
        home = Home(Path(place))
        home.write_config(OURS)
        folder = home.credentials.parent / "mfakit"
        (folder / "sessions").mkdir(parents=True)
        for path in (home.folder, home.credentials.parent, folder, folder / "sessions"):
            path.chmod(0o755)
            os.chown(path, 4321, 4321)
        os.chown(folder / name, 1234, 1234)
        done = home.run(sys.executable, "-c", f"{AS_ANOTHER}\n{WRITE}", PLACE=place)
    assert done.returncode == 1
    two_lines(done.stderr, "Operation not permitted")


def test_own_files_are_read_at_once(home) -> None:
    """They are always replaced whole, so nobody waits for whoever may be writing them."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    path = str(home.credentials)
    keep_record(path, SessionRecord(datetime.now(UTC), "mfa", "ASIA1"), pytest.fail)
    began = time.monotonic()
    for _ in range(10):
        assert read_record(path, "mfa", "ASIA1") is not None
    # to wait once, as for a file of others, would take a fifth of a second each time
    assert time.monotonic() - began < 1
