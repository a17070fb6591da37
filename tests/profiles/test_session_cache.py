"""Sessions of profiles that get their credentials from mfakit as `credential_process`."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.conftest import Home
from tests.profiles.test_bad_files import IN_JSON, WRITE, two_lines

from mfakit import SessionCredentials, read_session, remove_session, write_session
from mfakit.errors import FileError, ProfileError, SessionNotFoundError
from mfakit.profiles.own_files import (
    OwnFile,
    SessionRecord,
    as_role_options,
    keep_record,
    read_record,
)
from mfakit.profiles.stores import is_own_process

pytestmark = pytest.mark.pythons

SESSION = SessionCredentials("ASIA1", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
KEYS = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = secret\n"
DEVICE = "arn:aws:iam::123456789012:mfa/alice"
CONFIGURE = ("configure", "--region", "us-west-2", "--serial-number", DEVICE)
OURS = "[profile mfa]\ncredential_process = /opt/bin/mfakit credential-process --profile mfa\n"


# The modules are loaded before setuid: Python may be installed where only root can read it.
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


@contextmanager
def mounted(home, *options: str) -> Iterator[None]:
    """Let the files beside the credentials file be seen through bindfs."""
    aws, below = home.credentials.parent, home.folder / "below"
    below.mkdir(mode=0o777)
    below.chmod(0o777)
    mount = ["bindfs", *options, str(below), str(aws)]
    if os.geteuid() != 0 or not shutil.which("bindfs") or subprocess.call(mount):
        pytest.skip("bindfs is not installed, or cannot mount (CI installs it)")
    try:
        yield
    finally:
        subprocess.check_call(["umount", str(aws)])


@pytest.fixture
def on_a_mount_without_modes(home):
    """Let every file have all bits, as on Windows' drives in WSL."""
    with mounted(home, "--perms=a+rwX", "--chmod-ignore"):
        yield


