"""Logins that fail: one line says what failed, another what to do."""

from __future__ import annotations

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import certifi
import pytest
from tests.exchange.conftest import log_in, refused

import mfakit
from mfakit.testing.devices import VirtualDevice, new_seed


def test_a_wrong_code_is_refused(home, alice) -> None:
    valid = {alice.device.code() for _ in range(3)}
    wrong = next(code for code in ("000000", "111111", "222222", "333333") if code not in valid)
    refused(home, home.mfakit("login", "--token-code", wrong), "AWS refused the code")


def test_a_code_works_only_once(home, alice) -> None:
    """The second time it is refused, and the session stays."""
    code = alice.device.code()
    assert home.mfakit("login", "--token-code", code).returncode == 0
    before = home.credentials.read_bytes()
    done = home.mfakit("login", "--force", "--token-code", code)
    assert (done.returncode, "used before" in done.stderr) == (1, True)
    assert home.credentials.read_bytes() == before


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15"])
def test_a_malformed_code_is_not_sent(home, alice, code: str) -> None:
    refused(home, home.mfakit("login", "--token-code", code), "six digits", 64)


def test_a_device_of_another_user_is_refused(home, alice, aws) -> None:
    """AWS does not distinguish it from a device that does not exist."""
    other = aws.create_user("bob").enable_virtual_mfa().serial_number
    done = log_in(home, alice, "--serial-number", other)
    refused(home, done, f"could not check a code of the device {other}")


@pytest.mark.parametrize("named", [None, "old"])
def test_where_iam_lists_no_devices_the_error_says_how_to_name_one(home, aws, named) -> None:
    """What `mfakit devices` shows then is a guess from the user's name, which is wrong here."""
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    user = aws.create_user("bob", policy={"Version": "2012-10-17", "Statement": [allowed]})
    device = user.enable_virtual_mfa("phone")
    home.write_credentials(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    other = device.serial_number.replace("phone", "old")
    options = [] if named is None else ["--serial-number", other]
    with aws.serve() as url:
        variables = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
        done = home.mfakit("login", "--token-code", device.code(), *options, **variables)
    assert done.returncode == 1
    assert "name it: --serial-number ARN" in done.stderr
    assert "is enabled" not in done.stderr
    assert ("perhaps" in done.stderr) is (named is not None)


def test_the_arn_of_a_user_is_refused_with_a_hint_at_the_devices_arn(home, alice) -> None:
    """It is the most common mistake."""
    done = log_in(home, alice, "--serial-number", alice.arn)
    refused(home, done, "is a user", 64)
    assert "mfa/alice" in done.stderr


def test_a_malformed_serial_number_is_refused_before_a_code_is_asked_for(home, alice) -> None:
    """Control characters in it are escaped in the error."""
    home.write_config("[profile mfa]\nmfa_serial = \x1b[31marn\n")
    done = home.mfakit("login")
    refused(home, done, "is no serial number", 64)
    assert "\x1b" not in done.stderr


def test_without_a_terminal_the_error_says_how_to_pass_the_code(home, alice) -> None:
    done = home.mfakit("login", terminal=False)
    refused(home, done, "no terminal")
    assert "--token-code" in done.stderr


def test_a_code_and_a_token_command_exclude_each_other(home, alice) -> None:
    """One of them would be ignored."""
    done = log_in(home, alice, "--token-command", "echo 123456")
    refused(home, done, "exclude each other", 64)


def test_missing_credentials_are_an_error_that_says_how_to_add_them(home) -> None:
    done = home.mfakit("login", "--token-code", "123456")
    assert done.returncode == 1
    assert "there is no profile 'default'" in done.stderr
    assert "aws configure" in done.stderr


def test_the_error_for_a_file_that_boto3_cannot_read_names_mfakit_explain(home, alice) -> None:
    """Editors on Windows write a byte-order mark, which boto3 does not accept."""
    home.credentials.write_text(home.credentials.read_text(), encoding="utf-8-sig")
    done = log_in(home, alice)
    refused(home, done, "line 1: there is a byte-order mark before this line")
    assert "mfakit explain" in done.stderr
    assert "sed " in home.mfakit("explain").stdout


def test_an_unknown_source_profile_is_named_in_the_error(home, alice) -> None:
    done = log_in(home, alice, "--source-profile", "nobody")
    refused(home, done, "there is no profile 'nobody'")


def test_a_wrong_secret_is_reported_with_its_access_key(home, alice) -> None:
    """AWS distinguishes it from an unknown access key."""
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice.access_key_id}\naws_secret_access_key = wrong\n"
    )
    done = log_in(home, alice, "--serial-number", alice.device.serial_number)
    refused(home, done, f"the secret of the access key {alice.access_key_id}")


