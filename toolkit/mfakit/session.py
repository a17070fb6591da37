"""A session: what AWS gives for a code, and what every part of mfakit hands on."""

from __future__ import annotations

from mfakit.errors import InvalidSessionError
from mfakit.moments import parse_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime


SESSION_KEY_PREFIX = "ASIA"


class SessionCredentials:
    """Temporary credentials, as STS issues them. Frozen; ``repr`` shows no secret.

    Args:
        access_key_id: the key's id; STS gives ids that start with ``ASIA``.
        secret_access_key: its secret.
        session_token: the token that goes with both.
        expiration: when the session ends, with a time zone; None if that is not known.

    Raises:
        InvalidSessionError: a part is empty, has a control character, or the expiration has no
            time zone. (A line break in a value would add lines of its own to a credentials file
            or a shell script.)
    """

    __slots__ = ("access_key_id", "expiration", "secret_access_key", "session_token")

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime | None

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        session_token: str,
        expiration: datetime | None = None,
    ) -> None:
        for name, value in (
            ("access key id", access_key_id),
            ("secret access key", secret_access_key),
            ("session token", session_token),
        ):
            if not value:
                raise InvalidSessionError(f"the session has no {name}", _FROM_AWS)
            if not value.isprintable():
                raise InvalidSessionError(
                    f"the session's {name} has a control character", _FROM_AWS
                )
        if expiration is not None and expiration.tzinfo is None:
            raise InvalidSessionError(
                "the session's expiration has no time zone", "write it as 2026-11-22T18:00:00Z"
            )
        put = object.__setattr__
        put(self, "access_key_id", access_key_id)
        put(self, "secret_access_key", secret_access_key)
        put(self, "session_token", session_token)
        put(self, "expiration", expiration)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"SessionCredentials is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"SessionCredentials is frozen: {name} cannot be deleted")

    def __reduce__(self) -> tuple[type, tuple[str, str, str, datetime | None]]:
        return type(self), self._parts()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionCredentials) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return (
            f"SessionCredentials(access_key_id={self.access_key_id!r}, expiration="
            f"{self.expiration and self.expiration.isoformat()!r})"
        )

    def _parts(self) -> tuple[str, str, str, datetime | None]:
        return self.access_key_id, self.secret_access_key, self.session_token, self.expiration


_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_FROM_AWS = "give the output of: aws sts get-session-token"


def session_from_json(text: str) -> SessionCredentials:
    """Read a session; ``Credentials`` around it, as STS has it, may be there or not.

    Raises:
        InvalidSessionError: the text is not JSON, or holds no session. It is not in the message.
    """
    import json

    try:
        found = json.loads(text.removeprefix("\ufeff"))  # PowerShell writes this mark
        found = found.get("Credentials", found)
        key, secret, token = (found[name] for name in _PARTS)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise InvalidSessionError("this is no session in JSON", _FROM_AWS) from None
    expiration = found.get("Expiration")
    moment = parse_timestamp(expiration) if isinstance(expiration, str) else None
    if moment is None or not all(isinstance(part, str) for part in (key, secret, token)):
        raise InvalidSessionError("this session has no proper expiration or keys", _FROM_AWS)
    return SessionCredentials(key, secret, token, moment)
