"""What kind of credentials have won, how long they last, and whether they carry MFA."""

from __future__ import annotations

from mfakit.explain.chain import FAILED
from mfakit.explain.javascript import SSO
from mfakit.profiles.session_cache import is_own_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.expiry.status import SessionStatus
    from mfakit.explain.chain import Link
    from mfakit.explain.situation import Situation

LONG_TERM = "long-term credentials"
MFA_SESSION = "MFA session"
ROLE_SESSION = "role session"
SESSION = "session"
UNKNOWN = "unknown"

_OF_ROLES = {
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "container-role",
    "iam-role",
    "fromTokenFile",
    "remoteProvider",
}


class Verdict:
    """The credentials that would be used.

    Args:
        kind: ``long-term credentials``, ``MFA session``, ``role session``, ``session`` (of which
            it is not known how it was made), or ``unknown`` (what a program would give).
        access_key_id: the id of their key, if it can be read.
        expiration: when they end; None if they do not, or that is not known.
        has_mfa: whether they carry MFA; None if that is not known.
    """

    def __init__(
        self,
        kind: str,
        access_key_id: str | None = None,
        expiration: datetime | None = None,
        *,
        has_mfa: bool | None = None,
    ) -> None:
        self.kind = kind
        self.access_key_id = access_key_id
        self.expiration = expiration
        self.has_mfa = has_mfa


def verdict(situation: Situation) -> Verdict | None:
    """Tell what would be used; None if nothing would be, or looking for it fails."""
    link = situation.chain.winner
    if link is None or link.state == FAILED:
        return None
    if link.asks:
        return _asked(link, situation)
    if not link.has_token:
        return Verdict(LONG_TERM, link.access_key_id, has_mfa=False)
    status = situation.session_with(link.access_key_id)
    return Verdict(SESSION, link.access_key_id) if status is None else _of_session(status)


def _asked(link: Link, situation: Situation) -> Verdict:
    values = situation.values
    in_profile = link.provider == "fromIni"
    signs_in = in_profile and "credential_process" not in values
    if (
        link.provider in _OF_ROLES
        or (in_profile and "role_arn" in values)
        or (signs_in and any(key in values for key in SSO))
    ):
        # AWS documents that a role's session carries no MFA, whoever assumed the role.
        return Verdict(ROLE_SESSION, has_mfa=False)
    if link.provider == "login" or signs_in:
        return Verdict(SESSION)
    if is_own_process(values.get("credential_process", "")):
        own = (s for s in situation.sessions if s.profile == situation.profile)
        status = next((s for s in own if s.source == "session-cache"), None)
        if status is not None:
            return _of_session(status)
    return Verdict(UNKNOWN)


def _of_session(status: SessionStatus) -> Verdict:
    record = status.record
    if record is None:
        return Verdict(SESSION, status.access_key_id, status.expiration)
    is_role = record.role_arn is not None
    has_mfa = not is_role and record.serial_number is not None
    kind = ROLE_SESSION if is_role else MFA_SESSION if has_mfa else SESSION
    return Verdict(kind, status.access_key_id, status.expiration, has_mfa=has_mfa)
