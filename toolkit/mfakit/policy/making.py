"""Make policies that require MFA: for users, for some actions, for a role, for a bucket.

In all of them, `max_age` is how old the code may be, in seconds (None: as old as a session can be),
and `partition` is such as ``aws-cn``. Each maker raises UsageError if a value is invalid, or if the
policy is longer than AWS takes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mfakit.errors import UsageError
from mfakit.policy.document import Kind

Statement = dict[str, Any]
Condition = dict[str, dict[str, str | list[str]]]

# "IAM User Guide", IAM and STS quotas: white space does not count. Amazon S3: 20 KB, as it is sent.
LONGEST = {Kind.IDENTITY: 6144, Kind.TRUST: 2048, Kind.RESOURCE: 20 * 1024}
LONGEST_INLINE = 2048  # all inline policies of a user together
MFA_PRESENT = "aws:MultiFactorAuthPresent"
MFA_AGE = "aws:MultiFactorAuthAge"
VIA_SERVICE = "aws:ViaAWSService"

_UPON_USERS = (
    "iam:EnableMFADevice",
    "iam:GetMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ResyncMFADevice",
)
# AWS refuses to delete a device in use, so this can only remove one that was never enabled.
_UPON_DEVICES = ("iam:DeleteVirtualMFADevice",)
# What users need to get a device, and a session with it. Deactivating a device is not among it.
WITHOUT_MFA = (
    "iam:CreateVirtualMFADevice",
    *_UPON_DEVICES,
    "iam:ListVirtualMFADevices",
    "sts:GetSessionToken",
    *_UPON_USERS,
)

_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):(?P<what>[!-~]+)", re.ASCII
)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_PARTITION = re.compile(r"aws(-[a-z]+)*", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_SHORTEST_AGE, _LONGEST_AGE = 60, 36 * 3600


@dataclass(frozen=True)
class Draft:
    """A policy, with the comments and names that some formats add to it.

    Raises:
        UsageError: it is longer than AWS takes.
    """

    name: str  # in words of lower case
    kind: Kind
    summary: tuple[str, ...]  # what it does and where to put it, in lines
    statements: tuple[tuple[str, Statement], ...]  # each after a comment
    bucket: str = ""  # that it is put on

    def __post_init__(self) -> None:
        if self.size > LONGEST[self.kind]:
            raise UsageError(
                f"the policy has {self.size} characters, and AWS takes {LONGEST[self.kind]}",
                "name less: fewer actions, or fewer and shorter ARNs",
            )

    @property
    def document(self) -> dict[str, Any]:
        """The policy itself."""
        return {"Version": "2012-10-17", "Statement": [text for _, text in self.statements]}

    @property
    def size(self) -> int:
        """Its length, as AWS counts it."""
        if self.kind is Kind.RESOURCE:
            return len(json.dumps(self.document, indent=2).encode())
        return sum(not character.isspace() for character in json.dumps(self.document))


def require_mfa(
    *,
    max_age: int | None = None,
    exempt_actions: tuple[str, ...] = (),
    allow_service_calls: bool = False,
    partition: str = "aws",
) -> Draft:
    """Make the identity policy that denies users everything without MFA, except to get a session.

    It does not deny the exempt actions, such as ``iam:ChangePassword``, and, if asked for, calls
    that a service makes for a user.
    """
    _check_partition(partition)
    exempt = sorted(check_exempt(list(exempt_actions)))
    denials = _without_mfa(exempt, partition, allow_service_calls=allow_service_calls)
    if max_age is not None:
        old: Condition = {"NumericGreaterThanEquals": {MFA_AGE: _check_age(max_age)}}
        all_else = {"NotAction": ["sts:GetSessionToken", *exempt], "Resource": "*"}
        why = (
            "Deny all else if the code is too old. No IfExists here: calls without an age are"
            " denied above, or carry a code with AssumeRole itself, which is always fresh."
        )
        denials.append((why, _deny("DenyAllElseWithOldMFA", all_else, old)))
    return Draft(
        name="require mfa",
        kind=Kind.IDENTITY,
        summary=(
            "Without MFA, users may only set up their own device and get a session.",
            "It grants nothing else: their other policies decide what users may do with MFA.",
            "Attach it to a group of all users, not to roles: their sessions never carry MFA.",
        ),
        statements=(*_self_management(partition), *denials),
    )


def _self_management(partition: str) -> list[tuple[str, Statement]]:
    devices = ["iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"]
    upon_users = ["iam:DeactivateMFADevice", *_UPON_USERS]
    return [
        (
            "This action supports no resource-level permissions.",
            _allow("AllowListingDevices", "iam:ListVirtualMFADevices", "*"),
        ),
        (
            "Devices are named after their user: alice, alice-phone.",
            _allow("AllowOwnVirtualDevices", devices, _own_devices(partition)),
        ),
        (
            "The user's own devices. AWS lets who has one add or remove another only with MFA.",
            _allow("AllowOwnDevices", upon_users, _oneself(partition)),
        ),
    ]


def _without_mfa(
    exempt: list[str], partition: str, *, allow_service_calls: bool
) -> list[tuple[str, Statement]]:
    """Deny all but the exempt actions, and those too on other users and their devices."""
    condition: Condition = {"BoolIfExists": {MFA_PRESENT: "false"}}
    why = (
        "Deny all else without MFA. IfExists, since long-term keys do not have this condition key:"
        " plain Bool would let them pass."
    )
    if allow_service_calls:
        condition["BoolIfExists"][VIA_SERVICE] = "false"
        why += " Calls that a service makes for a user carry no MFA, and are not denied."
    why_others = (
        "The rest is allowed only on oneself, whatever other policies allow: otherwise the key of"
        " an administrator could give anybody a device."
    )
    all_else = {"NotAction": sorted({*WITHOUT_MFA, *exempt}), "Resource": "*"}
    to_others = {
        "Action": [*_UPON_DEVICES, *_UPON_USERS],
        "NotResource": [*_oneself(partition), *_own_devices(partition)],
    }
    return [
        (why, _deny("DenyAllElseWithoutMFA", all_else, condition)),
        (why_others, _deny("DenyForOthersWithoutMFA", to_others, condition)),
    ]


def _oneself(partition: str) -> list[str]:
    user = f"arn:{partition}:iam::*:user"
    return [f"{user}/${{aws:username}}", f"{user}/*/${{aws:username}}"]


def _own_devices(partition: str) -> list[str]:
    device = f"arn:{partition}:iam::*:mfa/${{aws:username}}"
    return [device, f"{device}-*"]


def _allow(sid: str, action: str | list[str], resource: str | list[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}


def _deny(sid: str, what: Statement, condition: Condition) -> Statement:
    return {"Sid": sid, "Effect": "Deny", **what, "Condition": condition}


def max_age(seconds: int, actions: tuple[str, ...], resources: tuple[str, ...] = ("*",)) -> Draft:
    """Make the identity policy that grants actions only while the code is not older than that."""
    if not actions:
        raise UsageError(
            "no action given that needs a fresh code",
            "name one, such as --action ec2:TerminateInstances",
        )
    for resource in resources:
        if resource != "*" and not (resource.startswith("arn:") and resource.isprintable()):
            raise UsageError(f"{resource!r} is no ARN", "leave it out to mean all resources")
    age = _check_age(seconds)
    what = {"Action": check_actions(list(actions)), "Resource": list(resources)}
    fresh: Condition = {"NumericLessThan": {MFA_AGE: age}}
    old: Condition = {"NumericGreaterThanEqualsIfExists": {MFA_AGE: age}}
    return Draft(
        name="mfa max age",
        kind=Kind.IDENTITY,
        summary=(
            f"These actions are granted for {age} seconds after the code was given, and denied to"
            " everyone else.",
            "Attach it to users or a group of them, not to roles: their sessions never carry MFA.",
        ),
        statements=(
            (
                "An absent key is never less: long-term keys get nothing here.",
                {"Sid": "AllowWithFreshMFA", "Effect": "Allow", **what, "Condition": fresh},
            ),
            (
                "Nor from other policies. Without IfExists this would let long-term keys pass.",
                _deny("DenyWithoutFreshMFA", what, old),
            ),
        ),
    )


def role_trust(
    principals: tuple[str, ...], *, max_age: int | None = None, partition: str = "aws"
) -> Draft:
    """Make the trust policy of a role that principals can assume only with MFA.

    They are ARNs of users, or numbers of accounts.
    """
    _check_partition(partition)
    if not principals:
        raise UsageError(
            "no principal given to assume the role",
            "name users or accounts, such as --principal arn:aws:iam::123456789012:user/alice",
        )
    trusted = [_check_principal(text, partition, accounts=True) for text in principals]
    condition = {"Bool": {MFA_PRESENT: "true"}}
    comment = "In an Allow, use plain Bool: BoolIfExists would let long-term keys in."
    if max_age is not None:
        condition["NumericLessThanIfExists"] = {MFA_AGE: _check_age(max_age)}
        comment += " A code given with AssumeRole itself has no age, and is always fresh."
    statement = {
        "Sid": "AllowWithMFA",
        "Effect": "Allow",
        "Principal": {"AWS": trusted},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    return Draft(
        name="mfa role",
        kind=Kind.TRUST,
        summary=(
            "The role can be assumed only with MFA: from a session with MFA, or with a code.",
            "From a session it lasts at most one hour, whatever its MaxSessionDuration: that is",
            "role chaining. With a code in AssumeRole itself it may last for MaxSessionDuration.",
            "Its own policies decide what it may do. They cannot ask for MFA: no role carries it.",
        ),
        statements=((comment, statement),),
    )


def bucket(
    name: str,
    users: tuple[str, ...] = (),
    *,
    max_age: int | None = None,
    exempt_actions: tuple[str, ...] = (),
    partition: str = "aws",
) -> Draft:
    """Make the policy of a bucket that users reach only with MFA. It grants nothing.

    The users are ARNs; without any, everyone needs MFA but roles and AWS services.
    """
    if not _BUCKET.fullmatch(name):
        raise UsageError(
            f"not the name of a bucket: {name!r}", "give the name alone: --bucket my-bucket"
        )
    _check_partition(partition)
    exempt = check_exempt(list(exempt_actions), "s3")
    what = {
        "Principal": {"AWS": "*"},
        **({"NotAction": exempt} if exempt else {"Action": "s3:*"}),
        "Resource": [f"arn:{partition}:s3:::{name}", f"arn:{partition}:s3:::{name}/*"],
    }
    spared = _named(users, partition) if users else _spared(partition)
    why = (
        "Only these users, and the GetFederationToken sessions of their accounts, since such a"
        " session does not show whose it is: a Deny for everyone would lock out every role and AWS"
        " service."
        if users
        else "Not roles and AWS services, which never carry MFA: without this exemption they would"
        " all be locked out."
    )
    by_key: Condition = {"BoolIfExists": {MFA_PRESENT: "false"}}
    without = _deny("DenyWithoutMFA", what, _both(by_key, spared))
    statements = [(f"{why} IfExists, since long-term keys lack this condition key.", without)]
    if max_age is not None:
        old: Condition = {"NumericGreaterThanEqualsIfExists": {MFA_AGE: _check_age(max_age)}}
        denial = _deny("DenyWithOldMFA", what, _both(old, spared))
        statements.append(("Nor with a code that is too old.", denial))
    return Draft(
        name="mfa bucket",
        kind=Kind.RESOURCE,
        summary=(
            f"Users reach the bucket {name} only with MFA.",
            "It grants nothing: their own policies decide what they may do there.",
            "A bucket has only one policy: add these statements to the one that it has.",
            "From then on, to change it takes MFA, too; the root user can always remove it.",
        ),
        statements=tuple(statements),
        bucket=name,
    )


def _named(users: tuple[str, ...], partition: str) -> Condition:
    """Return the condition that holds for the users and for their GetFederationToken sessions."""
    named = [_check_principal(text, partition, accounts=False) for text in users]
    accounts = dict.fromkeys(arn.split(":")[4] for arn in named)
    sessions = [f"arn:{partition}:sts::{account}:federated-user/*" for account in accounts]
    return {"ArnEquals": {"aws:PrincipalArn": [*named, *sessions]}}


def _spared(partition: str) -> Condition:
    """Return the condition that holds for everyone but role sessions and AWS services."""
    return {
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        "ArnNotLike": {"aws:PrincipalArn": f"arn:{partition}:iam::*:role/*"},
    }


def _both(one: Condition, other: Condition) -> Condition:
    operators = dict.fromkeys([*one, *other])
    return {operator: one.get(operator, {}) | other.get(operator, {}) for operator in operators}


def check_actions(actions: list[str]) -> list[str]:
    """Return actions unchanged; raise UsageError if one is not an action."""
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise UsageError(f"{action!r} is no action", "write it as s3:GetObject or ec2:*")
    return actions


def check_exempt(actions: list[str], service: str = "") -> list[str]:
    """Return actions that need no MFA unchanged.

    Raises:
        UsageError: one is not an action, or not one of the service, or all are exempt.
    """
    for action in check_actions(actions):
        if action == "*":
            raise UsageError("a policy that exempts everything denies nothing", "name actions")
        if service and not action.lower().startswith(f"{service}:"):
            raise UsageError(f"{action!r} is no action of {service}", f"name one: {service}:Get*")
    return actions


def _check_age(seconds: int) -> str:
    """Return the age of a code as policies write it; raise UsageError if no code can be so old."""
    if not _SHORTEST_AGE <= seconds <= _LONGEST_AGE:
        raise UsageError("a code may be 1m to 36h old in a policy", "say how old: --max-age 12h")
    return str(seconds)


def _check_partition(partition: str) -> None:
    if not _PARTITION.fullmatch(partition):
        raise UsageError(f"{partition!r} is no partition", "one of aws, aws-cn, aws-us-gov")


def _check_principal(text: str, partition: str, *, accounts: bool) -> str:
    """Return the ARN of a principal that can carry MFA: a user, or an account as its users.

    Raises:
        UsageError: it is neither, or is a role, whose sessions never carry MFA.
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