@pytest.mark.parametrize("region", ['"us-east-1"', "us-east-1 ", "us-east-1a"])
def test_a_region_that_aws_does_not_have_is_named_in_the_error(home, alice, region: str) -> None:
    """AWS says that the signature does not match, as it does of a wrong secret."""
    done = home.mfakit("login", "--token-code", alice.device.code(), AWS_DEFAULT_REGION=region)
    refused(home, done, repr(region))
    assert "region" in done.stderr.splitlines()[0]
    assert "AWS_DEFAULT_REGION" in done.stderr


def test_an_error_about_missing_keys_names_the_profile_that_has_some(home, alice) -> None:
    """Typing them again beside IAM Identity Center would hide them from every SDK."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[keys]"))
    done = home.mfakit("login", "--token-code", "123456")
    refused(home, done, "there is no profile 'default'")
    assert "--source-profile keys" in done.stderr
    home.write_config("[default]\nsso_start_url = https://x.awsapps.com/start\n")
    done = home.mfakit("login", "--token-code", "123456")
    refused(home, done, "the profile 'default' has no access key")
    assert "--source-profile keys" in done.stderr


def test_a_sessions_token_beside_a_long_term_key_is_named_in_the_error(home, alice) -> None:
    """The key is good; only the token has to go."""
    home.write_credentials(home.credentials.read_text() + "aws_session_token = old\n")
    done = home.mfakit("login", "--token-code", "123456")
    refused(home, done, "stands beside a long-term key")
    assert "sed " in done.stderr


def test_a_login_to_the_profile_of_the_keys_is_led_to_the_profile_of_their_session(
    home, alice
) -> None:
    """`mfa` would be made from the keys of `default`."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[my work]"))
    done = home.mfakit("login", "--profile", "my work", "--token-code", "123456")
    refused(home, done, "never overwritten")
    assert "--profile 'my work-mfa'" in done.stderr
    done = log_in(home, alice, "--profile", "my work-mfa")
    assert done.returncode == 0


def test_a_credential_process_whose_program_is_not_there_is_named(home, alice) -> None:
    home.write_credentials("")
    home.write_config("[default]\ncredential_process = no-such-vault export default\n")
    done = home.mfakit("login", "--token-code", "123456")
    refused(home, done, "no-such-vault")


@pytest.mark.parametrize("malformed", ["arn:aws:iam:{}:mfa/alice", "arn:aws:iam::1{}:mfa/alice"])
def test_a_device_whose_arn_lacks_a_part_is_not_said_to_be_of_another_account(
    home, alice, malformed: str
) -> None:
    """`configure --role-profile` refuses it, too."""
    account = alice.device.serial_number.split(":")[4]
    serial = malformed.format(account)
    role = f"role_arn = arn:aws:iam::{account}:role/x\nsource_profile = default\n"
    home.write_config(f"[profile dev]\n{role}mfa_serial = {serial}\n")
    done = home.mfakit("login", "--token-code", alice.device.code(), AWS_PROFILE="dev")
    refused(home, done, "is no ARN", 64)
    assert "config, line 4" in done.stderr
    done = home.mfakit("configure", "--role-profile", "dev")
    refused(home, done, "is no ARN", 64)
    assert "source_profile = default" in home.config.read_text()


@pytest.mark.parametrize("command", ["login", "configure"])
def test_whoever_has_only_passkeys_is_told_what_works_before_a_code_is_asked_for(
    home, aws, alice, on_terminal, command: str
) -> None:
    aws._devices._devices.clear()
    key = VirtualDevice("arn:aws:iam::123456789012:u2f/user/alice/key-ABC", new_seed())
    key.owner = alice._key.owner
    aws._devices._devices[key.serial_number] = key
    terminal = on_terminal(command, "--profile", "mfa", "--source-profile", "default")
    assert terminal.wait() == 1
    assert "only security keys or passkeys" in terminal.screen
    assert "add an authenticator app" in terminal.screen
    assert "MFA code" not in terminal.screen


def test_a_security_key_in_a_role_leads_to_the_device_that_has_codes(home, alice) -> None:
    account, serial = alice.device.serial_number.split(":")[4], alice.device.serial_number
    role = f"role_arn = arn:aws:iam::{account}:role/x\nsource_profile = default\n"
    key = f"arn:aws:iam::{account}:u2f/user/alice/key"
    home.write_config(f"[profile dev]\n{role}mfa_serial = {key}\n")
    done = home.mfakit("login", "--token-code", "123456", AWS_PROFILE="dev")
    refused(home, done, "which AWS takes no code from", 64)
    assert "which mfakit devices shows: --serial-number ARN" in done.stderr
    code = alice.device.code()
    login = ["login", "--serial-number", serial, "--token-code", code]
    assert home.mfakit(*login, AWS_PROFILE="dev").returncode == 0
    told = home.mfakit("explain", "--profile", "dev")
    assert told.returncode == 1
    assert f"--role-profile dev --serial-number {serial}" in told.stdout


