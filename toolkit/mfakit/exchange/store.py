"""Keeping a session that was got by other means."""

from __future__ import annotations

from datetime import UTC, datetime

from mfakit.exchange.login import Login
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.record import SessionRecord, keep_record
from mfakit.profiles.selection import refuse_foreign, session_profile
from mfakit.profiles.sessions import keep_session
from mfakit.session_json import session_from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def store_session(
    profile: str | None,
    text: str,
    environ: Mapping[str, str],
    note: Callable[[str], object] = lambda _: None,
) -> Login:
    """Keep the session that a text holds.

    Args:
        profile: the session profile, if one is named.
        text: the output of ``aws sts get-session-token``, or of another command of its form.
        environ: the environment.
        note: is told what a person should know.

    Raises:
        InvalidSessionError: the text is no session.
        MFAKitError: as ``write_session`` raises it.
    """
    files = AWSFiles(environ)
    name = session_profile(profile, environ, files)
    refuse_foreign(name, files, "the session profile")
    session = session_from_json(text)
    keep_session(name, session, files, note)
    record = SessionRecord(datetime.now(UTC), profile=name, access_key_id=session.access_key_id)
    keep_record(files.credentials_path, record, note)
    return Login(name, None, session.expiration, "", account=None, reused=False)
