"""The federation endpoint, which makes a link to the console of the session of a role.

It belongs to no service: requests are not signed, but carry the session ("Enabling custom identity
broker access to the AWS console" in the IAM User Guide). It is served over HTTP alone.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import TYPE_CHECKING

from mfakit.testing.keys import Session
from mfakit.testing.wire import Response

if TYPE_CHECKING:
    from mfakit.testing.devices import Clock
    from mfakit.testing.keys import KeyStore
    from mfakit.testing.wire import Request

PATH = "/federation"
CALLS = ("getSigninToken", "login")
TOKEN_SECONDS = 15 * 60
SHORTEST, LONGEST = 900, 43200
SESSION_PARTS = {"sessionId", "sessionKey", "sessionToken"}
BAD_REQUEST = Response(400, (("Content-Type", "text/html"),), b"Bad Request")


class Federation:
    """Hands out sign-in tokens for sessions of roles and federated users.

    Args:
        keys: the sessions.
        clock: the time.
    """

    def __init__(self, keys: KeyStore, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._tokens: dict[str, float] = {}

    def is_for(self, request: Request) -> bool:
        """Whether a request is for this endpoint, and not for another part of AWS."""
        is_ours = request.parts.path == PATH and not request.header("authorization")
        return is_ours and request.query.get("Action") in CALLS

    def answer(self, request: Request) -> Response | None:
        """Return the answer to a request; None if it is for another part of AWS."""
        if not self.is_for(request):
            return None
        asked = request.query
        return self._get_signin_token(asked) if asked["Action"] == CALLS[0] else self._login(asked)

    def _get_signin_token(self, asked: dict[str, str]) -> Response:
        """Refuse sessions of GetSessionToken, and a duration where the session's own counts.

        That is so for a role that was assumed from a session, and for federated users.
        """
        session = self._session(asked.get("Session", ""))
        if session is None or session.owner.kind not in ("role", "federated-user"):
            return BAD_REQUEST
        if "SessionDuration" in asked:
            duration = asked["SessionDuration"]
            is_own = session.chained or session.owner.kind != "role"
            if is_own or not duration.isdecimal() or not SHORTEST <= int(duration) <= LONGEST:
                return BAD_REQUEST
        token = secrets.token_urlsafe(96)
        self._tokens[token] = self._clock.timestamp() + TOKEN_SECONDS
        body = json.dumps({"SigninToken": token}).encode()
        return Response(200, (("Content-Type", "application/json"),), body)

    def _session(self, text: str) -> Session | None:
        """Return the session that was sent, if it is one that has not ended."""
        try:
            sent = json.loads(text)
            if set(sent) != SESSION_PARTS or not all(isinstance(v, str) for v in sent.values()):
                return None
        except (ValueError, TypeError):
            return None
        now = self._clock.timestamp()
        found = self._keys.find(sent["sessionId"], now)
        if not isinstance(found, Session) or found.expires <= now:
            return None
        kept = found.secret_access_key + found.session_token
        given = sent["sessionKey"] + sent["sessionToken"]
        return found if hmac.compare_digest(kept.encode(), given.encode()) else None

    def _login(self, asked: dict[str, str]) -> Response:
        """Lead to the console, which the simulator has not, with a token of the last 15 minutes."""
        until = self._tokens.get(asked.get("SigninToken", ""), 0.0)
        destination = asked.get("Destination", "")
        if self._clock.timestamp() >= until or not destination.startswith("https://"):
            return BAD_REQUEST
        return Response(302, (("Location", destination),), b"")
