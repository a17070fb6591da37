"""The gate in front of moto: whether policies allow a call, and who answers it.

The simulator answers STS and some calls of IAM itself; moto answers the rest.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from mfakit.policy import (
    Context,
    Kind,
    MalformedPolicyError,
    Policies,
    Principal,
    UnjudgedError,
    authorize,
    parse,
)
from mfakit.testing import errors
from mfakit.testing.actions import PASSING, Place
from mfakit.testing.authentication import ALGORITHM, Received, largest_body
from mfakit.testing.demands import demands_of
from mfakit.testing.errors import RELAX, AWSError, SimulatorError, access_denied, not_supported
from mfakit.testing.iam import in_refusals, with_own_name
from mfakit.testing.keys import Session, condition_keys
from mfakit.testing.models import partition
from mfakit.testing.rebuilding import rebuilt
from mfakit.testing.s3 import bucket_of, check_mfa_delete, delete_objects, deleted
from mfakit.testing.validation import refusal_of_form
from mfakit.testing.wire import Request, Response, error_response, query_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mfakit.policy import Statement, Verdict
    from mfakit.policy.patterns import Keys
    from mfakit.testing.actions import Demand
    from mfakit.testing.authentication import Authentication, Claim
    from mfakit.testing.devices import Clock
    from mfakit.testing.directory import Directory, Role
    from mfakit.testing.faults import CallLog, FaultQueue
    from mfakit.testing.iam import IAM
    from mfakit.testing.keys import Credentials, KeyStore
    from mfakit.testing.models import Call
    from mfakit.testing.s3 import BucketPolicies
    from mfakit.testing.sts import STS

    Operation = Callable[[Credentials, Mapping[str, str]], dict[str, Any] | None]

# What sessions may call of STS; the rest is refused, for sessions without MFA all of IAM too.
WITHOUT_MFA = ("AssumeRole", "GetCallerIdentity")
FEDERATED = ("GetCallerIdentity",)
SESSION_CALLS_REFUSED = ("GetSessionToken", "GetFederationToken")
ALWAYS_ALLOWED = ("sts:GetSessionToken", "sts:GetCallerIdentity")
# The root user may do this to a bucket whatever its policy says, so as not to be locked out.
ROOT_ALWAYS_ALLOWED = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")
FULL_AWS_ACCESS = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


@dataclass(frozen=True)
class Gate:
    """Answers each request: authenticates it, judges it, and lets moto or the simulator answer.

    Attributes:
        forward: passes a request on to moto.
        new_key_seconds: how long services do not take a new access key yet.
        own: the operations of IAM that the simulator answers itself.
        owner_id: the id of the root user's key, which moto sees of callers without credentials.
    """

    forward: Callable[[Request], Response]
    authentication: Authentication
    judge: Judge
    directory: Directory
    keys: KeyStore
    clock: Clock
    sts: STS
    iam: IAM
    own: Mapping[str, Operation]
    buckets: BucketPolicies
    owner_id: str
    faults: FaultQueue
    calls: CallLog
    new_key_seconds: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def handle(self, request: Request) -> Response:
        """Answer a request as AWS would; what moto raises where it fails is raised."""
        return self._handle(Received(request))

    def serve(self, request: Request) -> Response:
        """Answer a request as AWS would; an exception of moto's is written to stderr."""
        received = Received(request)
        try:
            return self._handle(received)
        except SimulatorError as error:
            refusal = not_supported(error.message)
        except NotImplementedError as error:
            refusal = Gate.unknown_to_moto(self, error)
        except Exception as error:
            _report(received.call, error)
            refusal = AWSError(500, "InternalFailure", f"moto raised {type(error).__name__}")
        return self._dated(received.refusal(refusal))

    def admit(self, request: Request) -> Response | int | None:
        """Return how many bytes the body of a request may have, None: any number; or a refusal."""
        received = Received(request)
        try:
            self.authentication.read_head(received)
        except AWSError as error:
            return self._refuse(received, error)
        return largest_body(received)

    def too_large(self, request: Request) -> Response:
        """Refuse a body that is larger than `admit` allowed."""
        received = Received(request)
        with suppress(AWSError):
            self.authentication.read_head(received)
        return self._refuse(received, errors.too_large(received.call))

    def _refuse(self, received: Received, error: AWSError) -> Response:
        received.response = received.refusal(error)
        self._record(received)
        return self._dated(received.response)

    def _handle(self, received: Received) -> Response:
        try:
            self.authentication.read_head(received)
            caller, claim, request = self.authentication.verify(received)
            self.keys.note_use(caller, self.clock.timestamp(), claim.region, claim.service)
            run = partial(self._carry_out, request, received.call, caller, claim)
            if received.upload is not None:
                run = partial(received.upload.answer, run)
            received.response = self.faults.answer(received.call, run)
        except AWSError as error:
            received.response = received.refusal(error)
        except NotImplementedError as error:
            received.response = received.refusal(self.unknown_to_moto(error))
        except ExpatError:  # moto reads the body of most of S3's calls
            received.response = received.refusal(errors.malformed_xml())
        finally:
            self._record(received)
        return self._dated(received.response)

    def unknown_to_moto(self, error: NotImplementedError) -> AWSError:
        """Return the refusal of what moto does not know."""
        return not_supported(f"moto does not know this: {error}")

    def _dated(self, response: Response) -> Response:
        return response.with_header("Date", _http_date(int(self.clock.wire_timestamp())))

    def _record(self, received: Received) -> None:
        self.calls.add(self.clock.timestamp(), received)

    def _carry_out(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Response:
        try:
            return self.gate_of(caller)._answer(request, call, caller, claim)
        except AWSError as error:
            return error_response(error, call.protocol, call.service)
        except (SimulatorError, NotImplementedError):
            raise
        except Exception:
            # moto reads parameters without checking that they are there.
            refusal = refusal_of_form(call, request)
            if refusal is None:
                raise
            return error_response(refusal, call.protocol, call.service)

    def _answer(self, request: Request, call: Call, caller: Credentials, claim: Claim) -> Response:
        _check_kind(caller, call)
        if call.action == "sts:AssumeRole":
            may_assume = partial(self.judge.may_assume, request, caller, claim.region)
            with self.lock:
                role_session = self.sts.assume_role(caller, call.parameters, may_assume)
            return query_response(call.service, call.operation, role_session)
        with self.lock:
            self.judge.check(request, call, caller, claim)
        if call.service == "iam":
            with self.lock:
                self.iam.check(call.operation, call.parameters)
        own = self._own_operation(call)
        if own is not None:
            with self.lock:
                result = own(caller, call.parameters)
            return query_response(call.service, call.operation, result)
        check_mfa_delete(call, request)
        return self._pass_on(request, call, caller, claim)

    def gate_of(self, caller: Credentials) -> Gate:
        """Return the gate of the caller's account."""
        return self

    def _own_operation(self, call: Call) -> Operation | None:
        if call.service == "iam":
            return self.own.get(call.operation)
        if call.service != "sts":
            return None
        try:
            return self.sts.operations[call.operation]
        except KeyError:
            raise not_supported(f"the simulator does not know sts:{call.operation}") from None

    def _pass_on(self, request: Request, call: Call, caller: Credentials, claim: Claim) -> Response:
        if call.service == "iam":
            named = with_own_name(call, caller)
            if named is not call:
                call, request = named, rebuilt(named, request, claim.region)
        owner = self.keys.find(self.owner_id) if caller.owner.is_anonymous else caller
        key_id = self.keys.long_term_id(owner or caller)
        outgoing = _signed_by_owner(request, claim, key_id)
        if call.service != "iam":
            return self._pass_on_to_others(outgoing, call, caller, claim)
        response = self.keys.from_moto(self.forward(self.keys.to_moto(outgoing)))
        with self.lock:
            new_from = self.clock.timestamp() + self.new_key_seconds
            self.directory.learn(call.operation, call.parameters, response, new_from)
            return self.iam.amend(call.operation, call.parameters, response)

    def _pass_on_to_others(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Response:
        if (call.service, call.operation) == ("s3", "DeleteObjects"):
            with self.lock:
                refused = self.judge.refused_objects(request, call, caller, claim)
            return delete_objects(request, refused, self.forward)
        pass_on = partial(self.buckets.pass_on, call) if call.service == "s3" else self.forward
        response = pass_on(request)
        with self.lock:
            self.buckets.learn(call)
            if call.service == "cloudformation":
                self.directory.forget()
        return response


@lru_cache  # the answers of a second share it
def _http_date(at: int) -> str:
    return formatdate(at, usegmt=True)


def _check_kind(caller: Credentials, call: Call) -> None:
    """Refuse what the kind of a session rules out, whatever its policies say."""
    if not isinstance(caller, Session):
        return
    if call.service == "sts" and call.operation in SESSION_CALLS_REFUSED:
        raise access_denied(f"Cannot call {call.operation} with session credentials")
    kind = caller.owner.kind
    if caller.with_mfa or kind == "role":
        return
    allowed = FEDERATED if kind == "federated-user" else WITHOUT_MFA
    if call.service == "iam" or (call.service == "sts" and call.operation not in allowed):
        raise errors.unknown_key(call)


def _signed_by_owner(request: Request, claim: Claim, key_id: str) -> Request:
    """Return the request as moto gets it: with the key by which moto knows the user."""
    scope = f"{key_id}/{claim.date or '20000101'}/{claim.region}/{claim.service}/aws4_request"
    value = f"{ALGORITHM} Credential={scope}, SignedHeaders=host, Signature=verified"
    named = {**request.named, "authorization": value}
    # Where a host names no region, moto reads it from the user agent.
    named.pop("user-agent", "")
    return Request.of(request.method, request.url, named, request.content)


def _report(call: Call, error: Exception) -> None:
    """Write to stderr why a request ends in 500."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    at = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else ""
    what = call.action if call.operation else f"a call of {call.service}"
    sys.stderr.write(f"mfakit: moto failed in {what}{at}: {repr(error)[:300]}\n")


@dataclass(frozen=True)
class Judge:
    """Judges calls by the policies of the caller and of the resource.

    Attributes:
        service_control: the statements of the organization's policies for the account; None if the
            account is in no organization.
        enforced: whether all callers are judged, or just those without credentials, who may do only
            what a policy opens to everyone.
    """

    directory: Directory
    buckets: BucketPolicies
    clock: Clock
    account_id: str
    service_control: tuple[Statement, ...] | None
    enforced: bool

    def check(self, request: Request, call: Call, caller: Credentials, claim: Claim) -> None:
        """Refuse a call that policies do not allow, or that cannot be judged."""
        if (call.service, call.operation) == ("s3", "DeleteObjects"):
            return  # it succeeds, and its answer says which objects were refused
        for demand, verdict in self._verdicts(request, call, caller, claim):
            if not verdict.allowed and caller.owner.is_anonymous:
                raise errors.unsigned(call)
            if not verdict.allowed:
                raise errors.denied(call, _denial(call, caller, demand, verdict))

    def refused_objects(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> dict[int, str]:
        """Return why objects may not be deleted, by their position in a call of DeleteObjects."""
        count = len(deleted(request))
        verdicts = enumerate(self._verdicts(request, call, caller, claim))
        return {
            place % count: _denial(call, caller, demand, verdict)
            for place, (demand, verdict) in verdicts
            if not verdict.allowed
        }

    def _verdicts(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Iterator[tuple[Demand, Verdict]]:
        if self._is_free(call, caller):
            return
        if not call.operation:
            raise not_supported(f"the operation of this request is not known; {RELAX}")
        place = Place(partition(claim.region), claim.region, self.account_id)
        keys = self._keys(request, caller, claim.region)
        own_name = caller.owner.name if caller.owner.kind == "user" else ""

        def find_arn(kind: str, name: str) -> str | None:
            return self.directory.arn_of(kind, name or own_name) if name or own_name else None

        principal = self._principal(caller)
        try:
            for demand in demands_of(call, request, place, find_arn, self.directory.find_roles):
                given = {**keys, **demand.condition_keys}
                context = Context(demand.action, demand.resource, given, principal)
                policies = self._policies(caller, demand.action, demand.resource)
                yield demand, authorize(policies, context)
        except (UnjudgedError, MalformedPolicyError) as error:
            raise _unjudged(error) from None

    def may_assume(
        self,
        request: Request,
        caller: Credentials,
        region: str,
        action: str,
        role: Role,
        extra: Mapping[str, str],
    ) -> bool:
        """Whether a caller may do an action, such as ``sts:AssumeRole``, to a role of the account.

        This call has `extra` condition keys, beside those of any call or in their place.
        """
        if not self.enforced:
            return True
        keys = {**self._keys(request, caller, region), **extra}
        try:
            context = Context(action, role.arn, keys, self._principal(caller))
            trust = parse(role.trust_policy, f"of role {role.identity.name}", Kind.TRUST)
            policies = self._policies(caller, action, None, trust)
            return authorize(policies, context).allowed
        except (UnjudgedError, MalformedPolicyError) as error:
            raise _unjudged(error) from None

    def _keys(self, request: Request, caller: Credentials, region: str) -> Keys:
        tags = self.directory.tags(caller.grantor or caller.owner)
        return condition_keys(request, caller, region, self.clock.timestamp(), tags)

    def _policies(
        self,
        caller: Credentials,
        action: str | None,
        resource: str | None,
        trust: tuple[Statement, ...] = (),
    ) -> Policies:
        holder = caller.grantor or caller.owner
        ignored = caller.owner.is_root and action in ROOT_ALWAYS_ALLOWED
        bucket = "" if ignored else bucket_of(resource)
        return Policies(
            identity=self.directory.statements(holder),
            resource=trust or (self.buckets.of(bucket) if bucket else ()),
            boundary=self.directory.boundary(holder),
            session=caller.policy,
            resource_decides=bool(trust),
            # An organization limits the members of its accounts, not callers without credentials.
            service_control=self.service_control if holder.arn else None,
        )

    def _principal(self, caller: Credentials) -> Principal:
        """Return the caller by every name that a policy may use."""
        owner, grantor = caller.owner, caller.grantor
        issuer = grantor or (owner if owner.kind == "role" else None)
        return _named(
            owner.arn.split(":")[4] if owner.arn else "",
            caller.arn,
            issuer.arn if issuer else "",
            (owner.user_id, caller.user_id, grantor.user_id if grantor else ""),
            self.directory.boundary(grantor or owner) is not None,
        )

    def _is_free(self, call: Call, caller: Credentials) -> bool:
        """Whether no policy is asked: only an organization's policies limit the root user."""
        if call.action in ALWAYS_ALLOWED or not (self.enforced or caller.owner.is_anonymous):
            return True
        if caller.owner.administrator and caller.policy is None:
            return True
        if not caller.owner.is_root or self.service_control is not None:
            return False
        return call.service != "s3" or call.action in ROOT_ALWAYS_ALLOWED


@lru_cache  # the calls of a caller share it
def _named(
    account_id: str, arn: str, role_arn: str, unique_ids: tuple[str, ...], has_boundary: bool
) -> Principal:
    return Principal(account_id, arn, role_arn, unique_ids, has_boundary=has_boundary)


def service_control(policies: Sequence[Mapping[str, Any] | str]) -> tuple[Statement, ...]:
    """Return the statements of the policies that are attached to an account.

    Policies that only deny would leave nothing allowed. AWS attaches ``FullAWSAccess`` to
    everything in an organization, so it counts as attached then ("AWS Organizations User Guide",
    SCP evaluation).

    Raises:
        MalformedPolicyError: one is no policy.
    """
    found = tuple(
        statement
        for number, policy in enumerate(policies, 1)
        for statement in parse(policy, f"SCP {number}")
    )
    if any(statement.effect == "Allow" for statement in found):
        return found
    return parse(FULL_AWS_ACCESS, "FullAWSAccess") + found


def _denial(call: Call, caller: Credentials, demand: Demand, verdict: Verdict) -> str:
    """Return the text of a refusal, as AWS words it."""
    who = f"User: {caller.arn} is not authorized to perform: {demand.action or '*'}"
    resource = demand.resource or "*"
    what = f" on resource: {resource}"
    if call.service == "s3" and demand.action != PASSING:
        # S3 alone quotes the resource, and omits it where the call is about no bucket.
        what = f' on resource: "{resource}"' if bucket_of(resource) else ""
    elif call.service == "iam" and demand.action != PASSING:
        what = f" on resource: {in_refusals(call, resource)}"
    return f"{who}{what} {verdict.reason}"


def _unjudged(error: UnjudgedError | MalformedPolicyError) -> AWSError:
    return not_supported(f"the simulator cannot judge this call: {error}; {RELAX}")
