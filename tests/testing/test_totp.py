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


def test_codes_are_those_of_any_authenticator_app(token: Token) -> None:
    """A device shows what pyotp shows for the same seed and time."""
    assert token.code(STEP) == pyotp.TOTP(SEED).at(int(NOW))


@pytest.mark.parametrize(
    ("steps", "serves"),
    [(-3, False), (-2, True), (-1, True), (0, True), (1, True), (2, True), (3, False)],
)
def test_codes_serve_within_two_steps(token: Token, steps: int, serves: bool) -> None:
    """A code serves from two steps before its time to two after."""
    assert token.verify(token.code(STEP + steps), NOW) is serves


def test_each_code_serves_once_in_any_order(token: Token) -> None:
    """A newer code does not use up an older one, but each serves only once."""
    order = [2, -2, 0, 1, -1]
    assert all(token.verify(token.code(STEP + steps), NOW) for steps in order)
    assert not any(token.verify(token.code(STEP + steps), NOW) for steps in order)


def test_a_pair_has_to_be_consecutive_and_in_order(token: Token) -> None:
    """Equal, reversed or distant codes prove nothing."""
    now, before = token.code(STEP), token.code(STEP - 1)
    assert not token.accept_pair(now, now, NOW)
    assert not token.accept_pair(now, before, NOW)
    assert not token.accept_pair(token.code(STEP - 2), now, NOW)
    assert token.accept_pair(before, now, NOW)


def test_a_pair_is_not_used_up_for_sessions(token: Token) -> None:
    """The codes that enabled a device still serve for one session each."""
    token.accept_pair(*token.current_pair(NOW), NOW)
    assert token.verify(token.code(STEP - 1), NOW)
    assert token.verify(token.code(STEP), NOW)


@pytest.mark.parametrize(
    ("steps", "found"), [(-999, False), (-998, True), (1000, True), (1001, False)]
)
def test_a_pair_is_looked_for_far_around(token: Token, steps: int, found: bool) -> None:
    """The second code is looked for from 998 steps behind to 1000 ahead."""
    pair = token.code(STEP + steps - 1), token.code(STEP + steps)
    assert token.accept_pair(*pair, NOW) is found


def test_a_pair_shifts_the_device(token: Token) -> None:
    """After a resync, the window lies around the device's own time."""
    token.accept_pair(token.code(STEP + 99), token.code(STEP + 100), NOW)
    assert not token.verify(token.code(STEP), NOW)
    assert token.verify(token.code(STEP + 100), NOW)


def test_a_pair_has_to_be_newer_than_the_last(token: Token) -> None:
    """Neither code of a pair may be older than the last accepted pair, or in it."""
    assert token.accept_pair(token.code(STEP - 1), token.code(STEP), NOW)
    assert not token.accept_pair(token.code(STEP - 1), token.code(STEP), NOW)
    assert not token.accept_pair(token.code(STEP), token.code(STEP + 1), NOW)
    assert token.accept_pair(token.code(STEP + 1), token.code(STEP + 2), NOW)


def test_nine_verifications_in_three_minutes_of_the_clock() -> None:
    """The tenth verification fails until the next window of three minutes begins."""
    budget = Budget()
    start = NOW - NOW % 180
    assert [budget.spend("arn", start + 179) for _ in range(10)] == [True] * 9 + [False]
    assert budget.seconds_until_refill("arn", start + 179) == 1
    assert budget.spend("another", start + 179)
    assert budget.spend("arn", start + 180)


def test_codes_are_handed_out_once_and_serve(token: Token) -> None:
    """Each code that is handed out is a fresh one that serves; then there is none."""
    codes = []
    while handed_out := token.hand_out(NOW):
        codes.append(handed_out[0])
    assert len(set(codes)) == len(codes) >= 4
    assert all(token.verify(code, NOW) for code in codes)


def test_a_code_serves_as_long_as_it_says(token: Token) -> None:
    """The seconds that go with a code are how long it serves."""
    handed_out = token.hand_out(NOW + 7)
    assert handed_out is not None
    code, seconds = handed_out
    assert not Token(SEED).verify(code, NOW + 7 + seconds)
    assert token.verify(code, NOW + 7 + seconds - 0.01)


def test_a_seed_is_as_long_as_those_of_aws() -> None:
    """A seed is 64 base32 characters, and is not shown."""
    seed = new_seed()
    assert len(seed) == 64
    assert pyotp.TOTP(seed).now().isdecimal()
    assert seed not in repr(Token(seed))
