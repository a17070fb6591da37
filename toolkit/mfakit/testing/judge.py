"""The judge: whether policies let a call through."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
from mfakit.testing import refusals
from mfakit.testing.anonymous import is_nobody
from mfakit.testing.condition_keys import condition_keys
from mfakit.testing.demands import Place, demands_of, iam
from mfakit.testing.demands.passing import PASSING
from mfakit.testing.demands.s3 import bucket_of
from mfakit.testing.errors import RELAX, not_supported
from mfakit.testing.hosts import partition
from mfakit.testing.object_deletion import deleted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mfakit.policy import Statement, Verdict
    from mfakit.policy.keys import Keys
    from mfakit.testing.actions import Call
    from mfakit.testing.bucket_policies import BucketPolicies
    from mfakit.testing.clock import Clock
    from mfakit.testing.demands import Demand
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials
    from mfakit.testing.roles import Role
    from mfakit.testing.signature import Claim
    from mfakit.testing.wire import Request

ALWAYS_ALLOWED = ("sts:GetSessionToken", "sts:GetCallerIdentity")
# What the root user may do to a bucket whatever its policy says, so as not to be locked out.
ROOT_ALWAYS_ALLOWED = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")


FULL_AWS_ACCESS = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


class Judge:
    """Judges calls by the policies of who calls and of what is called upon.

    Args:
        directory: the policies of users, groups and roles.
        buckets: those of buckets.
        clock: tells the time to policies that ask for it.
        account_id: the account.
        service_control: what the account's organization allows it; None if it is in none.
    """

    def __init__(
        self,
        directory: Directory,
        buckets: BucketPolicies,
        clock: Clock,
        account_id: str,
        service_control: tuple[Statement, ...] | None = None,
    ) -> None:
        self._directory = directory
        self._buckets = buckets
        self._clock = clock
        self._account_id = account_id
        self._service_control = service_control

    def check(self, request: Request, call: Call, caller: Credentials, claim: Claim) -> None:
        """Let a call through, or refuse it.

        Raises:
            AWSError: policies do not allow it, or it cannot be judged.
        """
        if (call.service, call.operation) == ("s3", "DeleteObjects"):
            return  # answers for each object, and so with success
        for demand, verdict in self._verdicts(request, call, caller, claim):
            if not verdict.allowed and is_nobody(caller):
                raise refusals.unsigned(call)
            if not verdict.allowed:
                raise refusals.denied(call, denial(call, caller, demand, verdict))

    def refused_objects(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> dict[int, str]:
        """Tell which objects a caller may not delete, by their place in the call, and why.

        Raises:
            AWSError: it cannot be judged.
        """
        count = len(deleted(request))
        verdicts = enumerate(self._verdicts(request, call, caller, claim))
        return {
            place % count: denial(call, caller, demand, verdict)
            for place, (demand, verdict) in verdicts
            if not verdict.allowed
        }

    def _verdicts(
        self, request: Request, call: Call, caller: Credentials, claim: Claim
    ) -> Iterator[tuple[Demand, Verdict]]:
        if self._is_free(call, caller):
            return
        if not call.operation:
            raise not_supported(f"what this request calls cannot be told; {RELAX}")
        place = Place(partition(claim.region), claim.region, self._account_id)
        keys = self._keys(request, caller, claim.region)
        own_name = caller.owner.name if caller.owner.kind == "user" else ""

        def find_arn(kind: str, name: str) -> str | None:
            return self._directory.arn_of(kind, name or own_name) if name or own_name else None

        with _judging():
            found = demands_of(call, request, place, find_arn, self._directory.find_roles)
            for demand in found:
                given = {**keys, **demand.condition_keys}
                context = Context(demand.action, demand.resource, given, self._principal(caller))
                policies = self._policies(caller, demand.action, demand.resource)
                yield demand, authorize(policies, context)

    def may_assume(
        self,
        request: Request,
        caller: Credentials,
        region: str,
        action: str,
        role: Role,
        extra: Mapping[str, str],
    ) -> bool:
        """Tell whether a caller may do that to a role of the account.

        Args:
            request: the request.
            caller: who calls.
            region: the one that the request is signed for.
            action: such as ``sts:AssumeRole``.
            role: the role.
            extra: condition keys of this call, beside those of any.

        Raises:
            AWSError: it cannot be judged.
        """
        keys = {**self._keys(request, caller, region), **extra}
        with _judging():
            context = Context(action, role.arn, keys, self._principal(caller))
            trust = parse(role.trust_policy, f"of role {role.identity.name}", Kind.TRUST)
            policies = self._policies(caller, action, None, trust)
            return authorize(policies, context).allowed

    def _keys(self, request: Request, caller: Credentials, region: str) -> Keys:
        tags = self._directory.tags(caller.grantor or caller.owner)
        return condition_keys(request, caller, region, self._clock.timestamp(), tags)

    def _policies(
        self,
        caller: Credentials,
        action: str | None,
        resource: str | None,
        trust: tuple[Statement, ...] = (),
    ) -> Policies:
        holder = caller.grantor or caller.owner
        bucket = (
            "" if caller.owner.is_root and action in ROOT_ALWAYS_ALLOWED else bucket_of(resource)
        )
        return Policies(
            identity=self._directory.statements(holder),
            resource=trust or (self._buckets.of(bucket) if bucket else ()),
            boundary=self._directory.boundary(holder),
            session=caller.policy,
            resource_decides=bool(trust),
            # An organization limits who is in its accounts, not who calls without credentials.
            service_control=self._service_control if holder.arn else None,
        )

    def _principal(self, caller: Credentials) -> Principal:
        """Return who calls, by every name that a policy may know him by."""
        owner, grantor = caller.owner, caller.grantor
        issuer = grantor or (owner if owner.kind == "role" else None)
        return Principal(
            account_id=owner.arn.split(":")[4] if owner.arn else "",
            arn=caller.arn,
            role_arn=issuer.arn if issuer else "",
            unique_ids=(owner.user_id, caller.user_id, grantor.user_id if grantor else ""),
            has_boundary=self._directory.boundary(grantor or owner) is not None,
        )

    def _is_free(self, call: Call, caller: Credentials) -> bool:
        """Tell whether no policy has a say: only an organization's limits the root user."""
        if call.action in ALWAYS_ALLOWED:
            return True
        if not caller.owner.is_root or self._service_control is not None:
            return False
        return call.service != "s3" or call.action in ROOT_ALWAYS_ALLOWED


def service_control(policies: Sequence[Mapping[str, Any] | str]) -> tuple[Statement, ...]:
    """Return what the policies say that are attached to an account.

    Policies that only deny would leave nothing allowed. As AWS attaches ``FullAWSAccess`` to all
    that is in an organization, it is taken to be among them then ("AWS Organizations User Guide",
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


def denial(call: Call, caller: Credentials, demand: Demand, verdict: Verdict) -> str:
    """Return what a refusal says, as AWS words it."""
    who = f"User: {caller.arn} is not authorized to perform: {demand.action or '*'}"
    resource = demand.resource or "*"
    if call.service == "s3" and demand.action != PASSING:
        # S3 alone puts it in quotes, and says nothing of it where the call is about no bucket.
        what = f' on resource: "{resource}"' if bucket_of(resource) else ""
    elif call.service == "iam" and demand.action != PASSING:
        what = f" on resource: {iam.in_refusals(call, resource)}"
    else:
        what = f" on resource: {resource}"
    return f"{who}{what} {verdict.reason}"


@contextmanager
def _judging() -> Iterator[None]:
    try:
        yield
    except (UnjudgedError, MalformedPolicyError) as error:
        raise not_supported(f"the simulator cannot judge {error}; {RELAX}") from None
