"""What is known about a session besides its credentials: a record without secrets, kept beside it.

The credentials file has no place for when a session was made, by whom and for what. The record
has; it counts only for the session whose key id it names, so that a session which another tool
wrote over ours is never judged by ours.
"""

from __future__ import annotations

from mfakit.errors import FileError
from mfakit.profiles.own_files import as_pairs, own_file, pairs_of, read_own
from mfakit.timestamps import format_timestamp, parse_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

_TEXTS = (
    "profile",
    "access_key_id",
    "source_profile",
    "source_access_key_id",
    "serial_number",
    "role_arn",
    "role_options",
    "endpoint_url",
    "account",
    "arn",
)


class SessionRecord:
    """How a session came to be.

    Args:
        made_at: when the session was made, by this machine's clock.
        texts: ``profile``, ``access_key_id`` (the session's), ``source_profile`` (none for keys
            of the environment), ``source_access_key_id``, ``serial_number``, ``role_arn``,
            ``role_options`` (as ``as_role_options`` writes them), ``endpoint_url``, ``account`` and
            ``arn`` (whose the session is), as far as known.
    """

    __slots__ = ("made_at", *_TEXTS)

    profile: str | None
    access_key_id: str | None
    source_profile: str | None
    source_access_key_id: str | None
    serial_number: str | None
    role_arn: str | None
    role_options: str | None
    endpoint_url: str | None
    account: str | None
    arn: str | None

    def __init__(self, made_at: datetime, **texts: str | None) -> None:
        self.made_at = made_at
        for name in _TEXTS:
            setattr(self, name, texts.get(name))

    def options_of_role(self) -> dict[str, Any]:
        """Give what else AssumeRole was sent: ``ExternalId``, ``SourceIdentity``, ``Tags``."""
        import json

        try:
            options = json.loads(self.role_options or "{}")
        except ValueError:  # written by another hand: it tells nothing
            return {}
        return options if isinstance(options, dict) else {}


def as_role_options(options: dict[str, Any]) -> str | None:
    """Write what else AssumeRole is sent as a record keeps it; None if that is nothing."""
    import json

    return json.dumps(options, sort_keys=True) if options else None


def read_record(credentials_path: str, profile: str, access_key_id: str) -> SessionRecord | None:
    """Read the record of a session; None if there is none, or it is another session's."""
    try:
        text = read_own(own_file(credentials_path, "records", profile))
    except OSError:
        return None
    kept = pairs_of(text)
    made_at = parse_timestamp(kept.pop("made_at", ""))
    if made_at is None or kept.get("access_key_id") != access_key_id:
        return None
    return SessionRecord(made_at, **{name: kept[name] for name in _TEXTS if kept.get(name)})


def keep_record(
    credentials_path: str, record: SessionRecord, note: Callable[[str], object]
) -> None:
    """Keep a record beside the credentials file that the session belongs to.

    The session itself is kept by then, so a record that cannot be is only noted.
    """
    try:
        write_record(credentials_path, record)
    except FileError as error:
        note(f"the session is kept, but not how it was made: {error.message}")


def write_record(credentials_path: str, record: SessionRecord) -> None:
    """Write a record, a line for each thing that is known.

    Raises:
        FileError: it cannot be written.
    """
    from mfakit.profiles.files import replace_text

    kept = {"made_at": format_timestamp(record.made_at)}
    kept |= {name: value for name in _TEXTS if (value := getattr(record, name))}
    replace_text(own_file(credentials_path, "records", record.profile or ""), as_pairs(kept))
