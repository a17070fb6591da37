"""Sixty-four processes that write sessions to one file, alone and beside foreign writers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.writers import write_with_many

LONG_TERM = "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n"
# Reads, empties, waits and writes, as other tools do; until its standard input is closed.
FOREIGN = """
import select, sys, time
count = 0
while not select.select([sys.stdin], [], [], 0.4)[0]:
    with open(sys.argv[1]) as file:
        text = file.read()
    if not text:
        continue
    count += 1
    text = text.partition("# theirs")[0] + f"# theirs {count}\\n"
    with open(sys.argv[1], "w") as file:
        time.sleep(0.002)
        file.write(text)
with open(sys.argv[2], "w") as file:
    file.write(f"{time.monotonic()}\\n{text}")
"""
AWS = """
n=0
while read -t 0.4 -u 0 line || [ $? -gt 128 ]; do
    n=$((n+1))
    aws configure set aws_access_key_id AKIA$n --profile theirs
done
"""


def test_sixty_four_of_our_processes_lose_no_session(home) -> None:
    """Each of 1,280 writes is in the file until its process renews it, or to the end.

    The long-term credentials stay too.
    """
    home.write_credentials(LONG_TERM)
    written = write_with_many(home.environ, writers=64, sessions=2, renewals=9)
    text = home.credentials.read_text()
    assert len(written) == 128
    assert text.startswith(LONG_TERM)
    assert all(header in text for header in written)
    assert text.count("aws_access_key_id = ASIA18\n") == 64
    assert text.count("aws_access_key_id = ASIA19\n") == 64


def test_no_session_is_lost_beside_a_writer_that_empties_the_file_first(
    home, tmp_path: Path
) -> None:
    """The file has that writer's last content, and all that was written after it."""
    home.write_credentials(LONG_TERM)
    last = tmp_path / "last"
    command = [sys.executable, "-c", FOREIGN, str(home.credentials), str(last)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as foreign:
        # with more, the foreign writer may wait longer for a processor than a write is patient
        written = write_with_many(home.environ, writers=24, sessions=20)
        assert foreign.poll() is None
        foreign.communicate()
    moment, _, theirs = last.read_text().partition("\n")
    text = home.credentials.read_text()
    assert text.startswith(LONG_TERM)
    for header, when in written.items():
        if header in theirs or when > float(moment):
            assert header in text


@pytest.mark.skipif(sys.platform == "win32", reason="the loop is one of bash")
def test_no_value_is_lost_beside_the_aws_cli_in_a_loop(home) -> None:
    """The long-term credentials and its own values are there, and the file is whole."""
    home.write_credentials(LONG_TERM)
    with subprocess.Popen(["bash", "-c", AWS], env=home.environ, stdin=subprocess.PIPE) as foreign:
        written = write_with_many(home.environ, writers=64, sessions=5)
        foreign.communicate()
    text = home.credentials.read_text()
    assert text.startswith(LONG_TERM)
    assert "[theirs]" in text
    lost = [header for header in written if header not in text]
    # each of its writes puts back what it read up to half a second before
    assert len(lost) < len(written) / 2
