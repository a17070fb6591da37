"""Renewing a session for a command that is no `login`."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime

from mfakit.cli.output import note
from mfakit.errors import MFAKitError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.sessions import read_live_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.session import SessionCredentials


def renew(
    profile: str, log_in: Callable[[], object], *, may_make_do: bool = True
) -> SessionCredentials:
    """Log in, and give the session; where that cannot be, one that still lives may have to do.

    Args:
        profile: the session profile.
        log_in: keeps a new session in it.
        may_make_do: whether a session that is due is better than none.

    Raises:
        MFAKitError: as ``log_in`` raises it.
    """
    try:
        log_in()
    except MFAKitError as error:
        if "--token-code" in error.hint:  # which is an option of `login`
            error.hint = (
                f"log in: mfakit login --profile {shlex.quote(profile)}; or let"
                " mfakit_token_command of the AWS config give the code"
            )
        if may_make_do and (session := _live_session(profile)):
            note(f"the session is due, but could not be renewed: {error.message}")
            return session
        raise
    return read_live_session(profile, AWSFiles(os.environ), datetime.now(UTC))


def _live_session(profile: str) -> SessionCredentials | None:
    try:
        return read_live_session(profile, AWSFiles(os.environ), datetime.now(UTC))
    except MFAKitError:
        return None
