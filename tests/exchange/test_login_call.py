"""`mfakit.login`: a login in one call, for programs with a command line of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import mfakit


def test_login_writes_a_session_and_returns_its_details(here, alice) -> None:
    done = mfakit.login("team", token_code=alice.device.code(), duration=timedelta(hours=1))
    session = mfakit.read_session("team")
    assert (done.profile, done.serial_number) == ("team", alice.device.serial_number)
    assert done.expiration == session.expiration
    assert abs(session.expiration - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)
    assert not done.reused


def test_login_reuses_a_session_unless_it_ends_too_soon_or_force_is_given(here, alice) -> None:
    """What is too soon depends on the session's duration, or on `min_remaining`."""
    codes = [alice.device.code() for _ in range(3)]
    command = here.token_command(*codes)
    here.write_config(f"[profile mfa]\nmfakit_duration = 15m\nmfakit_token_command = {command}\n")
    ids = []
    for options in {}, {}, {"min_remaining": timedelta(minutes=16)}, {"force": True}:
        reused = mfakit.login("mfa", **options).reused
        ids.append((mfakit.read_session("mfa").access_key_id, reused))
    assert [reused for _, reused in ids] == [False, True, False, False]
    assert len({key for key, _ in ids}) == 3


def test_a_wrong_code_raises_an_error_with_a_hint(here, alice) -> None:
    """No session is written."""
    wrong = f"{(int(alice.device.code()) + 1) % 1000000:06}"
    with pytest.raises(mfakit.MFAKitError) as error:
        mfakit.login("mfa", token_code=wrong)
    assert error.value.hint
    with pytest.raises(mfakit.MFAKitError):
        mfakit.read_session("mfa")


def test_a_subclass_of_login_has_its_fields_too() -> None:
    """Programs may add a property, or a field of their own."""

    class Shown(mfakit.Login):
        @property
        def title(self) -> str:
            return f"session {self.profile}"

    class Counted(Shown):
        count: int = 0

    session = mfakit.SessionCredentials("ASIA1", "secret", "token")
    shown = Shown("mfa", session)
    assert shown.title == "session mfa"
    assert shown == Shown("mfa", session) != Shown("other", session)
    assert Counted("mfa", session, count=2).replace(profile="other").count == 2
