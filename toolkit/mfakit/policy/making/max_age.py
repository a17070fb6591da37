"""The identity policy that grants something only while the code is fresh."""

from __future__ import annotations

from mfakit.errors import UsageError
from mfakit.policy.document import Kind
from mfakit.policy.making.draft import MFA_AGE, Draft
from mfakit.policy.making.values import check_actions, check_age


def max_age(seconds: int, actions: tuple[str, ...], resources: tuple[str, ...] = ("*",)) -> Draft:
    """Make the policy.

    Args:
        seconds: how old the code may be.
        actions: what is granted while it is not older, and denied else.
        resources: upon what.

    Raises:
        UsageError: a value makes no sense, or AWS would not take so long a policy.
    """
    if not actions:
        raise UsageError(
            "which actions need a fresh code is not said",
            "name them, such as --action ec2:TerminateInstances",
        )
    for resource in resources:
        if resource != "*" and not (resource.startswith("arn:") and resource.isprintable()):
            raise UsageError(f"{resource!r} is no ARN", "or give none, which means all")
    age = check_age(seconds)
    what = {"Action": check_actions(list(actions)), "Resource": list(resources)}
    return Draft(
        name="mfa max age",
        kind=Kind.IDENTITY,
        summary=(
            f"These actions are granted for {age} seconds from the code on, and denied to everyone"
            " else.",
            "Attach it to users, or a group of them. Not to roles: their sessions never carry MFA.",
        ),
        statements=(
            (
                "A key that is not there is less than nothing: long-term keys get nothing here.",
                {
                    "Sid": "AllowWithFreshMFA",
                    "Effect": "Allow",
                    **what,
                    "Condition": {"NumericLessThan": {MFA_AGE: age}},
                },
            ),
            (
                "Nor by another policy. Without IfExists this would let long-term keys through.",
                {
                    "Sid": "DenyWithoutFreshMFA",
                    "Effect": "Deny",
                    **what,
                    "Condition": {"NumericGreaterThanEqualsIfExists": {MFA_AGE: age}},
                },
            ),
        ),
    )
