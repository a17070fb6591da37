"""Profile settings in the AWS config, read and written through the library."""

from __future__ import annotations

import os

import botocore.session
import pytest

from mfakit import MFAKitError, read_settings, write_settings
from mfakit.errors import FileError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.settings import edit_settings

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
    """In the config, every profile but `default` has the word `profile` before its name."""
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
