"""Logins that come to nothing: what failed in one line, what to do in another."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.exchange.conftest import log_in, refused


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


def test_a_serial_number_that_is_none(home, alice) -> None:
    """It is caught before a code is asked for; what steers terminals is escaped."""
    home.write_config("[profile mfa]\nmfa_serial = \x1b[31marn\n")
    done = home.mfakit("login")
    refused(home, done, "is no serial number", 64)
    assert "\x1b" not in done.stderr


def test_without_a_terminal_there_is_no_question(home, alice) -> None:
    """Then the error says how to give the code."""
    command = ["setsid", sys.executable, "-m", "mfakit", "login"]
    done = home.run(*command)
    refused(home, done, "no terminal")
    assert "--token-code" in done.stderr


def test_a_code_and_a_token_command_exclude_each_other(home, alice) -> None:
    """One of them would be ignored."""
    done = log_in(home, alice, "--token-command", "echo 123456")
    refused(home, done, "exclude each other", 64)


def test_no_credentials(home) -> None:
    """The hint says how to put them there."""
    done = home.mfakit("login", "--token-code", "123456")
    assert done.returncode == 1
    assert "there is no profile 'default'" in done.stderr
    assert "aws configure" in done.stderr


def test_a_file_that_boto3_cannot_read(home, alice) -> None:
    """Such as one with a byte-order mark, which an editor on Windows has put there."""
    home.credentials.write_text(home.credentials.read_text(), encoding="utf-8-sig")
    done = log_in(home, alice)
    refused(home, done, "boto3 cannot read the AWS files")
    assert "mfakit explain" in done.stderr
    assert "sed " in home.mfakit("explain").stdout


def test_an_unknown_source_profile(home, alice) -> None:
    """It is named."""
    done = log_in(home, alice, "--source-profile", "nobody")
    refused(home, done, "there is no profile 'nobody'")


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


def test_a_refused_code_and_a_clock_that_is_off(home, alice, aws) -> None:
    """What a token command prints is of this machine's clock, so it is said."""
    serial = alice.device.serial_number
    aws.clock.skew(minutes=7)
    done = home.mfakit("login", "--serial-number", serial, "--token-code", "000000")
    refused(home, done, "used before elsewhere (this machine's clock is ")
    assert "behind AWS)" in done.stderr


def test_no_network(home, alice) -> None:
    """The endpoint is named."""
    done = log_in(
        home, alice, "--serial-number", alice.device.serial_number,
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )  # fmt: skip
    refused(home, done, "AWS cannot be reached")
    assert "127.0.0.1:9" in done.stderr


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"AWS_ENDPOINT_URL": "notaurl"}, "makes no sense"),
        ({"AWS_ENDPOINT_URL": "http://u:hunter2@127.0.0.1:9"}, "cannot be reached"),
        ({"AWS_ENDPOINT_URL": "", "AWS_DEFAULT_REGION": "bad region/"}, "could not be made"),
    ],
)
def test_a_strange_environment(home, alice, environ, message) -> None:
    """Two lines, and no password of an endpoint in them."""
    done = log_in(home, alice, "--serial-number", alice.device.serial_number, **environ)
    refused(home, done, message)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("answer", ["truncated", "portal"])
def test_an_answer_that_makes_no_sense_shows_nothing_of_it(home, alice, answer) -> None:
    """It may hold the secret that was cut short."""
    body = {
        "truncated": b"<GetSessionTokenResponse><GetSessionTokenResult><Credentials>"
        b"<SecretAccessKey>TOPSECRET</SecretAccessKey><SessionTok",
        "portal": b"<html><body>TOPSECRET please sign in</body></html>",
    }[answer]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://user:hunter2@127.0.0.1:{server.server_port}"
        done = log_in(
            home, alice, "--serial-number", alice.device.serial_number, AWS_ENDPOINT_URL=url
        )
        server.shutdown()
    refused(home, done, "what answered was not AWS, or not whole")
    assert "TOPSECRET" not in done.stderr


def test_a_duration_that_aws_refuses_is_not_sent(home, alice) -> None:
    """No code is spent on it."""
    refused(home, home.mfakit("login", "--duration", "37h"), "cannot last", 64)


def test_long_term_credentials_are_never_overwritten(home, alice) -> None:
    """Nor is a code asked for."""
    done = home.mfakit("login", "--profile", "default")
    refused(home, done, "never overwritten")


def test_keys_of_the_config_file_are_protected_too(home, alice) -> None:
    """A session in the credentials file would shadow them."""
    home.config.write_text(home.credentials.read_text())
    home.write_credentials("")
    refused(home, log_in(home, alice, "--profile", "default"), "never overwritten")


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("role_arn = arn:aws:iam::1:role/r\nsource_profile = default\n", "assumes the role"),
        ("sso_start_url = https://example.awsapps.com/start\n", "IAM Identity Center"),
        ("credential_process = other-tool\n", "from another program"),
    ],
)
def test_profiles_where_keys_do_not_count_are_refused(home, alice, section, why) -> None:
    """AWS tools would not use a session there."""
    home.write_config(f"[profile dev]\n{section}")
    refused(home, log_in(home, alice, "--profile", "dev"), why)


def test_a_file_that_was_emptied_is_refused_before_the_code_is_used(home, alice, aws) -> None:
    """Its keys may be lost, or in a keychain by now; the code is as good as before."""
    assert log_in(home, alice).returncode == 0
    home.write_credentials("")
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    serial = alice.device.serial_number
    command = ["login", "--force", "--serial-number", serial, "--token-code", alice.device.code()]
    done = home.mfakit(*command, **keys)
    assert done.returncode == 1
    assert "is empty, but was not" in done.stderr
    home.credentials.unlink()
    assert home.mfakit(*command, **keys).returncode == 0