@pytest.mark.parametrize(
    "name",
    [
        "AWS_CREDENTIALS_FILE",
        "AWS_CREDENTIALS_PROFILES_FILE",
        "AWS_CREDENTIAL_PROFILES_FILE",
        "AWS_SHARED_CREDENTIAL_FILE",
    ],
)
def test_a_variable_that_only_seems_to_name_the_credentials_file_is_named(
    home, alice, name: str
) -> None:
    path = home.folder / "keys"
    path.write_text(home.credentials.read_text())
    home.write_credentials("")
    named = {name: str(path)}
    done = home.mfakit("login", "--token-code", "123456", **named)
    refused(home, done, f"{name} is set, which AWS tools do not read")
    assert f"export AWS_SHARED_CREDENTIALS_FILE={path}" in done.stderr
    role = "role_arn = arn:aws:iam::123456789012:role/a"
    home.write_config(f"[profile prod]\n{role}\nsource_profile = default\n")
    told = home.mfakit("explain", "--profile", "prod", **named).stdout
    assert f"! variable-unread: {name} is set" in told
    named["AWS_SHARED_CREDENTIALS_FILE"] = str(path)
    assert home.mfakit("login", "--token-code", alice.device.code(), **named).returncode == 0


def test_a_comment_beside_the_serial_number_is_named_in_the_error(home, alice) -> None:
    """The comment is a part of the value to botocore."""
    home.write_config(f"[default]\nmfa_serial = {alice.device.serial_number} # my phone\n")
    done = home.mfakit("login", "--token-code", "123456")
    refused(home, done, "is no serial number", 64)
    assert "comment" in done.stderr


def test_quotes_around_the_profile_in_a_variable_are_named_in_the_error(home, alice) -> None:
    """Docker passes those of an env file on; a session of other keys would follow."""
    home.write_credentials(
        home.credentials.read_text() + home.credentials.read_text().replace("default", "work")
    )
    done = home.mfakit("login", "--token-code", "123456", AWS_PROFILE='"work"')
    refused(home, done, "quotes and blanks belong to the name")
    assert "AWS_PROFILE" in done.stderr


def test_a_folder_in_place_of_the_credentials_file_is_not_to_be_removed_with_what_it_holds(
    home, alice
) -> None:
    """It may be ~/.aws itself."""
    folder = str(home.credentials.parent)
    done = home.mfakit("login", "--token-code", "123456", AWS_SHARED_CREDENTIALS_FILE=folder)
    assert done.returncode == 1
    assert "name a file with AWS_SHARED_CREDENTIALS_FILE" in done.stderr
    assert "if it is empty" in done.stderr


def test_an_unknown_access_key_is_named_in_the_error(home, alice) -> None:
    """It may be deleted, inactive, or of another partition."""
    home.write_credentials("[default]\naws_access_key_id = AKIAX\naws_secret_access_key = s\n")
    done = log_in(home, alice, "--serial-number", alice.device.serial_number)
    refused(home, done, "AWS does not know the access key AKIAX")


@pytest.mark.parametrize(("minutes", "how"), [(20, "behind"), (-20, "ahead of")])
def test_a_wrong_clock_is_reported_with_its_offset(
    home, alice, aws, minutes: int, how: str
) -> None:
    aws.clock.skew(minutes=minutes)
    done = log_in(home, alice, "--serial-number", alice.device.serial_number)
    refused(home, done, "this machine's clock is ")
    assert f"{how} AWS" in done.stderr


def test_a_refused_code_is_reported_with_the_offset_of_a_wrong_clock(home, alice, aws) -> None:
    """A token command computes its codes from this machine's clock."""
    serial = alice.device.serial_number
    aws.clock.skew(minutes=7)
    done = home.mfakit("login", "--serial-number", serial, "--token-code", "000000")
    refused(home, done, "used before elsewhere (this machine's clock is ")
    assert "behind AWS)" in done.stderr


def test_a_clock_that_is_ahead_is_named_where_a_session_seems_to_be_short(home, alice, aws) -> None:
    aws.clock.advance(minutes=-10)
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert "; this machine's clock seems to be 10m" in done.stderr


