"""Every session on the machine: found in each place, read in each spelling."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.expiry.spellings import KEYS, OWN_PROCESS, SPELLINGS, TOKEN, VARIABLES, place, sso_token
from tests.zones import local_time

from mfakit import MFAKitError, check_sessions
from mfakit.expiry import SessionStatus, check_all
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.own_files import OwnFile, SessionRecord, keep_record

pytestmark = pytest.mark.pythons

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AWSUMES = ("awsume", "awsume in a shell")
ENDS = {
    "valid": timedelta(minutes=30),
    "expiring": timedelta(minutes=30, seconds=-1),
    "expired": timedelta(0),
}


@pytest.fixture(params=["UTC0", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
def zone(request) -> Iterator[str]:
    with local_time(request.param) as zone:
        yield zone


def look(home: Path, now: datetime = NOW, **variables: str) -> list[SessionStatus]:
    environ = {"HOME": str(home), **variables}
    return check_all(AWSFiles(environ), now, include_caches=True)


@pytest.mark.parametrize("state", ENDS)
@pytest.mark.parametrize("name", SPELLINGS)
def test_every_session_is_found_and_judged_to_the_second_in_every_spelling(
    tmp_path, zone, name: str, state: str
) -> None:
    """The result is the same in every time zone, but for awsume's in America: it may mean UTC."""
    profile, source, write = SPELLINGS[name]
    end = NOW + ENDS[state]
    (found,) = look(tmp_path, **write(tmp_path, end))
    if name.endswith(AWSUMES) and zone == "America/New_York" and state != "expired":
        assert (found.state, found.expiration, found.seconds_left) == ("unknown", None, None)
        return
    assert (found.profile, found.source, found.state) == (profile, source, state)
    assert found.expiration.replace(microsecond=0) == end
    assert found.seconds_left == ENDS[state].total_seconds()
    assert found.access_key_id == (None if source == "sso-cache" else "ASIA1")
    assert found.record is None
    assert found.counts


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_session_with_a_missing_or_odd_end_is_unknown(tmp_path, name: str) -> None:
    _, source, write = SPELLINGS[name]
    variables = write(tmp_path, NOW)
    keys = ("AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION", "AWSUME_EXPIRATION")
    variables |= {key: "None" for key in keys if key in variables}
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        text = path.read_text()
        for spelling in ("2026", "2126"):
            text = text.replace(spelling, "soon")
        path.write_text(text)
        os.utime(path, (0, 0))
    (found,) = look(tmp_path, **variables)
    assert (found.source, found.state) == (source, "unknown")
    assert (found.expiration, found.seconds_left) == (None, None)


def test_the_earliest_of_several_spellings_counts(tmp_path) -> None:
    for early, late in (("expiration", "aws_expiration"), ("aws_expiration", "expiration")):
        ends = f"{early} = 2026-11-22T13:00:00Z\n{late} = 2026-11-22T23:00:00Z\n"
        place(tmp_path / ".aws/credentials", f"[mfa]\n{KEYS}{ends}")
        assert look(tmp_path)[0].expiration == datetime(2026, 11, 22, 13, tzinfo=UTC)


def test_long_term_and_partial_keys_are_not_listed_as_sessions(tmp_path) -> None:
    """Tokens beside key ids that STS does not issue, and other settings, are no sessions either."""
    place(
        tmp_path / ".aws/credentials",
        "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
        "[half]\naws_access_key_id = ASIA1\n"
        "[minio]\naws_access_key_id = minio\naws_secret_access_key = s\naws_session_token = t\n"
        "expiration = 2026-11-22T11:00:00Z\n"
        "[settings]\nregion = eu-west-1\n",
    )
    assert look(tmp_path) == []
    assert look(tmp_path, AWS_ACCESS_KEY_ID="AKIA1", AWS_SECRET_ACCESS_KEY="s", **TOKEN) == []
    assert look(tmp_path, **VARIABLES, AWS_CREDENTIAL_EXPIRATION="2026-11-22T11:00:00Z") == []


def test_a_session_without_its_secret_is_unknown(tmp_path) -> None:
    place(
        tmp_path / ".aws/credentials",
        "[mfa]\naws_access_key_id = ASIA1\naws_session_token = t\n"
        "expiration = 2026-11-22T23:00:00Z\n",
    )
    assert [(found.profile, found.state) for found in look(tmp_path)] == [("mfa", "unknown")]


def test_a_header_with_spaces_is_another_profile(tmp_path) -> None:
    """botocore takes the spaces within the brackets for a part of the name."""
    place(tmp_path / ".aws/credentials", f"[mfa]\n{KEYS}\n[ mfa ]\n{KEYS}\n")
    assert [found.profile for found in look(tmp_path)] == ["mfa", " mfa "]


def test_of_two_sections_for_one_profile_in_the_config_the_last_counts(tmp_path) -> None:
    """The other's keys are not merged into it."""
    SPELLINGS["session cache"][2](tmp_path, NOW)
    place(tmp_path / ".aws/config", f'{OWN_PROCESS}\n[profile "mfa"]\nregion = us-east-1\n')
    assert look(tmp_path) == []
    place(tmp_path / ".aws/config", f'[profile "mfa"]\nregion = us-east-1\n{OWN_PROCESS}')
    assert [found.profile for found in look(tmp_path)] == ["mfa"]


