"""What the keys of a profile's section mean, and how a session is written as such keys."""

from __future__ import annotations

from mfakit.moments import (
    AS_EARLIER,
    AS_LOCAL,
    AS_UTC,
    format_timestamp,
    parse_timestamp,
)
from mfakit.session import SESSION_KEY_PREFIX, SessionCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    Values = dict[str, str]

KEYS = ("aws_access_key_id", "aws_secret_access_key")
# Every spelling that a tool is known to write; ours come first.
_EXPIRATION_KEYS = (
    "aws_credential_expiration",
    "expiration",
    "x_security_token_expires",
    "aws_expiration",
)
_STALE_KEYS = ("aws_security_token", "x_security_token_expires", "aws_expiration")
SESSION_KEYS = (*KEYS, "aws_session_token", *_EXPIRATION_KEYS, "aws_security_token")


def session_token(values: Values) -> str:
    """Return a section's session token; the old spelling first, as botocore has it."""
    return values.get("aws_security_token") or values.get("aws_session_token", "")


def has_keys(values: Values) -> bool:
    """Whether a section holds keys of any kind, even a part of them."""
    return any(values.get(key) for key in KEYS) or bool(session_token(values))


def is_session(values: Values) -> bool:
    """Whether a section is a session: it has a token, and an id that STS gave."""
    return bool(session_token(values)) and values.get("aws_access_key_id", "").startswith(
        SESSION_KEY_PREFIX
    )


def looks_like_session(text: str) -> bool:
    """Whether the text of a plain section, as mfakit and most tools write it, is a session's.

    A section that is none never looks so; a session may be written in another way.
    """
    _, sign, token = text.partition("\naws_session_token = ")
    return (
        sign != ""
        and token[:1] not in ("", "\n")
        and f"\naws_access_key_id = {SESSION_KEY_PREFIX}" in text
        and text.lower().count("aws_access_key_id") == 1
        and text.lower().count("aws_session_token") == 1
    )


def is_protected(values: Values) -> bool:
    """Whether a section holds keys, even a part of them, that are no session."""
    return any(values.get(key) for key in KEYS) and not is_session(values)


def is_long_term(values: Values) -> bool:
    """Whether a section holds long-term credentials, whole."""
    return all(values.get(key) for key in KEYS) and not session_token(values)


def session_of(values: Values) -> SessionCredentials:
    """Make a session of a section's keys.

    Raises:
        InvalidSessionError: a part is missing, or holds control characters.
    """
    return SessionCredentials(
        values["aws_access_key_id"],
        values.get("aws_secret_access_key", ""),
        session_token(values),
        _expiration_of(values),
    )


def section_of(credentials: SessionCredentials, before: Values) -> dict[str, str | None]:
    """Write a session as a section's keys; None is a key that has to go.

    Args:
        credentials: the session.
        before: what the section holds so far.
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


def _expiration_of(values: Values) -> datetime | None:
    """Return the earliest expiration that a section tells in any spelling, or None."""
    moments = [
        parse_timestamp(values[key], _naive_meaning(key, values))
        for key in _EXPIRATION_KEYS
        if values.get(key)
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _naive_meaning(key: str, values: Values) -> str:
    """Return what a time without a zone is to the tool that wrote a section.

    aws-mfa always writes whether a role was assumed, and UTC; awsume always puts its name to what
    it writes, and takes `expiration` for local time.
    """
    by_aws_mfa = "assumed_role" in values
    by_awsume = values.get("manager") == "awsume"
    if key != "expiration" or by_aws_mfa == by_awsume:
        return AS_EARLIER
    return AS_UTC if by_aws_mfa else AS_LOCAL
