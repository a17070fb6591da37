"""Profile settings in the AWS config, read and written through the library."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore.session
import pytest

from mfakit import (
    MFAKitError,
    SessionCredentials,
    read_settings,
    write_session,
    write_settings,
)
from mfakit.errors import FileError, ProfileError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.editing import locked
from mfakit.profiles.own_files import OwnFile, make_own_folder
from mfakit.profiles.profile import Profile
from mfakit.profiles.settings import change_settings, edit_settings, undo_changes

pytestmark = pytest.mark.pythons

ROLE = {"role_arn": "arn:aws:iam::123456789012:role/admin", "source_profile": "mfa"}
MINE = "# mine\n[profile other]\nregion=us-west-2   ; not a comment\n"


def botocore_profiles(home) -> dict[str, dict[str, str]]:
    """Return the profiles that botocore reads from the config file."""
    variables = {"config_file": (None, None, str(home.config), None), "profile": (None,) * 4}
    return botocore.session.Session(session_vars=variables).full_config["profiles"]


def test_settings_are_added_and_all_other_text_stays(home) -> None:
    """botocore reads what was written, and writing it again changes nothing."""
    home.write_config(MINE)
    profiles = {"mfa": {"mfakit_duration": "8h", "region": "eu-west-1"}, "my role": ROLE}
    write_settings(profiles, environ=home.environ)
    text = home.config.read_text()
    assert text.startswith(MINE)
    assert {name: botocore_profiles(home)[name] for name in profiles} == profiles
    assert read_settings("my role", environ=home.environ) == ROLE
    write_settings(profiles, environ=home.environ)
    assert home.config.read_text() == text


@pytest.mark.parametrize(
    "header", ["mfa", "profile", "profilemfa", "profile mfa role", "Profile mfa"]
)
def test_a_section_that_sdks_ignore_is_not_a_profile(home, header: str) -> None:
    """Every profile in the config but `default` has the word `profile` before its name."""
    text = f"[{header}]\nregion = eu-west-1\n"
    home.write_config(text)
    assert read_settings("mfa", environ=home.environ) == {}
    write_settings({"mfa": {"mfakit_duration": "8h"}}, environ=home.environ)
    assert home.config.read_text().startswith(text)
    assert botocore_profiles(home)["mfa"] == {"mfakit_duration": "8h"}


def test_none_removes_a_setting_and_keeps_the_others(home) -> None:
    home.write_config("[profile mfa]\nregion = eu-west-1\noutput = json\n")
    write_settings({"mfa": {"region": None}}, environ=home.environ)
    assert read_settings("mfa", environ=home.environ) == {"output": "json"}


@pytest.mark.parametrize(
    ("credentials", "config", "settings", "problem"),
    [
        ("[x]\naws_access_key_id = AKIA1\n", "", ROLE, "long-term credentials"),
        ("", "[profile x]\naws_access_key_id = AKIA1\n", ROLE, "long-term credentials"),
        (
            "[x]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n",
            "",
            ROLE,
            "credentials of its own",
        ),
        ("", "[profile x]\nsso_session = corp\n", ROLE, "credentials of its own"),
        ("", "[profile x]\ncredential_process = other\n", ROLE, "credentials of its own"),
        ("", f"[profile x]\nrole_arn = {ROLE['role_arn']}\n", {"mfakit_duration": "1h"}, "assumes"),
        ("", "", {"aws_secret_access_key": "s"}, "keys do not belong"),
        ("[x]\naws_access_key_id = AKIA1\n", "", {"aws_access_key_id": None}, "keys do not belong"),
        ("", "", {"region": "eu-west-1\n[default]"}, "cannot stand"),
    ],
)
def test_settings_that_hide_credentials_or_break_the_file_are_refused(
    home, credentials: str, config: str, settings: dict[str, str | None], problem: str
) -> None:
    """Then no other profile is written either."""
    home.write_credentials(credentials)
    home.write_config(config)
    with pytest.raises(MFAKitError, match=problem):
        write_settings({"fine": {"region": "eu-west-1"}, "x": settings}, environ=home.environ)
    assert (home.credentials.read_text(), home.config.read_text()) == (credentials, config)


def test_a_config_file_that_is_emptied_after_it_was_read_is_refused(home) -> None:
    """`configure` reads it, and then asks the user."""
    home.write_config("[profile other]\nregion = eu-west-1\n")
    files = AWSFiles(home.environ)
    assert files.config("other")
    home.write_config("")
    os.utime(home.config, (1, 1))
    with pytest.raises(FileError, match="is empty, but was not"):
        edit_settings({"mfa": {"mfakit_duration": "8h"}}, files, print)
    assert home.config.read_text() == ""


@pytest.mark.parametrize("name", ["", " x", "a]b", "profile x", "a\nb"])
def test_a_profile_name_that_could_not_be_read_back_is_refused(home, name: str) -> None:
    """It would end the header, or be read as another name."""
    with pytest.raises(MFAKitError, match="cannot be a profile's name"):
        write_settings({name: {"region": "eu-west-1"}}, environ=home.environ)
    assert not home.config.exists()


def read_by_mfakit(home) -> Profile:
    """Return the profile mfa, whose files have been read."""
    profile = Profile("mfa", AWSFiles(home.environ))
    assert profile.files.config("mfa")
    return profile


def test_a_setting_that_depends_on_what_was_read_leaves_what_another_program_wrote_since(
    home,
) -> None:
    """A login writes a region only where there is none, also at the moment of writing."""
    home.write_config("[profile mfa]\noutput = json\n")
    files = read_by_mfakit(home).files
    home.write_config("[profile mfa]\noutput = json\nregion = mine-1\n")
    settings = {"mfa": {"region": "us-east-1", "endpoint_url": "http://127.0.0.1:1"}}
    changes = edit_settings(settings, files, lambda _: None, if_as_read=True)
    assert [change.key for change in changes] == ["endpoint_url"]
    assert read_settings("mfa", environ=home.environ)["region"] == "mine-1"


def test_undo_leaves_what_another_program_wrote_after_the_files_were_read(home) -> None:
    home.write_config("[profile mfa]\nregion = old-1\n")
    profile = read_by_mfakit(home)
    new = {"mfa": {"region": "new-1", "mfakit_duration": "1h"}}
    change_settings(profile, new, print)
    profile = read_by_mfakit(home)
    home.write_config(home.config.read_text().replace("new-1", "mine-1"))
    said: list[str] = []
    assert [change.key for change in undo_changes(profile, said.append)] == ["mfakit_duration"]
    assert home.config.read_text() == "[profile mfa]\nregion = mine-1\n"
    assert said == ["left region of profile mfa, which was changed since"]


def configured(home) -> Profile:
    """Configure a profile; return it, read when another program has emptied the config file."""
    home.write_config("[profile mfa]\nregion = old-1\n")
    profile = read_by_mfakit(home)
    new = {"mfa": {"region": "new-1", "mfakit_duration": "1h"}}
    change_settings(profile, new, print)
    home.write_config("")
    profile = Profile("mfa", AWSFiles(home.environ))
    assert not profile.files.config_file.text
    return profile


def test_undo_refuses_a_config_that_another_program_has_just_emptied(home) -> None:
    """It says of no setting that it was changed, and can be run again."""
    emptied, said = configured(home), list[str]()
    text = "[profile mfa]\nregion = new-1\nmfakit_duration = 1h\n"
    with pytest.raises(FileError, match="is empty, but was not"):
        undo_changes(emptied, said.append)
    assert said == []
    home.write_config(text)
    assert len(undo_changes(read_by_mfakit(home), print)) == 2


def test_undo_remembers_what_it_could_not_undo(home) -> None:
    """Another program may have been writing the file."""
    emptied = configured(home)
    home.write_config("[profile mfa]\nregion = ne")
    assert undo_changes(emptied, print) == []
    home.write_config("[profile mfa]\nregion = new-1\nmfakit_duration = 1h\n")
    assert len(undo_changes(read_by_mfakit(home), print)) == 2
    assert home.config.read_text() == "[profile mfa]\nregion = old-1\n"


def test_undo_says_of_nothing_that_it_was_changed_since_if_it_was_killed_when_all_was_undone(
    home,
) -> None:
    """What it goes by is removed last."""
    home.write_config("[profile mfa]\nregion = old-1\n")
    change_settings(read_by_mfakit(home), {"mfa": {"region": "new-1", "output": "json"}}, print)
    kept = OwnFile.of(str(home.credentials), "configured", "mfa")
    text = kept.read()
    assert len(undo_changes(read_by_mfakit(home), print)) == 2
    kept.replace(text)
    said: list[str] = []
    assert (undo_changes(read_by_mfakit(home), said.append), said) == ([], [])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")
def test_a_setting_in_the_credentials_file_is_put_back_if_the_config_cannot_be_written(
    home,
) -> None:
    """Its old value would be nowhere, since nothing is remembered of a command that failed."""
    home.write_credentials("[mfa]\nregion = old-1 # mine\n")
    home.write_config("[profile mfa]\noutput = json\n")
    files = AWSFiles(home.environ)
    with home.config.open("a"), pytest.raises(FileError, match="is writing"):
        edit_settings({"mfa": {"region": "new-1", "mfakit_duration": "1h"}}, files, print)
    assert home.credentials.read_text() == "[mfa]\nregion = old-1 # mine\n"
    assert home.config.read_text() == "[profile mfa]\noutput = json\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")
def test_undo_knows_of_a_setting_that_stands_although_its_command_failed(home) -> None:
    """Once one file is changed, other programs write both, so that it cannot go back either."""
    home.write_credentials("[mfa]\nregion = old-1 # mine\n")
    home.write_config("[profile mfa]\noutput = json\n")
    has_failed, said = threading.Event(), list[str]()

    def write() -> None:
        while "new-1" not in home.credentials.read_text():
            os.utime(home.config)  # so that the config is not quiet when its turn comes
            time.sleep(0.01)
        with home.config.open("a"), home.credentials.open("a"):
            has_failed.wait(30)

    other = threading.Thread(target=write)
    profile, settings = read_by_mfakit(home), {"region": "new-1", "mfakit_duration": "1h"}
    other.start()
    with pytest.raises(FileError, match=f"is writing {home.config}"):
        change_settings(profile, {"mfa": settings}, said.append)
    has_failed.set()
    other.join()
    assert f"{home.credentials} is changed already, and could not be put back" in said[0]
    [undone] = undo_changes(read_by_mfakit(home), print)
    assert undone.value == "old-1 # mine"
    assert home.credentials.read_text() == "[mfa]\nregion = old-1 # mine\n"


def test_undo_removes_what_a_section_has_beside_the_same_in_default(home) -> None:
    """What the section inherits was there before; the other changes are undone with it."""
    before = "[DEFAULT]\nregion = eu-west-1\n[profile mfa]\noutput = json\n"
    home.write_config(before)
    profile, silent = Profile("mfa", AWSFiles(home.environ)), lambda _: None
    change_settings(profile, {"mfa": {"region": "eu-west-2", "output": "text"}}, silent)
    text = home.config.read_text().replace("region = eu-west-2\n", "")
    remembered = home.credentials.parent / "mfakit" / "configured"
    for file in remembered.iterdir():  # as a login writes it where it is missing
        file.write_text(file.read_text().replace('"eu-west-1"', "null"))
    assert text.startswith("[DEFAULT]")
    undo_changes(profile.read_again(), silent)
    assert home.config.read_text() == before


def test_undo_removes_the_section_that_it_has_made_although_that_inherits_settings(home) -> None:
    before = "[DEFAULT]\nregion = eu-west-1\n\n"
    home.write_config(before)
    profile = Profile("mfa", AWSFiles(home.environ))
    change_settings(profile, {"mfa": {"mfakit_duration": "1h"}}, print)
    undo_changes(profile.read_again(), print)
    assert home.config.read_text() == before


def test_what_is_remembered_for_undo_is_what_stood_there_at_the_moment_of_writing(home) -> None:
    home.write_config("[profile mfa]\nregion = old-1\n")
    profile = read_by_mfakit(home)
    home.write_config("[profile mfa]\nregion = mine-1\n")
    [change] = edit_settings({"mfa": {"region": "new-1"}}, profile.files, print)
    assert (change.before, change.value) == ("mine-1", "new-1")


def test_undo_restores_a_value_with_the_comment_behind_it(home) -> None:
    """No value like that is written, since only botocore takes the comment for a part of it."""
    text = "[profile mfa]\nregion = us-east-1 # mine\n"
    home.write_config(text)
    profile = read_by_mfakit(home)
    change_settings(profile, {"mfa": {"region": "eu-1"}}, print)
    assert "mine" not in home.config.read_text()
    undo_changes(read_by_mfakit(home), print)
    assert home.config.read_text() == text


def test_a_setting_with_lines_indented_below_it_is_left_and_nothing_else_is_changed(home) -> None:
    """They would be removed with it, and could not be restored."""
    text = "[profile mfa]\nregion = us-east-1\n  output = json\n"
    home.write_config(text)
    with pytest.raises(ProfileError, match="indented below the region of profile 'mfa'"):
        edit_settings(
            {"mfa": {"mfa_serial": "a", "region": "eu-1"}}, read_by_mfakit(home).files, print
        )
    assert home.config.read_text() == text


def test_undo_restores_what_stood_in_the_config_file_that_is_in_use(home, tmp_path) -> None:
    """Another config file, or another credentials file beside this one, has changes of its own."""
    others = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": f"{home.credentials}.work",
    }
    places = [home.environ, *(home.environ | {name: path} for name, path in others.items())]
    texts = []
    for number, environ in enumerate(places):
        config = Path(environ.get("AWS_CONFIG_FILE") or home.config)
        if number < 2:
            config.write_text(f"[profile mfa]\nregion = old-{number}\n")
        texts.append((config, config.read_text()))
        profile = Profile("mfa", AWSFiles(environ))
        change_settings(profile, {"mfa": {"region": f"new-{number}"}}, print)
    for environ, (config, text) in reversed([*zip(places, texts, strict=True)]):
        undo_changes(Profile("mfa", AWSFiles(environ)), print)
        assert config.read_text() == text


def test_no_setting_is_changed_before_another_process_has_written_down_its_own_change(
    home,
) -> None:
    """Else the later change could be replaced by the earlier one in what an undo goes by."""
    home.write_config("[profile mfa]\nregion = old-1\n")
    profile = read_by_mfakit(home)
    kept = OwnFile.of(profile.files.credentials_path, "configured", "mfa")
    make_own_folder(kept.path)
    new = {"mfa": {"region": "new-1"}}
    changing = threading.Thread(target=change_settings, args=(profile, new, print))
    with locked(kept.path, 30):
        changing.start()
        changing.join(timeout=0.5)
        assert home.config.read_text() == "[profile mfa]\nregion = old-1\n"
    changing.join()
    assert read_settings("mfa", environ=home.environ)["region"] == "new-1"


def test_configuring_the_same_again_leaves_what_undo_goes_back_to(home) -> None:
    home.write_config("[profile mfa]\nregion = old-1\n")
    for _ in range(2):
        change_settings(read_by_mfakit(home), {"mfa": {"region": "new-1"}}, print)
    undo_changes(read_by_mfakit(home), print)
    assert read_settings("mfa", environ=home.environ)["region"] == "old-1"


def test_each_undo_goes_one_configure_further_back(home) -> None:
    role = "[profile job]\ncredential_source = Environment\n"
    home.write_config(f"{role}[profile mfa]\nregion = old-1\n")
    settings = [
        {"job": {"credential_source": None, "source_profile": "mfa"}},
        {"mfa": {"region": "new-1"}},
        {"mfa": {"region": "new-2", "output": "json"}},
    ]
    texts = []
    for changed in settings:
        texts.append(home.config.read_text())
        change_settings(read_by_mfakit(home), changed, print)
    for text in texts[:0:-1]:
        undo_changes(read_by_mfakit(home), print)
        assert home.config.read_text() == text
    undo_changes(read_by_mfakit(home), print)
    assert read_settings("job", environ=home.environ) == {"credential_source": "Environment"}
    assert undo_changes(read_by_mfakit(home), print) == []


def test_what_the_last_configure_wrote_and_was_changed_since_does_not_hide_what_came_before(
    home,
) -> None:
    home.write_config("[profile mfa]\nregion = old-1\noutput = text\n")
    for changed in ({"output": "json"}, {"region": "new-1"}):
        change_settings(read_by_mfakit(home), {"mfa": changed}, print)
    home.write_config("[profile mfa]\nregion = theirs-1\noutput = json\n")
    said: list[str] = []
    assert undo_changes(read_by_mfakit(home), said.append) == []
    assert said == ["left region of profile mfa, which was changed since"]
    undo_changes(read_by_mfakit(home), print)
    assert home.config.read_text() == "[profile mfa]\nregion = theirs-1\noutput = text\n"


def test_a_damaged_age_of_a_change_is_no_traceback(home) -> None:
    home.write_config("[profile mfa]\noutput = text\n")
    change_settings(read_by_mfakit(home), {"mfa": {"region": "new-1"}}, print)
    kept = OwnFile.of(str(home.credentials), "configured", "mfa")
    kept.replace(kept.read().replace("0]]", '"0"]]'))
    assert undo_changes(read_by_mfakit(home), print) == []


def change_in_child(home, region: str, note) -> int:
    """Set a region in a child of this process; return its id."""
    pid = os.fork()
    if not pid:
        try:
            change_settings(read_by_mfakit(home), {"mfa": {"region": region}}, note)
        finally:
            os._exit(0)
    return pid


def test_a_change_that_was_killed_when_it_stood_in_the_file_can_be_undone(home) -> None:
    home.write_config("[profile mfa]\nregion = old-1\n")
    home.config.chmod(0o644)  # which is noted when the new file is in place
    os.waitpid(change_in_child(home, "new-1", lambda _: os._exit(0)), 0)
    assert read_settings("mfa", environ=home.environ)["region"] == "new-1"
    undo_changes(read_by_mfakit(home), print)
    assert read_settings("mfa", environ=home.environ)["region"] == "old-1"


def test_what_was_changed_before_a_change_that_was_killed_at_once_can_be_undone(home) -> None:
    home.write_config("[profile mfa]\nregion = old-1\n")
    profile = read_by_mfakit(home)
    change_settings(profile, {"mfa": {"region": "new-1"}}, print)
    kept = OwnFile.of(profile.files.credentials_path, "configured", "mfa")
    with locked(str(home.config), 30):
        pid = change_in_child(home, "newer-1", print)
        end = time.monotonic() + 30
        while "newer-1" not in kept.read():
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    undo_changes(read_by_mfakit(home), print)
    assert read_settings("mfa", environ=home.environ)["region"] == "old-1"


def change_and_be_killed_between_the_files(home, settings: dict) -> None:
    """Change settings in a child, which is killed while it waits for the config's lock."""
    before = home.credentials.read_text()
    with locked(str(home.config), 30):
        pid = os.fork()
        if not pid:
            change_settings(read_by_mfakit(home), settings, print)
            os._exit(0)
        end = time.monotonic() + 30
        while home.credentials.read_text() == before:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_what_a_change_that_was_killed_between_the_files_has_replaced_can_be_restored(home) -> None:
    """The same command is run again, as users do, and finds only the rest to change."""
    old = "[mfa]\nregion = old-1 ; kept\noutput = json\n"
    home.write_credentials(old)
    home.write_config("[profile mfa]\noutput = text\n")
    settings = {"mfa": {"region": "new-1", "mfakit_duration": "2h", "output": None}}
    change_and_be_killed_between_the_files(home, settings)
    home.write_credentials(home.credentials.read_text() + "# of another program\n")
    change_settings(read_by_mfakit(home), settings, print)
    change_settings(read_by_mfakit(home), settings, print)
    assert read_settings("mfa", environ=home.environ)["mfakit_duration"] == "2h"
    undo_changes(read_by_mfakit(home), print)
    assert sorted(home.credentials.read_text().splitlines()) == sorted(
        [*old.splitlines(), "# of another program"]
    )
    assert home.config.read_text() == "[profile mfa]\noutput = text\n"


