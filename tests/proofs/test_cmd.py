"""cmd.exe takes a session: the real one, or wine's, which stands in for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mfakit import SessionCredentials, render_environment, render_unset


@pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed")
def test_cmd_sets_and_unsets_the_session(tmp_path: Path) -> None:
    session = SessionCredentials("ASIA1", "a b&c|d", "t^o/k=en", datetime(2126, 1, 1, tzinfo=UTC))
    script = tmp_path / "session.bat"
    given, taken = render_environment(session, "cmd"), render_unset("cmd")
    script.write_text(f"@echo off\n{given}set AWS_\n{taken}echo --\nset AWS_\n")
    home = {"HOME": str(tmp_path), "WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = ["wine", "cmd", "/c", str(script)]
    done = subprocess.run(command, check=False, env=kept | home, capture_output=True, text=True)
    given, _, left = done.stdout.partition("--")
    assert "AWS_ACCESS_KEY_ID=ASIA1\n" in given
    assert "AWS_SECRET_ACCESS_KEY=a b&c|d\n" in given
    assert "AWS_SESSION_TOKEN=t^o/k=en\n" in given
    assert "AWS_" not in left
