"""The gate: who calls, may they, and who answers - the simulator itself, or moto."""

from __future__ import annotations

import hmac
import threading
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

from mfakit.testing import refusals, signature
from mfakit.testing.actions import Call, identify
from mfakit.testing.bucket_policies import BucketPolicies
from mfakit.testing.errors import AWSError, access_denied, not_supported
from mfakit.testing.hosts import is_aws, to_aws
from mfakit.testing.judge import Judge
from mfakit.testing.keys import LongTermKey, Session
from mfakit.testing.object_deletion import delete_objects
from mfakit.testing.wire import Request, Response, error_response, query_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.policy import Statement
    from mfakit.testing.calls import CallLog
    from mfakit.testing.clock import Clock
    from mfakit.testing.directory import Directory
    from mfakit.testing.faults import FaultQueue
    from mfakit.testing.iam import IAM
    from mfakit.testing.keys import Credentials, KeyStore
    from mfakit.testing.roles import Role
    from mfakit.testing.signature import Claim
    from mfakit.testing.sts import STS

    Operation = Callable[[Credentials, Mapping[str, str]], dict[str, Any] | None]

WITHOUT_MFA = ("AssumeRole", "GetCallerIdentity")
FEDERATED = ("GetCallerIdentity",)
SESSION_CALLS_REFUSED = ("GetSessionToken", "GetFederationToken")


