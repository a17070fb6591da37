"""A code is sent once: which calls may be repeated, and when a code counts as used."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.exchange.conftest import Person, operations

from mfakit import MFAKitError, read_session
from mfakit.exchange.login import login
from mfakit.exchange.recipe import LoginRequest
from mfakit.exchange.spending import Attempts
from mfakit.profiles.profile import open_profile


def log_in(home, alice, *arguments: str, **environ: str):
    command = ["login", "--serial-number", alice.device.serial_number]
    return home.mfakit(*command, "--token-code", alice.device.code(), *arguments, **environ)


def test_a_throttled_call_is_sent_again_with_the_same_code(home, alice, aws) -> None:
    """AWS has not checked the code yet."""
    aws.fail_next("GetSessionToken", code="Throttling", times=2)
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert operations(aws).count("GetSessionToken") == 3


def test_a_call_that_stays_throttled_is_given_up_after_four_attempts(home, alice, aws) -> None:
    aws.fail_next("GetSessionToken", code="Throttling", times=9)
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 4)
    assert "AWS is throttling" in done.stderr


def test_a_code_that_did_not_reach_aws_does_not_count_as_used(home, alice) -> None:
    """It does not count as a try either."""
    command = ["login", "--serial-number", alice.device.serial_number, "--token-code", "000000"]
    done = home.mfakit(*command, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "cannot be reached" in done.stderr
    done = home.mfakit(*command)
    assert "it is wrong, or was used before elsewhere" in done.stderr
    assert "at most 8 tries are left" in done.stderr


@pytest.mark.parametrize("after", [True, False])
def test_after_a_lost_connection_the_code_counts_as_used(home, alice, aws, after: bool) -> None:
    """AWS may have carried out the call, so it is not repeated."""
    aws.drop_next("GetSessionToken", after=after)
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 1)
    assert "the code counts as used" in done.stderr
    with pytest.raises(MFAKitError):
        read_session("mfa", environ=home.environ)


@pytest.mark.parametrize("code", ["InternalFailure", "ServiceUnavailable"])
def test_after_an_internal_failure_of_aws_the_code_counts_as_used(
    home, alice, aws, code: str
) -> None:
    """AWS may have checked the code before it failed."""
    aws.fail_next("GetSessionToken", code=code)
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 1)
    assert f"AWS failed ({code})" in done.stderr


def test_after_a_truncated_response_the_code_counts_as_used(home, alice, aws) -> None:
    """AWS has issued a session that nobody can read."""
    aws.garble_next("GetSessionToken")
    done = log_in(home, alice)
    assert (done.returncode, operations(aws).count("GetSessionToken")) == (1, 1)
    assert "not whole" in done.stderr


def test_after_a_lost_response_the_user_is_asked_for_the_next_code(here, alice, aws) -> None:
    """A countdown runs to the next half minute, when the device shows a new code."""
    aws.drop_next("GetSessionToken", after=True)
    person = Person(alice.device.code(), alice.device.code())
    login(open_profile("mfa", here.environ), LoginRequest(asker=person))
    question, lost, what, again = person.heard
    assert "the code counts as used" in lost
    assert (what, again) == ("the next code", question)
    assert [round(until) % 30 for until in person.waited_until] == [0]
    assert read_session("mfa")


def test_calls_without_a_code_are_repeated(home, alice, aws) -> None:
    """Listing devices has no side effect."""
    aws.fail_next("ListMFADevices", code="Throttling", times=2)
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0, done.stderr
    assert operations(aws).count("ListMFADevices") == 3


def test_the_error_for_a_failed_call_without_a_code_mentions_no_used_code(home, alice, aws) -> None:
    aws.fail_next("ListMFADevices", code="InternalFailure", times=3)
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert "AWS failed (InternalFailure)" in done.stderr
    assert "try again in a minute" in done.stderr
    assert "used" not in done.stderr


def test_a_used_code_is_distinguished_from_a_wrong_one(home, alice) -> None:
    """mfakit keeps hashes of the codes that it sent in the last three minutes."""
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


def test_a_wrong_code_typed_again_is_wrong_and_not_used_before(home, alice) -> None:
    """Only a code that AWS took, or may have taken, is used. The second refusal names the clock."""
    first = home.mfakit("login", "--token-code", "000000").stderr
    second = home.mfakit("login", "--token-code", "000000").stderr
    assert "it is wrong, or was used before elsewhere" in first
    assert "it is wrong, or was used before elsewhere" in second
    hint = "let the phone set its clock by itself"
    assert (hint in first, hint in second) == (False, True)
    assert "mfakit devices resync" in second


def test_the_tries_that_are_left_are_counted_in_windows_of_three_minutes(home) -> None:
    """AWS counts so too. Each sent code is remembered for three minutes."""
    window = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    attempts = Attempts(str(home.credentials), "arn:aws:iam::123456789012:mfa/alice")
    for second in (0, 100, 179):
        attempts.remember(f"{second:06}", window + timedelta(seconds=second))
    assert attempts.tries_left(window + timedelta(seconds=179)) == 6
    later = window + timedelta(seconds=180)
    assert attempts.tries_left(later) == 9
    assert attempts.was_used("000179", later)
    assert not attempts.was_used("000179", window + timedelta(seconds=360))
    attempts.remember("123456", later)
    assert attempts.tries_left(later) == 8
    attempts.forget(later)
    assert attempts.tries_left(later) == 9


def test_a_device_of_another_account_is_refused_before_the_code_is_used(home, alice) -> None:
    code = alice.device.code()
    done = home.mfakit(
        "login", "--token-code", code, "--serial-number", "arn:aws:iam::999999999999:mfa/alice"
    )
    assert done.returncode == 1
    assert "of another account" in done.stderr
    assert "the code was not used" in done.stderr
    assert home.mfakit("login", "--token-code", code).returncode == 0


@pytest.mark.parametrize("debug", ["0", "1"])
def test_no_secret_and_no_code_is_printed_or_kept_in_another_file(
    home, alice, aws, debug: str
) -> None:
    """Secrets belong only into the session's own section."""
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
    (own / "credentials.before").unlink()  # this copy of the credentials file holds the keys
    kept = "".join(path.read_text() for path in own.rglob("*") if path.is_file())
    assert not [secret for secret in session_secrets if secret in kept]
