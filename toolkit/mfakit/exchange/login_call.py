"""Logging in as one call, for programs that bring a command of their own."""

from __future__ import annotations

import os

from mfakit.exchange import login as exchange_login
from mfakit.exchange.plan import LoginRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from mfakit.exchange.login import Login


def login(
    profile: str | None = None,
    *,
    source_profile: str | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
    token_command: str | None = None,
    duration: timedelta | None = None,
    min_remaining: timedelta | None = None,
    force: bool = False,
    note: Callable[[str], object] = lambda _: None,
) -> Login:
    """Keep the session that a profile holds if it is not due, else get another and keep that.

    This is what ``mfakit login`` does: what is not given is as the AWS config says, a code comes
    from the profile's token command or is asked for on the terminal, and of several processes
    one asks.

    Args:
        profile: the session profile; by default as for the command.
        source_profile: the profile that holds the long-term credentials.
        serial_number: the MFA device.
        token_code: the six digits, or ``-`` for standard input; leads to a new session always.
        token_command: a command that prints them.
        duration: how long a new session is to last; leads to one always.
        min_remaining: how much a session must have left to be kept, in place of the rule.
        force: get a new session even if the old one could be kept.
        note: is told what a person should know although all went well.

    Returns:
        What came of it, with ``.profile .serial_number .expiration .account .reused``.

    Raises:
        MFAKitError: there is no session, and none could be had. The files are then as they were.
    """
    request = LoginRequest(
        profile=profile,
        source_profile=source_profile,
        serial_number=serial_number,
        token_code=token_code,
        token_command=token_command,
        duration=duration,
        min_remaining=None if min_remaining is None else min_remaining.total_seconds(),
        force=force,
        note=note,
    )
    return exchange_login.login(request, os.environ)
