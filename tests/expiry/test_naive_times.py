"""Times without a zone are read as their tool meant them, or else as the earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.expiry.spellings import NAIVE, naive_local, naive_utc
from tests.zones import local_time

from mfakit.moments import AS_LOCAL, AS_UTC, format_timestamp, parse_timestamp
from mfakit.profiles.section import session_of

pytestmark = pytest.mark.pythons

KEYS = {"aws_access_key_id": "ASIA1", "aws_secret_access_key": "s", "aws_session_token": "t"}


@pytest.fixture(
    scope="module",
    params=["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "America/New_York"],
)
def zone(request):
    """Zones that change their clocks, one of them by half an hour."""
    with local_time(request.param) as zone:
        yield zone


@pytest.fixture
def berlin():
    with local_time("Europe/Berlin") as zone:
        yield zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-22 18:00:00", "2026-11-22 17:00"),
        ("2026-07-22T18:00:00", "2026-07-22 16:00"),
        ("2026-10-25 01:59:59", "2026-10-24 23:59:59"),
        ("2026-10-25 02:30:00", "2026-10-25 00:30"),  # comes twice: before the change
        ("2026-10-25 03:00:00", "2026-10-25 02:00"),
        ("2026-03-29 01:59:59", "2026-03-29 00:59:59"),
        ("2026-03-29 02:30:00", "2026-03-29 00:30"),  # is left out: as the clock then is
        ("2026-03-29 03:00:00", "2026-03-29 01:00"),
    ],
)
def test_local_time_is_read_as_the_earlier_one_when_clocks_change(
    berlin, written: str, meant: str
) -> None:
    """An hour that comes twice, or never, may be two points in time."""
    assert parse_timestamp(written, AS_LOCAL) == at(meant)


def test_utc_is_read_alike_when_clocks_change(berlin) -> None:
    """aws-mfa and awsume write the same hour differently."""
    assert parse_timestamp("2026-10-25 02:30:00", AS_UTC) == at("2026-10-25 02:30")


@pytest.mark.parametrize(
    ("more", "meant"),
    [
        ({"assumed_role": "False"}, "2026-11-22 18:00"),
        ({"manager": "awsume"}, "2026-11-22 17:00"),
        ({"manager": "awsume", "autoawsume": "true"}, "2026-11-22 17:00"),
        ({}, "2026-11-22 17:00"),
        ({"manager": "another"}, "2026-11-22 17:00"),
        ({"manager": "awsume", "assumed_role": "True"}, "2026-11-22 17:00"),
    ],
)
def test_the_tool_that_wrote_a_section_decides_its_time_zone(
    berlin, more: dict[str, str], meant: str
) -> None:
    """Each tool is known by the keys that it always leaves; where none is known, local time is the
    earlier one east of Greenwich.
    """
    session = session_of({**KEYS, **more, "expiration": "2026-11-22 18:00:00"})
    assert session.expiration == at(meant)


@pytest.mark.parametrize(
    ("now", "known"),
    [
        ("2026-11-22 17:59:59", "2026-11-22 18:00"),
        ("2026-11-22 18:00:00", None),
        ("2026-11-22 22:59:59", None),
        ("2026-11-22 23:00:00", "2026-11-22 23:00"),
    ],
)
def test_west_of_greenwich_the_end_of_awsumes_session_is_unknown_between_utc_and_local_time(
    now: str, known: str | None
) -> None:
    values = {**KEYS, "manager": "awsume", "expiration": "2026-11-22 18:00:00"}
    with local_time("America/New_York"):
        assert session_of(values, at(now)).expiration == (known and at(known))


def test_an_end_that_awsume_left_unknown_is_known_from_another_key() -> None:
    ends = {"expiration": "2026-11-22 18:00:00", "aws_expiration": "2026-11-22T20:00:00Z"}
    with local_time("America/New_York"):
        session = session_of({**KEYS, **ends, "manager": "awsume"}, at("2026-11-22 19:00"))
    assert session.expiration == at("2026-11-22 20:00")


def test_west_of_greenwich_an_unknown_tools_time_is_read_as_utc() -> None:
    """UTC is the earlier one there."""
    with local_time("America/New_York"):
        assert parse_timestamp("2026-11-22 18:00:00") == at("2026-11-22 18:00")
        assert parse_timestamp("2026-11-22 18:00:00", AS_LOCAL) == at("2026-11-22 23:00")


@pytest.mark.parametrize("key", ["aws_credential_expiration", "aws_expiration"])
def test_only_a_tools_own_key_is_read_in_its_time_zone(berlin, key: str) -> None:
    session = session_of({**KEYS, "assumed_role": "True", key: "2026-11-22 18:00:00"})
    assert session.expiration == at("2026-11-22 17:00")


# from 2020 to 2038, in whole seconds
MOMENTS = st.integers(1577836800, 2145916800).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(end=MOMENTS)
def test_local_time_is_never_read_as_later(zone, end: datetime) -> None:
    """It is read as it was written, or in an hour that comes twice at most that hour earlier."""
    read = parse_timestamp(naive_local(end), AS_LOCAL)
    assert timedelta(0) <= end - read <= timedelta(hours=1)
    if not is_near_a_change(end):
        assert read == end


@given(end=MOMENTS, left=st.integers(-20 * 3600, 20 * 3600))
def test_awsumes_session_is_neither_called_valid_nor_ended_wrongly(
    zone, end: datetime, left: int
) -> None:
    """This holds whether awsume wrote local time or UTC, west of Greenwich."""
    now = end - timedelta(seconds=left)
    for written in (naive_local(end), naive_utc(end)):
        values = {**KEYS, "manager": "awsume", "expiration": written}
        known = session_of(values, now).expiration
        if known is None:
            continue
        if left <= 0:
            assert known <= now
        elif is_west(end) and not is_near_a_change(end):
            assert now < known <= end


@given(end=MOMENTS)
def test_an_unknown_tools_time_is_never_read_as_later(zone, end: datetime) -> None:
    """This holds whether the tool wrote local time or UTC."""
    assert parse_timestamp(naive_local(end)) <= end
    assert parse_timestamp(end.strftime(NAIVE)) <= end


@given(end=MOMENTS, offset=st.integers(-14 * 60, 14 * 60))
def test_a_time_zone_in_the_text_is_used(zone, end: datetime, offset: int) -> None:
    written = end.astimezone(timezone(timedelta(minutes=offset)))
    assert parse_timestamp(written.isoformat()) == end
    assert parse_timestamp(format_timestamp(written)) == end


@given(
    st.text() | st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ]?[0-9:.]*([Zz]|UTC|[+-][0-9:]*)?")
)
def test_any_text_is_read_as_a_time_in_utc_or_as_none(text: str) -> None:
    """A time that was read can be written again."""
    moment = parse_timestamp(text)
    if moment is not None:
        assert moment.utcoffset() == timedelta(0)
        assert parse_timestamp(format_timestamp(moment)) == moment.replace(microsecond=0)


def is_west(moment: datetime) -> bool:
    return moment.astimezone().utcoffset() < timedelta(0)


def is_near_a_change(moment: datetime) -> bool:
    hour = timedelta(hours=1)
    offsets = {(moment + side).astimezone().utcoffset() for side in (-hour, hour)}
    return len(offsets) > 1
