"""What the makers of policies are given: checked, so that what they make is valid."""

from __future__ import annotations

import re

from mfakit.errors import UsageError

_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):(?P<what>[!-~]+)", re.ASCII
)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_PARTITION = re.compile(r"aws(-[a-z]+)*", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_SHORTEST_AGE, _LONGEST_AGE = 60, 36 * 3600


def check_actions(actions: list[str]) -> list[str]:
    """Give actions as they are.

    Raises:
        UsageError: one is none.
    """
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise UsageError(f"{action!r} is no action", "write it as s3:GetObject or ec2:*")
    return actions


def check_exempt(actions: list[str], service: str = "") -> list[str]:
    """Give actions that are to be left without MFA as they are.

    Args:
        actions: the actions.
        service: whose they have to be, such as ``s3``; empty for any.

    Raises:
        UsageError: one is none, or is not that service's, or all are exempt.
    """
    for action in check_actions(actions):
        if action == "*":
            raise UsageError("a policy that exempts everything denies nothing", "name actions")
        if service and not action.lower().startswith(f"{service}:"):
            raise UsageError(f"{action!r} is no action of {service}", f"name one: {service}:Get*")
    return actions


def check_age(seconds: int) -> str:
    """Give the age of a code as policies write it.

    Raises:
        UsageError: no session can be that old, or nobody could use one that young.
    """
    if not _SHORTEST_AGE <= seconds <= _LONGEST_AGE:
        raise UsageError("a code may be 1m to 36h old in a policy", "say how old: --max-age 12h")
    return str(seconds)


def check_partition(partition: str) -> str:
    """Give a partition as it is.

    Raises:
        UsageError: it is none.
    """
    if not _PARTITION.fullmatch(partition):
        raise UsageError(f"{partition!r} is no partition", "one of aws, aws-cn, aws-us-gov")
    return partition


def check_bucket(name: str) -> str:
    """Give a bucket's name as it is.

    Raises:
        UsageError: no bucket can be called that.
    """
    if not _BUCKET.fullmatch(name):
        raise UsageError(
            f"not the name of a bucket: {name!r}", "give the name alone: --bucket my-bucket"
        )
    return name


def check_principal(text: str, partition: str, *, accounts: bool) -> str:
    """Give the ARN of who may carry MFA: a user, or where that makes sense an account.

    Args:
        text: an ARN, or the number of an account.
        partition: the one that it has to be of.
        accounts: whether an account will do.

    Raises:
        UsageError: it is neither, or a role, whose sessions never carry MFA.
    """
    if accounts and _ACCOUNT.fullmatch(text):
        return f"arn:{partition}:iam::{text}:root"
    hint = "name a user, as arn:aws:iam::123456789012:user/alice"
    found = _ARN.fullmatch(text)
    if found is None or "*" in text:
        hint += ", or an account, as 123456789012" if accounts else ""
        raise UsageError(f"{text!r} is no ARN of IAM", hint)
    if found["partition"] != partition:
        raise UsageError(f"{text} is not of partition {partition}", "see --partition")
    if found["what"].startswith("user/") or (accounts and found["what"] == "root"):
        return text
    if found["what"].startswith("role/"):
        raise UsageError(f"{text} is a role, and a role's session never carries MFA", hint)
    raise UsageError(f"{text} is no user", hint)
