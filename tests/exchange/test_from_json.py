"""`mfakit login --from-json`: a session that the AWS CLI got is kept."""

from __future__ import annotations

import json

import pytest
from tests.exchange.conftest import log_in


def sts_output(key: str = "ASIA1", end: str = "2126-01-01T00:00:00+00:00") -> str:
    credentials = {
        "AccessKeyId": key,
        "SecretAccessKey": "TOPSECRET",
        "SessionToken": "token",
        "Expiration": end,
    }
    return json.dumps({"Credentials": credentials})


def test_the_output_of_the_aws_cli_can_be_kept(home, tmp_path) -> None:
    """From standard input or a file; it is a session like any other then."""
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
def test_what_is_no_session_is_not_kept(home, text: str) -> None:
    """Nor shown: it may hold a secret all the same."""
    done = home.mfakit("login", "--from-json", "-", stdin=text)
    assert done.returncode == 1
    assert "TOPSECRET" not in done.stderr
    assert not home.credentials.exists()


def test_options_of_an_exchange_have_no_meaning_beside_it(home) -> None:
    """A flag that does nothing would mislead."""
    done = home.mfakit("login", "--from-json", "-", "--duration", "1h", stdin=sts_output())
    assert (done.returncode, "--duration has no meaning" in done.stderr) == (64, True)


def test_a_simulators_session_does_not_replace_one_of_aws(home, alice) -> None:
    """Unless it is asked to; one that has ended is no loss."""
    home.mfakit("login", "--from-json", "-", stdin=sts_output())
    before = home.credentials.read_bytes()
    code = alice.device.code()
    done = home.mfakit("login", "--token-code", code)
    assert (done.returncode, "holds a live AWS session" in done.stderr) == (1, True)
    assert home.credentials.read_bytes() == before
    assert home.mfakit("login", "--force", "--token-code", code).returncode == 0
    home.mfakit("login", "--from-json", "-", stdin=sts_output(end="2020-01-01T00:00:00Z"))
    assert log_in(home, alice).returncode == 0
