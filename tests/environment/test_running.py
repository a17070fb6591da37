"""The library's `run_command` and `render_profile`, with real programs and shells."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

import mfakit
from mfakit.environment import SHELLS

pytestmark = pytest.mark.pythons

END = datetime(2126, 11, 22, 18, tzinfo=UTC)
RUN = """
import sys, mfakit
from datetime import UTC, datetime
session = mfakit.SessionCredentials("ASIA1", "secret", "token", datetime(2126, 11, 22, tzinfo=UTC))
try:
    mfakit.run_command(sys.argv[1:], session, region="eu-west-1", profile="team")
except mfakit.MFAKitError as error:
    print(error.message)
    raise SystemExit(error.exit_code)
"""


def test_run_command_runs_with_the_session_and_nothing_that_contradicts_it(home) -> None:
    """The command replaces the process, whose exit code is the command's."""
    script = "env | grep -E '^(AWS|MFAKIT)_' | sort; exit 7"
    command = [sys.executable, "-c", RUN, "sh", "-c", script]
    done = home.run(*command, AWS_PROFILE="other", AWS_SECURITY_TOKEN="old")
    assert done.returncode == 7
    assert done.stdout.splitlines() == [
        "AWS_ACCESS_KEY_ID=ASIA1",
        "AWS_CREDENTIAL_EXPIRATION=2126-11-22T00:00:00Z",
        "AWS_DEFAULT_REGION=eu-west-1",
        "AWS_EC2_METADATA_DISABLED=true",
        "AWS_PAGER=",
        "AWS_REGION=eu-west-1",
        "AWS_SECRET_ACCESS_KEY=secret",
        "AWS_SESSION_TOKEN=token",
        "MFAKIT_PROFILE=team",
    ]


def test_run_command_raises_errors_with_a_shells_exit_codes(home) -> None:
    """They are 127 for a missing program, and 126 for one that cannot be run."""
    for program, code in ("no-such-program", 127), (str(home.folder), 126):
        done = home.run(sys.executable, "-c", RUN, program)
        assert (done.returncode, program in done.stdout) == (code, True)


def test_render_profile_replaces_keys_in_a_real_shell(home) -> None:
    """The quotes in its name do no harm."""
    text = mfakit.render_profile("it's $HOME", "sh")
    show = 'echo "$AWS_PROFILE/${AWS_ACCESS_KEY_ID-}${AWS_SESSION_TOKEN-}${AWS_DEFAULT_PROFILE-}"'
    keys = {"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SESSION_TOKEN": "t", "AWS_DEFAULT_PROFILE": "x"}
    assert home.run("sh", "-euc", text + show, **keys).stdout == "it's $HOME/\n"


def test_render_profile_works_in_every_shell() -> None:
    """A name that the syntax cannot hold, or with a control character, is refused."""
    for shell in SHELLS:
        assert "payments" in mfakit.render_profile("payments", shell).splitlines()[-1]
    for name, shell in ("100%", "cmd"), ("a\nb", "sh"), ("a", "dotenv"):
        with pytest.raises(mfakit.MFAKitError):
            mfakit.render_profile(name, shell)
