"""The policy of a bucket that users get at with MFA alone."""

from __future__ import annotations

from mfakit.policy.document import Kind
from mfakit.policy.making.draft import MFA_AGE, MFA_PRESENT, Draft, Statement
from mfakit.policy.making.values import (
    check_age,
    check_bucket,
    check_exempt,
    check_partition,
    check_principal,
)

Condition = dict[str, dict[str, str | list[str]]]


def bucket(
    name: str,
    users: tuple[str, ...] = (),
    *,
    max_age: int | None = None,
    exempt_actions: tuple[str, ...] = (),
    partition: str = "aws",
) -> Draft:
    """Make the policy. It denies alone, and grants nothing.

    Args:
        name: the bucket's.
        users: ARNs of those who need MFA; without any, everyone but roles and AWS services.
        max_age: how old the code may be, in seconds; as old as a session gets by default.
        exempt_actions: what is not denied without MFA, such as ``s3:GetBucketLocation``.
        partition: such as ``aws-cn``.

    Raises:
        UsageError: a value makes no sense, or AWS would not take so long a policy.
    """
    check_bucket(name)
    check_partition(partition)
    exempt = check_exempt(list(exempt_actions), "s3")
    what = {
        "Principal": {"AWS": "*"},
        **({"NotAction": exempt} if exempt else {"Action": "s3:*"}),
        "Resource": [f"arn:{partition}:s3:::{name}", f"arn:{partition}:s3:::{name}/*"],
    }
    spared = _named(users, partition) if users else _spared(partition)
    why = (
        "Only these users, and the sessions of GetFederationToken of their accounts, since such a"
        " session does not show whose it is: for everyone it would lock out every role and AWS"
        " service."
        if users
        else "Neither roles nor AWS services, which never carry MFA: without their exemption they"
        " would all be locked out."
    )
    by_key: Condition = {"BoolIfExists": {MFA_PRESENT: "false"}}
    without = _deny("DenyWithoutMFA", what, by_key, spared)
    statements = [(f"{why} IfExists, since long-term keys have no such condition key.", without)]
    if max_age is not None:
        old: Condition = {"NumericGreaterThanEqualsIfExists": {MFA_AGE: check_age(max_age)}}
        statements.append(
            ("Nor with a code from too long ago.", _deny("DenyWithOldMFA", what, old, spared))
        )
    return Draft(
        name="mfa bucket",
        kind=Kind.RESOURCE,
        summary=(
            f"Users get at the bucket {name} with MFA alone.",
            "It grants nothing: what they may do there is for their own policies to say.",
            "A bucket has one policy: put these statements into the one it has.",
            "Mind that its changes need MFA from then on, too; the root user can always remove it.",
        ),
        statements=tuple(statements),
        bucket=name,
    )


def _named(users: tuple[str, ...], partition: str) -> Condition:
    """Give the condition under which someone is one of the users, or may be by another name."""
    named = [check_principal(text, partition, accounts=False) for text in users]
    accounts = dict.fromkeys(arn.split(":")[4] for arn in named)
    sessions = [f"arn:{partition}:sts::{account}:federated-user/*" for account in accounts]
    return {"ArnEquals": {"aws:PrincipalArn": [*named, *sessions]}}


def _spared(partition: str) -> Condition:
    """Give the conditions under which someone is neither a role's session nor an AWS service."""
    return {
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        "ArnNotLike": {"aws:PrincipalArn": f"arn:{partition}:iam::*:role/*"},
    }


def _deny(sid: str, what: Statement, condition: Condition, spared: Condition) -> Statement:
    both = {
        operator: condition.get(operator, {}) | spared.get(operator, {})
        for operator in [*condition, *(other for other in spared if other not in condition)]
    }
    return {"Sid": sid, "Effect": "Deny", **what, "Condition": both}
