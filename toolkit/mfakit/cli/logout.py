"""`mfakit logout`: remove the session from its profile."""

from __future__ import annotations

from mfakit.cli.output import note
from mfakit.errors import SessionNotFoundError
from mfakit.moments import format_timestamp, utc_now
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.profiles.aws_files import AWSFiles


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    profile = session_profile(options.profile, files)
    try:
        removed = profile.remove(note)
    except SessionNotFoundError as error:  # its hint is for those who want a session
        hint = "see which sessions there are: mfakit status"
        raise SessionNotFoundError(error.message, hint) from None
    note(f"removed the session of profile {profile.name}")
    end = removed.expiration if removed else None
    if end is None or end > utc_now():
        until = f"until {format_timestamp(end)}" if end else "until it expires"
        note(f"AWS honours it {until} all the same, wherever else it was copied to")
    return 0