def test_keys_in_the_credentials_file_hide_the_session_cache(tmp_path) -> None:
    """The SDKs prefer them to a credential_process, too."""
    SPELLINGS["session cache"][2](tmp_path, NOW)
    place(tmp_path / ".aws/credentials", f"[mfa]\n{KEYS}")
    assert [found.source for found in look(tmp_path)] == ["credentials-file"]
    place(tmp_path / ".aws/credentials", "[mfa]\naws_secret_access_key = s\n")
    assert look(tmp_path) == []


def test_an_unreadable_cache_entry_is_unknown_and_hides_no_other(tmp_path) -> None:
    SPELLINGS["session cache"][2](tmp_path, NOW)
    place(tmp_path / ".aws/credentials", f"[other]\n{KEYS}expiration = 2026-11-22T23:00:00Z\n")
    (entry,) = (tmp_path / ".aws/mfakit/sessions").iterdir()
    for content in ("[" * 100_000, "[]", "\0"):
        entry.write_text(content)
        states = {found.profile: found.state for found in look(tmp_path)}
        assert states == {"other": "valid", "mfa": "unknown"}
    entry.unlink()
    assert [found.profile for found in look(tmp_path)] == ["other"]


def test_only_a_profile_with_our_credential_process_has_a_cached_session(tmp_path) -> None:
    SPELLINGS["session cache"][2](tmp_path, NOW)
    place(tmp_path / ".aws/config", OWN_PROCESS.replace("mfakit credential", "other credential"))
    assert look(tmp_path) == []


def test_an_exported_session_is_listed_under_the_profile_it_came_from(tmp_path) -> None:
    """`env` and `exec` export the profile's name, so the record is found, and the session is due
    when it is due there.
    """
    variables = VARIABLES | TOKEN | {"AWS_CREDENTIAL_EXPIRATION": "2026-11-22T12:20:00Z"}
    made_at = datetime(2026, 11, 22, 11, 20, tzinfo=UTC)
    record = SessionRecord(made_at, "work", "ASIA1")
    keep_record(OwnFile.of(str(tmp_path / ".aws/credentials"), "records", "work"), record)
    (found,) = look(tmp_path, **variables)
    assert (found.profile, found.state) == ("environment", "expiring")
    (found,) = look(tmp_path, **variables, MFAKIT_PROFILE="work")
    assert (found.profile, found.state) == ("work", "valid")  # a quarter of an hour is not yet due
    assert found.record.made_at == made_at


def test_a_client_registration_in_the_sso_cache_is_no_session(tmp_path) -> None:
    """It is a file with a secret and an expiration of its own."""
    registration = {"clientId": "id", "clientSecret": "s", "expiresAt": "2026-11-22T11:00:00Z"}
    place(tmp_path / ".aws/sso/cache/botocore-client-id-eu-west-1.json", json.dumps(registration))
    assert look(tmp_path) == []


def test_cached_sessions_of_one_name_are_told_apart_by_their_files(tmp_path) -> None:
    """Two SSO sessions may have the same start URL."""
    for name in ("b", "a"):
        place(tmp_path / f".aws/sso/cache/{name}.json", json.dumps(sso_token(NOW)))
    url = "https://example.awsapps.com/start"
    assert [found.profile for found in look(tmp_path)] == [f"{url} a", f"{url} b"]


@pytest.mark.parametrize("cache", ["cli/cache", "sso/cache", "login/cache"])
def test_odd_files_in_a_cache_are_ignored(tmp_path, cache: str) -> None:
    """They are not JSON, nested too deeply, huge, a folder, a pipe without a writer, or a broken
    link.
    """
    folder = tmp_path / ".aws" / cache
    contents = [
        b"", b"\xff\xfe", b"{", b"[]", b"1", b"null", b'"accessToken"', b"[" * 100_000,
        b'{"accessToken": 1, "Credentials": []}', b'{"accessToken": {"sessionToken": []}}',
        b" " * (1 << 20) + b'{"accessToken": "t", "expiresAt": "2026-11-22T11:00:00Z"}',
        b'{"accessToken": {}, "Credentials": {"SessionToken": 5}, "expiresAt": ' + b"9" * 5000,
    ]  # fmt: skip
    folder.mkdir(parents=True)
    for number, content in enumerate(contents):
        (folder / f"{number}.json").write_bytes(content)
    (folder / "folder.json").mkdir()
    (folder / "lost.json").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.json")
    (folder / "session.db").write_bytes(b'{"accessToken": "t"}')
    assert look(tmp_path) == []


def test_a_cache_that_is_no_folder_holds_no_session(tmp_path) -> None:
    place(tmp_path / ".aws/cli/cache", "")
    assert look(tmp_path) == []


def test_check_sessions_takes_the_time_and_the_warning_and_marks_other_caches(tmp_path) -> None:
    for name in ("mfakit", "AWS CLI, role"):
        SPELLINGS[name][2](tmp_path, NOW + timedelta(hours=1))
    environ = {"HOME": str(tmp_path)}
    found = check_sessions(now=NOW, environ=environ)
    assert [(status.state, status.counts) for status in found] == [
        ("valid", True),
        ("valid", False),
    ]
    warned = check_sessions(timedelta(hours=2), NOW, environ=environ)
    assert {status.state for status in warned} == {"expiring"}
    with pytest.raises(MFAKitError, match="no time zone"):
        check_sessions(now=NOW.replace(tzinfo=None), environ=environ)
