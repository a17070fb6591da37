"""STS's rules: who may have a session, for how long, and who is who."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import access_denied
from mfakit.testing.keys import Session
from mfakit.testing.validation import Number, Text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.clock import Clock
    from mfakit.testing.devices import Devices
    from mfakit.testing.keys import Credentials, Identity, KeyStore

DEFAULT_DURATION = 43200
ROOT_DURATION = 3600
SESSION_TOKEN_LIMITS = (
    Number("DurationSeconds", 900, 129600),
    Text("SerialNumber", 9, 256, r"[\w+=/:,.@-]*"),
    Text("TokenCode", 6, 6, r"[\d]*"),
)


class STS:
    """The calls that STS answers. Each takes who calls and the parameters, and gives the result."""

    def __init__(self, account_id: str, keys: KeyStore, devices: Devices, clock: Clock) -> None:
        self._account_id = account_id
        self._keys = keys
        self._devices = devices
        self._clock = clock
        self.operations = {
            "GetSessionToken": self.get_session_token,
            "GetCallerIdentity": self.get_caller_identity,
        }

    def get_session_token(
        self, caller: Credentials, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Exchange a long-term key, and a code if there is one, for a session."""
        validate(parameters, SESSION_TOKEN_LIMITS)
        if isinstance(caller, Session):
            raise access_denied("Cannot call GetSessionToken with session credentials")
        at = self._clock.timestamp()
        mfa_time = at if self._verify_code(caller.owner, parameters) else None
        duration = _duration(caller.owner, parameters)
        session = self._keys.issue(caller.owner, at, duration, mfa_time=mfa_time)
        return {"Credentials": _rendered(session)}

    def get_caller_identity(
        self, caller: Credentials, _parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Tell who calls. No policy can forbid it."""
        return {"Arn": caller.arn, "UserId": caller.user_id, "Account": self._account_id}

    def _verify_code(self, user: Identity, parameters: Mapping[str, str]) -> bool:
        serial_number, code = parameters.get("SerialNumber"), parameters.get("TokenCode")
        if serial_number is None and code is None:
            return False
        if serial_number is None or code is None:
            raise access_denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one"
                " time pass code."
            )
        self._devices.verify(user, serial_number, code)
        return True


def _duration(owner: Identity, parameters: Mapping[str, str]) -> int:
    duration = int(parameters.get("DurationSeconds", DEFAULT_DURATION))
    return min(duration, ROOT_DURATION) if owner.is_root else duration


def _rendered(session: Session) -> dict[str, Any]:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": datetime.fromtimestamp(session.expires, UTC),
    }
