"""Service control policies: what an organization allows the accounts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfakit.policy import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfakit.policy import Statement

FULL_AWS_ACCESS = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


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
