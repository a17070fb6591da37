"""AssumeRole: who may become which role, for how long, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError, access_denied
from mfakit.testing.keys import Session
from mfakit.testing.session_policies import packed_size
from mfakit.testing.session_tags import session_tags, transitive_tags
from mfakit.testing.validation import Number, Text, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mfakit.policy import Statement
    from mfakit.testing.clock import Clock
    from mfakit.testing.keys import Credentials, Identity, KeyStore
    from mfakit.testing.roles import Role, Roles

    Judge = Callable[[str, Role, Mapping[str, str]], bool]

DEFAULT_DURATION = 3600
LONGEST_CHAINED = 3600
ARN_PATTERN = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"
LIMITS = (
    Text("RoleArn", 20, 2048, ARN_PATTERN),
    Text("RoleSessionName", 2, 64, r"[\w+=,.@-]*"),
    Number("DurationSeconds", 900, 43200),
    Text("ExternalId", 2, 1224, r"[\w+=,.@:\/-]*"),
    Text("SerialNumber", 9, 256, r"[\w+=/:,.@-]*"),
    Text("TokenCode", 6, 6, r"[\d]*"),
    Text("SourceIdentity", 2, 64, r"[\w+=,.@-]*"),
)
REQUIRED = ("RoleArn", "RoleSessionName")
TOO_LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
ALREADY_SET = "The source identity is already set for this assume role session"
TOO_LONG_CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role"
    " chaining."
)


class AssumeRole:
    """The call. Whether policies let the caller have the role is judged by who calls it.

    Args:
        keys: issues the session.
        clock: when it begins.
        roles: the account's.
        verify_code: uses up the code of a user's device, if there is one among the parameters.
        session_policy: reads the session policy among the parameters; None if there is none.
    """

    def __init__(
        self,
        keys: KeyStore,
        clock: Clock,
        roles: Roles,
        verify_code: Callable[[Identity, Mapping[str, str]], bool],
        session_policy: Callable[[Mapping[str, str]], tuple[Statement, ...] | None],
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._roles = roles
        self._verify_code = verify_code
        self._session_policy = session_policy

    def __call__(
        self, caller: Credentials, parameters: Mapping[str, str], judge: Judge
    ) -> dict[str, Any]:
        """Give the session of a role.

        The code is verified first, since the trust policy may ask for it; that it counts for the
        caller's own policies too, and that a code is used up by a call that is refused after
        all, is not documented.

        Args:
            caller: who calls.
            parameters: the call's.
            judge: tells whether policies allow an action on a role, given condition keys that
                this call adds to those of any call, or puts in their place.

        Raises:
            AWSError: as AWS refuses.
        """
        validate(parameters, LIMITS, REQUIRED)
        given_tags = session_tags(parameters)
        policy = self._session_policy(parameters)
        if caller.owner.is_root:
            raise access_denied("Roles may not be assumed by root accounts.")
        duration = _duration(caller, parameters)
        keys = self._condition_keys(caller, parameters)
        role = self._allowed_role(caller, parameters, judge, keys)
        if duration > role.max_session_duration:
            raise AWSError(400, "ValidationError", TOO_LONG)
        packed = packed_size(parameters)
        inherited, passed_on = transitive_tags(caller, parameters, given_tags)
        session = self._keys.issue(
            role.identity,
            self._clock.timestamp(),
            duration,
            name=parameters["RoleSessionName"],
            policy=policy,
            source_identity=_source_identity(caller, parameters),
            tags=inherited | given_tags,
            transitive_tags=passed_on,
        )
        return _result(session, packed)

    def _condition_keys(self, caller: Credentials, parameters: Mapping[str, str]) -> dict[str, str]:
        keys = {
            "sts:externalid": parameters.get("ExternalId"),
            "sts:rolesessionname": parameters["RoleSessionName"],
            "sts:sourceidentity": parameters.get("SourceIdentity"),
        }
        if self._verify_code(caller.owner, parameters):
            keys["aws:multifactorauthpresent"] = "true"
        return {name: value for name, value in keys.items() if value is not None}

    def _allowed_role(
        self,
        caller: Credentials,
        parameters: Mapping[str, str],
        judge: Judge,
        keys: Mapping[str, str],
    ) -> Role:
        role = self._roles.find(parameters["RoleArn"])
        if role is None:
            raise _not_authorized(caller, "sts:AssumeRole", parameters["RoleArn"])
        for action in _actions(caller, parameters):
            if not judge(action, role, keys):
                raise _not_authorized(caller, action, role.arn)
        return role


def _not_authorized(caller: Credentials, action: str, arn: str) -> AWSError:
    return access_denied(
        f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn}"
    )


def _duration(caller: Credentials, parameters: Mapping[str, str]) -> int:
    duration = int(parameters.get("DurationSeconds", DEFAULT_DURATION))
    if isinstance(caller, Session) and duration > LONGEST_CHAINED:
        raise AWSError(400, "ValidationError", TOO_LONG_CHAINED)
    return duration


def _actions(caller: Credentials, parameters: Mapping[str, str]) -> Iterator[str]:
    """Yield what the caller has to be allowed, as the IAM User Guide has it for each."""
    yield "sts:AssumeRole"
    passed_on = isinstance(caller, Session) and caller.transitive_tags
    if passed_on or any(name.startswith("Tags.member.") for name in parameters):
        yield "sts:TagSession"
    if _source_identity(caller, parameters):
        yield "sts:SetSourceIdentity"


def _source_identity(caller: Credentials, parameters: Mapping[str, str]) -> str:
    """Return the source identity: once it is set, it stays over every further role."""
    known = caller.source_identity if isinstance(caller, Session) else ""
    given = parameters.get("SourceIdentity", "")
    if known and given not in ("", known):
        raise AWSError(400, "ValidationError", ALREADY_SET)
    return known or given


def _result(session: Session, packed: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Credentials": session.rendered(),
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
    }
    if session.source_identity:
        result["SourceIdentity"] = session.source_identity
    if packed:
        result["PackedPolicySize"] = packed
    return result