def test_where_a_mount_has_one_owner_for_all_files_mfakit_believes_what_it_wrote(home) -> None:
    """sshfs shows the user's number on the server, and shared folders show a fixed one."""
    caps = "+dac_override,+dac_read_search,+fowner"
    user = ["setpriv", "--reuid=4321", f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    user += ["--clear-groups", sys.executable, "-m", "mfakit"]
    with mounted(home, "--force-user=1234", "--chown-ignore"):
        home.write_credentials(KEYS)
        home.write_config("[profile mfa]\nregion = old-1\n")
        assert home.run(*user, *CONFIGURE).returncode == 0
        assert "region = us-west-2" in home.config.read_text()
        done = home.run(*user, "configure", "--undo")
        assert (done.returncode, "region = old-1" in home.config.read_text()) == (0, True), done


@pytest.mark.usefixtures("on_a_mount_without_modes")
def test_where_a_mount_ignores_modes_mfakit_reads_what_it_wrote(home) -> None:
    home.write_config(OURS)
    home.write_credentials(KEYS)
    notes: list[str] = []
    for profile in ("mfa", "other"):
        write_session(profile, SESSION, environ=home.environ, note=notes.append)
    assert entry(home).stat().st_mode & stat.S_IROTH
    assert read_session("mfa", environ=home.environ).session_token == "token"
    assert notes == []


def test_a_cached_session_is_kept_in_a_private_file_of_its_own(home) -> None:
    """A session in the credentials file would shadow the profile's credential_process."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    assert not home.credentials.exists()
    assert read_session("mfa", environ=home.environ) == SESSION
    assert stat.S_IMODE(entry(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(entry(home).parent.stat().st_mode) == 0o700
    assert "mfa" not in entry(home).name


def test_every_command_finds_a_cached_session(home) -> None:
    """All commands read sessions through the same function."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    assert "export AWS_SESSION_TOKEN='token'" in home.mfakit("env", "--shell", "sh").stdout
    said = json.loads(home.mfakit("check", "--format", "json").stdout)
    assert said["sessions"][0]["source"] == "session-cache"
    assert home.mfakit("logout").returncode == 0
    assert home.mfakit("check").returncode == 3


def test_removing_a_cached_session_leaves_no_file(home) -> None:
    """Removing it a second time is an error."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    remove_session("mfa", environ=home.environ)
    assert list((home.credentials.parent / "mfakit" / "sessions").iterdir()) == []
    with pytest.raises(SessionNotFoundError):
        remove_session("mfa", environ=home.environ)


@pytest.mark.parametrize("section", ["", "[mfa]\naws_access_key_id = AKIA1\n"])
def test_logout_removes_a_cached_session_that_no_setting_leads_to_any_more(home, section) -> None:
    """Another program has removed it, or has written keys that come first."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    home.write_config("[profile mfa]\nregion = us-east-1\n")
    home.write_credentials(section)
    assert "session-out-of-reach" in home.mfakit("explain", "-p", "mfa", "--json").stdout
    assert home.mfakit("logout").returncode == 0
    assert list((home.credentials.parent / "mfakit" / "sessions").iterdir()) == []
    assert home.credentials.read_text() == section
    assert home.mfakit("logout").returncode == 3


def test_a_secret_that_was_put_into_a_session_does_not_move_to_the_cache(home) -> None:
    """It is beside the session's id until its own id follows."""
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    text = home.credentials.read_text().replace("= secret\n", "= MINE\n")
    home.write_credentials(text)
    home.write_config(OURS)
    done = home.mfakit("configure", "-p", "mfa", "--duration", "2h")
    assert (done.returncode, home.credentials.read_text()) == (1, text)
    assert "another secret beside the session's key id" in done.stderr
    assert not (home.credentials.parent / "mfakit" / "sessions").exists()


@pytest.mark.parametrize(
    ("before", "after"), [("secret", ""), ("secret", "'secret'"), ("token", "'token'")]
)
@pytest.mark.parametrize("config", ["", OURS])
def test_a_damaged_session_can_be_removed_and_replaced(home, config, before, after) -> None:
    """AWS tools cannot use it, but it is mfakit's own, and no long-term key."""
    home.write_config(config)
    for command in ("logout", "login --from-json -"):
        assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
        folder = home.credentials.parent / "mfakit" / "sessions"
        file = next(folder.glob("[!.]*")) if config else home.credentials
        text = file.read_text()
        sign = "=" if config else " = "
        file.write_text(text.replace(f"{sign}{before}\n", f"{sign}{after}\n"))
        assert file.read_text() != text
        done = home.mfakit(*command.split(), stdin=IN_JSON)
        assert done.returncode == 0, (command, done.stderr)
        assert home.mfakit("check").returncode == (3 if command == "logout" else 0)


def test_logout_leaves_a_secret_in_quotes_that_is_not_the_sessions(home) -> None:
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    text = home.credentials.read_text().replace("= secret\n", "= 'MINE'\n")
    home.write_credentials(text)
    assert home.mfakit("logout").returncode == 1
    assert home.credentials.read_text() == text


def test_logout_removes_the_session_of_the_file_and_the_one_out_of_reach(home) -> None:
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    home.write_config("")
    write_session("mfa", SESSION, environ=home.environ)
    assert home.mfakit("logout").returncode == 0
    assert list((home.credentials.parent / "mfakit" / "sessions").iterdir()) == []
    assert "ASIA1" not in home.credentials.read_text()


@pytest.mark.parametrize("harm", ["link", "readable", "junk", "empty"])
def test_a_cache_entry_that_mfakit_did_not_write_is_refused(home, tmp_path, harm: str) -> None:
    """Another user may have put it there."""
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


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_cache_entry_that_cannot_be_read_is_not_called_a_strangers(home) -> None:
    """Otherwise the advice would be to remove it."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    strace = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(entry(home))]
    inject = ["-e", "trace=openat", "-e", "inject=openat:error=EIO"]
    done = home.run(*strace, *inject, sys.executable, "-m", "mfakit", "env", "--shell", "sh")
    two_lines(done.stderr, f"cannot read {entry(home)}: Input/output error")


def test_a_cache_entry_of_another_user_is_refused(home) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    os.chown(entry(home), 1234, 1234)
    with pytest.raises(FileError):
        read_session("mfa", environ=home.environ)


def test_no_keys_are_written_to_a_profile_with_another_programs_process(home) -> None:
    """They would shadow its credential_process."""
    home.write_config("[profile mfa]\ncredential_process = vault exec\n")
    with pytest.raises(ProfileError, match="another program"):
        write_session("mfa", SESSION, environ=home.environ)
    assert not home.credentials.exists()


def test_a_session_that_shadows_our_credential_process_must_be_removed_first(home) -> None:
    """SDKs do not call the process while the section holds keys."""
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
def test_our_credential_process_is_recognized_by_any_path_or_wrapper(
    command: str, own: bool
) -> None:
    """What counts is that the command `mfakit credential-process` runs in the end."""
    assert is_own_process(command) is own


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_next_write_removes_the_temporary_file_of_a_killed_one(home) -> None:
    """The temporary file holds a session."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    remove_session("mfa", environ=home.environ)
    script = (
        "import datetime, mfakit\nend = datetime.datetime(2126, 1, 1, tzinfo=datetime.UTC)\n"
        "mfakit.write_session('mfa', mfakit.SessionCredentials('ASIA0', 'secret', 'old', end))"
    )
    kill = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=rename:signal=KILL"]
    home.run(*kill, sys.executable, "-c", script)
    assert ".mfakit-" in entry(home).name
    write_session("mfa", SESSION, environ=home.environ)
    assert ".mfakit-" not in entry(home).name


def test_other_keys_in_the_profiles_section_do_not_hide_the_cached_session(home) -> None:
    """A stale expiration without keys is not a session."""
    home.write_config(OURS)
    home.write_credentials("[mfa]\nexpiration = 2020-01-01T00:00:00Z\nregion = eu-west-1\n")
    write_session("mfa", SESSION, environ=home.environ)
    assert read_session("mfa", environ=home.environ) == SESSION
    assert "ASIA" not in home.credentials.read_text()


@pytest.mark.parametrize("name", ["sessions", "."])
def test_a_cache_folder_of_another_user_is_an_error(name: str) -> None:
    """No session is written where another user can read it."""
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


def test_mfakits_own_files_are_read_without_waiting_for_writers(home) -> None:
    """They are always replaced as a whole, so a reader never sees a part of one."""
    home.write_config(OURS)
    write_session("mfa", SESSION, environ=home.environ)
    file = OwnFile.of(str(home.credentials), "records", "mfa")
    began = time.monotonic()
    for _ in range(10):
        keep_record(file, SessionRecord(datetime.now(UTC), "mfa", "ASIA1"))
        assert read_record(file, "ASIA1") is not None
    # One wait, as for files of other programs, takes a fifth of a second after each write.
    assert time.monotonic() - began < 1


def test_a_session_that_was_just_cached_is_read_without_waiting_for_writers(home) -> None:
    """SDKs wait for `credential-process`, which reads it."""
    file = OwnFile.of(str(home.credentials), "sessions", "mfa")
    began = time.monotonic()
    for number in range(10):
        file.replace(f"x={number}\n")
        assert file.read_secret() == f"x={number}\n"
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "options", ["[]", "{", "1", '{"ExternalId": 1}', '{"Tags": [1]}', '{"Tags": [{"Key": "a"}]}']
)
def test_role_options_that_mfakit_did_not_write_are_none(options: str) -> None:
    record = SessionRecord(datetime.now(UTC), "mfa", "ASIA1", role_options=options)
    assert record.options_of_role() == {}


