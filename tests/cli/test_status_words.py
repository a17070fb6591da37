"""The table, the sentences and the short form of `status`, at a time that is passed in."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from mfakit.cli.status import as_short
from mfakit.cli.status_views import as_lines, as_table, say_duration, say_end, say_moment
from mfakit.expiry import SessionStatus, status_of
from mfakit.profiles.own_files import SessionRecord

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZONE = timezone(timedelta(hours=1))
ACCOUNT = "123456789012"
ALICE = {"account": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/team/alice"}
DEVICE = {"account": ACCOUNT, "serial_number": f"arn:aws:iam::{ACCOUNT}:mfa/alice"}
ADMIN = {"account": ACCOUNT, "role_arn": f"arn:aws:iam::{ACCOUNT}:role/admin"}
LOCAL = {"endpoint_url": "http://127.0.0.1:4566", "serial_number": "GAHT12345678"}


def session(
    profile: str, left: float | None, life: float | None = None, source="credentials-file", **known
) -> SessionStatus:
    """Return a session with so many minutes left, of a life of so many."""
    end = None if left is None else NOW + timedelta(minutes=left)
    record = None
    if end is not None and life is not None:
        record = SessionRecord(end - timedelta(minutes=life), "mfa", "ASIA1", **known)
    counts = not source.endswith("-cache") or source == "session-cache"
    return status_of(profile, source, end, NOW, None, "ASIA1", record, counts=counts)


SESSIONS = [
    session("mfa", 192, 720, **ALICE),
    session("admin", 12, 60, "session-cache", **ADMIN),
    session("work-mfa", -90, 720, **DEVICE),
    session("samlish", 1270),
    session("old", None, source="environment"),
    session("local", 720, 720, **LOCAL),
    session("sandbox", 40, source="cli-cache"),
]

TABLE = """\
mfa               user alice             ━━━━━━━━────────────────────  valid
credentials file  account 123456789012   ends in 3h12m, today 16:12

admin             role admin             ━━━━━━──────────────────────  due
session cache     account 123456789012   ends in 12m, today 13:12

work-mfa          device alice           ────────────────────────────  expired
credentials file  account 123456789012   ended 1h30m ago, today 11:30

samlish                                  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄  valid
credentials file                         ends in 21h10m, tomorrow 10:10

old                                      ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄  unknown
environment                              its end is not known

local             device GAHT12345678    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━  valid
credentials file  http://127.0.0.1:4566  ends in 12h, tomorrow 01:00

Of other tools, which renew them themselves:

sandbox                                  ends in 40m, today 13:40
role cache of the AWS CLI

