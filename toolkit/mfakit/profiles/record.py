"""Records: what is known about a session besides its credentials, in a file without secrets.

The credentials file has no place for when and how a session was made. A record counts only for the
session whose key id it names, so that it is not applied to a session that another tool has written
over ours.
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
    """How a session was made; unknown values are None.

    Args:
        made_at: when the session was made, by this machine's clock.
        profile: the session profile.
        access_key_id: the id of the session's key.
        source_profile: the profile with the keys that it was made from; None for the environment.
        source_access_key_id: the id of those keys; None if mfakit did not make the session.
        serial_number: the device whose code was sent.
        role_arn: the role that was assumed.
        role_options: the other parameters of AssumeRole, as ``as_role_options`` returns them.
        endpoint_url: the endpoint of STS; None for AWS's own.
        account: the account of the session.
        arn: the identity of the session.
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
        """The name of a role's session, which is the end of its ARN."""
        return (self.arn or "").rpartition("/")[2] or None

    def options_of_role(self) -> dict[str, Any]:
        """Return the other parameters: ``ExternalId``, ``SourceIdentity``, ``Tags``."""
        import json

        try:
            options = json.loads(self.role_options or "{}")
        except ValueError:  # not written by mfakit
            return {}
        return options if isinstance(options, dict) else {}


_TEXTS = tuple(name for name in SessionRecord.__annotations__ if name != "made_at")


def as_role_options(options: dict[str, Any]) -> str | None:
    """Return the other parameters of AssumeRole as a record stores them; None if empty."""
    import json

    return json.dumps(options, sort_keys=True) if options else None


def read_record(credentials_path: str, profile: str, access_key_id: str) -> SessionRecord | None:
    """Return the record of a session; None if it is missing, or another session's."""
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
    """Write a record beside the credentials file of the session.

    The session is written by then, so a failure is only noted.
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
