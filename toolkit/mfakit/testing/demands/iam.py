"""IAM: users, groups, roles, policies, devices and the rest, by the parameters that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing.actions import Call
    from mfakit.testing.demands.model import Place

# Calls that are about the caller's own user where they name none.
OWN_USER = frozenset(
    {
        "ChangePassword",
        "CreateAccessKey",
        "CreateLoginProfile",
        "DeactivateMFADevice",
        "DeleteAccessKey",
        "DeleteLoginProfile",
        "DeleteSSHPublicKey",
        "DeleteServiceSpecificCredential",
        "DeleteSigningCertificate",
        "GetLoginProfile",
        "GetMFADevice",
        "GetUser",
        "ListAccessKeys",
        "ListMFADevices",
        "ListSSHPublicKeys",
        "ListServiceSpecificCredentials",
        "ListSigningCertificates",
        "ResetServiceSpecificCredential",
        "UpdateAccessKey",
        "UpdateServiceSpecificCredential",
        "UpdateSigningCertificate",
        "UploadSigningCertificate",
    }
)
# Calls that make or list things of a kind: the path, then the name that is given.
OF_A_PATH = {
    "CreateUser": ("user", "Path", "UserName"),
    "CreateGroup": ("group", "Path", "GroupName"),
    "CreateRole": ("role", "Path", "RoleName"),
    "CreatePolicy": ("policy", "Path", "PolicyName"),
    "CreateInstanceProfile": ("instance-profile", "Path", "InstanceProfileName"),
    "CreateVirtualMFADevice": ("mfa", "Path", "VirtualMFADeviceName"),
    "UploadServerCertificate": ("server-certificate", "Path", "ServerCertificateName"),
    "ListUsers": ("user", "PathPrefix", ""),
    "ListGroups": ("group", "PathPrefix", ""),
    "ListRoles": ("role", "PathPrefix", ""),
    "ListPolicies": ("policy", "PathPrefix", ""),
    "ListInstanceProfiles": ("instance-profile", "PathPrefix", ""),
    "ListServerCertificates": ("server-certificate", "PathPrefix", ""),
    "ListVirtualMFADevices": ("mfa", "PathPrefix", ""),
}
DEVICE_CALLS = frozenset(
    {"DeleteVirtualMFADevice", "TagMFADevice", "UntagMFADevice", "ListMFADeviceTags"}
)
ARN_PARAMETERS = ("PolicyArn", "PolicySourceArn", "SAMLProviderArn", "OpenIDConnectProviderArn")
# Which of several names a call is about: a user is added to a group, a role to a profile.
NAMES = (("GroupName", "group"), ("UserName", "user"), ("RoleName", "role"))
ABOUT_NOTHING = frozenset(
    {
        "CreateAccountAlias",
        "DeleteAccountAlias",
        "DeleteAccountPasswordPolicy",
        "GenerateCredentialReport",
        "GetAccountAuthorizationDetails",
        "GetAccountPasswordPolicy",
        "GetAccountSummary",
        "GetContextKeysForCustomPolicy",
        "GetCredentialReport",
        "ListAccountAliases",
        "ListOpenIDConnectProviders",
        "ListSAMLProviders",
        "SimulateCustomPolicy",
        "UpdateAccountPasswordPolicy",
    }
)


def resource(call: Call, place: Place, find_arn: Callable[[str, str], str | None]) -> str | None:
    """Return what the call is about."""
    operation, given = call.operation, call.parameters
    if operation in OF_A_PATH:
        kind, path, name = OF_A_PATH[operation]
        return place.global_arn("iam", f"{kind}{given.get(path, '/')}{given.get(name, '')}")
    if operation in ABOUT_NOTHING:
        return NOTHING
    if operation in DEVICE_CALLS:
        return given.get("SerialNumber")
    # Instance profiles have paths too, which the call does not tell.
    if "InstanceProfileName" in given:
        return None
    for parameter, kind in NAMES:
        if parameter in given:
            return find_arn(kind, given[parameter])
    if operation in OWN_USER:
        return find_arn("user", "")
    return next((given[name] for name in ARN_PARAMETERS if name in given), None)


def in_refusals(call: Call, resource: str) -> str:
    """Return what a refusal calls it that a call is about, an ARN.

    It is the ARN only of MFA devices, and where things of a kind are made or listed; else kind and
    name, ``user null`` if the caller's own user is meant but not named.
    """
    operation, given = call.operation, call.parameters
    if operation == "CreatePolicy":
        return f"policy {given.get('PolicyName', 'null')}"
    if operation in OF_A_PATH or operation in ABOUT_NOTHING or operation in DEVICE_CALLS:
        return resource
    if "InstanceProfileName" in given:
        return f"instance profile {given['InstanceProfileName']}"
    for parameter, kind in NAMES:
        if parameter in given:
            return f"{kind} {given[parameter]}"
    if operation in OWN_USER:
        return "user null"
    return f"policy {resource}" if "PolicyArn" in given else resource
