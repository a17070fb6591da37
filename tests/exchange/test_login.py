"""`mfakit login` against the simulator, over HTTP."""

from __future__ import annotations

import json
import stat
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mfakit import get_session_token, read_session
from mfakit.errors import CodeRefusedError, UsageError


@pytest.fixture
def alice(aws, home, endpoint):
    """A user with a device, whose keys are the home's default profile."""
    user = aws.create_user("alice")
    home.write_credentials(
        f"# keys\n[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    user.device = user.enable_virtual_mfa()
    return user


def log_in(home, alice, *arguments: str, **environ: str):
    return home.mfakit("login", "--token-code", alice.device.code(), *arguments, **environ)


def refused(home, done, message: str, code: int = 1) -> None:
    """One line says what failed, one what to do; no session was kept."""
    assert done.returncode == code, done.stderr
    first, second = done.stderr.splitlines()
    assert message in first
    assert second.startswith("mfakit: try: ")
    assert done.stdout == ""
    assert "[mfa]" not in home.credentials.read_text()


def test_a_code_becomes_a_session_that_the_aws_cli_uses(home, alice) -> None:
    """The device is found by itself; the profile answers as the user."""
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert "logged in to profile mfa: ends in 11h59m" in done.stderr
    aws = home.run("aws", "--profile", "mfa", "sts", "get-caller-identity", "--endpoint-url",
                   home.environ["AWS_ENDPOINT_URL"])  # fmt: skip
    assert json.loads(aws.stdout)["Arn"] == alice.arn
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600
    assert home.credentials.read_text().startswith("# keys\n[default]\n")


def test_json_says_what_came_of_it_without_a_secret(home, alice) -> None:
    """In one line, for programs."""
    done = log_in(home, alice, "--json", "--duration", "1h")
    said = json.loads(done.stdout)
    end = datetime.fromisoformat(said.pop("expiration"))
    assert timedelta(minutes=59) < end - datetime.now(UTC) <= timedelta(hours=1)
    assert said == {
        "profile": "mfa",
        "account": "123456789012",
        "serial_number": alice.device.serial_number,
        "reused": False,
    }
    session = read_session("mfa", environ=home.environ)
    assert session.secret_access_key not in done.stdout + done.stderr
    assert session.session_token not in done.stdout + done.stderr


def test_a_session_that_is_not_due_is_kept(home, alice) -> None:
    """No code is asked for; --force and a new code renew."""
    log_in(home, alice)
    first = read_session("mfa", environ=home.environ)
    done = home.mfakit("login", "--json")
    assert json.loads(done.stdout)["reused"] is True
    assert read_session("mfa", environ=home.environ) == first
    assert json.loads(log_in(home, alice, "--json", "--force").stdout)["reused"] is False
    assert read_session("mfa", environ=home.environ) != first


def test_a_session_of_other_keys_is_not_kept(home, alice, aws) -> None:
    """What was asked for must agree with what is there."""
    log_in(home, alice)
    bob = aws.create_user("bob")
    home.write_credentials(
        home.credentials.read_text() + f"[bob]\naws_access_key_id = {bob.access_key_id}\n"
        f"aws_secret_access_key = {bob.secret_access_key}\n"
    )
    code = bob.enable_virtual_mfa().code()
    done = home.mfakit(
        "login", "--source-profile", "bob", "--token-code", "-", "--json", stdin=f"{code}\n"
    )
    assert json.loads(done.stdout)["reused"] is False


def test_leftovers_in_the_environment_do_not_get_in_the_way(home, alice) -> None:
    """A session in the variables is not what the next is made from."""
    leftovers = {
        "AWS_ACCESS_KEY_ID": "ASIAOLD",
        "AWS_SECRET_ACCESS_KEY": "old",
        "AWS_SESSION_TOKEN": "old",
    }
    assert log_in(home, alice, **leftovers).returncode == 0


def test_long_term_credentials_of_the_environment_serve(home, alice) -> None:
    """If no source profile was named."""
    home.write_credentials("")
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    done = log_in(home, alice, **keys)
    assert done.returncode == 0, done.stderr


def test_a_wrong_code_is_refused(home, alice) -> None:
    """It is not one of those that are valid now."""
    valid = {alice.device.code() for _ in range(3)}
    wrong = next(code for code in ("000000", "111111", "222222", "333333") if code not in valid)
    refused(home, home.mfakit("login", "--token-code", wrong), "AWS refused the code")


def test_a_code_serves_once(home, alice) -> None:
    """The second time it is refused, and the session stays."""
    code = alice.device.code()
    assert home.mfakit("login", "--token-code", code).returncode == 0
    before = home.credentials.read_bytes()
    done = home.mfakit("login", "--force", "--token-code", code)
    assert (done.returncode, "used before" in done.stderr) == (1, True)
    assert home.credentials.read_bytes() == before


@pytest.mark.parametrize(
    "code", ["12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16"]
)
def test_what_is_no_code_is_not_sent(home, alice, code: str) -> None:
    """Its form is known to be wrong."""
    refused(home, home.mfakit("login", "--token-code", code), "six digits", 64)


def test_a_device_of_somebody_else_is_refused(home, alice, aws) -> None:
    """So is one that does not exist: AWS tells neither from the other."""
    other = aws.create_user("bob").enable_virtual_mfa().serial_number
    done = log_in(home, alice, "--serial-number", other)
    refused(home, done, f"could not check a code of the device {other}")


def test_the_arn_of_a_user_is_caught(home, alice) -> None:
    """It is the commonest mistake; the hint is the device's."""
    done = log_in(home, alice, "--serial-number", alice.arn)
    refused(home, done, "is a user", 64)
    assert "mfa/alice" in done.stderr


def test_without_a_terminal_there_is_no_question(home, alice) -> None:
    """Then the error says how to give the code."""
    command = ["setsid", sys.executable, "-m", "mfakit", "login"]
    done = home.run(*command)
    refused(home, done, "no terminal")
    assert "--token-code" in done.stderr


def test_no_credentials(home) -> None:
    """The hint says how to put them there."""
    done = home.mfakit("login", "--token-code", "123456")
    assert done.returncode == 1
    assert "there is no profile 'default'" in done.stderr
    assert "aws configure" in done.stderr


def test_an_unknown_source_profile(home, alice) -> None:
    """It is named."""
    done = log_in(home, alice, "--source-profile", "nobody")
    refused(home, done, "there is no profile 'nobody'")


def test_long_term_credentials_are_never_overwritten(home, alice) -> None:
    """Nor is a code asked for."""
    done = home.mfakit("login", "--profile", "default")
    refused(home, done, "never overwritten")


def test_a_wrong_secret(home, alice) -> None:
    """AWS can tell it from an unknown key, and so can we."""
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice.access_key_id}\naws_secret_access_key = wrong\n"
    )
    done = log_in(home, alice, "--serial-number", alice.device.serial_number)
    refused(home, done, f"the secret of the access key {alice.access_key_id}")


