"""The ARN of what a call is about, where it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.actions import Call

# What these are about is in their body, or is more than one thing.
UNTOLD = frozenset({"s3:DeleteObjects", "s3:CopyObject", "s3:UploadPartCopy"})
DEVICE_CALLS = frozenset(
    {"DeleteVirtualMFADevice", "TagMFADevice", "UntagMFADevice", "ListMFADeviceTags"}
)
OTHER_THAN_USERS = ("GroupName", "RoleName", "InstanceProfileName")


def resource_of(
    call: Call, partition: str, account_id: str, user_arn: Callable[[str], str]
) -> str | None:
    """Return the ARN that the call is about; None if it cannot be told.

    Args:
        call: the call.
        partition: the account's.
        account_id: the account.
        user_arn: gives the ARN of the user of a name; it may have a path.
    """
    if f"{call.service}:{call.operation}" in UNTOLD:
        return None
    if call.service == "s3":
        return _s3(call.parameters, partition)
    if call.service == "iam":
        return _iam(call, f"arn:{partition}:iam::{account_id}", user_arn)
    return None


def _s3(parameters: Mapping[str, str], partition: str) -> str | None:
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not bucket:
        return None
    return f"arn:{partition}:s3:::{bucket}" + (f"/{key}" if key else "")


def _iam(call: Call, account: str, user_arn: Callable[[str], str]) -> str | None:
    given = call.parameters
    if call.operation in DEVICE_CALLS:
        return given.get("SerialNumber")
    if call.operation == "CreateVirtualMFADevice":
        return f"{account}:mfa{given.get('Path', '/')}{given.get('VirtualMFADeviceName', '')}"
    if call.operation == "CreateUser":
        return f"{account}:user{given.get('Path', '/')}{given.get('UserName', '')}"
    if call.operation == "ListUsers":
        return f"{account}:user{given.get('PathPrefix', '/')}"
    if "UserName" in given and not any(name in given for name in OTHER_THAN_USERS):
        return user_arn(given["UserName"])
    return None
