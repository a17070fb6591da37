"""A boto3 session that renews itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.exchange.conftest import operations

import mfakit

pytestmark = pytest.mark.pythons


def test_a_refreshing_session_is_renewed_by_the_token_command(
    here, alice, aws, monkeypatch
) -> None:
    """The test sets its expiration back by a year, so that it is due."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    codes = [alice.device.code() for _ in range(3)]
    here.write_config(
        f"[profile mfa]\nmfakit_token_command = {here.token_command(*codes)}\n"
        "mfakit_duration = 15m\nregion = eu-west-1\n"
    )
    session = mfakit.refreshing_session("mfa")
    sts = session.client("sts")
    assert session.region_name == "eu-west-1"
    assert sts.get_caller_identity()["Arn"] == alice.arn
    first = mfakit.read_session("mfa")
    end = mfakit.SessionCredentials(
        first.access_key_id, first.secret_access_key, first.session_token,
        first.expiration.replace(year=first.expiration.year - 1),
    )  # fmt: skip
    mfakit.write_session("mfa", end)
    session._session._credentials._expiry_time = end.expiration
    assert sts.get_caller_identity()["Arn"] == alice.arn
    assert mfakit.read_session("mfa").access_key_id != first.access_key_id
    assert operations(aws).count("GetSessionToken") == 2


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, "eu-central-1"),
        ({"AWS_REGION": "sa-east-1"}, "sa-east-1"),
        ({"AWS_DEFAULT_REGION": "sa-east-1"}, "sa-east-1"),
    ],
)
def test_a_refreshing_session_works_in_the_region_of_its_source_unless_the_environment_has_one(
    here, alice, monkeypatch, variables, region: str
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    here.mfakit("login", "--token-code", alice.device.code())
    here.write_config("[default]\nregion = eu-central-1\n")  # and none of the session profile
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert mfakit.refreshing_session("mfa").region_name == region


def test_a_refreshing_session_uses_what_another_process_has_renewed(here, alice) -> None:
    """No second code is asked for."""
    here.mfakit("login", "--token-code", alice.device.code(), "--duration", "15m")
    session = mfakit.refreshing_session("mfa")
    before = session.get_credentials().get_frozen_credentials().access_key
    here.mfakit("login", "--token-code", alice.device.code(), "--duration", "15m")
    after = session.get_credentials().get_frozen_credentials().access_key
    assert after == mfakit.read_session("mfa").access_key_id != before


def test_one_renewal_serves_all_threads_and_a_failed_one_raises_our_error(here, alice, aws) -> None:
    """The next call after a failure may try again."""
    program = here.folder / "token"
    program.write_text(f"#!/bin/sh\necho {alice.device.code()}\n")
    program.chmod(0o755)
    here.write_config(
        f"[profile mfa]\nmfakit_token_command = {program}\n"
        f"mfa_serial = {alice.device.serial_number}\nmfakit_duration = 15m\n"
    )
    session = mfakit.refreshing_session("mfa")
    first = mfakit.read_session("mfa")
    ended = mfakit.SessionCredentials(
        first.access_key_id, first.secret_access_key, first.session_token,
        first.expiration.replace(year=first.expiration.year - 1),
    )  # fmt: skip
    mfakit.write_session("mfa", ended)
    credentials = session.get_credentials()
    credentials._expiry_time = ended.expiration
    program.write_text("#!/bin/sh\nexit 7\n")
    with pytest.raises(mfakit.MFAKitError, match="failed") as raised:
        credentials.get_frozen_credentials()
    assert raised.value.hint
    program.write_text(f"#!/bin/sh\necho {alice.device.code()}\n")
    before = operations(aws).count("GetSessionToken")
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: credentials.get_frozen_credentials().access_key, range(8)))
    assert keys == {mfakit.read_session("mfa").access_key_id}
    assert operations(aws).count("GetSessionToken") == before + 1


def test_a_refreshing_session_logs_which_file_has_another_programs_text(
    here, alice, caplog
) -> None:
    here.write_config(
        f"[profile mfa]\nmfakit_token_command = {here.token_command(alice.device.code())}\n"
    )
    kept = here.credentials.parent / "mfakit" / "credentials.kept-12345678"
    kept.parent.mkdir()
    kept.write_text("# theirs\n")
    mfakit.refreshing_session("mfa")
    assert any(str(kept) in record.getMessage() for record in caplog.records)
