"""IAM: which permissions its calls ask for, and what the simulator checks before moto answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mfakit.testing.actions import NOTHING, PASSING, Demand
from mfakit.testing.directory import shown_boundary
from mfakit.testing.errors import AWSError, access_denied, no_such_entity, not_supported
from mfakit.testing.iam_calls import NO_USER
from mfakit.testing.models import members
from mfakit.testing.validation import check_marker, known_parameters, validate_iam

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.actions import Place
    from mfakit.testing.devices import Devices
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials, Identity
    from mfakit.testing.models import Call
    from mfakit.testing.wire import Response

    Parameters = Mapping[str, str]

CHANGES_OF_POLICIES = (
    *("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion"),
    *("TagPolicy", "UntagPolicy"),
)
CONFLICT = "Cannot delete entity, must {} first."
# What stops a user from being deleted (API reference of IAM, DeleteUser): the call that lists it,
# the list in its answer, and IAM's text. The texts on certificates and SSH keys are unsure.
OF_USERS = (
    ("ListAccessKeys", "AccessKeyMetadata", "delete access keys"),
    ("ListGroupsForUser", "Groups", "remove users from group"),
    ("ListSigningCertificates", "Certificates", "delete signing certificates"),
    ("ListSSHPublicKeys", "SSHPublicKeys", "delete SSH public keys"),
)
OF_GROUPS = (
    ("GetGroup", "Users", "remove users from group"),
    ("ListAttachedGroupPolicies", "AttachedPolicies", "detach all policies"),
    ("ListGroupPolicies", "PolicyNames", "delete policies"),
)
# Calls about the caller's own user where they name none.
_OWN_USER = """
    ChangePassword CreateAccessKey CreateLoginProfile DeactivateMFADevice DeleteAccessKey
    DeleteLoginProfile DeleteSSHPublicKey DeleteServiceSpecificCredential DeleteSigningCertificate
    GetLoginProfile GetMFADevice GetUser ListAccessKeys ListMFADevices ListSSHPublicKeys
    ListServiceSpecificCredentials ListSigningCertificates ResetServiceSpecificCredential
    UpdateAccessKey UpdateServiceSpecificCredential UpdateSigningCertificate
    UploadSigningCertificate
"""
OWN_USER = frozenset(_OWN_USER.split())
# Calls that create or list things of a kind: the parameter with the path, and that with the name.
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
# Calls that rename: the kind, the parameter with the old name, and that with the new one.
RENAMING = {
    "UpdateUser": ("user", "UserName", "NewUserName"),
    "UpdateGroup": ("group", "GroupName", "NewGroupName"),
}
ARN_PARAMETERS = ("PolicyArn", "PolicySourceArn", "SAMLProviderArn", "OpenIDConnectProviderArn")
# Which of several names a call is about: a user is added to a group, a role to a profile.
NAMES = (("GroupName", "group"), ("UserName", "user"), ("RoleName", "role"))
_ABOUT_NOTHING = """
    CreateAccountAlias DeleteAccountAlias DeleteAccountPasswordPolicy GenerateCredentialReport
    GetAccountAuthorizationDetails GetAccountPasswordPolicy GetAccountSummary
    GetContextKeysForCustomPolicy GetCredentialReport ListAccountAliases
    ListOpenIDConnectProviders ListSAMLProviders SimulateCustomPolicy UpdateAccountPasswordPolicy
"""
ABOUT_NOTHING = frozenset(_ABOUT_NOTHING.split())


def iam_demands(
    call: Call, place: Place, find_arn: Callable[[str, str], str | None]
) -> tuple[Demand, ...]:
    """Return the demands of a call of IAM.

    Renaming or moving a user or a group asks for the permission on the old and on the new ARN
    (API reference of IAM, UpdateUser and UpdateGroup). Adding a role to an instance profile passes
    it to EC2 (AddRoleToInstanceProfile).
    """
    given = known_parameters(call.operation, call.parameters)
    found = [Demand(call.action, _about(call.operation, given, place, find_arn))]
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


def _about(
    operation: str,
    given: Mapping[str, str],
    place: Place,
    find_arn: Callable[[str, str], str | None],
) -> str | None:
    """Return the resource of a call, by the parameters that the operation has."""
    if operation in OF_A_PATH:
        kind, path, name = OF_A_PATH[operation]
        return place.global_arn("iam", f"{kind}{given.get(path, '/')}{given.get(name, '')}")
    if operation in ABOUT_NOTHING:
        return NOTHING
    if operation in DEVICE_CALLS:
        return given.get("SerialNumber")
    # Instance profiles have paths too, which are not in the call.
    if "InstanceProfileName" in given:
        return None
    for parameter, kind in NAMES:
        if parameter in given:
            return find_arn(kind, given[parameter])
    if operation in OWN_USER:
        return find_arn("user", "")
    return next((given[name] for name in ARN_PARAMETERS if name in given), None)


def in_refusals(call: Call, resource: str) -> str:
    """Return how a refusal names a resource, given its ARN.

    It is the ARN only for MFA devices, and where things of a kind are created or listed; else kind
    and name, ``user null`` if the caller's own user is meant but not named.
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


