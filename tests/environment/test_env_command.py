"""`mfakit env`, as shells use it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest

from mfakit import SessionCredentials, write_session


def keep(home, profile: str = "mfa", hours: float = 1) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    session = SessionCredentials("ASIA1", "secret", "token", end)
    write_session(profile, session, environ=home.environ)


@pytest.mark.parametrize("program", ["bash", "dash", "zsh"])
def test_eval_takes_the_session_into_the_shell(home, program: str) -> None:
    """The shell that asked is found by itself."""
    keep(home)
    line = f'eval "$({sys.executable} -m mfakit env)" && echo "$AWS_SESSION_TOKEN $MFAKIT_PROFILE"'
    assert home.run(program, "-c", line).stdout == "token mfa\n"


def test_fish_can_source_it(home) -> None:
    """Fish has a syntax of its own."""
    keep(home)
    line = f'{sys.executable} -m mfakit env | source; and echo "$AWS_SESSION_TOKEN"'
    assert home.run("fish", "-c", line).stdout == "token\n"


@pytest.mark.parametrize(("hours", "code"), [(-1, 2), (None, 3)])
@pytest.mark.parametrize("shell", ["sh", "fish"])
def test_a_failure_is_not_swallowed_by_eval(
    home, shell: str, hours: float | None, code: int
) -> None:
    """A script must not go on with other credentials because the session is gone."""
    if hours is not None:
        keep(home, hours=hours)
    done = home.mfakit("env", "--shell", shell)
    assert (done.stdout, done.returncode) == ("false\n", code)
    assert "try: log in" in done.stderr
    line = f'eval "$({sys.executable} -m mfakit env)" || echo stopped'
    assert home.run("sh", "-c", line).stdout == "stopped\n"


def test_the_profile_is_the_one_that_aws_profile_leads_to(home) -> None:
    """From long-term credentials to the session made of them."""
    home.write_credentials("[work]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    keep(home, "work-mfa")
    done = home.mfakit("env", "--shell", "sh", AWS_PROFILE="work")
    assert "export MFAKIT_PROFILE='work-mfa'\n" in done.stdout


def test_the_region_of_the_profile_goes_with_it(home) -> None:
    """Both names, for SDKs differ."""
    keep(home)
    home.write_config("[profile mfa]\nregion = eu-west-1\n")
    done = home.mfakit("env", "--shell", "sh")
    assert "export AWS_REGION='eu-west-1'\nexport AWS_DEFAULT_REGION='eu-west-1'\n" in done.stdout
