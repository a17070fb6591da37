"""The account's users and their policies, asked from moto over the wire, and what is learned."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from mfakit import policy
from mfakit.testing.errors import AWSError
from mfakit.testing.hosts import aws_host, partition
from mfakit.testing.validation import service_model
from mfakit.testing.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mfakit.testing.keys import Identity, KeyStore

BOUNDARY_ARN = "PermissionsBoundaryArn"
ROOT_POLICY = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
# Calls that give names, of what IAM does not allow to differ in case alone.
NAMING = re.compile("(Create|Update)(User|Group|Role)")
READ_ONLY = re.compile(r"Get|List|Simulate|Generate")


class Directory:
    """Asks moto's IAM, and keeps users and keys in step with what it answers.

    Args:
        forward: passes a request on to moto.
        keys: where keys are learned into.
        account_id: the account.
        region: decides the partition.
    """

    def __init__(
        self,
        forward: Callable[[Request], Response],
        keys: KeyStore,
        account_id: str,
        region: str,
    ) -> None:
        self._forward = forward
        self._keys = keys
        self._account_id = account_id
        self._region = region
        self._users: dict[str, Identity] = {}
        self._arns: dict[tuple[str, str], str] = {}
        self._roles: dict[tuple[str, str], tuple[str, ...]] = {}
        self._spellings: dict[tuple[str, str], str] = {}
        self._statements: dict[str, tuple[policy.Statement, ...]] = {}
        self._boundaries: dict[str, tuple[policy.Statement, ...] | None] = {}
        self._user_boundaries: dict[str, str] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def call(self, operation: str, **parameters: str) -> dict[str, Any]:
        """Call IAM past the gate, and learn from the answer.

        Raises:
            AWSError: IAM refused.
        """
        response = self._forward(self._request(operation, parameters))
        answer = _parsed(operation, response)
        if response.status >= 300:
            error = answer.get("Error", {})
            code, message = error.get("Code", "Unknown"), error.get("Message", "")
            raise AWSError(response.status, code, message)
        self._take_over(operation, parameters, answer)
        return answer

    def learn(self, operation: str, parameters: Mapping[str, str], response: Response) -> None:
        """Take over what a successful call changed."""
        if response.status < 300 and not READ_ONLY.match(operation):
            answer = _parsed(operation, response) if operation == "CreateAccessKey" else {}
            self._take_over(operation, parameters, answer)

    def get_user(self, name: str) -> dict[str, Any]:
        """Return what IAM tells about a user."""
        found: dict[str, Any] = self.call("GetUser", UserName=name)["User"]
        arn = self._user_boundaries.get(name)
        return found | {"PermissionsBoundary": shown_boundary(arn)} if arn else found

    def get_role(self, name: str) -> dict[str, Any]:
        """Return what IAM tells about a role, the trust policy as an object."""
        found: dict[str, Any] = self.call("GetRole", RoleName=name)["Role"]
        trust = _document(found["AssumeRolePolicyDocument"])
        return found | {"AssumeRolePolicyDocument": trust}

    def user(self, name: str) -> Identity:
        """Return the user of that name."""
        if name not in self._users:
            user = self.get_user(name)
            self._users[name] = self._keys.identity("user", name, user["Arn"], user["UserId"])
        return self._users[name]

    def arn_of(self, kind: str, name: str) -> str:
        """Return the ARN of a ``user``, ``group`` or ``role``, which may have a path.

        If there is none of that name, it is what the ARN would be without one.
        """
        if (kind, name) not in self._arns:
            self._arns[kind, name] = self._find_arn(kind, name)
        return self._arns[kind, name]

    def _find_arn(self, kind: str, name: str) -> str:
        title = kind.capitalize()
        try:
            answer = self.call(f"Get{title}", **{f"{title}Name": name})
        except AWSError:
            return f"arn:{partition(self._region)}:iam::{self._account_id}:{kind}/{name}"
        return str(answer[title]["Arn"])

    def find_roles(self, kind: str, name: str) -> tuple[str, ...]:
        """Return the ARNs of the ``role``, or of the roles in the ``instance-profile``, of a name.

        There are none if there is none of that name.
        """
        if (kind, name) not in self._roles:
            self._roles[kind, name] = tuple(self._find_roles(kind, name))
        return self._roles[kind, name]

    def _find_roles(self, kind: str, name: str) -> Iterable[str]:
        try:
            if kind == "role":
                found = [self.call("GetRole", RoleName=name)["Role"]]
            else:
                answer = self.call("GetInstanceProfile", InstanceProfileName=name)
                found = answer["InstanceProfile"]["Roles"]
        except AWSError:
            return ()
        return (role["Arn"] for role in found)

    def managed(self, arn: str) -> tuple[policy.Statement, ...]:
        """Return what a managed policy says.

        Raises:
            AWSError: there is none of that ARN.
        """
        return policy.parse(_document(self.managed_document(arn)), arn)

    def managed_document(self, arn: str) -> Any:
        """Return the document of a managed policy, in its default version.

        Raises:
            AWSError: there is none of that ARN.
        """
        version = self.call("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = self.call("GetPolicyVersion", PolicyArn=arn, VersionId=version)
        return found["PolicyVersion"]["Document"]

    def statements(self, owner: Identity) -> tuple[policy.Statement, ...]:
        """Return all that the policies of a user, and of the user's groups, or of a role say.

        The root user has none, and may do everything.
        """
        if owner.is_root:
            return policy.parse(ROOT_POLICY, "of the root user")
        if not owner.name:  # whoever calls without credentials
            return ()
        return self.statements_of(owner.kind, owner.name)

    def statements_of(self, kind: str, name: str) -> tuple[policy.Statement, ...]:
        """Return all that the policies of the ``user``, ``group`` or ``role`` of a name say."""
        key = f"{kind}/{name}"
        if key not in self._statements:
            self._statements[key] = tuple(self._read_statements(kind.capitalize(), name))
        return self._statements[key]

    def boundary(self, owner: Identity) -> tuple[policy.Statement, ...] | None:
        """Return what the permissions boundary of a user or role says; None if there is none."""
        key = f"{owner.kind}/{owner.name}"
        if key not in self._boundaries:
            arn = self.boundary_arn(owner)
            self._boundaries[key] = self.managed(arn) if arn else None
        return self._boundaries[key]

    def boundary_arn(self, owner: Identity) -> str:
        """Return the ARN of the permissions boundary of a user or role; empty if there is none.

        moto keeps none for users, so it is kept here.
        """
        if owner.kind == "role":
            return self._boundary_of_role(owner.name)
        return self._user_boundaries.get(owner.name, "") if owner.kind == "user" else ""

    def _boundary_of_role(self, name: str) -> str:
        found = self.get_role(name).get("PermissionsBoundary", {})
        return str(found.get(BOUNDARY_ARN, ""))

    def is_boundary(self, arn: str) -> bool:
        """Tell whether a policy is the permissions boundary of a user or a role."""
        roles = self.call("ListRoles", MaxItems="1000")["Roles"]
        of_roles = (self._boundary_of_role(role["RoleName"]) for role in roles)
        return arn in self._user_boundaries.values() or arn in of_roles

    def set_boundary(self, user: str, arn: str) -> None:
        """Keep the permissions boundary of a user; an empty ARN is none."""
        self._boundaries.clear()
        if arn:
            self._user_boundaries[user] = arn
        else:
            self._user_boundaries.pop(user, None)

    def tags(self, owner: Identity) -> dict[str, str]:
        """Return the tags of a user or a role; the root user has none."""
        if owner.is_root or not owner.name:
            return {}
        key = f"{owner.kind}/{owner.name}"
        if key not in self._tags:
            kind = owner.kind.capitalize()
            found = self.call(f"List{kind}Tags", **{f"{kind}Name": owner.name})["Tags"]
            self._tags[key] = {tag["Key"]: tag["Value"] for tag in found}
        return self._tags[key]

    def forget(self) -> None:
        """Ask anew for whatever a policy may say by now."""
        self._arns.clear()
        self._roles.clear()
        self._statements.clear()
        self._boundaries.clear()
        self._tags.clear()

    def _take_over(
        self, operation: str, parameters: Mapping[str, str], answer: Mapping[str, Any]
    ) -> None:
        if READ_ONLY.match(operation):
            return
        self.forget()
        self._note_name(operation, parameters)
        change = getattr(self, f"_after_{operation}", None)
        if change is not None:
            change(parameters, answer)

    def check_name(self, operation: str, parameters: Mapping[str, str]) -> None:
        """Refuse to make or rename something with a name that is taken in another case.

        moto tells them apart; IAM does not (API reference: "Names are not distinguished by case").

        Raises:
            AWSError: the name is taken.
        """
        kind, name, old = _new_name(operation, parameters)
        known = self._spellings.get((kind, name.lower()), name)
        if known in (name, old):
            return
        try:
            self.call(f"Get{kind}", **{f"{kind}Name": known})
        except AWSError:  # it was deleted or renamed
            return
        raise AWSError(409, "EntityAlreadyExists", f"{kind} with name {name} already exists.")

    def _note_name(self, operation: str, parameters: Mapping[str, str]) -> None:
        kind, name, _ = _new_name(operation, parameters)
        if kind:
            self._spellings[kind, name.lower()] = name

    def _after_CreateUser(  # noqa: N802 - named after the call
        self, parameters: Mapping[str, str], _answer: Mapping[str, Any]
    ) -> None:
        self.set_boundary(parameters["UserName"], parameters.get("PermissionsBoundary", ""))

    def _after_CreateAccessKey(  # noqa: N802
        self, _parameters: Mapping[str, str], answer: Mapping[str, Any]
    ) -> None:
        key = answer["AccessKey"]
        owner = self.user(key["UserName"])
        self._keys.add(key["AccessKeyId"], key["SecretAccessKey"], owner)

    def _after_DeleteAccessKey(  # noqa: N802
        self, parameters: Mapping[str, str], _answer: Mapping[str, Any]
    ) -> None:
        self._keys.forget(parameters["AccessKeyId"])

    def _after_UpdateAccessKey(  # noqa: N802
        self, parameters: Mapping[str, str], _answer: Mapping[str, Any]
    ) -> None:
        active = parameters["Status"] == "Active"
        self._keys.set_active(parameters["AccessKeyId"], active=active)

    def _after_DeleteRole(  # noqa: N802
        self, parameters: Mapping[str, str], _answer: Mapping[str, Any]
    ) -> None:
        self._keys.forget_role(parameters["RoleName"])

    def _after_DeleteUser(  # noqa: N802
        self, parameters: Mapping[str, str], _answer: Mapping[str, Any]
    ) -> None:
        self.set_boundary(parameters["UserName"], "")
        gone = self._users.pop(parameters["UserName"], None)
        if gone is not None:
            self._keys.forget_owner(gone)

    def _after_UpdateUser(  # noqa: N802
        self, parameters: Mapping[str, str], _answer: Mapping[str, Any]
    ) -> None:
        old = parameters["UserName"]
        arn = self._user_boundaries.pop(old, "")
        self.set_boundary(parameters.get("NewUserName", old), arn)
        if self._users.pop(old, None) is not None:
            self.user(parameters.get("NewUserName", old))

    def _read_statements(self, kind: str, name: str) -> Iterable[policy.Statement]:
        yield from self._inline(kind, name)
        yield from self._attached(kind, name)
        if kind == "User":
            for group in self.call("ListGroupsForUser", UserName=name)["Groups"]:
                yield from self.statements_of("group", group["GroupName"])

    def _inline(self, kind: str, owner: str) -> Iterable[policy.Statement]:
        of = {f"{kind}Name": owner}
        for name in self.call(f"List{kind}Policies", **of)["PolicyNames"]:
            found = self.call(f"Get{kind}Policy", PolicyName=name, **of)
            yield from policy.parse(_document(found["PolicyDocument"]), name)

    def _attached(self, kind: str, owner: str) -> Iterable[policy.Statement]:
        answer = self.call(f"ListAttached{kind}Policies", **{f"{kind}Name": owner})
        for attached in answer["AttachedPolicies"]:
            yield from self.managed(attached["PolicyArn"])

    def _request(self, operation: str, parameters: Mapping[str, str]) -> Request:
        host = aws_host("iam", self._region)
        form = urlencode({"Action": operation, "Version": "2010-05-08", **parameters})
        headers = (("Host", host), ("Content-Type", "application/x-www-form-urlencoded"))
        return Request("POST", f"https://{host}/", headers, form.encode())


def _new_name(operation: str, parameters: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the kind of what a call makes or renames, its name, and the name that it had."""
    found = NAMING.fullmatch(operation)
    kind = found[2] if found else ""
    name = parameters.get(f"{kind}Name", "")
    if found and found[1] == "Create":
        return kind, name, ""
    new = parameters.get(f"New{kind}Name")
    return (kind, new, name) if found and new is not None else ("", "", "")


def shown_boundary(arn: str) -> dict[str, str]:
    """Return a permissions boundary as IAM's answers hold it."""
    return {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", BOUNDARY_ARN: arn}


def _document(value: Any) -> Any:
    return json.loads(unquote(value)) if isinstance(value, str) else value


def _parsed(operation: str, response: Response) -> dict[str, Any]:
    from botocore.parsers import create_parser

    shape = service_model("iam").operation_model(operation).output_shape
    answer: dict[str, Any] = create_parser("query").parse(
        {
            "status_code": response.status,
            "headers": dict(response.headers),
            "body": response.body,
        },
        shape,
    )
    return answer
