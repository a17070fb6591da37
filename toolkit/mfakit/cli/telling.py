"""Notifying people of what `mfakit check` has found."""

from __future__ import annotations

import os

from mfakit.cli.output import complain
from mfakit.errors import FileError
from mfakit.notices.tell import forget_gone, forget_trouble, tell, tell_trouble
from mfakit.notices.ways import CommandWay, parse_way
from mfakit.profiles.aws_files import AWSFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.errors import MFAKitError
    from mfakit.expiry.status import SessionStatus
    from mfakit.notices.ways import Way


def tell_people(options: Namespace, statuses: list[SessionStatus]) -> None:
    """Send notifications by the ways that were asked for; a failure is only noted."""
    ways = _ways(options)
    if options.on_expiring is not None:
        ways.append(CommandWay(options.on_expiring))
    files = AWSFiles(os.environ)
    tell(statuses, ways, files, os.environ, complain)
    if options.from_json is None:
        forget_trouble(files.credentials_path)
    if options.all:
        forget_gone(files.credentials_path, statuses)


def tell_of_failure(options: Namespace, error: MFAKitError) -> None:
    """Send the notification that sessions are unreadable, if a file has to be repaired for that.

    ``--on-expiring`` is not for this: its command may renew the session, or end what needs it.
    """
    if options.from_json is not None:
        return
    files = AWSFiles(os.environ)
    if isinstance(error, FileError):
        tell_trouble(error, _ways(options), files, os.environ, complain)
    else:
        forget_trouble(files.credentials_path)


def _ways(options: Namespace) -> list[Way]:
    return [parse_way(text) for text in dict.fromkeys(options.notify or ())]
