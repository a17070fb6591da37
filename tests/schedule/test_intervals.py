"""How often a check can run."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime
from itertools import pairwise

import pytest

from mfakit.errors import UsageError
from mfakit.moments import format_duration
from mfakit.schedule import INTERVALS, parse_interval
from mfakit.schedule.unix import calendar_event, cron_fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("1m", "* * * * *"),
        ("60", "* * * * *"),
        ("5m", "*/5 * * * *"),
        ("30m", "*/30 * * * *"),
        ("1h", "0 * * * *"),
        ("60m", "0 * * * *"),
        ("8h", "0 */8 * * *"),
        ("1d", "0 0 * * *"),
        ("24h", "0 0 * * *"),
    ],
)
def test_an_interval_that_divides_an_hour_or_a_day_becomes_cron_fields(
    text: str, fields: str
) -> None:
    assert cron_fields(parse_interval(text)) == fields


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("7m", "6m"), ("90s", "1m"), ("5h", "4h"), ("45m", "30m"), ("0", "1m"), ("36h", "1d")],
)
def test_an_interval_that_cron_cannot_express_is_refused_with_the_nearest(
    text: str, nearest: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_interval(text)
    assert f"--every {nearest}" in caught.value.hint


def test_no_two_intervals_are_written_alike() -> None:
    """The interval is read back from what is installed."""
    assert len({cron_fields(seconds) for seconds in INTERVALS}) == len(INTERVALS)
    assert len({calendar_event(seconds) for seconds in INTERVALS}) == len(INTERVALS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("seconds", INTERVALS, ids=format_duration)
def test_systemd_reads_each_interval_as_it_was_meant(seconds: int) -> None:
    """The next times at which it would start something are that far apart."""
    event = calendar_event(seconds)
    command = ["systemd-analyze", "calendar", "--iterations=3", event]
    environ = {"TZ": "UTC", "LC_ALL": "C"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout
    times = [
        datetime.fromisoformat(found)
        for found in re.findall(r"(?:elapse|Iter\. #\d|#\d): \w+ (\S+ \S+) UTC", said)
    ]
    assert len(times) == 3
    assert {(b - a).total_seconds() for a, b in pairwise(times)} == {seconds}
