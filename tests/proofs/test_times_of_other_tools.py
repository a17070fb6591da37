"""Sessions that other tools really wrote end when the simulator said so, in any time zone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from shutil import which

import pytest
from bench.writing_tools import TARGET, TOOLS, Home, Tool

from mfakit.testing import AWSSimulator

TELLS_NO_END = "`aws configure set` (v1)"
READ = f"import mfakit; print(mfakit.read_session({TARGET!r}).expiration)"


@pytest.mark.parametrize("zone", ["UTC0", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.program)
def test_sessions_of_other_tools_end_when_the_simulator_said(
    tmp_path, tool: Tool, zone: str
) -> None:
    """The end is unknown where the tool keeps none."""
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
        twelve_hours = timedelta(hours=12)
        assert before <= datetime.fromisoformat(read) - twelve_hours <= after
    said = home.run(["mfakit", "check", "--all"]).stdout
    assert f"{TARGET}: {'unknown' if read == 'None' else 'valid'}, " in said
