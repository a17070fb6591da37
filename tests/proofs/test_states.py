"""The picture of a session's states is right: each move and each state is tried."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta

import pytest
from docs.pictures.states import MOVES, NONE, WORDS, Move

from mfakit.errors import SessionNotFoundError
from mfakit.expiry import check_session
from mfakit.moments import format_timestamp
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile
from mfakit.session import EXPIRED, EXPIRING, STATES, UNKNOWN, VALID

# How long ago a session of twelve hours was made.
AGO = {VALID: timedelta(), EXPIRING: timedelta(hours=11.9), EXPIRED: timedelta(1)}


@pytest.mark.parametrize("language", WORDS)
def test_every_state_is_in_the_picture(language: str) -> None:
    """Only the state with an unknown end is not in it."""
    states = {state for state in STATES if state != UNKNOWN} | {NONE}
    assert {move.before for move in MOVES} == states
    assert states <= WORDS[language].keys()


@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{move.before}, {move.command}")
def test_a_command_moves_a_session_as_the_picture_says(aws, home, alice, move: Move) -> None:
    """It goes from the state before to the one after; nothing is written where both are one."""
    if move.before != NONE:
        _log_in_before(aws, home, alice, AGO[move.before])
    before = home.credentials.read_text()
    assert _state(home) == move.before
    command = home.token_command(alice.device.code())
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    name, *options = move.command.split()
    home.mfakit(name, *options, *(("--", sys.executable, "-c", "") if name == "exec" else ()))
    assert _state(home) == move.after
    assert (home.credentials.read_text() == before) is (move.before == move.after)


def _log_in_before(aws, home, alice, ago: timedelta) -> None:
    """Have logged in so long ago: AWS says so, and so does the record of the session."""
    aws.clock.advance(seconds=-ago.total_seconds())
    done = home.mfakit("login", "--token-code", alice.device.code())
    aws.clock.advance(seconds=ago.total_seconds())
    assert done.returncode == 0, done.stderr
    [record] = home.credentials.parent.glob("mfakit/records/*")
    made_at = f"made_at={format_timestamp(datetime.now(UTC) - ago)}"
    record.write_text(re.sub("^made_at=.*", made_at, record.read_text()))


def _state(home) -> str:
    try:
        return check_session(Profile("mfa", AWSFiles(home.environ)), datetime.now(UTC)).state
    except SessionNotFoundError:
        return NONE
