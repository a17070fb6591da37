"""`mfakit devices`: list the MFA devices of the source credentials, and which can be used."""

from __future__ import annotations

import os

from mfakit.cli.output import escape, note, show
from mfakit.exchange.device import find_devices
from mfakit.exchange.source import find_source
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Run the command."""
    profile = session_profile(options.profile, os.environ)
    devices = find_devices(find_source(options.source_profile, profile))
    for device in devices:
        usable = "" if device.is_usable else ", which AWS takes no code from"
        show(f"{escape(device.serial_number)}  {device.kind}{usable}\n")
        if device.is_guess:
            note("IAM does not let this user list devices; that one is a guess")
    if not devices:
        note("the user has no MFA device; add an authenticator app in the AWS console")
    return 0
