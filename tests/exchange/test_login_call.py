"""Logging in as one call, for programs that bring a command of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import mfakit


def test_a_code_leads_to_a_session_that_is_kept(here, alice) -> None:
    """What came of it is told."""
    done = mfakit.login("team", token_code=alice.device.code(), duration=timedelta(hours=1))
    session = mfakit.read_session("team")
    assert (done.profile, done.serial_number) == ("team", alice.device.serial_number)
    assert done.expiration == session.expiration
    assert abs(session.expiration - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)
    assert not done.reused


def test_a_session_that_is_not_due_is_kept_unless_more_is_wanted(here, alice) -> None:
    """By the rule, by what must be left of it, or by force."""
    codes = [alice.device.code() for _ in range(3)]
    command = here.token_command(*codes)
    here.write_config(f"[profile mfa]\nmfakit_duration = 15m\nmfakit_token_command = {command}\n")
    ids = []
    for options in {}, {}, {"min_remaining": timedelta(minutes=16)}, {"force": True}:
        reused = mfakit.login("mfa", **options).reused
        ids.append((mfakit.read_session("mfa").access_key_id, reused))
    assert [reused for _, reused in ids] == [False, True, False, False]
    assert len({key for key, _ in ids}) == 3


def test_a_wrong_code_is_told_with_what_to_do(here, alice) -> None:
    """And no session is kept."""
    wrong = f"{(int(alice.device.code()) + 1) % 1000000:06}"
    with pytest.raises(mfakit.MFAKitError) as error:
        mfakit.login("mfa", token_code=wrong)
    assert error.value.hint
    with pytest.raises(mfakit.MFAKitError):
        mfakit.read_session("mfa")
