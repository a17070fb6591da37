"""What is known about a session besides its credentials: a record without secrets, kept beside it.

The credentials file has no place for when a session was made, by whom and for what. The record
has; it counts only for the session whose key id it names, so that a session which another tool
wrote over ours is never judged by ours.
"""

from __future__ import annotations

from mfakit.errors import FileError
from mfakit.moments import format_timestamp, parse_timestamp
from mfakit.profiles.own_files import OwnFile, as_pairs, pairs_of
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any


class SessionRecord(Value):
    """How a session came to be; what is not known is None.

    Args:
        made_at: when the session was made, by this machine's clock.
        profile: the session profile.
        access_key_id: the session's.
        source_profile: the profile of the keys that it was made with; None for the environment's.
        source_access_key_id: the id of those keys; None if no exchange of mfakit made it.
        serial_number: the device whose code was sent.
        role_arn: the role that was assumed.
        role_options: what else AssumeRole was sent, as ``as_role_options`` writes it.
        endpoint_url: the endpoint that was asked; None for AWS's own.
        account: the account that the session is of.
        arn: whose the session is.
    """

    made_at: datetime
    profile: str
    access_key_id: str
    source_profile: str | None = None
    source_access_key_id: str | None = None
    serial_number: str | None = None
    role_arn: str | None = None
    role_options: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    arn: str | None = None

    @property
    def role_session_name(self) -> str | None:
        """What a role's session is called, which the ARN that it has ends with."""
        return (self.arn or "").rpartition("/")[2] or None

    def options_of_role(self) -> dict[str, Any]:
        """Return what else AssumeRole was sent: ``ExternalId``, ``SourceIdentity``, ``Tags``."""
        import json

        try:
            options = json.loads(self.role_options or "{}")
        except ValueError:  # written by another hand: it tells nothing
            return {}
        return options if isinstance(options, dict) else {}


_TEXTS = tuple(name for name in SessionRecord.__annotations__ if name != "made_at")


def as_role_options(options: dict[str, Any]) -> str | None:
    """Return what else AssumeRole is sent as a record keeps it; None if that is nothing."""
    import json

    return json.dumps(options, sort_keys=True) if options else None


def read_record(credentials_path: str, profile: str, access_key_id: str) -> SessionRecord | None:
    """Read the record of a session; None if there is none, or it is another session's."""
    try:
        kept = pairs_of(record_file(credentials_path, profile).read())
    except OSError:
        return None
    made_at = parse_timestamp(kept.get("made_at", ""))
    if made_at is None or kept.get("access_key_id") != access_key_id:
        return None
    texts = {name: kept[name] for name in _TEXTS if kept.get(name)}
    return SessionRecord(made_at=made_at, **{"profile": profile, **texts})


def keep_record(
    credentials_path: str, record: SessionRecord, note: Callable[[str], object]
) -> None:
    """Keep a record beside the credentials file that the session belongs to.

    The session itself is kept by then, so a record that cannot be is only noted.
    """
    kept = {"made_at": format_timestamp(record.made_at)}
    kept |= {name: value for name in _TEXTS if (value := getattr(record, name))}
    try:
        record_file(credentials_path, record.profile).replace(as_pairs(kept))
    except FileError as error:
        note(f"the session is kept, but not how it was made: {error.message}")


def record_file(credentials_path: str, profile: str) -> OwnFile:
    """Return the file of a profile's record."""
    return OwnFile.of(credentials_path, "records", profile)