def test_undo_takes_back_the_last_change_alone_once_one_that_was_killed_was_ended(home) -> None:
    home.write_credentials("[mfa]\nregion = old-1\n")
    home.write_config("[profile mfa]\noutput = json\n")
    settings = {"mfa": {"region": "new-1", "mfakit_duration": "2h"}}
    change_and_be_killed_between_the_files(home, settings)
    change_settings(read_by_mfakit(home), settings, print)
    change_settings(read_by_mfakit(home), {"mfa": {"mfakit_duration": "4h"}}, print)
    undo_changes(read_by_mfakit(home), print)
    assert read_settings("mfa", environ=home.environ)["mfakit_duration"] == "2h"
    assert "region = new-1\n" in home.credentials.read_text()


def test_a_change_that_was_killed_before_it_stood_in_a_file_is_not_remembered_by_the_next(
    home,
) -> None:
    """Undo would say of it that it was changed since."""
    home.write_config("[profile mfa]\nregion = old-1\n")
    with locked(str(home.config), 30):
        kept = OwnFile.of(str(home.credentials), "configured", "mfa")
        pid = change_in_child(home, "new-1", print)
        end = time.monotonic() + 30
        while not os.path.exists(kept.path):
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    change_settings(read_by_mfakit(home), {"mfa": {"output": "json"}}, print)
    home.write_config("[profile mfa]\nregion = mine-1\noutput = json\n")
    said: list[str] = []
    undo_changes(read_by_mfakit(home), said.append)
    assert (home.config.read_text(), said) == ("[profile mfa]\nregion = mine-1\n", [])


