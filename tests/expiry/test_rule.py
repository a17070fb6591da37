"""When a session is due, and how `check` reports it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfakit import SessionCredentials, write_session
from mfakit.profiles.own_files import OwnFile, SessionRecord, keep_record
from mfakit.session import EXPIRED, EXPIRING, UNKNOWN, VALID, judge

pytestmark = pytest.mark.pythons

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("left", "age", "state"),
    [
        (31, 600, VALID),
        (30, 690, VALID),
        (29, 691, EXPIRING),
        (4, 11, VALID),  # of 15 minutes a quarter is 3:45
        (3, 12, EXPIRING),
        (0, 15, EXPIRED),
        (-1, 16, EXPIRED),
    ],
)
def test_a_session_is_due_at_thirty_minutes_or_a_quarter_of_its_life(
    left: int, age: int, state: str
) -> None:
    """The lesser of the two counts."""
    record = SessionRecord(NOW - minutes(age), "mfa", "ASIA1")
    assert judge(NOW + minutes(left), NOW, record) == state


def test_without_a_record_a_session_is_due_at_thirty_minutes() -> None:
    """The life of a session that another tool made is not known."""
    assert judge(NOW + minutes(29), NOW) == EXPIRING
    assert judge(NOW + minutes(30), NOW) == VALID


def test_warn_replaces_the_rule() -> None:
    assert judge(NOW + minutes(50), NOW, warn=3600) == EXPIRING
    assert judge(NOW + minutes(5), NOW, warn=60) == VALID


@given(st.none() | st.integers(-(10**6), 10**6), st.none() | st.integers(0, 10**6))
def test_no_session_past_its_end_or_without_one_is_valid(left: int | None, age: int | None) -> None:
    end = None if left is None else NOW + timedelta(seconds=left)
    made = None if age is None else SessionRecord(NOW - timedelta(seconds=age), "mfa", "ASIA1")
    state = judge(end, NOW, made)
    if end is None:
        assert state == UNKNOWN
    elif end <= NOW:
        assert state == EXPIRED
    else:
        assert state in (VALID, EXPIRING)


def keep(home, left: timedelta) -> datetime:
    end = datetime.now(UTC).replace(microsecond=0) + left
    write_session("mfa", SessionCredentials("ASIA1", "s", "t", end), environ=home.environ)
    return end


@pytest.mark.parametrize(
    ("left", "code", "state"), [(60, 0, "valid"), (20, 1, "expiring"), (-20, 2, "expired")]
)
def test_check_prints_the_state_and_exits_with_its_code(
    home, left: int, code: int, state: str
) -> None:
    """The codes are those of monitoring plugins."""
    keep(home, minutes(left))
    done = home.mfakit("check")
    assert done.returncode == code
    assert done.stdout.startswith(f"mfa: {state}, ")


def test_check_prints_the_state_as_json(home) -> None:
    end = keep(home, minutes(60))
    said = json.loads(home.mfakit("check", "--format", "json").stdout)
    session = said["sessions"][0]
    assert 3580 <= session.pop("seconds_left") <= 3600
    assert said["worst"] == "valid"
    assert session == {
        "profile": "mfa",
        "source": "credentials-file",
        "state": "valid",
        "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_check_exits_with_3_for_anything_else(home) -> None:
    """No session, an unknown expiration, an unreadable file and wrong usage are all 3."""
    assert home.mfakit("check").returncode == 3
    assert home.mfakit("check", "--frobnicate").returncode == 3
    assert home.mfakit("check", "--warn", "soon").returncode == 3
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
    )
    done = home.mfakit("check")
    assert (done.returncode, done.stdout) == (3, "mfa: unknown, when it ends is not known\n")
    home.write_credentials("junk\n")
    assert home.mfakit("check").returncode == 3


def test_a_record_is_not_used_for_a_session_that_another_tool_wrote(home) -> None:
    end = keep(home, minutes(20))
    file = OwnFile.of(str(home.credentials), "records", "mfa")
    for key, code in [("ASIA1", 0), ("ASIAOTHER", 1)]:
        record = SessionRecord(end - minutes(30), "mfa", key)
        keep_record(file, record)
        assert home.mfakit("check").returncode == code
