"""The trust policy of a role that is to be assumed with MFA."""

from __future__ import annotations

from mfakit.errors import UsageError
from mfakit.policy.document import Kind
from mfakit.policy.making.draft import MFA_AGE, MFA_PRESENT, Draft
from mfakit.policy.making.values import check_age, check_partition, check_principal


def role_trust(
    principals: tuple[str, ...], *, max_age: int | None = None, partition: str = "aws"
) -> Draft:
    """Make the trust policy.

    Args:
        principals: who may assume the role: ARNs of users, or numbers of accounts.
        max_age: how old the code may be, in seconds; as old as a session gets by default.
        partition: such as ``aws-cn``.

    Raises:
        UsageError: a value makes no sense, or AWS would not take so long a policy.
    """
    check_partition(partition)
    if not principals:
        raise UsageError(
            "who may assume the role is not said",
            "name users or accounts, such as --principal arn:aws:iam::123456789012:user/alice",
        )
    trusted = [check_principal(text, partition, accounts=True) for text in principals]
    condition = {"Bool": {MFA_PRESENT: "true"}}
    comment = "In an Allow it is plain Bool: BoolIfExists would let long-term keys in."
    if max_age is not None:
        condition["NumericLessThanIfExists"] = {MFA_AGE: check_age(max_age)}
        comment += " A code that comes with AssumeRole itself has no age, and is always fresh."
    return Draft(
        name="mfa role",
        kind=Kind.TRUST,
        summary=(
            "The role is assumed with MFA alone: from a session made with a code, or with a code.",
            "From a session it lasts one hour at most, whatever MaxSessionDuration says: that is",
            "role chaining. With a code in AssumeRole itself it lasts as long as that says.",
            "What it may do is for its own policies. They can't ask for MFA: no role has it.",
        ),
        statements=(
            (
                comment,
                {
                    "Sid": "AllowWithMFA",
                    "Effect": "Allow",
                    "Principal": {"AWS": trusted},
                    "Action": "sts:AssumeRole",
                    "Condition": condition,
                },
            ),
        ),
    )
