"""Many processes that write sessions into one file at the same time."""

from __future__ import annotations

import subprocess
import sys

WRITER = """
import datetime, sys, time, mfakit
end = datetime.datetime(2126, 1, 1, tzinfo=datetime.UTC)
for number in range(int(sys.argv[2])):
    session = mfakit.SessionCredentials(f"ASIA{number}", "secret", "token", end)
    mfakit.write_session(f"{sys.argv[1]}-{number}", session)
    print(time.monotonic(), f"[{sys.argv[1]}-{number}]", flush=True)
"""


def write_with_many(environ: dict[str, str], writers: int, sessions: int) -> dict[str, float]:
    """Start many processes that each write sessions of their own to one file.

    Returns:
        The header of each session, and the time on the monotonic clock when its write had ended.
    """
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, f"writer{number}", str(sessions)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(writers)
    ]
    output = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * writers
    lines = [line.split() for text in output for line in text.splitlines()]
    return {header: float(moment) for moment, header in lines}
