"""`mfakit check`: is a session valid, due for renewal, expired?"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.output import escape, write
from mfakit.expiry.status import EXIT_CODES, as_json, as_text, check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Run the command."""
    files = AWSFiles(os.environ)
    profile = session_profile(options.profile, os.environ, files)
    now = datetime.now(UTC)
    status = check_session(profile, files, now, options.warn)
    write((as_json([status], now) if options.format == "json" else escape(as_text(status))) + "\n")
    return EXIT_CODES[status.state]
