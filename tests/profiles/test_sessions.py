"""Sessions in the credentials file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mfakit import SessionCredentials, read_session, remove_session, write_session
from mfakit.errors import (
    InvalidSessionError,
    ProfileError,
    SessionNotFoundError,
    UsageError,
)
from mfakit.profiles.editing import locked_if_possible
from mfakit.profiles.own_files import (
    OwnFile,
    SessionRecord,
    keep_digest,
    keep_record,
    read_digests,
    read_record,
)
from mfakit.profiles.profile import open_profile

pytestmark = pytest.mark.pythons

SESSION = SessionCredentials(
    "ASIAEXAMPLE", "secret/+=", "token==", datetime(2026, 11, 22, 18, tzinfo=UTC)
)
WRITTEN = (
    "[mfa]\n"
    "aws_access_key_id = ASIAEXAMPLE\n"
    "aws_secret_access_key = secret/+=\n"
    "aws_session_token = token==\n"
    "aws_credential_expiration = 2026-11-22T18:00:00Z\n"
    "expiration = 2026-11-22T18:00:00Z\n"
)
LONG_TERM = "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n"


def test_a_written_session_is_read_back(home) -> None:
    """The file and its folder are created, and only their owner can read them."""
    home.credentials.parent.rmdir()
    write_session("mfa", SESSION, environ=home.environ)
    assert home.credentials.read_text() == WRITTEN
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.credentials.parent.stat().st_mode) == 0o700
    assert read_session("mfa", environ=home.environ) == SESSION


def test_writing_and_removing_a_session_leaves_other_profiles_unchanged(home) -> None:
    """This includes long-term credentials and comments."""
    home.write_credentials(LONG_TERM)
    write_session("mfa", SESSION, environ=home.environ)
    assert home.credentials.read_text() == f"{LONG_TERM}\n{WRITTEN}"
    remove_session("mfa", environ=home.environ)
    assert home.credentials.read_text() == f"{LONG_TERM}\n"


def test_removing_a_session_removes_its_section_although_that_inherits_settings(home) -> None:
    inherited = "[DEFAULT]\nregion = eu-west-1\n"
    home.write_credentials(inherited + "[mfa]\n" + WRITTEN.partition("\n")[2])
    remove_session("mfa", environ=home.environ)
    assert home.credentials.read_text() == inherited


def test_a_record_that_cannot_be_removed_is_a_note_since_the_session_is_removed(home) -> None:
    write_session("mfa", SESSION, environ=home.environ)
    record = Path(OwnFile.of(str(home.credentials), "records", "mfa").path)
    record.mkdir(parents=True)
    notes: list[str] = []
    remove_session("mfa", environ=home.environ, note=notes.append)
    assert "ASIA" not in home.credentials.read_text()
    assert f"the session is removed, but not how it was made: cannot remove {record}" in notes[0]


def test_a_logout_waits_for_a_login_that_is_writing_its_session_and_record(home) -> None:
    """Else a kill of the logout could take away the record, which knows the session's secret."""
    write_session("mfa", SESSION, environ=home.environ)
    turn = OwnFile.of(str(home.credentials), "turns", "mfa").path
    with locked_if_possible(f"{turn}.record", 1):
        command = [sys.executable, "-m", "mfakit", "logout"]
        logout = subprocess.Popen(command, env=home.environ, stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            logout.wait(1)
        assert SESSION.access_key_id in home.credentials.read_text()
    assert logout.wait(30) == 0
    assert SESSION.access_key_id not in home.credentials.read_text()


def test_a_logout_without_a_session_makes_no_folder(home) -> None:
    with pytest.raises(SessionNotFoundError):
        remove_session("mfa", environ=home.environ)
    assert not (home.credentials.parent / "mfakit").exists()


def test_a_login_that_was_stopped_for_long_writes_the_record_of_its_session_all_the_same(
    home,
) -> None:
    """Another login has not waited longer, and has replaced the record, but not the session."""
    home.write_credentials(LONG_TERM)
    home.credentials.chmod(0o644)
    file = OwnFile.of(str(home.credentials), "records", "mfa")
    record = SessionRecord(datetime.now(UTC), "mfa", SESSION.access_key_id)
    other = SessionRecord(datetime.now(UTC), "mfa", "ASIAOTHER")
    profile = open_profile("mfa", home.environ)
    profile.keep(SESSION, lambda _: keep_record(file, other), lambda: record)
    assert read_record(file, SESSION.access_key_id) is not None


def test_the_digests_of_the_last_hundred_sessions_are_kept(tmp_path) -> None:
    """A session that is written again is the last one."""
    file = OwnFile.of(str(tmp_path / "credentials"), "digests", "mfa")
    for number in [*range(101), 1, 101]:
        keep_digest(file, f"ASIA{number}", f"secret{number}", if_missing=False)
    known = [*read_digests(file)]
    assert known == [f"ASIA{number}" for number in [*range(3, 101), 1, 101]]


def test_sessions_of_two_profiles_with_one_id_are_both_known(home) -> None:
    """An emulator may give the same id again."""
    for _ in range(2):
        for name in ("one", "two"):
            session = SessionCredentials("ASIA1", f"secret of {name}", "token", SESSION.expiration)
            record = SessionRecord(datetime.now(UTC), name, "ASIA1")
            open_profile(name, home.environ).keep(session, lambda _: None, lambda r=record: r)
    assert "secret of one" in home.credentials.read_text()


def test_a_digest_that_cannot_be_written_at_first_is_written_after_the_session(home) -> None:
    home.write_credentials(LONG_TERM)
    home.credentials.chmod(0o644)
    folder = home.credentials.parent / "mfakit" / "digests"
    folder.parent.mkdir()
    folder.write_text("in the way")
    profile = open_profile("mfa", home.environ)
    record = SessionRecord(datetime.now(UTC), "mfa", SESSION.access_key_id)
    profile.keep(SESSION, lambda _: folder.unlink(), lambda: record)
    assert SESSION.access_key_id in read_digests(profile.own_file("digests"))


def test_a_digest_that_another_login_has_taken_out_is_written_again(home) -> None:
    """Where no lock can be made, logins of one profile at once replace each other's file."""
    profile = open_profile("mfa", home.environ)
    home.write_credentials(LONG_TERM)
    home.credentials.chmod(0o644)  # which is noted while the session is written
    record = SessionRecord(datetime.now(UTC), "mfa", SESSION.access_key_id)
    file = profile.own_file("digests")
    profile.keep(SESSION, lambda _: file.replace(""), lambda: record)
    assert SESSION.access_key_id in read_digests(file)


def test_a_secret_beside_a_session_whose_section_was_renamed_is_never_overwritten(home) -> None:
    home.write_credentials(LONG_TERM)
    profile = open_profile("mfa", home.environ)
    record = SessionRecord(datetime.now(UTC), "mfa", SESSION.access_key_id)
    profile.keep(SESSION, lambda _: None, lambda: record)
    text = home.credentials.read_text().replace("[mfa]", "[work]")
    text = text.replace(SESSION.secret_access_key, "mine")
    home.write_credentials(text)
    with pytest.raises(ProfileError, match="secret"):
        write_session("work", SESSION, environ=home.environ)
    assert home.credentials.read_text() == text


@pytest.mark.parametrize("is_logged_out", [True, False])
def test_a_secret_beside_a_session_of_before_that_is_written_back_is_never_overwritten(
    home, is_logged_out
) -> None:
    """The file was empty for a moment, and a login looked into it just then."""
    end = SESSION.expiration
    old, new, newer = (SessionCredentials(f"ASIA{n}", f"s{n}", "token", end) for n in range(3))

    def log_in(session: SessionCredentials) -> None:
        profile = open_profile("mfa", home.environ)
        record = SessionRecord(datetime.now(UTC), "mfa", session.access_key_id)
        profile.keep(session, lambda _: None, lambda: record)

    log_in(old)
    text = home.credentials.read_text()
    home.write_credentials("")
    log_in(new)
    if is_logged_out:
        remove_session("mfa", environ=home.environ)
    home.write_credentials(text.replace("= s0", "= mine"))
    with pytest.raises(ProfileError, match="secret"):
        log_in(newer)
    assert "mine" in home.credentials.read_text()


def test_removing_a_session_leaves_the_record_of_one_that_came_meanwhile(home) -> None:
    """The ids of moto's and LocalStack's sessions do not tell what they are; their records do."""
    write_session("mfa", SESSION, environ=home.environ)
    record = OwnFile.of(str(home.credentials), "records", "mfa")
    for before in ("older=yes\n", None):
        home.credentials.chmod(0o644)  # which is noted when the session is removed
        if before:
            record.replace(before)
        else:
            record.remove()
        remove_session("mfa", environ=home.environ, note=lambda _: record.replace("newer=yes\n"))
        assert record.read() == "newer=yes\n"
        write_session("mfa", SESSION, environ=home.environ)
    remove_session("mfa", environ=home.environ)
    assert not os.path.exists(record.path)


def test_a_new_session_replaces_the_old_one(home) -> None:
    """Old spellings of its keys are removed; other keys of the section stay."""
    home.write_credentials(
        "[mfa]\nregion = eu-west-1\naws_access_key_id = ASIAOLD\naws_secret_access_key = old\n"
        "aws_security_token = old\nx_security_token_expires = 2020-01-01T00:00:00Z\n"
    )
    write_session("mfa", SESSION, environ=home.environ)
    assert home.credentials.read_text() == WRITTEN.replace("[mfa]\n", "[mfa]\nregion = eu-west-1\n")
    remove_session("mfa", environ=home.environ)
    assert home.credentials.read_text() == "[mfa]\nregion = eu-west-1\n"


@pytest.mark.parametrize(
    "section",
    [
        "aws_access_key_id = AKIA1\naws_secret_access_key = abc\n",
        "aws_access_key_id = minio\naws_secret_access_key = abc\n",
        "aws_access_key_id = AKIA1\n",
        "aws_secret_access_key = abc\n",
        "aws_access_key_id = AKIA1\naws_secret_access_key = abc\naws_session_token = t\n",
        "aws_access_key_id = ASIA1\naws_secret_access_key = abc\n",
    ],
)
def test_keys_that_are_not_a_session_are_neither_overwritten_nor_removed(
    home, section: str
) -> None:
    """They may be partial, or of another service than AWS."""
    home.write_credentials(f"[mfa]\n{section}")
    with pytest.raises(ProfileError, match="never overwritten"):
        write_session("mfa", SESSION, environ=home.environ)
    with pytest.raises(SessionNotFoundError, match="no session"):
        remove_session("mfa", environ=home.environ)
    assert home.credentials.read_text() == f"[mfa]\n{section}"


@pytest.mark.parametrize("key", ["aws_session_token", "expiration"])
def test_keys_that_are_indented_below_a_session_are_neither_overwritten_nor_removed(
    home, key: str
) -> None:
    """botocore takes them for a part of the value above; other SDKs read them as a section."""
    lines = [line for line in WRITTEN.splitlines(keepends=True) if not line.startswith(key)]
    own = "  [work]\n  aws_access_key_id = AKIA1\n  aws_secret_access_key = abc\n"
    home.write_credentials(text := "".join([*lines, f"{key} = 2026-11-22T18:00:00Z\n", own]))
    with pytest.raises(ProfileError, match=f"indented below the {key} of profile 'mfa'"):
        write_session("mfa", SESSION, environ=home.environ)
    with pytest.raises((ProfileError, SessionNotFoundError)):
        remove_session("mfa", environ=home.environ)
    assert home.credentials.read_text() == text


def test_a_symlinked_credentials_file_stays_a_symlink(home, tmp_path) -> None:
    """Dotfile managers keep the file in another folder."""
    real = tmp_path / "dotfiles"
    real.write_text(LONG_TERM)
    home.credentials.symlink_to(real)
    write_session("mfa", SESSION, environ=home.environ)
    assert home.credentials.is_symlink()
    assert WRITTEN in real.read_text()


def test_only_the_lock_file_is_left_beside_the_credentials(home) -> None:
    """Temporary files hold secrets, so those of a killed process are removed too."""
    home.credentials.with_name(".credentials.mfakit-999999999-00000000").write_text("secret")
    write_session("mfa", SESSION, environ=home.environ)
    assert sorted(os.listdir(home.credentials.parent)) == ["credentials", "credentials.lock"]


def test_a_private_safety_copy_is_made_before_the_first_change(home) -> None:
    """It is made once, if there are long-term credentials to lose."""
    home.write_credentials(LONG_TERM)
    copy = home.credentials.parent / "mfakit" / "credentials.before"
    for _ in range(2):
        write_session("mfa", SESSION, environ=home.environ)
        assert copy.read_text() == LONG_TERM
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", " mfa", "a]b", "a\nb", "\x1b[31m"])
def test_profile_names_that_could_not_be_read_back_are_refused(home, name: str) -> None:
    """They would break the file for every tool."""
    with pytest.raises(UsageError):
        write_session(name, SESSION, environ=home.environ)
    assert not home.credentials.exists()


def test_invalid_session_credentials_are_refused() -> None:
    """Missing parts, control characters and times without a zone are invalid."""
    for parts in [("", "s", "t"), ("ASIA", "s\n[default]", "t"), ("ASIA", "s", "\x00")]:
        with pytest.raises(InvalidSessionError):
            SessionCredentials(*parts)
    with pytest.raises(InvalidSessionError, match="time zone"):
        SessionCredentials("ASIA", "s", "t", datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_session_is_immutable_and_its_repr_hides_its_secrets() -> None:
    """Logs and tracebacks show the repr."""
    assert "secret" not in repr(SESSION)
    assert "token=" not in repr(SESSION)
    with pytest.raises(AttributeError):
        SESSION.access_key_id = "other"  # type: ignore[misc]


@pytest.mark.parametrize("key", ["expiration", "x_security_token_expires", "aws_expiration"])
def test_every_spelling_of_the_expiration_is_read(home, key: str) -> None:
    """Other tools have other names for this key."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
        f"{key} = 2026-11-22T19:00:00+01:00\n"
    )
    session = read_session("mfa", environ=home.environ)
    assert session.expiration == datetime(2026, 11, 22, 18, tzinfo=UTC)
