"""IAM's rules: what the simulator answers itself, and what it minds before and after moto does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mfakit.testing.boundaries import Boundaries
from mfakit.testing.credential_report import CredentialReport
from mfakit.testing.demands.iam import OWN_USER
from mfakit.testing.errors import AWSError, access_denied, not_supported
from mfakit.testing.get_user import GetUser
from mfakit.testing.mfa_calls import NO_USER, MFACalls
from mfakit.testing.validation import check_marker, members, validate_iam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mfakit.testing.actions import Call
    from mfakit.testing.clock import Clock
    from mfakit.testing.devices import Devices
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials, Identity
    from mfakit.testing.policy_simulation import PolicySimulation
    from mfakit.testing.wire import Response

    Parameters = Mapping[str, str]
    Operation = Callable[[Credentials, Parameters], dict[str, Any] | None]

CHANGES_OF_POLICIES = (
    "CreatePolicyVersion",
    "DeletePolicy",
    "DeletePolicyVersion",
    "SetDefaultPolicyVersion",
    "TagPolicy",
    "UntagPolicy",
)
CONFLICT = "Cannot delete entity, must {} first."
# What a user must no longer have (API reference of IAM, DeleteUser): the call that lists it, the
# list in its answer, and what IAM says of it. The texts on certificates and SSH keys are unsure.
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


class IAM:
    """The calls of IAM. Each takes who calls and the parameters, and gives the result.

    Attributes:
        operations: those that the simulator answers itself, by name.
    """

    def __init__(
        self,
        directory: Directory,
        devices: Devices,
        clock: Clock,
        root: Identity,
        simulation: PolicySimulation,
    ) -> None:
        self._directory = directory
        self._devices = devices
        self._root = root
        created = clock.now().replace(microsecond=0)
        self._root_user = {"UserId": root.user_id, "Arn": root.arn, "CreateDate": created}
        mfa = MFACalls(devices, directory.user, self._show_user, root.user_id)
        report = CredentialReport(directory, devices, clock, root, created)
        self._boundaries = Boundaries(directory)
        self.operations: dict[str, Operation] = {
            "GetUser": GetUser(directory.get_user, created),
            "GetCredentialReport": report.get,
            **mfa.operations,
            **self._boundaries.operations,
            **simulation.operations,
        }

    def check(self, operation: str, given: Parameters) -> None:
        """Refuse a call as IAM does, where moto does not.

        Raises:
            AWSError: its form is wrong, or what is to be deleted has something left.
        """
        validate_iam(operation, given)
        check_marker(given)
        self._boundaries.check(given)
        self._directory.check_name(operation, given)
        if operation == "UpdateUser":
            self._check_name_is_free(given)
        if operation == "DeleteUser":
            self._check_user_is_bare(given["UserName"])
        if operation in CHANGES_OF_POLICIES:
            _check_policy_is_own(given["PolicyArn"])
        if operation == "DeletePolicy":
            self._check_policy_is_free(given["PolicyArn"])
        if operation == "DeleteGroup":
            for conflict in self._left(OF_GROUPS, GroupName=given["GroupName"]):
                raise conflict

    def amend(self, operation: str, given: Parameters, response: Response) -> Response:
        """Return moto's answer with what moto does not know."""
        if response.status >= 300:
            # moto's status of this refusal was another one before version 5.1.
            exceeded = b"<Code>LimitExceeded</Code>" in response.body
            return replace(response, status=409) if exceeded else response
        if operation == "GetAccountSummary":
            return replace(response, body=self._summary(response.body))
        if operation == "CreateUser":
            return self._boundaries.amend(given, response)
        return response

    def _check_user_is_bare(self, name: str) -> None:
        user = self._directory.user(name)
        if self._devices.of(user):
            raise _conflict("remove tokens from principal")
        for conflict in self._left(OF_USERS, UserName=name):
            raise conflict
        try:
            self._directory.call("GetLoginProfile", UserName=name)
        except AWSError:
            return
        raise _conflict("delete login profile")

    def _check_name_is_free(self, given: Parameters) -> None:
        """Refuse to give a user another's name: moto would put the one in the other's place."""
        name = given.get("NewUserName", given["UserName"])
        if name == given["UserName"]:
            return
        try:
            self._directory.call("GetUser", UserName=name)
        except AWSError:
            return
        raise AWSError(409, "EntityAlreadyExists", f"User with name {name} already exists.")

    def _check_policy_is_free(self, arn: str) -> None:
        found = self._directory.call("GetPolicy", PolicyArn=arn)["Policy"]
        if found["AttachmentCount"] or self._directory.is_boundary(arn):
            text = "Cannot delete a policy attached to entities."
            raise AWSError(409, "DeleteConflict", text)

    def _left(self, lists: tuple[tuple[str, str, str], ...], **of: str) -> Iterator[AWSError]:
        for operation, name, what in lists:
            if self._directory.call(operation, **of)[name]:
                yield _conflict(what)

    def _show_user(self, user: Identity) -> dict[str, Any]:
        if user.is_root:
            return self._root_user
        shown = self._directory.get_user(user.name)
        return {name: shown[name] for name in ("Path", "UserName", "UserId", "Arn", "CreateDate")}

    def _summary(self, body: bytes) -> bytes:
        devices = self._devices.all()
        known = {
            "MFADevices": len(devices),
            "MFADevicesInUse": len([each for each in devices if each.owner is not None]),
            "AccountMFAEnabled": int(any(each.owner is self._root for each in devices)),
            "AccountAccessKeysPresent": 1,
        }
        for name, value in known.items():
            entry = rb"(<key>%s</key>\s*<value>)\d+" % name.encode()
            body = re.sub(entry, rb"\g<1>%d" % value, body)
        return body


def with_own_name(call: Call, caller: Credentials) -> Call:
    """Return a call that names the user that it is about: the caller, if it named none.

    moto looks for the caller by a long-term key, which whoever has a session may no longer have.

    Raises:
        AWSError: the caller is no user.
    """
    may_name = call.operation in OWN_USER and "UserName" in members("iam", call.operation)
    if not may_name or "UserName" in call.parameters:
        return call
    if caller.owner.is_root:
        raise not_supported(f"{call.operation} without UserName is not there for the root user")
    if caller.owner.kind != "user":
        raise AWSError(400, "ValidationError", NO_USER)
    return replace(call, parameters={**call.parameters, "UserName": caller.owner.name})


def _check_policy_is_own(arn: str) -> None:
    if ":iam::aws:policy/" in arn:
        # The text is unsure.
        raise access_denied(f"Policy {arn} is outside your own account.")


def _conflict(what: str) -> AWSError:
    return AWSError(409, "DeleteConflict", CONFLICT.format(what))
