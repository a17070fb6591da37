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
    exempt = sorted({*WITHOUT_MFA, *check_exempt(list(exempt_actions))})
    by_user = {VIA_SERVICE: "false"} if allow_service_calls else {}
    service_calls = (
        " Not what a service calls for a user, such as Lambda code from S3, which carries no MFA."
        if allow_service_calls
        else ""
    )
    denials = _denials(
        "WithoutMFA",
        {"BoolIfExists": {MFA_PRESENT: "false"} | by_user},
        "Whoever comes without MFA. IfExists, since a long-term key has no such condition key:"
        f" plain Bool would let it through.{service_calls}",
        "The rest is for oneself alone, whatever other policies allow: with an administrator's"
        " key, anybody could be given a device.",
        exempt,
        partition,
    )
    if max_age is not None:
        denials += _denials(
            "WithOldMFA",
            {"NumericGreaterThanEquals": {MFA_AGE: check_age(max_age)}},
            "Whoever gave the code too long ago. No IfExists here: who has no age is denied"
            " above, or gives a code with AssumeRole itself, which is always fresh.",
            "And here, too, the rest is for oneself alone.",
            exempt,
            partition,
        )
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


def _denials(
    name: str,
    condition: dict[str, dict[str, str]],
    why: str,
    why_others: str,
    exempt: list[str],
    partition: str,
) -> list[tuple[str, Statement]]:
    """Deny all but what is exempt, and of that what is done to other users."""
    all_else = {"NotAction": exempt, "Resource": "*"}
    to_others = {
        "Action": [*_UPON_DEVICES, *_UPON_USERS],
        "NotResource": [
            f"arn:{partition}:iam::*:*/${{aws:username}}",  # user or device, with a path too
            _own_devices(partition)[1],
        ],
    }
    return [
        (why, _deny(f"DenyAllElse{name}", all_else, condition)),
        (why_others, _deny(f"DenyForOthers{name}", to_others, condition)),
    ]


def _deny(sid: str, what: Statement, condition: dict[str, dict[str, str]]) -> Statement:
    return {"Sid": sid, "Effect": "Deny", **what, "Condition": condition}