@pytest.mark.parametrize("into", ["session-cache", "credentials-file"])
def test_a_session_that_came_while_the_settings_were_changed_is_moved_too(home, into: str) -> None:
    """A login that had read the settings before writes where they led then."""
    process = "credential_process = mfakit credential-process -p mfa\n"
    lines = {"session-cache": ("", process), "credentials-file": (process, "")}[into]
    home.write_config(f"[profile mfa]\noutput = json\n{lines[0]}")
    write_session("mfa", session("ASIAOLDER", 1), environ=home.environ)
    profile = read_by_mfakit(home)
    held = profile.held()
    assert held.store.kind != into
    write_session("mfa", session("ASIANEWER", 2), environ=home.environ)
    home.write_config(f"[profile mfa]\noutput = json\n{lines[1]}")
    profile.read_again().take_over(held, print)
    found = profile.read_again().find()
    assert (found.key_id, found.store.kind) == ("ASIANEWER", into)
    held.profile.read_again().take_over(held, print)  # nothing is left to move
    assert profile.read_again().find().key_id == "ASIANEWER"


def test_an_error_in_the_move_of_a_session_says_that_the_settings_are_changed(home) -> None:
    """A disk may be full by then."""
    home.write_config("[profile mfa]\noutput = json\n")
    write_session("mfa", session("ASIAOLDER", 1), environ=home.environ)
    held = read_by_mfakit(home).held()
    home.write_config("[profile mfa]\ncredential_process = mfakit credential-process -p mfa\n")
    (home.credentials.parent / "mfakit").symlink_to("missing")
    with pytest.raises(FileError, match="mfa are changed, and its session could not be moved"):
        read_by_mfakit(home).take_over(held, print)
    (home.credentials.parent / "mfakit").unlink()
    home.credentials.with_name("credentials.lock").unlink()
    home.credentials.with_name("credentials.lock").mkdir()
    with pytest.raises(FileError, match="mfa are changed, and its session could not be moved"):
        read_by_mfakit(home).take_over(held, print)
    assert "ASIAOLDER" in home.credentials.read_text()


@pytest.mark.parametrize("hours", [1, None])
def test_a_newer_session_where_the_settings_lead_now_is_not_replaced_by_the_moved_one(
    home, hours
) -> None:
    """Nobody knows when one that was pasted in ends."""
    home.write_config("[profile mfa]\noutput = json\n")
    write_session("mfa", session("ASIAOLDER", hours), environ=home.environ)
    profile = read_by_mfakit(home)
    held = profile.held()
    process = "credential_process = mfakit credential-process -p mfa\n"
    home.write_config(f"[profile mfa]\noutput = json\n{process}")
    before = home.credentials.read_text()
    home.write_credentials("")
    write_session("mfa", session("ASIANEWER", 2), environ=home.environ)
    home.write_credentials(before)
    profile.read_again().take_over(held, print)
    assert profile.read_again().find().key_id == "ASIANEWER"
    assert "ASIA" not in home.credentials.read_text()


def session(access_key_id: str, hours: int | None) -> SessionCredentials:
    now = datetime.now(UTC).replace(microsecond=0)
    end = None if hours is None else now + timedelta(hours=hours)
    return SessionCredentials(access_key_id, "secret", "token", end)
