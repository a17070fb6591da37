"""What version 0.1.0 left in a home: records, sessions in the cache, and a block in the crontab."""

from __future__ import annotations

import json

import pytest

from mfakit import read_session, remove_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile

# The files are named by the first 32 digits of the SHA-256 of the profile's name.
MFA, ADMIN = "cb0356a0532e824bd17b1ad6f24af01a", "8c6976e5b5410415bde908bd4dee15df"
CREDENTIALS = """\
[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY

[mfa]
aws_access_key_id = ASIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
aws_session_token = token
aws_credential_expiration = 2126-11-22T18:00:00Z
expiration = 2126-11-22T18:00:00Z
"""
CONFIG = """\
[profile admin]
credential_process = mfakit credential-process --profile admin
"""
FILES = {
    f"records/{MFA}": """\
made_at=2126-11-22T06:00:00Z
profile=mfa
access_key_id=ASIAIOSFODNN7EXAMPLE
source_profile=default
source_access_key_id=AKIAIOSFODNN7EXAMPLE
serial_number=arn:aws:iam::123456789012:mfa/alice
account=123456789012
arn=arn:aws:iam::123456789012:user/alice
""",
    f"records/{ADMIN}": """\
made_at=2126-11-22T17:00:00Z
profile=admin
access_key_id=ASIAI44QH8DHBEXAMPLE
source_profile=default
source_access_key_id=AKIAIOSFODNN7EXAMPLE
serial_number=arn:aws:iam::123456789012:mfa/alice
role_arn=arn:aws:iam::123456789012:role/admin
role_options={"ExternalId": "e-1"}
account=123456789012
arn=arn:aws:sts::123456789012:assumed-role/admin/alice
""",
    f"sessions/{ADMIN}": """\
aws_access_key_id=ASIAI44QH8DHBEXAMPLE
aws_secret_access_key=secret
aws_session_token=token
aws_credential_expiration=2126-11-22T18:00:00Z
expiration=2126-11-22T18:00:00Z
""",
}
BLOCK = """\
# BEGIN mfakit schedule: `mfakit schedule remove` takes this out
*/5 * * * * /usr/bin/python3 -P -m mfakit.cli.scheduled check --notify desktop
# END mfakit schedule
"""


@pytest.fixture
def old_home(home):
    home.write_credentials(CREDENTIALS)
    home.write_config(CONFIG)
    for name, text in FILES.items():
        path = home.credentials.parent / "mfakit" / name
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.touch(0o600)
        path.write_text(text)
    return home


def test_sessions_and_records_are_read(old_home) -> None:
    files = AWSFiles(old_home.environ)
    own, role = Profile("mfa", files).find(), Profile("admin", files).find()
    assert (own.store.kind, own.session.access_key_id) == (
        "credentials-file",
        "ASIAIOSFODNN7EXAMPLE",
    )
    assert (role.store.kind, role.session.access_key_id) == (
        "session-cache",
        "ASIAI44QH8DHBEXAMPLE",
    )
    assert own.record.arn == "arn:aws:iam::123456789012:user/alice"
    assert own.record.endpoint_url is None
    assert role.record.role_arn == "arn:aws:iam::123456789012:role/admin"
    assert role.record.role_session_name == "alice"
    assert role.record.options_of_role() == {"ExternalId": "e-1"}


def test_commands_find_the_sessions(old_home) -> None:
    done = old_home.mfakit("check", "--all", "--format", "json")
    found = {entry["profile"]: entry["state"] for entry in json.loads(done.stdout)["sessions"]}
    assert found == {"mfa": "valid", "admin": "valid"}
    kept = old_home.mfakit("login", "--json")
    assert json.loads(kept.stdout)["reused"] is True


def test_a_session_in_the_cache_is_removed_with_its_record(old_home) -> None:
    remove_session("admin", environ=old_home.environ)
    files = (old_home.credentials.parent / "mfakit").glob("*/*")
    assert {path.name for path in files if path.suffix != ".lock"} == {MFA}
    assert read_session("mfa", environ=old_home.environ).session_token == "token"


def test_the_block_in_the_crontab_is_shown_and_removed(old_home, crontab) -> None:
    crontab.write_text(f"MAILTO=me\n{BLOCK}")
    shown = old_home.mfakit("schedule", "show")
    assert (shown.returncode, "check --notify desktop" in shown.stdout) == (0, True), shown
    removed = old_home.mfakit("schedule", "remove")
    assert removed.returncode == 0, removed.stderr
    assert crontab.read_text() == "MAILTO=me\n"
