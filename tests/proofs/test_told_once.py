"""A hundred checks at once on one home send each notification once, and lose nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests.forking import as_program, run_forked
from tests.listener import Listener

from mfakit import SessionCredentials, write_session

CHECKS = 100
LOADED = "import apprise; apprise.Apprise('json://localhost')"  # the latter loads its plugins
PROFILES = {"mfa": 10, "work-mfa": 15, "ended-mfa": -5}


def test_a_hundred_checks_at_once_send_each_notification_once(home) -> None:
    """They send those of three sessions by two ways, and later checks send nothing."""
    pytest.importorskip("apprise")
    now = datetime.now(UTC).replace(microsecond=0)
    for number, (profile, minutes) in enumerate(PROFILES.items()):
        end = now + timedelta(minutes=minutes)
        write_session(
            profile, SessionCredentials(f"ASIA{number}", "s", "t", end), environ=home.environ
        )
    heard = home.folder / "heard"
    program = home.folder / "hear"
    program.write_text(f'#!/bin/sh\necho "$MFAKIT_PROFILE" >> "{heard}"\n')
    program.chmod(0o755)
    command = [sys.executable, "-m", "mfakit", "check", "--all", "--notify", "env"]
    command += ["--on-expiring", str(program)]
    with Listener() as listener:
        environ = home.environ | {"MFAKIT_NOTIFY": listener.url}
        checks = run_forked(CHECKS, environ, LOADED, as_program(*command[3:]))
        assert [check.returncode for check in checks] == [2] * CHECKS
        last = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        renewals = sorted(message["message"].split()[-1] for message in listener.messages)
    assert [check.stderr for check in checks] == [""] * CHECKS
    assert last.stderr == ""
    assert renewals == sorted(PROFILES)
    assert sorted(heard.read_text().split()) == sorted(PROFILES)
    kept = [
        path.read_text()
        for path in (home.credentials.parent / "mfakit" / "told").iterdir()
        if path.suffix != ".lock"
    ]
    assert len(kept) == len(PROFILES)
    assert all(len(text.splitlines()) == 4 for text in kept)
