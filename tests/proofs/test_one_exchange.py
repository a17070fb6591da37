"""Many SDK processes at once, each given only a config file, and one code for all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROCESSES = 32
# It waits for the others before it asks, so that all of them find no session.
PROGRAM = """
import sys, boto3
sts = boto3.Session(profile_name="mfa")
print("ready", flush=True)
sys.stdin.readline()
print(sts.client("sts").get_caller_identity()["Arn"])
"""


def test_thirty_two_sdk_processes_lead_to_one_exchange(home, aws, alice) -> None:
    """The token command runs once, and each process makes its call as that user."""
    programs = str(Path(sys.executable).parent)
    home.environ["PATH"] = os.pathsep.join([programs, home.environ["PATH"]])
    runs = home.folder / "runs"
    token = home.folder / "token"
    token.write_text(f"#!/bin/sh\necho >> {runs}\nsleep 1\necho {alice.device.code()}\n")
    token.chmod(0o755)
    home.write_config(
        "[profile mfa]\ncredential_process = mfakit credential-process --profile mfa\n"
        f"mfa_serial = {alice.device.serial_number}\nmfakit_token_command = {token}\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=home.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in processes]
    assert [out for out, _ in said] == [f"{alice.arn}\n"] * PROCESSES, said[0][1]
    calls = [call.operation for call in aws.calls]
    assert calls.count("GetSessionToken") == 1
    assert runs.read_text() == "\n"
