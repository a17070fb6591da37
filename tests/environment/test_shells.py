"""A session as environment variables, evaluated by the real shells."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfakit import SessionCredentials, render_environment, render_unset
from mfakit.errors import UsageError

SHELLS = [("sh", "bash"), ("sh", "dash"), ("sh", "zsh"), ("fish", "fish")]
NAMES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
VALUES = st.text(
    st.characters(categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("'\"$`\\!%^{}()*~#&|; "),
    min_size=1,
).filter(str.isprintable)
END = datetime(2026, 11, 22, 18, tzinfo=UTC)


def evaluate(program: str, script: str, shown: tuple[str, ...] = NAMES) -> list[str]:
    """Let the shell evaluate the script, and say what its children see."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    printer = " ".join(f'"${{{name}-none}}"' for name in shown)
    script += f"exec sh -c 'printf \"%s\\n\" {printer}'\n"
    done = subprocess.run(
        [found, "-c", script],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "AWS_PROFILE": "other"},
        encoding="utf-8",
    )
    return done.stdout.removesuffix("\n").split("\n")


@pytest.mark.parametrize(("shell", "program"), SHELLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=VALUES, token=VALUES)
def test_any_value_comes_back_unchanged(shell: str, program: str, secret: str, token: str) -> None:
    """Whatever stands in a value, the shell neither expands nor runs it."""
    session = SessionCredentials("ASIA1", secret, token, END)
    assert evaluate(program, render_environment(session, shell)) == [secret, token]


@pytest.mark.parametrize(("shell", "program"), SHELLS)
def test_what_contradicts_the_session_is_unset(shell: str, program: str) -> None:
    """A profile in the environment would win over the session in some SDKs."""
    session = SessionCredentials("ASIA1", "secret", "token", END)
    script = render_environment(session, shell, region="eu-west-1", profile="mfa")
    names = ("AWS_PROFILE", "AWS_CREDENTIAL_EXPIRATION", "MFAKIT_PROFILE", "AWS_REGION")
    assert evaluate(program, script, names) == ["none", "2026-11-22T18:00:00Z", "mfa", "eu-west-1"]


@pytest.mark.parametrize(("shell", "program"), SHELLS)
def test_unset_takes_all_of_it_out(shell: str, program: str) -> None:
    """After it, nothing of the session is left in the shell."""
    session = SessionCredentials("ASIA1", "secret", "token", END)
    script = render_environment(session, shell, region="eu-west-1", profile="mfa")
    assert evaluate(program, script + render_unset(shell)) == ["none", "none"]


def test_powershell_doubles_each_kind_of_quote() -> None:
    """PowerShell takes typographic single quotes for plain ones."""
    session = SessionCredentials("ASIA1", "a'b\u2019c$(d)`e", "token", END)
    assert "$Env:AWS_SECRET_ACCESS_KEY = 'a''b\u2019\u2019c$(d)`e'\n" in render_environment(
        session, "powershell"
    )


@pytest.mark.parametrize("value", ["100%", 'a"b', "a!b"])
def test_cmd_refuses_what_its_syntax_cannot_hold(value: str) -> None:
    """There is no one escape for both the prompt and a batch file."""
    with pytest.raises(UsageError, match="cmd cannot"):
        render_environment(SessionCredentials("ASIA1", value, "token", END), "cmd")


def test_cmd_sets_and_unsets_in_quotes() -> None:
    """In the quotes & and ^ mean nothing."""
    session = SessionCredentials("ASIA1", "a&b^c", "token", END)
    assert 'set "AWS_SECRET_ACCESS_KEY=a&b^c"\n' in render_environment(session, "cmd")
    assert 'set "AWS_SESSION_TOKEN="\n' in render_unset("cmd")


def test_an_unknown_shell_is_refused() -> None:
    """The error lists those that are known."""
    with pytest.raises(UsageError) as caught:
        render_unset("korn")
    assert "powershell" in caught.value.hint
