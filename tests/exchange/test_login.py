"""`mfakit login` against the simulator, over HTTP."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from tests.exchange.conftest import log_in, refused

from mfakit import get_session_token, read_session
from mfakit.errors import CodeRefusedError, UsageError
from mfakit.exchange.login import keep_settings
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile

pytestmark = pytest.mark.pythons


def test_a_code_becomes_a_session_that_the_aws_cli_uses(home, alice) -> None:
    """The device is found automatically, and the new profile acts as the user."""
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert "logged in to profile mfa with the keys of profile 'default': ends" in done.stderr
    aws = home.run("aws", "--profile", "mfa", "sts", "get-caller-identity", "--endpoint-url",
                   home.environ["AWS_ENDPOINT_URL"])  # fmt: skip
    assert json.loads(aws.stdout)["Arn"] == alice.arn
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600
    assert home.credentials.read_text().startswith("# keys\n[default]\n")


def test_login_json_prints_the_result_without_a_secret(home, alice) -> None:
    """It is one line, for programs."""
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


def test_a_session_that_is_not_due_is_reused(home, alice) -> None:
    """No code is asked for; --force and a new code renew it."""
    log_in(home, alice)
    first = read_session("mfa", environ=home.environ)
    done = home.mfakit("login", "--json")
    assert json.loads(done.stdout)["reused"] is True
    assert read_session("mfa", environ=home.environ) == first
    assert json.loads(log_in(home, alice, "--json", "--force").stdout)["reused"] is False
    assert read_session("mfa", environ=home.environ) != first


def test_a_session_of_other_keys_is_not_reused(home, alice, aws) -> None:
    """A reused session must come from the source profile that was asked for."""
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


def test_an_old_session_in_the_environment_does_not_disturb_a_login(home, alice) -> None:
    """A session in the variables is never the source of a new one."""
    leftovers = {
        "AWS_ACCESS_KEY_ID": "ASIAOLD",
        "AWS_SECRET_ACCESS_KEY": "old",
        "AWS_SESSION_TOKEN": "old",
    }
    assert log_in(home, alice, **leftovers).returncode == 0


def test_long_term_credentials_in_the_environment_can_be_the_source(home, alice) -> None:
    """They are used only if no source profile is named."""
    home.write_credentials("")
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    done = log_in(home, alice, **keys)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variable", ["region = us-east-1", "aws_session_token_x = a"])
def test_a_session_written_to_a_section_with_indented_keys_is_readable(
    home, alice, variable
) -> None:
    """A key with the indentation of the first one would become part of the value before."""
    home.write_credentials(f"{home.credentials.read_text()}[mfa]\n    {variable}\noutput = json\n")
    assert log_in(home, alice).returncode == 0
    assert home.mfakit("check").returncode == 0


def test_the_source_profile_implied_by_the_name_wins_over_the_environment(home, alice) -> None:
    """`work-mfa` is made from `work`, whatever the variables hold."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[work]"))
    others = {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "other"}
    done = log_in(home, alice, "--profile", "work-mfa", **others)
    assert done.returncode == 0, done.stderr
    assert "with the keys of profile 'work'" in done.stderr


def test_no_code_is_spent_on_a_file_that_cannot_be_written(home, alice) -> None:
    """The file is checked first, so the same code works afterwards."""
    lock = home.credentials.with_name("credentials.lock")
    lock.mkdir()
    code = alice.device.code()
    refused(home, home.mfakit("login", "--token-code", code), "cannot write")
    lock.rmdir()
    assert home.mfakit("login", "--token-code", code).returncode == 0


def test_a_session_waits_for_a_program_that_began_to_write_when_the_code_was_typed(
    home, alice
) -> None:
    """The code is spent by then, and AWS takes no second one for half a minute."""
    script = f"sleep 4 >>{home.credentials} 2>/dev/null & echo {alice.device.code()}"
    done = home.mfakit("login", "--token-command", f"sh -c '{script}'")
    assert done.returncode == 0, done.stderr
    assert "another program is writing" in done.stderr
    assert "[mfa]" in home.credentials.read_text()


