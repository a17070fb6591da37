"""`mfakit login --from-json` writes a session that the AWS CLI got."""

from __future__ import annotations

import json

import pytest
from tests.exchange.conftest import Person, log_in

from mfakit.errors import ProfileError
from mfakit.exchange.login import login
from mfakit.exchange.recipe import LoginRequest
from mfakit.profiles.profile import open_profile


def sts_output(key: str = "ASIA1", end: str = "2126-01-01T00:00:00+00:00") -> str:
    credentials = {
        "AccessKeyId": key,
        "SecretAccessKey": "TOPSECRET",
        "SessionToken": "token",
        "Expiration": end,
    }
    return json.dumps({"Credentials": credentials})


def test_from_json_writes_the_session_that_the_aws_cli_printed(home, tmp_path) -> None:
    """It comes from standard input or a file, and is then a session like any other."""
    path = tmp_path / "output.json"
    path.write_text(sts_output())
    for name, stdin in (("-", sts_output()), (str(path), None)):
        done = home.mfakit("login", "--from-json", name, "--json", stdin=stdin)
        assert json.loads(done.stdout)["expiration"] == "2126-01-01T00:00:00Z"
        assert home.mfakit("check").returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TOPSECRET",
        "[]",
        '{"Credentials": "TOPSECRET"}',
        sts_output("AKIA1"),
        sts_output(end=""),
    ],
)
def test_from_json_refuses_input_that_is_not_a_session(home, text: str) -> None:
    """The error does not show the input, since it may hold a secret."""
    done = home.mfakit("login", "--from-json", "-", stdin=text)
    assert done.returncode == 1
    assert "TOPSECRET" not in done.stderr
    assert not home.credentials.exists()


def test_from_json_keeps_no_session_that_has_ended(home) -> None:
    """A live one would be lost for it."""
    assert home.mfakit("login", "--from-json", "-", stdin=sts_output()).returncode == 0
    before = home.credentials.read_text()
    ended = sts_output("ASIA2", "2022-06-21T10:22:35+00:00")
    done = home.mfakit("login", "--from-json", "-", stdin=ended)
    assert done.returncode == 2
    assert "this session has expired" in done.stderr
    assert done.stderr.endswith("log in for another: mfakit login --profile mfa\n")
    assert home.credentials.read_text() == before


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--duration", "1h"),
        ("--role-session-name", "alice"),
        ("--external-id", "e-1"),
        ("--source-identity", "alice"),
        ("--tag", "team=blue"),
    ],
)
def test_from_json_refuses_the_options_of_an_exchange(home, flag: str, value: str) -> None:
    """A flag without effect would mislead."""
    done = home.mfakit("login", "--from-json", "-", flag, value, stdin=sts_output())
    assert (done.returncode, f"{flag} has no meaning" in done.stderr) == (64, True)


def test_a_simulators_session_replaces_a_live_aws_session_only_with_force(home, alice) -> None:
    """An expired session is no loss."""
    home.mfakit("login", "--from-json", "-", stdin=sts_output())
    before = home.credentials.read_bytes()
    code = alice.device.code()
    done = home.mfakit("login", "--token-code", code)
    assert (done.returncode, "holds a live AWS session" in done.stderr) == (1, True)
    assert home.credentials.read_bytes() == before
    assert home.mfakit("login", "--force", "--token-code", code).returncode == 0
    home.mfakit("login", "--from-json", "-", stdin=sts_output(end="2020-01-01T00:00:00Z"))
    assert log_in(home, alice).returncode == 0


def test_a_live_aws_session_that_comes_while_a_login_waits_is_kept(here, alice) -> None:
    class Slow(Person):
        def check(self) -> None:
            here.mfakit("login", "--from-json", "-", stdin=sts_output())

    with pytest.raises(ProfileError, match="holds a live AWS session"):
        login(open_profile("mfa", here.environ), LoginRequest(asker=Slow(alice.device.code())))
    assert here.mfakit("check").returncode == 0
