"""Many processes that write sessions into one file at the same time."""

from __future__ import annotations

import subprocess
import sys

WRITER = """
import datetime, sys, time, mfakit
end = datetime.datetime(2126, 1, 1, tzinfo=datetime.UTC)
name, writes, profiles = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(writes):
    profile = f"{name}-{number % profiles}"
    if number >= profiles:
        kept = mfakit.read_session(profile).access_key_id
        assert kept == f"ASIA{number - profiles}", f"{profile} is {kept} before write {number}"
    session = mfakit.SessionCredentials(f"ASIA{number}", "secret", "token", end)
    mfakit.write_session(profile, session)
    print(time.monotonic(), f"[{profile}]", flush=True)
"""


def write_with_many(
    environ: dict[str, str], writers: int, sessions: int, renewals: int = 0
) -> dict[str, float]:
    """Start many processes that each write sessions of their own to one file.

    Args:
        environ: the environment that leads to the file.
        writers: how many processes.
        sessions: how many profiles each of them writes a session for.
        renewals: how often each session is renewed. Before that, its process checks that the one
            before is in the file, which nobody else may have changed.

    Returns:
        The header of each session, and the time on the monotonic clock when its write had ended.
    """
    writes = sessions * (1 + renewals)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, f"writer{number}", str(writes), str(sessions)],
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
