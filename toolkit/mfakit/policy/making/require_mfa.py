"""The identity policy that lets users do nothing without MFA but get themselves a session."""

from __future__ import annotations

from mfakit.policy.document import Kind
from mfakit.policy.making.draft import MFA_AGE, MFA_PRESENT, VIA_SERVICE, Draft, Statement
from mfakit.policy.making.values import check_age, check_exempt, check_partition

_UPON_USERS = (
    "iam:EnableMFADevice",
    "iam:GetMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ResyncMFADevice",
)
# AWS refuses it for a device in use, so that it removes those alone that were never enabled.
_UPON_DEVICES = ("iam:DeleteVirtualMFADevice",)
# What it takes to get a device, and a session with it. Deactivating a device is not among them.
WITHOUT_MFA = (
    "iam:CreateVirtualMFADevice",
    *_UPON_DEVICES,
    "iam:ListVirtualMFADevices",
    "sts:GetSessionToken",
    *_UPON_USERS,
)


def require_mfa(
    *,
    max_age: int | None = None,
    exempt_actions: tuple[str, ...] = (),
    allow_service_calls: bool = False,
    partition: str = "aws",
) -> Draft:
    """Make the policy for a group of all users.

    Args:
        max_age: how old the code may be, in seconds; as old as a session gets by default.
        exempt_actions: what else is not denied without MFA, such as ``iam:ChangePassword``.
        allow_service_calls: whether not to deny what a service calls for a user.
        partition: such as ``aws-cn``.

    Raises:
        UsageError: a value makes no sense, or AWS would not take so long a policy.
    """
    check_partition(partition)
    exempt = sorted(check_exempt(list(exempt_actions)))
    denials = _without_mfa(exempt, partition, allow_service_calls=allow_service_calls)
    if max_age is not None:
        old = {"NumericGreaterThanEquals": {MFA_AGE: check_age(max_age)}}
        all_else = {"NotAction": ["sts:GetSessionToken", *exempt], "Resource": "*"}
        why = (
            "Whoever gave the code too long ago. No IfExists here: who has no age is denied above,"
            " or gives a code with AssumeRole itself, which is always fresh."
        )
        denials.append((why, _deny("DenyAllElseWithOldMFA", all_else, old)))
    return Draft(
        name="require mfa",
        kind=Kind.IDENTITY,
        summary=(
            "Users may do nothing without MFA but set their own device up and get a session.",
            "It grants nothing else: what users may do with MFA is for their other policies to"
            " say.",
            "Attach it to a group of all users. Not to roles: their sessions never carry MFA.",
        ),
        statements=(*_self_management(partition), *denials),
    )


def _oneself(partition: str) -> list[str]:
    user = f"arn:{partition}:iam::*:user"
    return [f"{user}/${{aws:username}}", f"{user}/*/${{aws:username}}"]


def _own_devices(partition: str) -> list[str]:
    device = f"arn:{partition}:iam::*:mfa/${{aws:username}}"
    return [device, f"{device}-*"]


def _self_management(partition: str) -> list[tuple[str, Statement]]:
    return [
        (
            "This one knows no resources.",
            {
                "Sid": "AllowListingDevices",
                "Effect": "Allow",
                "Action": "iam:ListVirtualMFADevices",
                "Resource": "*",
            },
        ),
        (
            "A device is named for its user: alice, alice-phone.",
            {
                "Sid": "AllowOwnVirtualDevices",
                "Effect": "Allow",
                "Action": ["iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"],
                "Resource": _own_devices(partition),
            },
        ),
        (
            "The user's own devices. AWS lets who has one add or remove another only with MFA.",
            {
                "Sid": "AllowOwnDevices",
                "Effect": "Allow",
                "Action": ["iam:DeactivateMFADevice", *_UPON_USERS],
                "Resource": _oneself(partition),
            },
        ),
    ]


def _without_mfa(
    exempt: list[str], partition: str, *, allow_service_calls: bool
) -> list[tuple[str, Statement]]:
    """Deny all but what is exempt, and of that what is done to other users and their devices."""
    condition = {"BoolIfExists": {MFA_PRESENT: "false"}}
    why = (
        "Whoever comes without MFA. IfExists, since a long-term key has no such condition key:"
        " plain Bool would let it through."
    )
    if allow_service_calls:
        condition["BoolIfExists"][VIA_SERVICE] = "false"
        why += " What a service calls for a user carries no MFA, and is not denied."
    why_others = (
        "The rest is for oneself alone, whatever other policies allow: with an administrator's"
        " key, anybody could be given a device."
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


def _deny(sid: str, what: Statement, condition: dict[str, dict[str, str]]) -> Statement:
    return {"Sid": sid, "Effect": "Deny", **what, "Condition": condition}
