"""`mfakit login` against the simulator, over HTTP."""

from __future__ import annotations

import json
import stat
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from mfakit import get_session_token, read_session
from mfakit.errors import CodeRefusedError, UsageError


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
    assert "logged in to profile mfa with the keys of profile 'default': ends" in done.stderr
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


def test_a_refused_code_and_a_clock_that_is_off(home, alice, aws) -> None:
    """What a token command prints is of this machine's clock, so it is said."""
    serial = alice.device.serial_number
    aws.clock.skew(minutes=7)
    done = home.mfakit("login", "--serial-number", serial, "--token-code", "000000")
    refused(home, done, "used before elsewhere (this machine's clock is ")
    assert "behind AWS)" in done.stderr


def test_a_code_and_a_command_for_it_are_one_too_many(home, alice) -> None:
    """One of them would be ignored."""
    done = log_in(home, alice, "--token-command", "echo 123456")
    refused(home, done, "one too many", 64)


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


@pytest.mark.parametrize("variable", ["region = us-east-1", "aws_session_token_x = a"])
def test_a_session_is_readable_whatever_the_section_looked_like(home, alice, variable) -> None:
    """A key indented like the first of the section would be swallowed by the last."""
    home.write_credentials(f"{home.credentials.read_text()}[mfa]\n    {variable}\noutput = json\n")
    assert log_in(home, alice).returncode == 0
    assert home.mfakit("check").returncode == 0


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


def test_the_environment_gives_way_to_the_profile_that_is_meant(home, alice) -> None:
    """`work-mfa` is made from `work`, whatever the variables hold."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[work]"))
    others = {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "other"}
    done = log_in(home, alice, "--profile", "work-mfa", **others)
    assert done.returncode == 0, done.stderr
    assert "with the keys of profile 'work'" in done.stderr


def test_no_code_is_spent_on_a_file_that_cannot_be_written(home, alice) -> None:
    """It is found out first: the same code serves afterwards."""
    lock = home.credentials.with_name("credentials.lock")
    lock.mkdir()
    code = alice.device.code()
    refused(home, home.mfakit("login", "--token-code", code), "cannot write")
    lock.rmdir()
    assert home.mfakit("login", "--token-code", code).returncode == 0


def test_a_record_that_cannot_be_kept_is_only_a_note(home, alice) -> None:
    """The session is there, and that is what was asked for."""
    home.credentials.with_name("mfakit").write_text("in the way")
    done = log_in(home, alice)
    assert done.returncode == 0
    assert "the session is kept, but not how it was made" in done.stderr
    assert home.mfakit("check").returncode == 0


@pytest.mark.parametrize("section", ["[profile mfa]", "[default]"])
def test_the_duration_may_stand_in_the_config(home, alice, section) -> None:
    """Of the session profile, or of the source profile."""
    home.write_config(f"{section}\nmfakit_duration = 1h\n")
    assert "ends in 59m" in log_in(home, alice).stderr
    home.write_config(f"{section}\nmfakit_duration = soon\n")
    done = log_in(home, alice)
    assert (done.returncode, "mfakit_duration in" in done.stderr) == (64, True)


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


@pytest.mark.parametrize("named", ["mfa", "nosuch", ""])
def test_aws_profile_may_name_what_is_still_to_be_made(home, alice, named: str) -> None:
    """With the keys in the environment, where boto3 would look for that profile, and fail."""
    home.write_credentials("")
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    done = log_in(home, alice, AWS_PROFILE=named, **keys)
    assert done.returncode == 0, done.stderr
    assert read_session(named or "mfa", environ=home.environ)


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


def test_a_serial_number_that_is_none(home, alice) -> None:
    """It is caught before a code is asked for; what steers terminals is escaped."""
    home.write_config("[profile mfa]\nmfa_serial = \x1b[31marn\n")
    done = home.mfakit("login")
    refused(home, done, "is no serial number", 64)
    assert "\x1b" not in done.stderr


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


def test_logout_removes_the_session_and_says_what_stays(home, alice) -> None:
    """AWS honours it until it expires."""
    before = home.credentials.read_text()
    log_in(home, alice)
    done = home.mfakit("logout")
    assert done.returncode == 0
    assert "AWS honours it until" in done.stderr
    assert home.credentials.read_text().rstrip("\n") == before.rstrip("\n")
    assert list((home.credentials.parent / "mfakit" / "records").iterdir()) == []
    assert home.mfakit("logout").returncode == 3
