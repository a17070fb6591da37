"""A session handed to one command, and a role's profile to a shell, by programs of others."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

import mfakit
from mfakit.environment.formats import SHELLS

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


def test_a_command_runs_with_the_session_and_nothing_that_contradicts_it(home) -> None:
    """It takes the place of the process: its exit code is the process's."""
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


def test_what_cannot_be_run_is_an_error_with_a_shells_exit_code(home) -> None:
    """127 if there is none, 126 if it is no program."""
    for program, code in ("no-such-program", 127), (str(home.folder), 126):
        done = home.run(sys.executable, "-c", RUN, program)
        assert (done.returncode, program in done.stdout) == (code, True)


def test_a_profile_takes_the_place_of_keys_in_a_shell(home) -> None:
    """In a real one; the quotes of its name do no harm."""
    text = mfakit.render_profile("it's $HOME", "sh")
    show = 'echo "$AWS_PROFILE/${AWS_ACCESS_KEY_ID-}${AWS_SESSION_TOKEN-}${AWS_DEFAULT_PROFILE-}"'
    keys = {"AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SESSION_TOKEN": "t", "AWS_DEFAULT_PROFILE": "x"}
    assert home.run("sh", "-euc", text + show, **keys).stdout == "it's $HOME/\n"


def test_every_shell_can_be_told_of_a_profile() -> None:
    """But where its syntax cannot hold the name, or that has a control character."""
    for shell in SHELLS:
        assert "payments" in mfakit.render_profile("payments", shell).splitlines()[-1]
    for name, shell in ("100%", "cmd"), ("a\nb", "sh"), ("a", "dotenv"):
        with pytest.raises(mfakit.MFAKitError):
            mfakit.render_profile(name, shell)
