"""`mfakit check`: is a session valid, due for renewal, expired?"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.output import escape, write
from mfakit.errors import SessionNotFoundError
from mfakit.expiry.status import EXIT_CODES, as_json, as_text, check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.expiry.status import SessionStatus


def run(options: Namespace) -> int:
    """Run the command."""
    now = datetime.now(UTC)
    try:
        status = _check(options.profile, options.warn, now)
    except SessionNotFoundError:
        if options.format == "json":
            write(as_json([], now) + "\n")
        raise
    write((as_json([status], now) if options.format == "json" else escape(as_text(status))) + "\n")
    return EXIT_CODES[status.state]


def _check(profile: str | None, warn: float | None, now: datetime) -> SessionStatus:
    files = AWSFiles(os.environ)
    return check_session(session_profile(profile, os.environ, files), files, now, warn)