@dataclass(frozen=True)
class IAM:
    """The checks of IAM that moto lacks, and corrections of moto's answers."""

    directory: Directory
    devices: Devices
    root: Identity

    def check(self, operation: str, given: Parameters) -> None:
        """Refuse invalid parameters, names that are taken, and deletions of what is in use."""
        validate_iam(operation, given)
        check_marker(given)
        self._check_boundary(given.get("PermissionsBoundary"))
        self.directory.check_name(operation, given)
        if operation == "DeleteUser":
            self._check_user_is_bare(given["UserName"])
        if operation in CHANGES_OF_POLICIES:
            _check_policy_is_own(given["PolicyArn"])
        if operation == "DeletePolicy":
            self._check_policy_is_free(given["PolicyArn"])
        if operation == "DeleteGroup":
            self._check_nothing_left(OF_GROUPS, GroupName=given["GroupName"])

    def amend(self, operation: str, given: Parameters, response: Response) -> Response:
        """Return moto's answer, corrected."""
        if response.status >= 300:
            # moto's status of this refusal was another one before version 5.1.
            exceeded = b"<Code>LimitExceeded</Code>" in response.body
            return replace(response, status=409) if exceeded else response
        if operation == "GetAccountSummary":
            return replace(response, body=self._summary(response.body))
        if operation == "CreateUser":
            return _with_boundary(given.get("PermissionsBoundary"), response)
        return response

    def _check_boundary(self, arn: str | None) -> None:
        if arn is None:
            return
        try:
            self.directory.managed_document(arn)
        except AWSError:
            text = f"Scope ARN: {arn} does not exist or is not attachable."
            raise no_such_entity(text) from None

    def _check_user_is_bare(self, name: str) -> None:
        user = self.directory.user(name)
        if self.devices.of(user):
            raise _conflict("remove tokens from principal")
        self._check_nothing_left(OF_USERS, UserName=name)
        try:
            self.directory.call("GetLoginProfile", UserName=name)
        except AWSError:
            return
        raise _conflict("delete login profile")

    def _check_policy_is_free(self, arn: str) -> None:
        found = self.directory.call("GetPolicy", PolicyArn=arn)["Policy"]
        if found["AttachmentCount"] or self.directory.is_boundary(arn):
            text = "Cannot delete a policy attached to entities."
            raise AWSError(409, "DeleteConflict", text)

    def _check_nothing_left(self, lists: tuple[tuple[str, str, str], ...], **of: str) -> None:
        for operation, name, what in lists:
            try:
                left = self.directory.call(operation, **of)[name]
            except AWSError:  # it is missing: moto words the refusal
                return
            if left:
                raise _conflict(what)

    def _summary(self, body: bytes) -> bytes:
        devices = self.devices.all()
        known = {
            "MFADevices": len(devices),
            "MFADevicesInUse": len([each for each in devices if each.owner is not None]),
            "AccountMFAEnabled": int(any(each.owner is self.root for each in devices)),
            "AccountAccessKeysPresent": 1,
        }
        for name, value in known.items():
            entry = rb"(<key>%s</key>\s*<value>)\d+" % name.encode()
            body = re.sub(entry, rb"\g<1>%d" % value, body)
        return body


def _with_boundary(arn: str | None, response: Response) -> Response:
    """Return the answer to CreateUser with the boundary that was given."""
    if arn is None:
        return response
    shown = "".join(f"<{name}>{text}</{name}>" for name, text in shown_boundary(arn).items())
    element = f"<PermissionsBoundary>{shown}</PermissionsBoundary></User>"
    return replace(response, body=response.body.replace(b"</User>", element.encode()))


def with_own_name(call: Call, caller: Credentials) -> Call:
    """Return a call that names its user, which is the caller's own if the call named none.

    moto finds the caller by a long-term key, which may be gone when a session goes on.

    Raises:
        AWSError: the caller is no user.
    """
    may_name = call.operation in OWN_USER and "UserName" in members("iam", call.operation)
    if not may_name or "UserName" in call.parameters or caller.owner.administrator:
        return call
    if caller.owner.is_root:
        raise not_supported(f"{call.operation} without UserName is not supported for the root user")
    if caller.owner.kind != "user":
        raise AWSError(400, "ValidationError", NO_USER)
    return replace(call, parameters={**call.parameters, "UserName": caller.owner.name})


def _check_policy_is_own(arn: str) -> None:
    if ":iam::aws:policy/" in arn:
        # The text is unsure.
        raise access_denied(f"Policy {arn} is outside your own account.")


def _conflict(what: str) -> AWSError:
    return AWSError(409, "DeleteConflict", CONFLICT.format(what))