def test_a_record_that_cannot_be_written_is_only_a_note(home, alice) -> None:
    """The user asked for the session, and that is written."""
    home.credentials.with_name("mfakit").write_text("in the way")
    done = log_in(home, alice)
    assert done.returncode == 0
    assert "the session is kept, but not how it was made" in done.stderr
    assert home.mfakit("check").returncode == 0


@pytest.mark.parametrize("section", ["[profile mfa]", "[default]"])
def test_the_duration_is_read_from_the_config(home, alice, section) -> None:
    """It may be set in the session profile or in the source profile."""
    home.write_config(f"{section}\nmfakit_duration = 1h\n")
    assert "ends in 59m" in log_in(home, alice).stderr
    for impossible in ("soon", "37h", "0"):
        home.write_config(f"{section}\nmfakit_duration = {impossible}\n")
        done = log_in(home, alice)
        assert (done.returncode, f"mfakit_duration in {home.config}" in done.stderr) == (64, True)


@pytest.mark.parametrize("named", ["mfa", "nosuch", ""])
def test_aws_profile_may_name_a_profile_that_does_not_exist_yet(home, alice, named: str) -> None:
    """boto3 would look for it and fail, though the keys are in the environment."""
    home.write_credentials("")
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    done = log_in(home, alice, AWS_PROFILE=named, **keys)
    assert done.returncode == 0, done.stderr
    assert read_session(named or "mfa", environ=home.environ)


def test_get_session_token_exchanges_a_code_like_login(here, alice) -> None:
    """It writes nothing to a file."""
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


def test_logout_removes_the_session_and_says_until_when_aws_honours_it(home, alice) -> None:
    before = home.credentials.read_text()
    log_in(home, alice)
    done = home.mfakit("logout")
    assert done.returncode == 0
    assert "AWS honours it until" in done.stderr
    assert home.credentials.read_text().rstrip("\n") == before.rstrip("\n")
    assert list((home.credentials.parent / "mfakit" / "records").iterdir()) == []
    assert home.mfakit("logout").returncode == 3


def test_a_config_file_that_cannot_be_read_after_a_login_is_a_note(home, alice) -> None:
    """The session is kept by then."""
    assert log_in(home, alice).returncode == 0
    home.config.unlink(missing_ok=True)
    home.config.mkdir()
    notes: list[str] = []
    keep_settings(Profile("mfa", AWSFiles(home.environ)), notes.append)
    assert "the session is kept, but not the region of its source: cannot read" in notes[0]


@pytest.mark.parametrize(("region", "is_noted"), [("ap-east-1", True), ("eu-west-1", False)])
def test_a_session_of_the_global_endpoint_is_noted_where_its_region_refuses_it(
    home, alice, region: str, is_noted: bool
) -> None:
    """`sts_regional_endpoints = legacy` leads to the global endpoint from most regions."""
    home.write_config(
        "[default]\nregion = us-west-2\nsts_regional_endpoints = legacy\n"
        f"[profile mfa]\nregion = {region}\n"
    )
    assert log_in(home, alice).returncode == 0
    notes: list[str] = []
    files = AWSFiles({**home.environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})
    keep_settings(Profile("mfa", files), notes.append)
    assert any(f"AWS refuses this session in {region}" in note for note in notes) is is_noted


def test_login_names_a_secret_that_is_too_long_when_aws_refuses_it(home, alice) -> None:
    """Something else was copied with it."""
    home.write_credentials(home.credentials.read_text().rstrip("\n") + "ab\n")
    done = log_in(home, alice)
    assert done.returncode == 1
    assert "has 42 characters; those of AWS have 40" in done.stderr
    assert alice.secret_access_key not in done.stderr


def test_a_key_of_a_session_in_the_variables_without_its_token_is_no_source(home, alice) -> None:
    """It is a leftover, as a whole session there would be."""
    left = {"AWS_ACCESS_KEY_ID": "ASIAQYLPMN5HABCDEFGH", "AWS_SECRET_ACCESS_KEY": "s" * 40}
    assert "keys of profile 'default'" in log_in(home, alice, **left).stderr
    done = home.mfakit("check", AWS_PROFILE="mfa", **left)
    assert "a session's key without its token" in done.stderr
