"""The keys of a profile's section: what they mean, and how a session is written as keys."""

from __future__ import annotations

from mfakit.errors import InvalidSessionError
from mfakit.moments import (
    AS_EARLIER,
    AS_LOCAL,
    AS_UTC,
    format_timestamp,
    parse_timestamp,
    utc_now,
)
from mfakit.session import SESSION_KEY_PREFIX, SessionCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    Values = dict[str, str]

KEYS = ("aws_access_key_id", "aws_secret_access_key")
_TOKENS = ("aws_security_token", "aws_session_token")
_QUOTES = ("'", '"')
# Every name that a tool is known to write; ours come first.
_EXPIRATION_KEYS = (
    "aws_credential_expiration",
    "expiration",
    "x_security_token_expires",
    "aws_expiration",
    "aws_session_expiration",
)
_STALE_KEYS = ("aws_security_token", *_EXPIRATION_KEYS[2:])
SESSION_KEYS = (*KEYS, "aws_session_token", *_EXPIRATION_KEYS, "aws_security_token")


def session_token(values: Values) -> str:
    """Return a section's session token, preferably by its old name, as in botocore."""
    return values.get("aws_security_token") or values.get("aws_session_token", "")


def has_access_key(values: Values) -> bool:
    """Whether a section holds an access key, even a part of it; a session token alone is none.

    What stands in angle brackets, as in the sections that aws-mfa wants to fill, is no key.
    """
    return any(values.get(key) and not _is_blank_to_fill(values[key]) for key in KEYS)


def has_keys(values: Values) -> bool:
    """Whether a section holds any key or token, even without the others."""
    return has_access_key(values) or bool(session_token(values))


def is_session(values: Values) -> bool:
    """Whether a section is a session: it has a token, and a key id of STS."""
    return bool(session_token(values)) and values.get("aws_access_key_id", "").startswith(
        SESSION_KEY_PREFIX
    )


def _is_blank_to_fill(value: str) -> bool:
    """Whether a value is one like ``<POPULATED_BY_AWS-MFA>``, which no key can be."""
    return value[0] == "<" and value[-1] == ">"


def is_no_key(value: str) -> bool:
    """Whether a value cannot be a key or a token: it is in quotes, or not of visible ASCII."""
    return value[:1] in _QUOTES or not all("!" <= letter <= "~" for letter in value)


def is_protected(values: Values) -> bool:
    """Whether a section holds a key that does not belong to a session."""
    return has_access_key(values) and not is_session(values)


def is_long_term(values: Values) -> bool:
    """Whether a section holds complete long-term credentials.

    A session's key without its token is none.
    """
    given = [values[key] for key in KEYS if values.get(key)]
    is_whole = len(given) == len(KEYS) and not any(map(_is_blank_to_fill, given))
    return is_whole and not lacks_token(values) and not session_token(values)


def lacks_token(values: Values) -> bool:
    """Whether a section has the key of a session, without its token."""
    key = values.get("aws_access_key_id", "")
    return key.startswith(SESSION_KEY_PREFIX) and not session_token(values)


def session_of(values: Values, now: datetime | None = None) -> SessionCredentials:
    """Return the session that a section's keys hold.

    Args:
        values: the section's keys.
        now: decides whether an end that may be either of two is known; by default the present.

    Raises:
        InvalidSessionError: a part is missing, in quotes, or holds control characters.
    """
    for key in (*KEYS, *_TOKENS):
        if values.get(key, "")[:1] in _QUOTES:
            raise InvalidSessionError(
                f"its {key} is in quotes, which AWS tools take for a part of it",
                "leave the quotes out",
            )
    return SessionCredentials(
        values["aws_access_key_id"],
        values.get("aws_secret_access_key", ""),
        session_token(values),
        _expiration_of(values, now),
    )


def section_of(credentials: SessionCredentials, before: Values) -> dict[str, str | None]:
    """Return a session as a section's keys, with None for a key to remove.

    Args:
        credentials: the session.
        before: the current keys of the section.
    """
    values: dict[str, str | None] = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
        "aws_credential_expiration": None,
        "expiration": None,
        **dict.fromkeys(_STALE_KEYS),
    }
    if credentials.expiration is not None:
        values["aws_credential_expiration"] = format_timestamp(credentials.expiration)
        # aws-mfa crashes on an RFC 3339 expiration in the sections that it keeps roles in.
        if "assumed_role" not in before:
            values["expiration"] = values["aws_credential_expiration"]
    return values


def _expiration_of(values: Values, now: datetime | None) -> datetime | None:
    """Return the earliest of a section's expirations by any name, or None."""
    moments = [
        _end(values[key], _naive_meaning(key, values), now)
        for key in _EXPIRATION_KEYS
        if values.get(key)
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _end(text: str, naive: str, now: datetime | None) -> datetime | None:
    """Return one expiration; None if it is no time, or nobody can know whether it is past.

    What awsume writes is local time, but UTC for a session that a `credential_process` gave, and
    the section does not say which (awsume 4.5.4, `fetch_credential_process_credentials`). West of
    Greenwich UTC is hours earlier: before it the session is valid, after the local time it has
    ended, and in between it may be either.
    """
    end = parse_timestamp(text, naive)
    earliest = parse_timestamp(text) if naive == AS_LOCAL else end
    if end == earliest or end is None or earliest is None:
        return end
    now = now or utc_now()
    return earliest if now < earliest else end if now >= end else None


def _naive_meaning(key: str, values: Values) -> str:
    """Return which zone a time without one has for the tool that wrote the section.

    aws-mfa writes UTC, and always `assumed_role`; awsume mostly writes local time to
    `expiration`, and always `manager`.
    """
    by_aws_mfa = "assumed_role" in values
    by_awsume = values.get("manager") == "awsume"
    if key != "expiration" or by_aws_mfa == by_awsume:
        return AS_EARLIER
    return AS_UTC if by_aws_mfa else AS_LOCAL
