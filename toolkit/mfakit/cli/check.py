"""`mfakit check`: is a session valid, due for renewal, expired?"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.output import escape, write
from mfakit.errors import MFAKitError, SessionNotFoundError
from mfakit.expiry.report import EXIT_CODES, as_json, as_text, worst
from mfakit.expiry.status import check_session
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
        statuses = _look(options, AWSFiles(os.environ), now)
    except MFAKitError:
        _report(options, [], now)
        raise
    _report(options, statuses, now)
    return EXIT_CODES[worst(statuses)]


def _look(options: Namespace, files: AWSFiles, now: datetime) -> list[SessionStatus]:
    """Find the sessions that are asked for, and how they stand."""
    if not options.all:
        profile = session_profile(options.profile, os.environ, files)
        return [check_session(profile, files, now, options.warn)]
    from mfakit.expiry.inventory import check_all

    caches = options.include_caches
    statuses = check_all(files, os.environ, now, options.warn, include_caches=caches)
    if not statuses:
        raise SessionNotFoundError("there is no session on this machine", "log in: mfakit login")
    return statuses


def _report(options: Namespace, statuses: list[SessionStatus], now: datetime) -> None:
    """Say how they stand, in the format that is asked for."""
    if options.format == "json":
        write(as_json(statuses, now))
    elif statuses:
        write(as_text(statuses, escape))
