"""A code is sent once: what may be repeated, and what counts as used."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.exchange.conftest import Person, operations

from mfakit import MFAKitError, read_session
from mfakit.exchange.login import login
from mfakit.exchange.recipe import LoginRequest
from mfakit.exchange.spending import Attempts


def log_in(home, alice, *arguments: str, **environ: str):
    command = ["login", "--serial-number", alice.device.serial_number]
    return home.mfakit(*command, "--token-code", alice.device.code(), *arguments, **environ)


def test_throttled_twice_it_is_sent_again(home, alice, aws) -> None:
    """AWS has not looked at the code then."""
    aws.fail_next("GetSessionToken", code="Throttling", times=2)
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert operations(aws).count("GetSessionToken") == 3


def test_throttled_for_long_it_is_given_up(home, alice, aws) -> None:
    """After four sendings, with what to do."""
    aws.fail_next("GetSessionToken", code="Throttling", times=9)
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 4)
    assert "AWS is throttling" in done.stderr


def test_a_code_that_aws_did_not_look_at_was_not_used(home, alice) -> None:
    """It is not held against the person that the network was away."""
    command = ["login", "--serial-number", alice.device.serial_number, "--token-code", "000000"]
    done = home.mfakit(*command, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "cannot be reached" in done.stderr
    done = home.mfakit(*command)
    assert "it is wrong, or was used before elsewhere" in done.stderr
    assert "at most 8 tries are left" in done.stderr


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_connection_spends_the_code(home, alice, aws, after: bool) -> None:
    """Whether the call was carried out cannot be known; it is not repeated."""
    aws.drop_next("GetSessionToken", after=after)
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 1)
    assert "the code counts as used" in done.stderr
    with pytest.raises(MFAKitError):
        read_session("mfa", environ=home.environ)


@pytest.mark.parametrize("code", ["InternalFailure", "ServiceUnavailable"])
def test_a_failure_of_aws_spends_the_code(home, alice, aws, code: str) -> None:
    """It may have been looked at."""
    aws.fail_next("GetSessionToken", code=code)
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 1)
    assert f"AWS failed ({code})" in done.stderr


def test_a_cut_answer_spends_the_code(home, alice, aws) -> None:
    """AWS has given a session that nobody can read."""
    aws.garble_next("GetSessionToken")
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 1)
    assert "not whole" in done.stderr


def test_after_a_lost_answer_the_person_is_asked_for_the_next_code(here, alice, aws) -> None:
    """With a countdown to it: the device shows another on each half minute."""
    aws.drop_next("GetSessionToken", after=True)
    person = Person(alice.device.code(), alice.device.code())
    login(LoginRequest(asker=person), here.environ)
    question, lost, what, again = person.heard
    assert "the code counts as used" in lost
    assert (what, again) == ("the next code", question)
    assert [round(until) % 30 for until in person.waited_until] == [0]
    assert read_session("mfa")


def test_calls_without_a_code_are_repeated(home, alice, aws) -> None:
    """Listing devices can be asked again."""
    aws.fail_next("ListMFADevices", code="Throttling", times=2)
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0, done.stderr
    assert operations(aws).count("ListMFADevices") == 3


def test_of_a_call_without_a_code_none_is_said_to_be_lost(home, alice, aws) -> None:
    """Nothing was used up."""
    aws.fail_next("ListMFADevices", code="InternalFailure", times=3)
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert "AWS failed (InternalFailure)" in done.stderr
    assert "try again in a minute" in done.stderr
    assert "used" not in done.stderr


def test_a_used_code_is_told_from_a_wrong_one(home, alice) -> None:
    """By what this machine has sent in the last three minutes, of which it keeps only hashes."""
    code = alice.device.code()
    home.mfakit("login", "--token-code", code)
    done = home.mfakit("login", "--force", "--token-code", code)
    assert "AWS refused the code: it was used before\n" in done.stderr
    assert re.search(r"at most [78] tries are left", done.stderr)
    wrong = home.mfakit("login", "--force", "--token-code", "000000")
    assert "it is wrong, or was used before elsewhere" in wrong.stderr
    (kept,) = (home.credentials.parent / "mfakit" / "attempts").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert code not in kept.read_text()


def test_the_tries_that_are_left_are_counted_by_windows_of_three_minutes(home) -> None:
    """As AWS counts them; which codes were sent is known for three minutes from their sending."""
    window = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    attempts = Attempts(str(home.credentials), "arn:aws:iam::123456789012:mfa/alice")
    for second in (0, 100, 179):
        attempts.remember(f"{second:06}", window + timedelta(seconds=second))
    assert attempts.tries_left(window + timedelta(seconds=179)) == 6
    later = window + timedelta(seconds=180)
    assert attempts.tries_left(later) == 9
    assert attempts.was_sent("000179", later)
    assert not attempts.was_sent("000179", window + timedelta(seconds=360))
    attempts.remember("123456", later)
    assert attempts.tries_left(later) == 8
    attempts.forget(later)
    assert attempts.tries_left(later) == 9


def test_a_device_of_another_account_is_caught(home, alice) -> None:
    """The code is not used then."""
    code = alice.device.code()
    done = home.mfakit(
        "login", "--token-code", code, "--serial-number", "arn:aws:iam::999999999999:mfa/alice"
    )
    assert done.returncode == 1
    assert "of another account" in done.stderr
    assert "the code was not used" in done.stderr
    assert home.mfakit("login", "--token-code", code).returncode == 0


@pytest.mark.parametrize("debug", ["0", "1"])
def test_no_secret_and_no_code_is_ever_shown(home, alice, aws, debug: str) -> None:
    """Nor kept anywhere but in the session's own section."""
    home.environ["MFAKIT_DEBUG"] = debug
    code = alice.device.code()
    runs = [
        home.mfakit("login", "--token-code", code),
        home.mfakit("login", "--force", "--token-code", code),
        home.mfakit("login", "--json"),
        home.mfakit("check", "--format", "json"),
        home.mfakit("devices"),
        home.mfakit("logout"),
    ]
    session_secrets = [key.secret_access_key for key in (alice,)] + [alice.device.seed, code]
    said = "".join(run.stdout + run.stderr for run in runs)
    assert not [secret for secret in session_secrets if secret in said]
    assert ("debug" in said) == (debug == "1")
    own = home.credentials.parent / "mfakit"
    (own / "credentials.before").unlink()  # the credentials file as it was holds the keys
    kept = "".join(path.read_text() for path in own.rglob("*") if path.is_file())
    assert not [secret for secret in session_secrets if secret in kept]
