"""The verification of codes, without any AWS around it."""

from __future__ import annotations

import pyotp
import pytest

from mfakit.testing.devices import Budget, Token, new_seed

NOW = 1_800_000_000.0
STEP = int(NOW // 30)
SEED = "JBSWY3DPEHPK3PXP" * 4


@pytest.fixture
def token() -> Token:
    return Token(SEED)


def test_codes_are_those_of_an_authenticator_app(token: Token) -> None:
    assert token.code(STEP) == pyotp.TOTP(SEED).at(int(NOW))


@pytest.mark.parametrize(
    ("steps", "serves"),
    [(-3, False), (-2, True), (-1, True), (0, True), (1, True), (2, True), (3, False)],
)
def test_a_code_is_valid_from_two_steps_before_to_two_steps_after(
    token: Token, steps: int, serves: bool
) -> None:
    assert token.verify(token.code(STEP + steps), NOW) is serves


def test_each_code_is_valid_once_in_any_order(token: Token) -> None:
    """A newer code does not use up an older one."""
    order = [2, -2, 0, 1, -1]
    assert all(token.verify(token.code(STEP + steps), NOW) for steps in order)
    assert not any(token.verify(token.code(STEP + steps), NOW) for steps in order)


def test_a_pair_has_to_be_consecutive_and_in_order(token: Token) -> None:
    """Equal, reversed or distant codes are refused."""
    now, before = token.code(STEP), token.code(STEP - 1)
    assert not token.accept_pair(now, now, NOW)
    assert not token.accept_pair(now, before, NOW)
    assert not token.accept_pair(token.code(STEP - 2), now, NOW)
    assert token.accept_pair(before, now, NOW)


def test_codes_that_enabled_a_device_are_still_valid_for_a_session(token: Token) -> None:
    token.accept_pair(*token.current_pair(NOW), NOW)
    assert token.verify(token.code(STEP - 1), NOW)
    assert token.verify(token.code(STEP), NOW)


@pytest.mark.parametrize(
    ("steps", "found"), [(-999, False), (-998, True), (1000, True), (1001, False)]
)
def test_a_pair_is_found_from_998_steps_behind_to_1000_ahead(
    token: Token, steps: int, found: bool
) -> None:
    pair = token.code(STEP + steps - 1), token.code(STEP + steps)
    assert token.accept_pair(*pair, NOW) is found


def test_a_resync_shifts_the_window_to_the_devices_own_time(token: Token) -> None:
    token.accept_pair(token.code(STEP + 99), token.code(STEP + 100), NOW)
    assert not token.verify(token.code(STEP), NOW)
    assert token.verify(token.code(STEP + 100), NOW)


def test_a_pair_has_to_be_newer_than_the_last(token: Token) -> None:
    """Neither code of a pair may be older than the last accepted pair, or part of it."""
    assert token.accept_pair(token.code(STEP - 1), token.code(STEP), NOW)
    assert not token.accept_pair(token.code(STEP - 1), token.code(STEP), NOW)
    assert not token.accept_pair(token.code(STEP), token.code(STEP + 1), NOW)
    assert token.accept_pair(token.code(STEP + 1), token.code(STEP + 2), NOW)


def test_the_tenth_verification_fails_until_the_next_three_minutes() -> None:
    budget = Budget()
    start = NOW - NOW % 180
    assert [budget.spend("arn", start + 179) for _ in range(10)] == [True] * 9 + [False]
    assert budget.seconds_until_refill("arn", start + 179) == 1
    assert budget.spend("another", start + 179)
    assert budget.spend("arn", start + 180)


def test_each_code_that_is_handed_out_is_fresh_and_valid(token: Token) -> None:
    """Once all valid codes are handed out, there is none until the next step."""
    codes = []
    while handed_out := token.hand_out(NOW):
        codes.append(handed_out[0])
    assert len(set(codes)) == len(codes) >= 4
    assert all(token.verify(code, NOW) for code in codes)


def test_a_code_is_valid_for_the_seconds_that_come_with_it(token: Token) -> None:
    handed_out = token.hand_out(NOW + 7)
    assert handed_out is not None
    code, seconds = handed_out
    assert not Token(SEED).verify(code, NOW + 7 + seconds)
    assert token.verify(code, NOW + 7 + seconds - 0.01)


def test_a_seed_has_64_base32_characters_and_is_not_shown() -> None:
    seed = new_seed()
    assert len(seed) == 64
    assert pyotp.TOTP(seed).now().isdecimal()
    assert seed not in repr(Token(seed))
