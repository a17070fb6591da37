"""A session from the output of `aws sts get-session-token`, and what is of the same form."""

from __future__ import annotations

from mfakit.errors import InvalidSessionError
from mfakit.moments import parse_timestamp
from mfakit.session import SessionCredentials

_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_FROM_AWS = "give the output of: aws sts get-session-token"


def session_from_json(text: str) -> SessionCredentials:
    """Read a session; ``Credentials`` around it, as STS has it, may be there or not.

    Raises:
        InvalidSessionError: the text is not JSON, or holds no session. It is not in the message.
    """
    import json

    try:
        found = json.loads(text)
        found = found.get("Credentials", found)
        key, secret, token = (found[name] for name in _PARTS)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise InvalidSessionError("this is no session in JSON", _FROM_AWS) from None
    expiration = found.get("Expiration")
    moment = parse_timestamp(expiration) if isinstance(expiration, str) else None
    if moment is None or not all(isinstance(part, str) for part in (key, secret, token)):
        raise InvalidSessionError("this session has no proper expiration or keys", _FROM_AWS)
    return SessionCredentials(key, secret, token, moment)