class Gate:
    """Stands in front of moto and knows only the wire.

    Args:
        forward: passes a request on to moto.
        keys, clock, directory, sts, iam: what the rules are made of.
        account_id: the account.
        region: its default one.
        enforce_policies: whether policies are judged.
        service_control: what the account's organization allows it; None if it is in none.
        faults: what calls meet in place of their answer.
        calls: where they are taken down.
    """

    def __init__(
        self,
        forward: Callable[[Request], Response],
        *,
        keys: KeyStore,
        clock: Clock,
        directory: Directory,
        sts: STS,
        iam: IAM,
        account_id: str,
        region: str,
        enforce_policies: bool,
        service_control: tuple[Statement, ...] | None,
        faults: FaultQueue,
        calls: CallLog,
    ) -> None:
        self._forward = forward
        self._keys = keys
        self._clock = clock
        self._directory = directory
        self._assume_role = sts.assume_role
        self._iam = iam
        self._enforce_policies = enforce_policies
        self._buckets = BucketPolicies(forward, region)
        self._judge = Judge(directory, self._buckets, clock, account_id, service_control)
        self._faults = faults
        self._calls = calls
        self._own: dict[str, Mapping[str, Operation]] = {
            "sts": sts.operations,
            "iam": iam.operations,
        }
        self.lock = threading.RLock()

    def handle(self, request: Request) -> Response:
        """Answer a request as AWS would."""
        call, claim, caller, response = Call("", "", "query"), None, None, None
        try:
            claim = signature.read_claim(request)
            caller = self._keys.find(claim.access_key_id) if claim else None
            call = identify(request, claim.service if claim else _guessed_service(request))
            response = self._faults.answer(call, partial(self._carry_out, request, call, claim))
        except AWSError as error:
            response = error_response(error, call.protocol, call.service)
        finally:
            self._calls.add(self._clock.now(), call, claim, caller, response)
        date = formatdate(self._clock.wire_timestamp(), usegmt=True)
        return response.with_header("Date", date)

    def _carry_out(self, request: Request, call: Call, claim: Claim | None) -> Response:
        try:
            if claim is None:
                raise refusals.unsigned(call)
            return self._answer(request, call, claim)
        except AWSError as error:
            return error_response(error, call.protocol, call.service)

    def _answer(self, request: Request, call: Call, claim: Claim) -> Response:
        caller = self._authenticate(request, call, claim)
        _check_kind(caller, call)
        if call.action == "sts:AssumeRole":
            judge = partial(self._may_assume, request, caller, claim)
            with self.lock:
                role_session = self._assume_role(caller, call.parameters, judge)
            return query_response(call.service, call.operation, role_session)
        self._check_policies(request, call, caller, claim)
        if call.service == "iam":
            with self.lock:
                self._iam.check(call.operation, call.parameters)
        own = self._own.get(call.service, {}).get(call.operation)
        if own is not None:
            with self.lock:
                result = own(caller, call.parameters)
            return query_response(call.service, call.operation, result)
        if call.service == "sts":
            raise not_supported(f"the simulator does not know sts:{call.operation}")
        return self._pass_on(request, call, caller, claim)

    def _authenticate(self, request: Request, call: Call, claim: Claim) -> Credentials:
        credentials = self._keys.find(claim.access_key_id)
        if credentials is None:
            raise refusals.unknown_key(call)
        if not _has_its_token(credentials, claim):
            raise refusals.wrong_token(call)
        self._check_time(call, claim)
        _check_scope(request, call)
        if not signature.matches(claim, request, credentials.secret_access_key):
            raise refusals.wrong_signature(call)
        if not signature.body_fits(request):
            raise refusals.wrong_body(call)
        if isinstance(credentials, Session) and self._clock.timestamp() >= credentials.expires:
            raise refusals.expired(call)
        return credentials

    def _check_time(self, call: Call, claim: Claim) -> None:
        complaint = signature.complaint_about_time(claim, self._clock.wire_timestamp())
        if complaint:
            refuse = refusals.wrong_time if claim.valid_for is None else refusals.link_expired
            raise refuse(call, complaint)

    def _check_policies(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> None:
        if self._enforce_policies:
            with self.lock:
                self._judge.check(request, call, caller, claim)

    def _may_assume(
        self,
        request: Request,
        caller: Credentials,
        claim: Claim,
        action: str,
        role: Role,
        extra: Mapping[str, str],
    ) -> bool:
        return not self._enforce_policies or self._judge.may_assume(
            request, caller, claim.region, action, role, extra
        )

    def _pass_on(self, request: Request, call: Call, caller: Credentials, claim: Claim) -> Response:
        key_id = self._keys.long_term_id(caller)
        outgoing = to_aws(request, claim.service, claim.region)
        outgoing = _signed_by_owner(outgoing, claim, key_id)
        if call.service != "iam":
            return self._pass_on_to_others(outgoing, call, caller, claim)
        response = self._forward(replace(outgoing, body=self._keys.to_moto(outgoing.body)))
        response = replace(response, body=self._keys.from_moto(response.body))
        with self.lock:
            self._directory.learn(call.operation, call.parameters, response)
            return self._iam.amend(call.operation, call.parameters, response)

    def _pass_on_to_others(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Response:
        if not self._enforce_policies:
            return self._forward(request)
        if (call.service, call.operation) == ("s3", "DeleteObjects"):
            with self.lock:
                refused = self._judge.refused_objects(request, call, caller, claim)
            return delete_objects(request, refused, self._forward)
        through = partial(self._buckets.pass_on, call) if call.service == "s3" else self._forward
        response = through(request)
        with self.lock:
            self._buckets.learn(call)
            if call.service == "cloudformation":
                self._directory.forget()
        return response


def _check_kind(caller: Credentials, call: Call) -> None:
    if not isinstance(caller, Session):
        return
    if call.service == "sts" and call.operation in SESSION_CALLS_REFUSED:
        raise access_denied(f"Cannot call {call.operation} with session credentials")
    kind = caller.owner.kind
    if caller.with_mfa or kind == "role":
        return
    allowed = FEDERATED if kind == "federated-user" else WITHOUT_MFA
    if call.service == "iam" or (call.service == "sts" and call.operation not in allowed):
        raise refusals.unknown_key(call)


def _check_scope(request: Request, call: Call) -> None:
    """Refuse what is signed for one service and sent to another: policies would be judged amiss."""
    for service in ("iam", "sts"):
        there = is_aws(request.host) and request.host.startswith((f"{service}.", f"{service}-"))
        if is_aws(request.host) and there != (call.service == service):
            why = f"Credential should be scoped to correct service: '{service}'."
            raise refusals.wrong_signature(call, why)


def _has_its_token(credentials: Credentials, claim: Claim) -> bool:
    expected = "" if isinstance(credentials, LongTermKey) else credentials.session_token
    return hmac.compare_digest(expected.encode(), claim.session_token.encode())


def _signed_by_owner(request: Request, claim: Claim, key_id: str) -> Request:
    """Return the request as moto is to see it: from the key by which it knows the user."""
    hidden = ("authorization", "x-amz-security-token", "x-moto-account-id")
    kept = tuple((n, v) for n, v in request.headers if n.lower() not in hidden)
    scope = f"{key_id}/{claim.date}/{claim.region}/{claim.service}/aws4_request"
    value = f"{signature.ALGORITHM} Credential={scope}, SignedHeaders=host, Signature=verified"
    return Request(request.method, request.url, (*kept, ("Authorization", value)), request.body)


def _guessed_service(request: Request) -> str:
    """Return the service of a request that is not signed, as far as its refusal needs it."""
    return "sts" if "Action" in request.parameters else "s3"
