"""The gate: who calls, may they, and who answers - the simulator itself, or moto."""

from __future__ import annotations

import hmac
import re
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from mfakit.testing import refusals, signature
from mfakit.testing.actions import Call, identify, protocol_of
from mfakit.testing.anonymous import is_nobody, nobody
from mfakit.testing.bucket_policies import BucketPolicies
from mfakit.testing.chunks import is_chunked, unchunked
from mfakit.testing.errors import (
    AWSError,
    SimulatorError,
    access_denied,
    not_supported,
    unknown_host,
)
from mfakit.testing.hosts import is_aws, is_region, partition
from mfakit.testing.iam import with_own_name
from mfakit.testing.incomplete import refusal_of_form
from mfakit.testing.judge import Judge
from mfakit.testing.keys import LongTermKey, Session
from mfakit.testing.object_deletion import NOT_WELL_FORMED, check_mfa_delete, delete_objects
from mfakit.testing.rebuilding import cleaned, rebuilt
from mfakit.testing.wire import Response, error_response, query_response

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
    from mfakit.testing.wire import Request

    Operation = Callable[[Credentials, Mapping[str, str]], dict[str, Any] | None]

WITHOUT_MFA = ("AssumeRole", "GetCallerIdentity")
FEDERATED = ("GetCallerIdentity",)
AT_S3 = re.compile(r"(^|[.])s3[.-]")
# In bytes: of a call, of one that brings code for Lambda, of one that nobody signed.
LARGEST_BODY = 16 << 20
LARGEST_CODE = 70 << 20
LARGEST_UNSIGNED = 1 << 20
WITH_PROVIDER = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
UNBOUNDED = ("PutObject", "UploadPart")
SESSION_CALLS_REFUSED = ("GetSessionToken", "GetFederationToken")