def test_role_options_of_any_form_are_read_as_they_were_written() -> None:
    """A renewal that dropped one would ask for another session."""
    tag = {"Key": "team", "Value": "payments"}
    options = {"ExternalId": "x1", "Tags": [tag], "TransitiveTagKeys": ["team"]}
    made_of = as_role_options(options)
    record = SessionRecord(datetime.now(UTC), "mfa", "ASIA1", role_options=made_of)
    assert record.options_of_role() == options


def test_a_token_without_a_key_does_not_hide_the_session_in_the_cache(home) -> None:
    home.write_config(OURS)
    home.write_credentials("[mfa]\naws_session_token = left over\n")
    write_session("mfa", SESSION, environ=home.environ)
    assert read_session("mfa", environ=home.environ) == SESSION
    done = home.mfakit("check", "--all")
    assert (done.returncode, "mfa" in done.stdout) == (0, True), done


def test_credentials_files_in_one_folder_share_neither_sessions_nor_what_undo_remembers(home):
    """Their profiles of one name may be of different accounts."""
    folder, used = home.credentials.parent, {}
    for name in ("home", "work"):
        (folder / f"credentials.{name}").write_text(KEYS)
        (folder / f"config.{name}").write_text(f"[profile mfa]\nregion = {name}-1\n")
        used[name] = {
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / f"credentials.{name}"),
            "AWS_CONFIG_FILE": str(folder / f"config.{name}"),
        }
        assert home.mfakit(*CONFIGURE, "--credential-process", **used[name]).returncode == 0
        session = SessionCredentials(f"ASIA{name}", "secret", "token", SESSION.expiration)
        write_session("mfa", session, environ=home.environ | used[name])
    for name, environ in used.items():
        assert f"ASIA{name}" in home.mfakit("credential-process", **environ).stdout
        assert home.mfakit("configure", "--undo", **environ).returncode == 0
        assert f"region = {name}-1\n" in Path(environ["AWS_CONFIG_FILE"]).read_text()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_undo_believes_nothing_that_another_user_has_written(home) -> None:
    """Where others may write, they can put settings there to be restored, such as a program."""
    home.write_credentials(KEYS)
    assert home.mfakit(*CONFIGURE).returncode == 0
    text = home.config.read_text()
    for remembered in (home.credentials.parent / "mfakit" / "configured").iterdir():
        os.chown(remembered, 4321, 4321)
    done = home.mfakit("configure", "--undo")
    assert (done.returncode, home.config.read_text()) == (1, text)
    assert "it belongs to another user" in done.stderr