def test_an_unknown_key(home, alice) -> None:
    """Deleted, inactive, or of another partition."""
    home.write_credentials("[default]\naws_access_key_id = AKIAX\naws_secret_access_key = s\n")
    done = log_in(home, alice, "--serial-number", alice.device.serial_number)
    refused(home, done, "AWS does not know the access key AKIAX")


@pytest.mark.parametrize(("minutes", "how"), [(20, "behind"), (-20, "ahead of")])
def test_a_clock_that_is_off(home, alice, aws, minutes: int, how: str) -> None:
    """How far, and which way."""
    aws.clock.skew(minutes=minutes)
    done = log_in(home, alice, "--serial-number", alice.device.serial_number)
    refused(home, done, "this machine's clock is ")
    assert f"{how} AWS" in done.stderr


def test_no_network(home, alice) -> None:
    """The endpoint is named."""
    done = log_in(
        home, alice, "--serial-number", alice.device.serial_number,
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )  # fmt: skip
    refused(home, done, "AWS cannot be reached")
    assert "127.0.0.1:9" in done.stderr


def test_a_duration_that_aws_refuses_is_not_sent(home, alice) -> None:
    """No code is spent on it."""
    refused(home, home.mfakit("login", "--duration", "37h"), "cannot last", 64)


def test_the_library_does_the_same(home, alice, monkeypatch) -> None:
    """Without keeping anything."""
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    code = alice.device.code()
    serial = alice.device.serial_number
    session = get_session_token(
        serial_number=serial, token_code=f"{code[:3]} {code[3:]}", duration=timedelta(hours=1)
    )
    assert session.access_key_id.startswith("ASIA")
    with pytest.raises(CodeRefusedError):
        get_session_token(serial_number=serial, token_code=code)
    with pytest.raises(UsageError):
        get_session_token(serial_number=serial, token_code="1")
