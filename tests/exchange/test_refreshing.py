"""A boto3 session that renews itself."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import mfakit


@pytest.fixture
def here(home, alice, monkeypatch):
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    return home


def test_it_renews_before_the_end_by_the_token_command(here, alice, aws) -> None:
    """With a session that ends seconds from now, since the simulator's clock was set back."""
    codes = here.folder / "codes"
    codes.write_text("".join(f"{alice.device.code()}\n" for _ in range(3)))
    program = here.folder / "token.py"
    program.write_text(
        f"path = {str(codes)!r}\n"
        "first, *rest = open(path).read().split()\n"
        "open(path, 'w').write('\\n'.join(rest))\n"
        "print(first)\n"
    )
    here.write_config(
        f"[profile mfa]\nmfakit_token_command = {sys.executable} {program}\n"
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
    assert len(codes.read_text().split()) == 1


def test_it_takes_up_what_another_process_has_renewed(here, alice) -> None:
    """No second code is asked for."""
    here.mfakit("login", "--token-code", alice.device.code(), "--duration", "15m")
    session = mfakit.refreshing_session("mfa")
    before = session.get_credentials().get_frozen_credentials().access_key
    here.mfakit("login", "--token-code", alice.device.code(), "--duration", "15m")
    after = session.get_credentials().get_frozen_credentials().access_key
    assert after == mfakit.read_session("mfa").access_key_id != before


def test_one_renewal_serves_all_threads_and_a_failed_one_says_why(here, alice, aws) -> None:
    """The call that needed it raises our error, and the next may try again."""
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
    before = len([call for call in aws.calls if call.operation == "GetSessionToken"])
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: credentials.get_frozen_credentials().access_key, range(8)))
    assert keys == {mfakit.read_session("mfa").access_key_id}
    assert len([call for call in aws.calls if call.operation == "GetSessionToken"]) == before + 1
