"""Who is notified of what, and when again."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mfakit.expiry import SessionStatus, status_of
from mfakit.notices.tell import forget_gone, tell
from mfakit.notices.ways import CommandWay
from mfakit.profiles.aws_files import AWSFiles

pytestmark = pytest.mark.pythons

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DUE = timedelta(minutes=10)
ENDED = timedelta(minutes=-10)


def session(
    left: timedelta | None, profile: str = "mfa", key: str = "ASIA1", **more
) -> SessionStatus:
    """Judge a session that always ends at noon, so that it is the same one at each check."""
    source = more.pop("source", "credentials-file")
    now = NOW if left is None else NOW - left
    return status_of(profile, source, left and NOW, now, access_key_id=key, **more)


class Person:
    """A person who is notified by a command, which records its variables."""

    def __init__(self, home, name: str = "heard") -> None:
        self.home = home
        self.files = AWSFiles(home.environ)
        self.complaints: list[str] = []
        self._heard = home.folder / name
        self._trouble = home.folder / f"{name}.trouble"
        program = home.folder / f"{name}.sh"
        program.write_text(
            f'#!/bin/sh\n[ -e "{self._trouble}" ] && exit 7\n'
            f'echo "$MFAKIT_PROFILE $MFAKIT_STATE" >> "{self._heard}"\n'
        )
        program.chmod(0o755)
        self.way = CommandWay(str(program))

    def check(self, *statuses: SessionStatus, ways=None) -> None:
        tell(
            statuses,
            ways or [self.way],
            self.files,
            lambda error: self.complaints.append(error.message),
        )

    def be_away(self, away: bool) -> None:
        if away:
            self._trouble.touch()
        else:
            self._trouble.unlink()

    @property
    def heard(self) -> list[str]:
        return self._heard.read_text().splitlines() if self._heard.exists() else []


@pytest.fixture
def person(home) -> Person:
    return Person(home)


def told_files(person: Person) -> list[Path]:
    folder = Path(person.files.credentials_path).parent / "mfakit" / "told"
    return [path for path in folder.iterdir() if path.suffix != ".lock"]


def test_a_session_is_notified_once_when_due_and_once_when_ended(person) -> None:
    for left in (DUE, DUE, DUE / 2, ENDED, ENDED):
        person.check(session(left))
    assert person.heard == ["mfa expiring", "mfa expired"]


def test_a_session_that_ended_between_checks_is_notified_only_as_ended(person) -> None:
    """The machine may have slept when it was due."""
    person.check(session(ENDED))
    person.check(session(ENDED))
    assert person.heard == ["mfa expired"]


def test_a_new_session_in_the_same_profile_is_notified_anew(person) -> None:
    """The marks name the session that they count for."""
    person.check(session(DUE))
    person.check(session(DUE, key="ASIA2"))
    assert person.heard == ["mfa expiring", "mfa expiring"]
    assert len(told_files(person)) == 1


def test_a_session_that_comes_due_later_is_notified_separately(person) -> None:
    person.check(session(DUE))
    person.check(session(DUE), session(DUE, "other", "ASIA2"))
    assert person.heard == ["mfa expiring", "other expiring"]


@pytest.mark.parametrize(
    "status",
    [
        session(timedelta(hours=1)),
        session(None),
        session(ENDED, source="cli-cache", counts=False),
        session(timedelta(days=-8)),
    ],
    ids=["it lasts", "nobody knows", "another tool's", "forgotten"],
)
def test_no_notification_for_sessions_that_last_or_do_not_count(
    person, status: SessionStatus
) -> None:
    """The same goes for an unknown end, and for one more than a week ago."""
    person.check(status)
    assert person.heard == []


def test_a_session_in_a_profile_and_the_environment_is_notified_once(person) -> None:
    person.check(session(DUE), session(DUE, source="environment"))
    assert person.heard == ["mfa expiring"]


def test_a_notification_that_failed_is_sent_by_the_next_check(person) -> None:
    """It is sent once then."""
    person.be_away(True)
    person.check(session(DUE))
    assert person.heard == []
    assert person.complaints == ["heard.sh of --on-expiring failed (7)"]
    person.be_away(False)
    for _ in range(2):
        person.check(session(DUE))
    assert person.heard == ["mfa expiring"]
    assert len(person.complaints) == 1


def test_a_way_that_fails_stops_no_other_and_repeats_none(home, person) -> None:
    friend = Person(home, "friend")
    person.be_away(True)
    for _ in range(2):
        person.check(session(DUE), ways=[person.way, friend.way])
    assert friend.heard == ["mfa expiring"]
    person.be_away(False)
    person.check(session(DUE), ways=[person.way, friend.way])
    assert (person.heard, friend.heard) == (["mfa expiring"], ["mfa expiring"])


@pytest.mark.parametrize("damage", [b"\xff\0", b"=\n=\n", b"access_key_id=ASIA1\n", b""])
def test_a_broken_file_of_marks_is_replaced_and_notifies_again(person, damage: bytes) -> None:
    person.check(session(DUE))
    told_files(person)[0].write_bytes(damage)
    for _ in range(2):
        person.check(session(DUE))
    assert person.heard == ["mfa expiring"] * 2
    assert person.complaints == []


@pytest.mark.skipif(os.name == "nt", reason="it needs a folder that nothing can be put into")
def test_where_no_mark_can_be_kept_each_check_notifies_and_says_why(person) -> None:
    folder = Path(person.files.credentials_path).parent / "mfakit"
    folder.write_text("in the way")
    for _ in range(2):
        person.check(session(DUE))
    assert person.heard == ["mfa expiring"] * 2
    assert "cannot write" in person.complaints[0]


def test_marks_of_gone_sessions_are_removed_after_some_days(person) -> None:
    """A session that this shell does not see may be in another's environment."""
    person.check(session(DUE), session(DUE, "other", "ASIA2"))
    there = [session(DUE)]
    forget_gone(person.files.credentials_path, there)
    assert len(told_files(person)) == 2
    for path in told_files(person):
        os.utime(path, (0, 0))
    forget_gone(person.files.credentials_path, there)
    person.check(*there)
    assert len(told_files(person)) == 1
    assert person.heard == ["mfa expiring", "other expiring"]


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_marks_are_private_and_hold_a_hash_in_place_of_the_command(person) -> None:
    person.check(session(DUE))
    (path,) = told_files(person)
    assert path.stat().st_mode & 0o777 == 0o600
    names = [line.partition("=")[0].split()[0] for line in path.read_text().splitlines()]
    assert names == ["access_key_id", "expiration", "expiring"]
    assert "heard.sh" not in path.read_text()
