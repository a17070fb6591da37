"""The ARN of what a call is about, where it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.testing.actions import Call

# What these are about is in their body, or is more than one thing.
UNTOLD = frozenset({"s3:DeleteObjects", "s3:CopyObject", "s3:UploadPartCopy"})


def resource_of(call: Call, partition: str, account_id: str) -> str | None:
    """Return the ARN that the call is about; None if it cannot be told."""
    if f"{call.service}:{call.operation}" in UNTOLD:
        return None
    if call.service == "s3":
        return _s3(call.parameters, partition)
    if call.service == "iam":
        return _iam(call, f"arn:{partition}:iam::{account_id}")
    return None


def _s3(parameters: Mapping[str, str], partition: str) -> str | None:
    bucket, key = parameters.get("Bucket"), parameters.get("Key")
    if not bucket:
        return None
    return f"arn:{partition}:s3:::{bucket}" + (f"/{key}" if key else "")


def _iam(call: Call, account: str) -> str | None:
    given = call.parameters
    if "SerialNumber" in given and "UserName" not in given:
        return given["SerialNumber"]
    if "VirtualMFADeviceName" in given:
        return f"{account}:mfa{given.get('Path', '/')}{given['VirtualMFADeviceName']}"
    if "UserName" in given:
        return f"{account}:user/{given['UserName']}"
    if call.operation == "ListUsers":
        return f"{account}:user/"
    return None