def test_an_unreachable_endpoint_is_named_in_the_error(home, alice) -> None:
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
        ({"AWS_ENDPOINT_URL": "", "AWS_DEFAULT_REGION": "bad region/"}, "region makes no sense"),
    ],
)
def test_a_malformed_endpoint_or_region_is_an_error_that_shows_no_password(
    home, alice, environ, message
) -> None:
    done = log_in(home, alice, "--serial-number", alice.device.serial_number, **environ)
    refused(home, done, message)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("answer", ["truncated", "portal"])
def test_the_error_for_a_malformed_response_shows_nothing_of_it(home, alice, answer) -> None:
    """A truncated response may hold a secret."""
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
    """No code is used up by it."""
    refused(home, home.mfakit("login", "--duration", "37h"), "cannot last", 64)


def test_long_term_credentials_are_never_overwritten(home, alice) -> None:
    """No code is asked for either."""
    done = home.mfakit("login", "--profile", "default")
    refused(home, done, "never overwritten")


def test_long_term_credentials_in_the_config_file_are_protected_too(home, alice) -> None:
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
def test_profiles_where_aws_tools_would_ignore_a_session_are_refused(
    home, alice, section, why
) -> None:
    home.write_config(f"[profile dev]\n{section}")
    refused(home, log_in(home, alice, "--profile", "dev"), why)


def test_an_emptied_credentials_file_is_refused_before_the_code_is_used(home, alice, aws) -> None:
    """Its keys may be lost, or in a keychain. The same code works afterwards."""
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


@pytest.mark.parametrize("where", ["AWS_CA_BUNDLE", "ca_bundle"])
def test_a_missing_file_of_certificates_is_not_called_a_certificate(home, alice, where) -> None:
    """AWS is not even asked then."""
    variables = {"AWS_CA_BUNDLE": "nowhere.pem"} if where.isupper() else {}
    if not variables:
        home.write_config("[default]\nca_bundle = nowhere.pem\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        done = log_in(home, alice, AWS_ENDPOINT_URL=url, **variables)
        shown = home.mfakit("explain", "--online", AWS_ENDPOINT_URL=url, **variables).stdout
    refused(home, done, f"there is no file with certificates where {where}")
    assert ("certificates-missing" in shown, "curl" in shown) == (True, False)


@pytest.mark.parametrize("where", ["AWS_CA_BUNDLE", "ca_bundle"])
def test_explain_names_the_file_of_certificates_that_cannot_be_used(home, alice, where) -> None:
    """curl, which is the advice for other failures, trusts certificates of its own."""
    bundle = home.folder / "ca.pem"
    bundle.write_text("no certificate\n")
    variables = {"AWS_CA_BUNDLE": str(bundle)} if where.isupper() else {}
    if not variables:
        home.write_config(f"[default]\nca_bundle = {bundle}\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        shown = home.mfakit("explain", "--online", AWS_ENDPOINT_URL=url, **variables).stdout
    assert f"with the certificates of {bundle}, named by {where}" in shown
    assert "curl" not in shown


def test_the_certificates_of_the_source_are_written_to_the_session_profile(home, alice) -> None:
    """Else the login works, and every AWS tool with the session fails."""
    bundle = home.folder / "ca.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    home.write_config(f"[default]\nregion = eu-west-1\nca_bundle = {bundle}\n")
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert "wrote " in done.stderr
    assert mfakit.read_settings("mfa", environ=home.environ)["ca_bundle"] == str(bundle)


def test_a_role_that_leads_to_a_program_is_no_obstacle_if_the_source_is_named(home, alice) -> None:
    """`AWS_PROFILE` names a role, whose source gets its keys from a program."""
    given = {
        "Version": 1,
        "AccessKeyId": alice.access_key_id,
        "SecretAccessKey": alice.secret_access_key,
    }
    (home.folder / "keys.json").write_text(json.dumps(given))
    home.write_credentials("")
    home.write_config(
        f"[profile user]\ncredential_process = cat {home.folder / 'keys.json'}\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = user\n"
    )
    done = log_in(home, alice, "--source-profile", "user", AWS_PROFILE="role")
    assert (done.returncode, "logged in to profile user-mfa" in done.stderr) == (0, True)


def test_a_folder_of_mfakit_that_cannot_be_made_is_named_with_a_way_out(home, alice) -> None:
    (home.credentials.parent / "mfakit").write_text("")
    done = home.mfakit("exec", "--", "true")
    assert done.returncode == 125
    assert "see who owns it" not in done.stderr
    assert "ls -l" in done.stderr or "AWS_SHARED_CREDENTIALS_FILE" in done.stderr
