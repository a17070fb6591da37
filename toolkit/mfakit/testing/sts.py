"""STS: sessions with and without MFA, roles, federated users, and what limits each of them."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

from mfakit import policy
from mfakit.testing.errors import AWSError, access_denied
from mfakit.testing.keys import Session, account_of_key
from mfakit.testing.validation import DUPLICATE_TAGS, Number, Text, complain, validate
from mfakit.testing.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mfakit.testing.devices import Clock, Devices
    from mfakit.testing.directory import Directory, Role
    from mfakit.testing.keys import Credentials, Identity, KeyStore
    from mfakit.testing.wire import Request

    Parameters = Mapping[str, str]
    Judge = Callable[[str, Role, Mapping[str, str]], bool]

DEFAULT_DURATION = 43200
ROOT_DURATION = 3600
DEFAULT_ROLE_DURATION = 3600
LONGEST_CHAINED = 3600
DURATION = Number("DurationSeconds", 900, 129600)
DEVICE = (Text("SerialNumber", 9, 256, r"[\w+=/:,.@-]*"), Text("TokenCode", 6, 6, r"[\d]*"))
SESSION_TOKEN_LIMITS = (DURATION, *DEVICE)
FEDERATION_TOKEN_LIMITS = (DURATION, Text("Name", 2, 32, r"[\w+=,.@-]*"))
KEY_INFO_LIMITS = (Text("AccessKeyId", 16, 128, r"[\w]*"),)
MESSAGE_LIMITS = (Text("EncodedMessage", 1, 10240),)
POLICY_LIMITS = (Text("Policy", 1, 2048, r"[\u0009\u000A\u000D\u0020-\u00FF]+"),)
ARN_PATTERN = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"
ASSUME_ROLE_LIMITS = (
    Text("RoleArn", 20, 2048, ARN_PATTERN),
    Text("RoleSessionName", 2, 64, r"[\w+=,.@-]*"),
    Number("DurationSeconds", 900, 43200),
    Text("ExternalId", 2, 1224, r"[\w+=,.@:\/-]*"),
    *DEVICE,
    Text("SourceIdentity", 2, 64, r"[\w+=,.@-]*"),
)
ONE_MISSING = (
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
)
TOO_LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
TOO_LONG_CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role"
    " chaining."
)
ALREADY_SET = "The source identity is already set for this assume role session"
# Recorded: policies of 125 to 135 characters took 11 %, one of 163 took 16 %. That 1,100 take 100 %
# is reported (1,000 to 1,200). In between we interpolate.
PACKED = ((0, 0), (135, 11), (163, 16), (1100, 100))
# Recorded: nine tags with values of 250 characters took 498 %. What keys take is not known.
TAG_CHARACTERS_OF_A_PERCENT = 9 * 250 / 498
PACKED_TAGS = "Packed size of session tags consumes {}% of allotted space."
PACKED_POLICY = "Packed policy consumes {}% of allotted space, please use smaller policy."
MOST_TAGS = 50
TAG = {
    "Key": Text("Key", 1, 128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"),
    "Value": Text("Value", 0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"),
}
NOT_GIVEN = "The specified transitive tag key must be included in the requested tags."
PASSED_ON = (
    "One of the specified transitive tag keys can't be set because it conflicts with a transitive"
    " tag key from the calling session."
)
FEDERATION_PATH = "/federation"
FEDERATION_CALLS = ("getSigninToken", "login")
SIGNIN_TOKEN_SECONDS = 15 * 60
SESSION_PARTS = {"sessionId", "sessionKey", "sessionToken"}
BAD_REQUEST = Response(400, (("Content-Type", "text/html"),), b"Bad Request")


@dataclass(frozen=True)
class STS:
    """The calls of STS. Each takes the caller and the parameters, and returns the result."""

    account_id: str
    keys: KeyStore
    devices: Devices
    clock: Clock
    directory: Directory

    @property
    def operations(self) -> dict[str, Callable[[Credentials, Parameters], dict[str, Any]]]:
        """The calls by name, except `assume_role`, which has to judge policies."""
        return {
            "GetSessionToken": self._get_session_token,
            "GetFederationToken": self._get_federation_token,
            "GetCallerIdentity": self._get_caller_identity,
            "GetAccessKeyInfo": self._get_access_key_info,
            "DecodeAuthorizationMessage": self._decode_authorization_message,
        }

    def _get_session_token(self, caller: Credentials, given: Parameters) -> dict[str, Any]:
        validate(given, SESSION_TOKEN_LIMITS)
        at = self.clock.timestamp()
        mfa_time = at if self._verify_code(caller.owner, given) else None
        duration = _duration(caller.owner, given)
        session = self.keys.issue(caller.owner, at, duration, mfa_time=mfa_time)
        return {"Credentials": session.rendered()}

    def _get_federation_token(self, caller: Credentials, given: Parameters) -> dict[str, Any]:
        """Issue a session that may do what both the caller and the session policy may.

        Without a session policy it may do nothing (API reference of STS).
        """
        validate(given, FEDERATION_TOKEN_LIMITS, ("Name",))
        tags, limits = session_tags(given), self._session_policy(given) or ()
        packed = packed_size(given)
        session = self.keys.issue(
            self._federated_user(caller, given["Name"]),
            self.clock.timestamp(),
            _duration(caller.owner, given),
            grantor=caller.owner,
            policy=limits,
            tags=tags,
        )
        return {
            "Credentials": session.rendered(),
            "FederatedUser": {"FederatedUserId": session.user_id, "Arn": session.arn},
            "PackedPolicySize": packed,
        }

    def _get_caller_identity(self, caller: Credentials, _given: Parameters) -> dict[str, Any]:
        return {"Arn": caller.arn, "UserId": caller.user_id, "Account": self.account_id}

    def _get_access_key_info(self, _caller: Credentials, given: Parameters) -> dict[str, Any]:
        validate(given, KEY_INFO_LIMITS, ("AccessKeyId",))
        key_id = given["AccessKeyId"]
        own = self.keys.knows(key_id)
        return {"Account": self.account_id if own else account_of_key(key_id)}

    def _decode_authorization_message(
        self, _caller: Credentials, given: Parameters
    ) -> dict[str, Any]:
        """Refuse any message: no refusal of the simulator holds an encoded one."""
        validate(given, MESSAGE_LIMITS, ("EncodedMessage",))
        raise AWSError(400, "InvalidAuthorizationMessageException", "Message is not valid")

    def assume_role(self, caller: Credentials, given: Parameters, judge: Judge) -> dict[str, Any]:
        """Answer AssumeRole; `judge` is given the condition keys that this call adds.

        The code is verified first, because the trust policy may ask for it. It is not documented
        that it counts for the caller's own policies too, nor that a call that is refused
        afterwards has used it up.
        """
        validate(given, ASSUME_ROLE_LIMITS, ("RoleArn", "RoleSessionName"))
        tags, limits = session_tags(given), self._session_policy(given)
        if caller.owner.is_root:
            raise access_denied("Roles may not be assumed by root accounts.")
        duration = _role_duration(caller, given)
        keys = self._condition_keys(caller, given)
        role = self._allowed_role(caller, given, judge, keys)
        if duration > role.max_session_duration:
            raise AWSError(400, "ValidationError", TOO_LONG)
        packed = packed_size(given)
        inherited, passed_on = transitive_tags(caller, given, tags)
        session = self.keys.issue(
            role.identity,
            self.clock.timestamp(),
            duration,
            name=given["RoleSessionName"],
            policy=limits,
            source_identity=_source_identity(caller, given),
            tags=inherited | tags,
            transitive_tags=passed_on,
            chained=isinstance(caller, Session),
        )
        result = {
            "Credentials": session.rendered(),
            "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
            "SourceIdentity": session.source_identity,
            "PackedPolicySize": packed,
        }
        return {name: value for name, value in result.items() if value}

    def _condition_keys(self, caller: Credentials, given: Parameters) -> dict[str, str]:
        keys = {
            "sts:externalid": given.get("ExternalId"),
            "sts:rolesessionname": given["RoleSessionName"],
            "sts:sourceidentity": given.get("SourceIdentity"),
        }
        if self._verify_code(caller.owner, given):
            keys["aws:multifactorauthpresent"] = "true"
        return {name: value for name, value in keys.items() if value is not None}

    def _allowed_role(
        self, caller: Credentials, given: Parameters, judge: Judge, keys: Mapping[str, str]
    ) -> Role:
        role = self._find_role(caller, given["RoleArn"])
        for action in _actions(caller, given):
            if not judge(action, role, keys):
                raise not_authorized(caller, action, role.arn)
        return role

    def _find_role(self, caller: Credentials, arn: str) -> Role:
        """Return the role of an ARN; refuse if there is none, in the words for a forbidden one."""
        role = self.directory.role(arn)
        if role is None:
            raise not_authorized(caller, "sts:AssumeRole", arn)
        return role

    def _verify_code(self, user: Identity, given: Parameters) -> bool:
        """Use up the code among the parameters; False if there is none."""
        serial_number, code = given.get("SerialNumber"), given.get("TokenCode")
        if serial_number is None and code is None:
            return False
        if serial_number is None or code is None:
            raise access_denied(ONE_MISSING)
        self.devices.verify(user, serial_number, code)
        return True

    def _federated_user(self, caller: Credentials, name: str) -> Identity:
        account = caller.owner.arn.split(":user/")[0].removesuffix(":root")
        arn = f"{account.replace(':iam:', ':sts:')}:federated-user/{name}"
        return self.keys.identity("federated-user", name, arn, f"{self.account_id}:{name}")

    def _session_policy(self, given: Parameters) -> tuple[policy.Statement, ...] | None:
        """Return the statements of all session policies; None if there is none."""
        validate(given, POLICY_LIMITS)
        arns = [v for n, v in given.items() if re.fullmatch(r"PolicyArns\.member\..*\.arn", n)]
        document = given.get("Policy")
        if document is None and not arns:
            return None
        inline = () if document is None else _inline(document)
        return (*inline, *(each for arn in arns for each in self.directory.managed(arn)))


def _duration(owner: Identity, given: Parameters) -> int:
    duration = int(given.get("DurationSeconds", DEFAULT_DURATION))
    return min(duration, ROOT_DURATION) if owner.is_root else duration


def _role_duration(caller: Credentials, given: Parameters) -> int:
    duration = int(given.get("DurationSeconds", DEFAULT_ROLE_DURATION))
    if isinstance(caller, Session) and duration > LONGEST_CHAINED:
        raise AWSError(400, "ValidationError", TOO_LONG_CHAINED)
    return duration


def not_authorized(caller: Credentials, action: str, arn: str) -> AWSError:
    """Return the refusal of an action on a role."""
    return access_denied(
        f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn}"
    )


def _actions(caller: Credentials, given: Parameters) -> Iterator[str]:
    """Yield the actions that AssumeRole asks for (IAM User Guide)."""
    yield "sts:AssumeRole"
    passed_on = isinstance(caller, Session) and caller.transitive_tags
    if passed_on or any(name.startswith("Tags.member.") for name in given):
        yield "sts:TagSession"
    if _source_identity(caller, given):
        yield "sts:SetSourceIdentity"


def _source_identity(caller: Credentials, given: Parameters) -> str:
    """Return the source identity: once it is set, it stays through every further role."""
    known = caller.source_identity if isinstance(caller, Session) else ""
    asked = given.get("SourceIdentity", "")
    if known and asked not in ("", known):
        raise AWSError(400, "ValidationError", ALREADY_SET)
    return known or asked


def _inline(document: str) -> tuple[policy.Statement, ...]:
    try:
        return policy.parse(document, "of the session")
    except policy.MalformedPolicyError as error:
        raise AWSError(400, "MalformedPolicyDocument", error.message) from None


def packed_size(parameters: Mapping[str, str]) -> int:
    """Return how much of the space for session policies and tags is used, at most 100 percent.

    STS packs them in a form of its own; the constants say what is known of it.
    """
    policy = _characters(parameters, re.compile(r"Policy|PolicyArns\.member\.\d+\.arn"))
    tags = _characters(parameters, re.compile(r"Tags\.member\.\d+\.Value"))
    of_policy, of_tags = _packed(policy), ceil(tags / TAG_CHARACTERS_OF_A_PERCENT)
    if of_policy + of_tags <= 100:
        return of_policy + of_tags
    text = PACKED_TAGS if of_tags > of_policy else PACKED_POLICY
    raise AWSError(400, "PackedPolicyTooLarge", text.format(of_policy + of_tags))


def _characters(parameters: Mapping[str, str], names: re.Pattern[str]) -> int:
    return sum(len(value) for name, value in parameters.items() if names.fullmatch(name))


def _packed(characters: int) -> int:
    """Return how many percent a policy of that length takes, interpolated between recordings."""
    lines = list(pairwise(PACKED))
    (low, taken), (high, most) = next((x for x in lines if characters <= x[1][0]), lines[-1])
    return ceil(taken + (characters - low) * (most - taken) / (high - low))


def session_tags(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the valid tags of a call; refuse malformed tags, duplicates, and more than fifty."""
    numbers = sorted(
        {int(found[1]) for name in parameters if (found := re.match(r"Tags\.member\.(\d+)", name))}
    )
    complain(_complaints(parameters, numbers))
    pairs = [
        (parameters[f"Tags.member.{n}.Key"], parameters[f"Tags.member.{n}.Value"]) for n in numbers
    ]
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        raise AWSError(400, "InvalidParameterValue", DUPLICATE_TAGS)
    return dict(pairs)


