"""Whose the keys are: asked while the person types, and never a hindrance."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.exchange.conftest import operations

import mfakit

ELSEWHERE = "arn:aws:iam::999999999999:mfa/alice"


def test_an_answer_that_does_not_come_holds_up_no_login(home, alice, aws) -> None:
    """The exchange waits three seconds for it, and then goes on."""
    code = alice.device.code()
    command = ["login", "--serial-number", alice.device.serial_number, "--token-code", code]
    aws.delay_next("GetCallerIdentity", 600)
    done = home.mfakit(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert '"account": "123456789012"' in done.stdout


@pytest.mark.parametrize("code", ["AccessDenied", "InternalFailure"])
def test_a_refusal_to_tell_is_no_error(home, alice, aws, code: str) -> None:
    """What is wrong with the keys, the exchange itself tells better."""
    aws.fail_next("GetCallerIdentity", code=code)
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_wrong_account_is_told_before_the_question(home, alice, aws, on_terminal) -> None:
    """The key's id gives the account away, and AWS is asked to make sure."""
    terminal = on_terminal("login", "--serial-number", ELSEWHERE)
    assert terminal.wait() == 1
    assert "is of another account than the keys of profile 'default'" in terminal.screen
    assert "MFA code for" not in terminal.screen
    assert operations(aws) == ["GetCallerIdentity"]


def test_the_one_call_of_the_library_asks_nothing_else(here, alice, aws) -> None:
    """Whoever calls it has said all that there is to say."""
    code, serial = alice.device.code(), alice.device.serial_number
    before = len(aws.calls)
    mfakit.get_session_token(serial_number=serial, token_code=code, duration=timedelta(hours=1))
    assert operations(aws)[before:] == ["GetSessionToken"]