class Gate:
    """Stands in front of moto and knows only the wire.

    Args:
        forward: passes a request on to moto.
        keys, clock, directory, sts, iam: what the rules are made of.
        account_id: the account.
        region: its default one.
        owner_id: the id of the root user's key, under which moto does what nobody asked for.
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
        owner_id: str,
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
        self._region = region
        self._owner_id = owner_id
        self._own: dict[str, Mapping[str, Operation]] = {
            "sts": sts.operations,
            "iam": iam.operations,
        }
        self.lock = threading.RLock()

    def handle(self, request: Request) -> Response:
        """Answer a request as AWS would.

        Raises:
            SimulatorError: moto does not know what is called.
            Exception: moto fails.
        """
        return self._handle(_Seen(request))

    def serve(self, request: Request) -> Response:
        """Answer a request as AWS would, whatever moto does: what it raises is told on stderr."""
        seen = _Seen(request)
        try:
            return self._handle(seen)
        except SimulatorError as error:
            refusal = not_supported(error.message)
        except Exception as error:
            _tell(seen.call, error)
            refusal = AWSError(500, "InternalFailure", f"moto raised {type(error).__name__}")
        return self._dated(seen.refusal(refusal))

    def admit(self, request: Request) -> Response | int | None:
        """Look at a request before its body is there.

        Returns:
            How large the body may be, in bytes; None: of any size. Or why it is refused.
        """
        seen = _Seen(request)
        try:
            self._open(seen)
        except AWSError as error:
            return self._refuse(seen, error)
        return _largest_body(request, seen.call, seen.claim)

    def too_large(self, request: Request) -> Response:
        """Refuse a body that is larger than `admit` said."""
        seen = _Seen(request)
        with suppress(AWSError):
            self._open(seen)
        return self._refuse(seen, refusals.too_large(seen.call))

    def _refuse(self, seen: _Seen, error: AWSError) -> Response:
        seen.response = seen.refusal(error)
        self._take_down(seen)
        return self._dated(seen.response)

    def _handle(self, seen: _Seen) -> Response:
        try:
            self._open(seen)
            caller, claim, request = self._authenticate(seen)
            run = partial(self._carry_out, request, seen.call, caller, claim)
            seen.response = self._faults.answer(seen.call, run)
        except AWSError as error:
            seen.response = seen.refusal(error)
        except NotImplementedError as error:
            seen.response = seen.refusal(not_supported(f"moto does not know this: {error}"))
        except ExpatError:  # moto reads the body of most of S3's calls
            seen.response = seen.refusal(AWSError(400, "MalformedXML", NOT_WELL_FORMED))
        finally:
            self._take_down(seen)
        return self._dated(seen.response)

    def _dated(self, response: Response) -> Response:
        date = formatdate(self._clock.wire_timestamp(), usegmt=True)
        return response.with_header("Date", date)

    def _take_down(self, seen: _Seen) -> None:
        self._calls.add(self._clock.now(), seen.named(), seen.claim, seen.caller, seen.response)

    def _open(self, seen: _Seen) -> None:
        """Read who signed a request and what for, and refuse what needs no look at its body."""
        request = seen.request
        claim = seen.claim = _read_claim(seen)
        if claim is None:
            seen.call = _unread(request, _guessed_service(request))
            _check_unsigned(request, seen.call)
            return
        call = seen.call = _unread(request, claim.service)
        credentials = seen.caller = self._keys.find(claim.access_key_id)
        if credentials is None:
            raise refusals.unknown_key(call)
        if not _has_its_token(credentials, claim):
            raise refusals.wrong_token(call)
        self._check_time(call, claim)
        _check_scope(request, call)
        if not is_region(claim.region):
            raise refusals.wrong_region(call, claim.region, self._region)
        # An account is in one partition, and no other one knows its keys.
        if partition(claim.region) != partition(self._region):
            raise refusals.unknown_key(call)
        unsigned = signature.unsigned_headers(claim, request)
        if unsigned:
            raise refusals.not_signed(call, unsigned)

    def _authenticate(self, seen: _Seen) -> tuple[Credentials, Claim, Request]:
        """Return who calls, and the request as judge and moto are to see it."""
        request, call, claim, caller = seen.request, seen.call, seen.claim, seen.caller
        secret = ""
        if claim is None or caller is None:
            if call.service != "s3":
                raise _without_signature(request, call)
            claim, caller = nobody(self._region)
        else:
            secret = caller.secret_access_key
            if not signature.matches(claim, request, secret):
                raise refusals.wrong_signature(call)
            if not signature.body_fits(claim, request):
                raise refusals.wrong_body(call)
            if isinstance(caller, Session) and self._clock.timestamp() >= caller.expires:
                raise refusals.expired(call)
        try:
            clean = cleaned(request, seen.claim)
        except ValueError as error:
            raise refusals.malformed(call, str(error)) from None
        call = seen.call = identify(clean, call.service)
        if call.service == "s3" and is_chunked(request):
            chain = signature.chain_of(claim, secret) if secret else None
            clean = unchunked(clean, request, chain)
        return caller, claim, rebuilt(call, clean, claim.region)

    def _carry_out(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Response:
        try:
            return self._answer(request, call, caller, claim)
        except AWSError as error:
            return error_response(error, call.protocol, call.service)
        except (SimulatorError, NotImplementedError):
            raise
        except Exception:
            # moto looks for parameters without asking whether they are there.
            refusal = refusal_of_form(call, request)
            if refusal is None:
                raise
            return error_response(refusal, call.protocol, call.service)

    def _answer(self, request: Request, call: Call, caller: Credentials, claim: Claim) -> Response:
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
        check_mfa_delete(call, request)
        return self._pass_on(request, call, caller, claim)

    def _check_time(self, call: Call, claim: Claim) -> None:
        complaint = signature.complaint_about_time(claim, self._clock.wire_timestamp())
        if complaint:
            refuse = refusals.wrong_time if claim.valid_for is None else refusals.link_expired
            raise refuse(call, complaint)

    def _check_policies(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> None:
        if self._enforces(caller):
            with self.lock:
                self._judge.check(request, call, caller, claim)

    def _enforces(self, caller: Credentials) -> bool:
        # Nobody may do anything but what a policy allows to everyone, so it is always asked.
        return self._enforce_policies or is_nobody(caller)

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
        if call.service == "iam":
            call = with_own_name(call, caller)
            request = rebuilt(call, request, claim.region)
        owner = self._keys.find(self._owner_id) if is_nobody(caller) else caller
        key_id = self._keys.long_term_id(owner or caller)
        outgoing = _signed_by_owner(request, claim, key_id)
        if call.service != "iam":
            return self._pass_on_to_others(outgoing, call, caller, claim)
        response = self._forward(replace(outgoing, content=self._keys.to_moto(outgoing.body)))
        response = replace(response, body=self._keys.from_moto(response.body))
        with self.lock:
            self._directory.learn(call.operation, call.parameters, response)
            return self._iam.amend(call.operation, call.parameters, response)

    def _pass_on_to_others(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Response:
        if (call.service, call.operation) == ("s3", "DeleteObjects") and self._enforces(caller):
            with self.lock:
                refused = self._judge.refused_objects(request, call, caller, claim)
            return delete_objects(request, refused, self._forward)
        response = (
            self._buckets.pass_on(call, request) if call.service == "s3" else self._forward(request)
        )
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
    """Refuse what is signed for one service and sent to another."""
    if call.service == "s3" and is_aws(request.host) and not AT_S3.search(request.host):
        raise unknown_host(request.host)
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
    # Where a host names no region, moto reads it from the user agent.
    kept = tuple((n, v) for n, v in request.headers if n != "user-agent")
    scope = f"{key_id}/{claim.date or '20000101'}/{claim.region}/{claim.service}/aws4_request"
    value = f"{signature.ALGORITHM} Credential={scope}, SignedHeaders=host, Signature=verified"
    return replace(request, headers=(*kept, ("authorization", value)))


def _largest_body(request: Request, call: Call, claim: Claim | None) -> int | None:
    if claim is None and call.service != "s3":
        return LARGEST_UNSIGNED
    if call.service == "lambda":
        return LARGEST_CODE
    if call.service == "s3":
        with suppress(AWSError):
            if identify(request, "s3").operation in UNBOUNDED:
                return None
    return LARGEST_BODY


def _read_claim(seen: _Seen) -> Claim | None:
    """Return who claims to have signed a request; None if nobody does."""
    try:
        _ = seen.request.query
    except ValueError as error:
        raise refusals.malformed(seen.call, str(error)) from None
    try:
        return signature.read_claim(seen.request)
    except AWSError:
        seen.call = _unread(seen.request, _guessed_service(seen.request))
        raise


def _check_unsigned(request: Request, call: Call) -> None:
    if call.service != "s3" and not request.is_form:
        raise refusals.unsigned(call)


def _without_signature(request: Request, call: Call) -> AWSError:
    """Return the refusal of a form that nobody signed: AWS takes those of identity providers."""
    with suppress(ValueError):
        action = request.parameters.get("Action")
        if action in WITH_PROVIDER:
            return not_supported(refusals.NO_FEDERATION)
    return refusals.unsigned(call)


def _unread(request: Request, service: str) -> Call:
    return Call(service, "", protocol_of(request, service))


def _guessed_service(request: Request) -> str:
    """Return the service of a request that is not signed, as far as its refusal needs it."""
    if is_aws(request.host) and not AT_S3.search(request.host):
        return request.host.partition(".")[0]
    if request.header("x-amz-target"):
        return ""
    return "sts" if request.is_form or "Action" in request.query else "s3"


def _tell(call: Call, error: Exception) -> None:
    """Say on stderr why a request ends in 500: the server has nobody else to tell."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    at = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else ""
    what = call.action if call.operation else f"a call of {call.service}"
    sys.stderr.write(f"mfakit: moto failed in {what}{at}: {repr(error)[:300]}\n")


class _Seen:
    """What is known of a request so far."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.call = Call("", "", "query")
        self.claim: Claim | None = None
        self.caller: Credentials | None = None
        self.response: Response | None = None

    def refusal(self, error: AWSError) -> Response:
        """Return a refusal in the protocol of the call."""
        return error_response(error, self.call.protocol, self.call.service)

    def named(self) -> Call:
        """Return the call; of one that was refused, with the operation if its head names it."""
        if self.call.operation or self.request.is_form:
            return self.call
        try:
            return identify(cleaned(self.request, self.claim), self.call.service)
        except (AWSError, ValueError):
            return self.call
