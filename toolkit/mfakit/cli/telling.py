"""Telling people of what `mfakit check` has found."""

from __future__ import annotations

import os

from mfakit.cli.output import complain
from mfakit.expiry.notices.command import CommandWay
from mfakit.expiry.notices.tell import tell
from mfakit.expiry.notices.told import forget_gone
from mfakit.expiry.notices.ways import parse_way
from mfakit.profiles.aws_files import AWSFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.expiry.notices.way import Way
    from mfakit.expiry.status import SessionStatus


def tell_people(options: Namespace, statuses: list[SessionStatus]) -> None:
    """Tell of the sessions by the ways that were asked for; what fails of it is only noted."""
    ways: list[Way] = [parse_way(text) for text in dict.fromkeys(options.notify or ())]
    if options.on_expiring is not None:
        ways.append(CommandWay(options.on_expiring))
    files = AWSFiles(os.environ)
    tell(statuses, ways, files, os.environ, complain)
    if options.all:
        forget_gone(files.credentials_path, statuses)