def test_a_link_that_is_turned_to_another_config_file_shares_nothing_that_undo_remembers(home):
    """Some switch between accounts by such links."""
    home.write_credentials(KEYS)
    for account in ("work", "home"):
        (home.folder / account).write_text(f"[profile mfa]\nregion = {account}-1\n")
        home.config.unlink(missing_ok=True)
        home.config.symlink_to(home.folder / account)
        assert home.mfakit(*CONFIGURE).returncode == 0
    home.config.unlink()
    home.config.symlink_to(home.folder / "work")
    assert home.mfakit("configure", "--undo", "-p", "mfa").returncode == 0
    assert "region = work-1" in (home.folder / "work").read_text()


def test_undo_still_knows_what_was_changed_where_an_editor_replaces_a_link_by_the_file(home):
    """`sed -i` does so."""
    home.write_credentials(KEYS)
    (home.folder / "dotfiles").write_text("[profile mfa]\nregion = old-1\n")
    home.config.symlink_to(home.folder / "dotfiles")
    assert home.mfakit(*CONFIGURE).returncode == 0
    text = home.config.read_text()
    home.config.unlink()
    home.write_config(text)
    assert home.mfakit("configure", "--undo", "-p", "mfa").returncode == 0
    assert "region = old-1" in home.config.read_text()


def test_config_files_beside_one_credentials_file_share_nothing_that_undo_remembers(home):
    folder = home.credentials.parent
    home.write_credentials(KEYS)
    for name in ("home", "work"):
        (folder / f"config.{name}").write_text(f"[profile mfa]\nregion = {name}-1\n")
        environ = {"AWS_CONFIG_FILE": str(folder / f"config.{name}")}
        assert home.mfakit(*CONFIGURE, **environ).returncode == 0
    for name in ("home", "work"):
        environ = {"AWS_CONFIG_FILE": str(folder / f"config.{name}")}
        assert home.mfakit("configure", "--undo", **environ).returncode == 0
        assert f"region = {name}-1\n" in (folder / f"config.{name}").read_text()


def test_the_sessions_of_two_credentials_files_in_one_folder_are_kept_apart(home) -> None:
    """They may be of two accounts, and their profiles often have the same names."""
    home.write_config(OURS)
    work = home.environ | {"AWS_SHARED_CREDENTIALS_FILE": f"{home.credentials}.work"}
    other = SessionCredentials("ASIA2", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
    write_session("mfa", SESSION, environ=home.environ)
    write_session("mfa", other, environ=work)
    assert read_session("mfa", environ=home.environ) == SESSION
    remove_session("mfa", environ=home.environ)
    assert read_session("mfa", environ=work) == other


def test_a_session_that_has_just_replaced_the_one_to_remove_stays(tmp_path) -> None:
    """The one to remove was recognized before; only when it is aside nobody can replace it."""
    file = OwnFile(str(tmp_path / "mfakit" / "sessions" / "x"))
    file.replace("older")

    def is_meant(text: str) -> bool:
        file.replace("newer")
        return text == "older"

    file.remove_if(is_meant)
    assert file.read() == "newer"
    file.remove_if(lambda text: text != "newer")
    assert file.read() == "newer"
    file.remove_if(lambda text: text == "newer")
    file.remove_if(lambda _: True)
    assert os.listdir(tmp_path / "mfakit" / "sessions") == []


@pytest.mark.skipif(sys.platform == "win32", reason="it has no forks")
def test_a_session_stays_if_the_process_is_killed_that_looks_whether_to_remove_it(tmp_path) -> None:
    """A login that is killed as well would take it for a left-over, if it was aside."""
    file = OwnFile(str(tmp_path / "mfakit" / "sessions" / "x"))
    file.replace("newer")
    if not (pid := os.fork()):
        file.remove_if(lambda _: os._exit(0))
    os.waitpid(pid, 0)
    file.check_writable()
    assert file.read() == "newer"
