"""Thirty-two processes that need the same session at once: one question, one exchange."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from tests.exchange.conftest import TerminalProcess

PROCESSES = 32
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs a pseudo-terminal")


@pytest.fixture
def alice(aws, home, endpoint):
    user = aws.create_user("alice")
    device = user.enable_virtual_mfa()
    user.device = device
    home.write_credentials(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    home.write_config(f"[default]\nmfa_serial = {device.serial_number}\n")
    return user


def exchanges(aws) -> int:
    return [call.operation for call in aws.calls].count("GetSessionToken")


def outcomes(home) -> list[bool]:
    """Return for each process whether it used another's session."""
    found = [json.loads(path.read_text()) for path in home.folder.glob("out.*")]
    return [said["reused"] for said in found]


def test_one_process_asks_and_all_get_the_session(home, alice, aws) -> None:
    login = f'{sys.executable} -m mfakit login --json > "$HOME/out.$n"'
    script = f"n=0; while [ $n -lt {PROCESSES} ]; do n=$((n+1)); ( {login} ) & done; wait; echo end"
    terminal = TerminalProcess(["sh", "-c", script], home.environ)
    try:
        terminal.read_until("MFA code for ")
        seen = terminal.read_until("waiting for process ", seconds=60)
        time.sleep(5)
        assert seen.count("MFA code for ") == 1
        terminal.type(f"{alice.device.code()}\n")
        seen = terminal.read_until("\r\nend", seconds=90)
        assert "MFA code for " not in seen
    finally:
        terminal.close()
    assert sorted(outcomes(home)) == [False] + [True] * (PROCESSES - 1)
    assert exchanges(aws) == 1


def test_one_process_runs_the_token_command(home, alice, aws) -> None:
    """It would print its code to each of them."""
    runs = home.folder / "runs"
    program = home.folder / "token"
    program.write_text(f"#!/bin/sh\necho run >> {runs}\necho {alice.device.code()}\n")
    program.chmod(0o755)
    command = [sys.executable, "-m", "mfakit", "login", "--json", "--token-command", str(program)]
    started = [
        subprocess.Popen(
            command,
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    answers = [process.communicate(timeout=90) for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES, answers
    reused = [json.loads(out)["reused"] for out, _ in answers]
    assert sorted(reused) == [False] + [True] * (PROCESSES - 1)
    assert runs.read_text().split() == ["run"]
    assert exchanges(aws) == 1