def _complaints(parameters: Mapping[str, str], numbers: list[int]) -> Iterator[str]:
    if len(numbers) > MOST_TAGS:
        most = f"Member must have length less than or equal to {MOST_TAGS}"
        yield f"Value at 'tags' failed to satisfy constraint: {most}"
    for number in numbers:
        for part in ("Key", "Value"):
            value = parameters.get(f"Tags.member.{number}.{part}")
            where = f"at 'tags.{number}.member.{part.lower()}' failed to satisfy constraint"
            if value is None:
                yield f"Value null {where}: Member must not be null"
                continue
            for constraint in TAG[part].complaints(value):
                if value or "length" in constraint:
                    yield f"Value '{value}' {where}: {constraint}"


def transitive_tags(
    caller: Credentials, parameters: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the tags that the caller's session passes on, and those that the new one will."""
    inherited = dict(caller.transitive_tags) if isinstance(caller, Session) else {}
    asked = (v for name, v in parameters.items() if name.startswith("TransitiveTagKeys.member."))
    named = {key.lower() for key in asked}
    given_names = {key.lower() for key in given}
    if given_names & {key.lower() for key in inherited}:
        raise AWSError(400, "InvalidParameterValue", PASSED_ON)
    if not named <= given_names:
        raise AWSError(400, "InvalidParameterValue", NOT_GIVEN)
    return inherited, inherited | {k: v for k, v in given.items() if k.lower() in named}


class Federation:
    """The federation endpoint, which makes a link to the console of the session of a role.

    It belongs to no service: requests are not signed, but carry the session ("Enabling custom
    identity broker access to the AWS console" in the IAM User Guide). It is served over HTTP alone.

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
        is_ours = request.parts.path == FEDERATION_PATH and not request.header("authorization")
        return is_ours and request.query.get("Action") in FEDERATION_CALLS

    def answer(self, request: Request) -> Response | None:
        """Return the answer to a request; None if it is for another part of AWS."""
        if not self.is_for(request):
            return None
        asked = request.query
        return (
            self._get_signin_token(asked)
            if asked["Action"] == FEDERATION_CALLS[0]
            else self._login(asked)
        )

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
            if is_own or not duration.isdecimal() or not 900 <= int(duration) <= 43200:
                return BAD_REQUEST
        token = secrets.token_urlsafe(96)
        self._tokens[token] = self._clock.timestamp() + SIGNIN_TOKEN_SECONDS
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
