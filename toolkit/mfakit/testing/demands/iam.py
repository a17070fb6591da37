"""IAM: users, groups, roles, policies, devices and the rest, by the parameters that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.demands.model import NOTHING, Demand
from mfakit.testing.demands.passing import PASSING
from mfakit.testing.validation import known_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
# Calls that rename: the kind, what it is called, what it is to be called.
RENAMING = {
    "UpdateUser": ("user", "UserName", "NewUserName"),
    "UpdateGroup": ("group", "GroupName", "NewGroupName"),
}
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


def demands(
    call: Call, place: Place, find_arn: Callable[[str, str], str | None]
) -> tuple[Demand, ...]:
    """Return what IAM asks for.

    To rename or move a user or a group, one has to be allowed to do it to what it is and to what
    it becomes (API reference of IAM, UpdateUser and UpdateGroup). To put a role into an instance
    profile is to pass it to EC2 (AddRoleToInstanceProfile).
    """
    given = known_parameters(call.operation, call.parameters)
    found = [Demand(call.action, _resource(call.operation, given, place, find_arn))]
    if call.operation in RENAMING:
        kind, name, new_name = RENAMING[call.operation]
        old = (found[0].resource or "").partition(f":{kind}/")[2]
        path = given.get("NewPath", f"/{old.rpartition('/')[0]}/".replace("//", "/"))
        named = given.get(new_name, given.get(name, ""))
        found.append(Demand(call.action, place.global_arn("iam", f"{kind}{path}{named}")))
    if call.operation == "AddRoleToInstanceProfile":
        role = find_arn("role", given.get("RoleName", ""))
        found.append(Demand(PASSING, role, place.principal("ec2")))
    return tuple(found)


def _resource(
    operation: str,
    given: Mapping[str, str],
    place: Place,
    find_arn: Callable[[str, str], str | None],
) -> str | None:
    """Return what a call is about, by the parameters that the operation has."""
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
    operation = call.operation
    given = known_parameters(operation, call.parameters)
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
