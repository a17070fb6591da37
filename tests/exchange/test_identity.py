"""The identity lookup: it runs while the user types, and never blocks a login."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.exchange.conftest import operations

import mfakit

ELSEWHERE = "arn:aws:iam::999999999999:mfa/alice"


def test_a_missing_identity_response_does_not_block_the_login(home, alice, aws) -> None:
    """The exchange waits three seconds for it, and then goes on."""
    code = alice.device.code()
    command = ["login", "--serial-number", alice.device.serial_number, "--token-code", code]
    aws.delay_next("GetCallerIdentity", 600)
    done = home.mfakit(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert '"account": "123456789012"' in done.stdout


@pytest.mark.parametrize("code", ["AccessDenied", "InternalFailure"])
def test_a_refused_identity_lookup_is_no_error(home, alice, aws, code: str) -> None:
    """If the keys are at fault, the exchange itself reports it better."""
    aws.fail_next("GetCallerIdentity", code=code)
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_device_of_another_account_is_reported_before_the_code_is_asked_for(
    home, alice, aws, on_terminal
) -> None:
    """The id of the access key reveals its account, and AWS confirms it."""
    terminal = on_terminal("login", "--serial-number", ELSEWHERE)
    assert terminal.wait() == 1
    assert "is of another account than the keys of profile 'default'" in terminal.screen
    assert "MFA code for" not in terminal.screen
    assert operations(aws) == ["GetCallerIdentity"]


def test_get_session_token_makes_no_other_call(here, alice, aws) -> None:
    """Its arguments already name everything that it needs."""
    code, serial = alice.device.code(), alice.device.serial_number
    before = len(aws.calls)
    mfakit.get_session_token(serial_number=serial, token_code=code, duration=timedelta(hours=1))
    assert operations(aws)[before:] == ["GetSessionToken"]
