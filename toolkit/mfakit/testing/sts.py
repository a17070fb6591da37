"""STS's rules: who may have a session, for how long, and who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfakit.testing.assume_role import AssumeRole
from mfakit.testing.errors import AWSError, access_denied
from mfakit.testing.keys import account_of_key
from mfakit.testing.session_policies import packed_size
from mfakit.testing.session_tags import session_tags
from mfakit.testing.validation import Number, Text, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.clock import Clock
    from mfakit.testing.devices import Devices
    from mfakit.testing.keys import Credentials, Identity, KeyStore
    from mfakit.testing.roles import Roles
    from mfakit.testing.session_policies import SessionPolicies

DEFAULT_DURATION = 43200
ROOT_DURATION = 3600
DURATION = Number("DurationSeconds", 900, 129600)
SESSION_TOKEN_LIMITS = (
    DURATION,
    Text("SerialNumber", 9, 256, r"[\w+=/:,.@-]*"),
    Text("TokenCode", 6, 6, r"[\d]*"),
)
FEDERATION_TOKEN_LIMITS = (DURATION, Text("Name", 2, 32, r"[\w+=,.@-]*"))
KEY_INFO_LIMITS = (Text("AccessKeyId", 16, 128, r"[\w]*"),)
MESSAGE_LIMITS = (Text("EncodedMessage", 1, 10240),)


class STS:
    """The calls that STS answers. Each takes who calls and the parameters, and gives the result.

    Attributes:
        operations: those calls, by name.
        assume_role: the one that has to be told in addition how policies are judged.
    """

    def __init__(
        self,
        account_id: str,
        keys: KeyStore,
        devices: Devices,
        clock: Clock,
        roles: Roles,
        session_policies: SessionPolicies,
    ) -> None:
        self._account_id = account_id
        self._keys = keys
        self._devices = devices
        self._clock = clock
        self._session_policies = session_policies
        self.assume_role = AssumeRole(keys, clock, roles, self._verify_code, session_policies)
        self.operations = {
            "GetSessionToken": self.get_session_token,
            "GetFederationToken": self.get_federation_token,
            "GetCallerIdentity": self.get_caller_identity,
            "GetAccessKeyInfo": self.get_access_key_info,
            "DecodeAuthorizationMessage": self.decode_authorization_message,
        }

    def get_session_token(
        self, caller: Credentials, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Exchange a long-term key, and a code if there is one, for a session."""
        validate(parameters, SESSION_TOKEN_LIMITS)
        at = self._clock.timestamp()
        mfa_time = at if self._verify_code(caller.owner, parameters) else None
        duration = _duration(caller.owner, parameters)
        session = self._keys.issue(caller.owner, at, duration, mfa_time=mfa_time)
        return {"Credentials": session.rendered()}

    def get_federation_token(
        self, caller: Credentials, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Give somebody without a user a part of the caller's permissions.

        They may do what both the caller's policies and the session policy allow: nothing without
        one (API reference of STS).
        """
        validate(parameters, FEDERATION_TOKEN_LIMITS, ("Name",))
        tags, policy = session_tags(parameters), self._session_policies(parameters) or ()
        packed = packed_size(parameters)
        user = self._federated_user(caller, parameters["Name"])
        at, duration = self._clock.timestamp(), _duration(caller.owner, parameters)
        session = self._keys.issue(
            user, at, duration, grantor=caller.owner, policy=policy, tags=tags
        )
        shown = {"FederatedUserId": session.user_id, "Arn": session.arn}
        return {
            "Credentials": session.rendered(),
            "FederatedUser": shown,
            "PackedPolicySize": packed,
        }

    def get_caller_identity(
        self, caller: Credentials, _parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Tell who calls. No policy can forbid it."""
        return {"Arn": caller.arn, "UserId": caller.user_id, "Account": self._account_id}

    def get_access_key_info(
        self, _caller: Credentials, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Tell which account a key belongs to: a foreign one's is read from its id."""
        validate(parameters, KEY_INFO_LIMITS, ("AccessKeyId",))
        key_id = parameters["AccessKeyId"]
        own = self._keys.knows(key_id)
        return {"Account": self._account_id if own else account_of_key(key_id)}

    def decode_authorization_message(
        self, _caller: Credentials, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Refuse: no refusal of the simulator holds an encoded message, so none can be right."""
        validate(parameters, MESSAGE_LIMITS, ("EncodedMessage",))
        raise AWSError(400, "InvalidAuthorizationMessageException", "Message is not valid")

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

    def _federated_user(self, caller: Credentials, name: str) -> Identity:
        account = caller.owner.arn.split(":user/")[0].removesuffix(":root")
        arn = f"{account.replace(':iam:', ':sts:')}:federated-user/{name}"
        return self._keys.identity("federated-user", name, arn, f"{self._account_id}:{name}")


def _duration(owner: Identity, parameters: Mapping[str, str]) -> int:
    duration = int(parameters.get("DurationSeconds", DEFAULT_DURATION))
    return min(duration, ROOT_DURATION) if owner.is_root else duration
