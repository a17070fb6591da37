"""Whether policies let somebody assume a role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.policy import Policies, Principal, authorize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mfakit.policy import Context, Statement
    from mfakit.testing.keys import Credentials


def principal(caller: Credentials) -> Principal:
    """Return who calls, by every name that a policy may know him by."""
    owner = caller.owner
    return Principal(
        account_id=owner.arn.split(":")[4],
        arn=caller.arn,
        role_arn=owner.arn if owner.kind == "role" else "",
        unique_ids=(owner.user_id, caller.user_id),
    )


def may_assume(
    caller: Credentials,
    own: Iterable[Statement],
    trust: Iterable[Statement],
    context: Context,
) -> bool:
    """Tell whether the caller may do that to a role of the same account.

    A trust policy that names the caller suffices; one that names the account leaves it to the
    caller's own policies. A denial in either is final, and nothing exceeds a session policy ("IAM
    User Guide", policy evaluation logic).

    Args:
        caller: who calls.
        own: the statements of the caller's own policies.
        trust: those of the role's trust policy.
        context: the call, with the caller as its principal.

    Raises:
        UnjudgedError: the decision hangs on what cannot be judged.
    """
    policies = Policies(
        identity=tuple(own),
        resource=tuple(trust),
        session=caller.policy,
        resource_decides=True,
    )
    return authorize(policies, context).allowed
