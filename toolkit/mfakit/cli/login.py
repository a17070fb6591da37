"""`mfakit login`: exchange a code for a session and keep it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from mfakit.cli.output import note, write
from mfakit.durations import format_duration
from mfakit.exchange.login import Login, LoginRequest, login
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Run the command."""
    request = LoginRequest(
        profile=options.profile,
        source_profile=options.source_profile,
        serial_number=options.serial_number,
        token_code=options.token_code,
        duration=None if options.duration is None else timedelta(seconds=options.duration),
        min_remaining=options.min_remaining,
        force=options.force,
    )
    result = login(request, os.environ)
    if options.json:
        write(_as_json(result))
    else:
        note(_as_text(result))
    if result.warning:
        note(result.warning)
    return 0


def _as_text(result: Login) -> str:
    if result.expiration is None:
        return f"the session of profile {result.profile} is kept"
    left = format_duration((result.expiration - datetime.now(UTC)).total_seconds())
    when = f"ends in {left} ({format_timestamp(result.expiration)})"
    if result.reused:
        return f"the session of profile {result.profile} is not due, and kept: {when}"
    return f"logged in to profile {result.profile} with the keys of {result.origin}: {when}"


def _as_json(result: Login) -> str:
    import json

    return (
        json.dumps(
            {
                "profile": result.profile,
                "account": result.account,
                "serial_number": result.serial_number,
                "expiration": result.expiration and format_timestamp(result.expiration),
                "reused": result.reused,
            }
        )
        + "\n"
    )
