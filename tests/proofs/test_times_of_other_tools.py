"""Sessions that other tools really wrote end when the simulator said so, in any time zone."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from shutil import which
from zoneinfo import ZoneInfo

import pytest
from bench.writing_tools import TARGET, TOOLS, Home, Tool
from tests.expiry.spellings import naive_utc, zulu

from mfakit.testing import AWSSimulator

TELLS_NO_END = "`aws configure set` (v1)"
READ = f"import mfakit; print(mfakit.read_session({TARGET!r}).expiration)"


@pytest.mark.parametrize("zone", ["UTC0", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.program)
def test_sessions_of_other_tools_end_when_the_simulator_said(
    tmp_path, tool: Tool, zone: str
) -> None:
    """The end is unknown where the tool keeps none. West of Greenwich, awsume's is read as UTC,
    which it may be, until that is past.
    """
    if which(tool.program) is None:
        pytest.skip(f"{tool.program} is not installed")
    with AWSSimulator() as aws, aws.serve() as url:
        alice = aws.create_user("alice")
        home = Home(tmp_path, url, alice)
        home.environ["TZ"] = zone
        tool.prepare(home)
        before = datetime.now(UTC).replace(microsecond=0)
        tool.login_surely(home)
        after = datetime.now(UTC)
    read = home.run([sys.executable, "-c", READ]).stdout.strip()
    if tool.name == TELLS_NO_END:
        assert read == "None"
    else:
        lasts = timedelta(hours=12)
        if tool.name == "awsume" and zone == "America/New_York":
            lasts += datetime.now(ZoneInfo(zone)).utcoffset() or timedelta()
        assert before <= datetime.fromisoformat(read) - lasts <= after
    said = home.run(["mfakit", "check", "--all"]).stdout
    assert f"{TARGET}: {'unknown' if read == 'None' else 'valid'}, " in said


@pytest.mark.skipif(which("awsumepy") is None, reason="awsume is not installed")
@pytest.mark.parametrize(
    ("zone", "codes"), [("America/New_York", (3, 0)), ("Europe/Berlin", (2, 2))]
)
def test_no_session_that_awsume_got_from_a_process_is_called_valid_too_long(
    home, zone: str, codes: tuple[int, int]
) -> None:
    """awsume itself is run: it writes the process's UTC, as if it was local time."""
    parts = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t"}
    process = home.folder / "process.py"
    home.write_config(f"[profile work]\ncredential_process = {sys.executable} {process}\n")
    for minutes, code in zip((-1, 59), codes, strict=True):
        end = datetime.now(UTC) + timedelta(minutes=minutes)
        answer = json.dumps({"Version": 1, **parts, "Expiration": zulu(end)})
        process.write_text(f"print({answer!r})\n")
        home.write_credentials("")
        done = home.run("awsumepy", "work", "--output-profile", "mfa", TZ=zone)
        assert naive_utc(end) in home.credentials.read_text(), done.stderr
        assert home.mfakit("check", "--profile", "mfa", TZ=zone).returncode == code
