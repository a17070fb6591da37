"""Many SDK processes at once, each given only a config file, and one code for all of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.forking import run_forked

PROCESSES = 32
PROGRAM = """
import boto3
print(boto3.Session(profile_name="mfa").client("sts").get_caller_identity()["Arn"])
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
    done = run_forked(PROCESSES, home.environ, "import boto3", PROGRAM)
    assert [one.stdout for one in done] == [f"{alice.arn}\n"] * PROCESSES, done[0].stderr
    calls = [call.operation for call in aws.calls]
    assert calls.count("GetSessionToken") == 1
    assert runs.read_text() == "\n"