"""

SENTENCES = """\
mfa: valid, it ends in 3 hours 12 minutes, today at 16:12. It is of user alice in account \
123456789012, kept in the credentials file.
admin: due for renewal, it ends in 12 minutes, today at 13:12. It is of role admin in account \
123456789012, kept in the session cache.
work-mfa: expired, it ended 1 hour 30 minutes ago, today at 11:30. It is of device alice in \
account 123456789012, kept in the credentials file.
samlish: valid, it ends in 21 hours 10 minutes, tomorrow at 10:10. It is kept in the credentials \
file.
old: unknown whether valid, its end is not known. It is kept in the environment.
local: valid, it ends in 12 hours, tomorrow at 01:00. It is of device GAHT12345678, made by \
http://127.0.0.1:4566, kept in the credentials file.
sandbox: valid, it ends in 40 minutes, today at 13:40. It is kept in the role cache of the AWS \
CLI, by another tool that renews it itself.
"""


def drawn(statuses: list[SessionStatus], width: int = 80, **options) -> str:
    """Return the table as plain text, without trailing blanks."""
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=True)
    console.print(as_table(statuses, NOW, ZONE, width=width, **options))
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def test_the_table_is_aligned_and_fits_into_80_columns() -> None:
    """Its words alone show each state, so it works without colour."""
    assert drawn(SESSIONS) == TABLE


def test_the_sentences_have_all_facts_of_the_table() -> None:
    assert "".join(f"{line}\n" for line in as_lines(SESSIONS, NOW, ZONE)) == SENTENCES


@pytest.mark.parametrize(
    ("left", "life", "full"), [(720, 720, 28), (360, 720, 14), (1, 720, 1), (-1, 720, 0)]
)
def test_the_bar_shows_the_part_of_a_sessions_life_that_is_left(
    left: int, life: int, full: int
) -> None:
    """A session that has not ended shows at least one sign, and one that has ended shows none."""
    text = drawn([session("mfa", left, life)])
    assert (text.count("━"), text.count("─")) == (full, 28 - full)


@pytest.mark.parametrize(
    ("left", "life", "colour"),
    [(60, 720, "32"), (29, 720, "33"), (20, 60, "32"), (14, 60, "33"), (0, 60, "31")],
)
def test_the_bar_is_green_then_yellow_when_due_then_red(left: int, life: int, colour: str) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(as_table([session("mfa", left, life)], NOW, ZONE))
    colours = {"32", "33", "31"}
    assert {code for code in colours if f"{code}m" in console.file.getvalue()} == {colour}


def test_with_ascii_only_the_table_is_ascii() -> None:
    assert drawn(SESSIONS[:6], ascii_only=True).isascii()


def test_with_only_other_tools_sessions_status_says_how_to_get_one() -> None:
    others = [session("sandbox", 40, source="sso-cache")]
    hint = "There is no session of yours; mfakit login gets one.\n"
    assert drawn(others).startswith(hint)
    assert "\n".join(as_lines(others, NOW)).startswith(hint)


@given(
    st.lists(st.tuples(st.text(), st.none() | st.integers(-(10**6), 10**6)), max_size=3),
    st.text(),
    st.integers(20, 200),
)
def test_no_text_from_files_breaks_the_table_or_the_terminal(
    names: list[tuple[str, int | None]], known: str, width: int
) -> None:
    """The texts have markup, control characters, wide letters and any length."""
    facts = {"account": known, "arn": f"x/{known}", "endpoint_url": known}
    statuses = [session(name, left, 720, **facts) for name, left in names]
    lines = [*drawn(statuses, width).split("\n"), *as_lines(statuses, NOW, ZONE)]
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, drawn(statuses, width).split("\n"))) <= width


def test_on_a_narrow_terminal_columns_become_lines() -> None:
    assert drawn([SESSIONS[0], SESSIONS[-1]], width=40) == (
        "mfa\ncredentials file\nuser alice\naccount 123456789012\n"
        f"{'━' * 8}{'─' * 20}  valid\nends in 3h12m, today 16:12\n\n"
        "Of other tools, which renew them\nthemselves:\n\n"
        "sandbox\nrole cache of the AWS CLI\nends in 40m, today 13:40\n\n"
    )


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    assert drawn([session("[red]:smile:", 60)]).startswith("[red]:smile:  ")


def test_a_long_name_continues_in_the_next_line() -> None:
    """All of it can be read, and the columns stay aligned."""
    lines = drawn([session("a" * 40, 60)]).splitlines()
    assert lines[0].index("┄") == 42
    assert "".join(lines[:3]).count("a" * 18) == 2
    assert "a" * 40 in drawn([session("a" * 40, 60)], width=120)


@pytest.mark.parametrize(
    ("left", "life", "text"),
    [
        (192, 720, "mfa 3h12m"),
        (2160, None, "mfa 1d12h"),
        (12.9, 720, "mfa 12m!"),
        (0.5, 720, "mfa 30s!"),
        (0, 720, "mfa expired"),
        (None, None, "mfa ?"),
    ],
)
def test_the_short_form_marks_due_and_expired_sessions_without_colour(
    left: float, life: float, text: str
) -> None:
    assert as_short(session("mfa", left, life)) == text


def test_the_short_form_escapes_control_characters() -> None:
    assert as_short(session("\x1b[2Jx\n", 60)) == r"\x1b[2Jx\n 1h"


@pytest.mark.parametrize(
    ("seconds", "short", "full"),
    [
        (0, "0s", "0 seconds"),
        (1, "1s", "1 second"),
        (59, "59s", "59 seconds"),
        (119, "1m", "1 minute"),
        (3600, "1h", "1 hour"),
        (-3660, "1h1m", "1 hour 1 minute"),
        (129600, "1d12h", "1 day 12 hours"),
    ],
)
def test_durations_have_two_units_and_seconds_only_below_a_minute(
    seconds: int, short: str, full: str
) -> None:
    """They are rounded down."""
    assert (say_duration(seconds), say_duration(seconds, in_full=True)) == (short, full)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), "today 23:59"),
        (datetime(2026, 11, 22, 23, tzinfo=UTC), "tomorrow 00:00"),
        (datetime(2026, 11, 21, 22, 59, tzinfo=UTC), "yesterday 23:59"),
        (datetime(2026, 11, 24, 8, tzinfo=UTC), "Tue 24 Nov 09:00"),
        (datetime(2027, 1, 1, tzinfo=UTC), "Fri 1 Jan 2027 01:00"),
        (datetime.max.replace(tzinfo=UTC), "Fri 31 Dec 9999 23:59"),
    ],
)
def test_moments_are_written_by_the_local_calendar(moment: datetime, words: str) -> None:
    assert say_moment(moment, NOW, ZONE) == words


def test_a_change_of_clocks_does_not_shorten_the_time_left() -> None:
    now = datetime(2026, 3, 28, 22, tzinfo=UTC)
    status = status_of("mfa", "environment", now + timedelta(hours=4), now)
    assert say_end(status, now, ZoneInfo("Europe/Berlin")) == "ends in 4h, tomorrow 04:00"
