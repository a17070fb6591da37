"""The account's users, roles and policies, asked from moto's IAM, and what its answers teach."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from mfakit import policy
from mfakit.testing.errors import AWSError
from mfakit.testing.models import partition, service_model
from mfakit.testing.wire import FORM, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mfakit.testing.keys import Identity, KeyStore

    Statements = tuple[policy.Statement, ...]

BOUNDARY_ARN = "PermissionsBoundaryArn"
ROOT_POLICY = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
# Calls that name something whose name IAM does not allow to differ in case alone from another.
NAMING = re.compile("(Create|Update)(User|Group|Role)")
READ_ONLY = re.compile(r"Get|List|Simulate|Generate")
ANY_ARN = r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+"
ROLE_ARN = r"arn:[\w-]+:iam::\d{12}:role/(?:[^/]+/)*([\w+=,.@-]+)"


@dataclass(frozen=True)
class Role:
    """A role that can be assumed, for at most so many seconds."""

    identity: Identity
    max_session_duration: int
    trust_policy: Any

    @property
    def arn(self) -> str:
        """The role's own ARN, with its path."""
        return self.identity.arn


class Directory:
    """Asks moto's IAM, past the gate, and keeps users and keys in step with what it answers.

    What policies say, ARNs and tags are kept until a call changes anything.
    """

    def __init__(
        self, forward: Callable[[Request], Response], keys: KeyStore, account_id: str, region: str
    ) -> None:
        self._forward = forward
        self._keys = keys
        self._account_id = account_id
        self._region = region
        self._users: dict[str, Identity] = {}
        self._arns: dict[tuple[str, str], str] = {}
        self._roles: dict[tuple[str, str], tuple[str, ...]] = {}
        self._spellings: dict[tuple[str, str], str] = {}
        self._statements: dict[str, Statements] = {}
        self._boundaries: dict[str, Statements | None] = {}
        self._user_boundaries: dict[str, str] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def call(self, operation: str, **parameters: str) -> dict[str, Any]:
        """Call IAM, and learn from the answer; raise AWSError if IAM refused."""
        host = f"iam.{self._region}.amazonaws.com"  # moto reads the partition from the region
        form = urlencode({"Action": operation, "Version": "2010-05-08", **parameters})
        headers = (("Host", host), ("Content-Type", FORM))
        response = self._forward(Request("POST", f"https://{host}/", headers, form.encode()))
        answer = _parsed(operation, response)
        if response.status >= 300:
            error = answer.get("Error", {})
            code, message = error.get("Code", "Unknown"), error.get("Message", "")
            raise AWSError(response.status, code, message)
        self._take_over(operation, parameters, answer)
        return answer

    def learn(
        self, operation: str, parameters: Mapping[str, str], response: Response, new_from: float
    ) -> None:
        """Take over what a successful call changed; a new key is taken from ``new_from`` on."""
        if response.status < 300 and not READ_ONLY.match(operation):
            answer = _parsed(operation, response) if operation == "CreateAccessKey" else {}
            self._take_over(operation, parameters, answer)
            if answer:
                self._keys.delay(answer["AccessKey"]["AccessKeyId"], new_from)

    def get_user(self, name: str) -> dict[str, Any]:
        """Return what IAM's GetUser shows of a user."""
        found: dict[str, Any] = self.call("GetUser", UserName=name)["User"]
        arn = self._user_boundaries.get(name)
        return found | {"PermissionsBoundary": shown_boundary(arn)} if arn else found

    def get_role(self, name: str) -> dict[str, Any]:
        """Return what IAM's GetRole shows of a role, the trust policy as an object."""
        found: dict[str, Any] = self.call("GetRole", RoleName=name)["Role"]
        trust = _document(found["AssumeRolePolicyDocument"])
        return found | {"AssumeRolePolicyDocument": trust}

    def user(self, name: str) -> Identity:
        """Return the user of that name."""
        if name not in self._users:
            user = self.get_user(name)
            self._users[name] = self._keys.identity("user", name, user["Arn"], user["UserId"])
        return self._users[name]

    def role(self, arn: str) -> Role | None:
        """Return the role of an ARN, None if the account has none; refuse what is no role's ARN."""
        named = re.fullmatch(ROLE_ARN, arn, re.ASCII)
        if named is None:
            what = "Request ARN" if re.fullmatch(ANY_ARN, arn) else arn
            raise AWSError(400, "ValidationError", f"{what} is invalid")
        try:
            role = self.get_role(named[1])
        except AWSError:
            return None
        if role["Arn"] != arn:
            return None
        identity = self._keys.identity("role", role["RoleName"], arn, role["RoleId"])
        # Roles that are older than this limit have none in IAM's answer.
        longest = int(role.get("MaxSessionDuration") or 3600)
        return Role(identity, longest, role["AssumeRolePolicyDocument"])

    def arn_of(self, kind: str, name: str) -> str:
        """Return the ARN of a ``user``, ``group`` or ``role``, which may have a path.

        If there is none of that name, return the ARN that it would have without a path.
        """
        if (kind, name) not in self._arns:
            title = kind.capitalize()
            try:
                found = self.call(f"Get{title}", **{f"{title}Name": name})[title]["Arn"]
            except AWSError:
                found = f"arn:{partition(self._region)}:iam::{self._account_id}:{kind}/{name}"
            self._arns[kind, name] = found
        return self._arns[kind, name]

    def find_roles(self, kind: str, name: str) -> tuple[str, ...]:
        """Return the ARNs of the ``role``, or of the roles in the ``instance-profile``, of a name.

        There are none if there is none of that name.
        """
        if (kind, name) not in self._roles:
            try:
                if kind == "role":
                    found = [self.call("GetRole", RoleName=name)["Role"]]
                else:
                    answer = self.call("GetInstanceProfile", InstanceProfileName=name)
                    found = answer["InstanceProfile"]["Roles"]
            except AWSError:
                found = []
            self._roles[kind, name] = tuple(role["Arn"] for role in found)
        return self._roles[kind, name]

    def managed(self, arn: str) -> Statements:
        """Return the statements of a managed policy, or refuse an ARN that does not exist."""
        return policy.parse(_document(self.managed_document(arn)), arn)

    def managed_document(self, arn: str) -> Any:
        """Return the default version of a managed policy, or refuse an ARN that does not exist."""
        version = self.call("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = self.call("GetPolicyVersion", PolicyArn=arn, VersionId=version)
        return found["PolicyVersion"]["Document"]

    def statements(self, owner: Identity) -> Statements:
        """Return the statements of all policies of a user, the user's groups, or a role.

        The root user has no policies, and may do everything.
        """
        if owner.is_root or owner.administrator:
            return policy.parse(ROOT_POLICY, f"of the {owner.kind} {owner.name}")
        return self.statements_of(owner.kind, owner.name) if owner.name else ()

    def statements_of(self, kind: str, name: str) -> Statements:
        """Return the statements of all policies of the ``user``, ``group`` or ``role`` named."""
        key = f"{kind}/{name}"
        if key not in self._statements:
            self._statements[key] = tuple(self._read_statements(kind.capitalize(), name))
        return self._statements[key]

    def _read_statements(self, kind: str, name: str) -> Iterable[policy.Statement]:
        of = {f"{kind}Name": name}
        for inline in self.call(f"List{kind}Policies", **of)["PolicyNames"]:
            found = self.call(f"Get{kind}Policy", PolicyName=inline, **of)
            yield from policy.parse(_document(found["PolicyDocument"]), inline)
        for attached in self.call(f"ListAttached{kind}Policies", **of)["AttachedPolicies"]:
            yield from self.managed(attached["PolicyArn"])
        if kind == "User":
            for group in self.call("ListGroupsForUser", UserName=name)["Groups"]:
                yield from self.statements_of("group", group["GroupName"])

    def boundary(self, owner: Identity) -> Statements | None:
        """Return the permissions boundary of a user or role; None if there is none."""
        key = f"{owner.kind}/{owner.name}"
        if key not in self._boundaries:
            arn = self.boundary_arn(owner)
            self._boundaries[key] = self.managed(arn) if arn else None
        return self._boundaries[key]

    def boundary_arn(self, owner: Identity) -> str:
        """Return the ARN of the permissions boundary of a user or role; empty if there is none.

        moto keeps none for users, so they are kept here.
        """
        if owner.kind == "role" and not owner.administrator:
            return self._boundary_of_role(owner.name)
        return self._user_boundaries.get(owner.name, "") if owner.kind == "user" else ""

    def _boundary_of_role(self, name: str) -> str:
        return str(self.get_role(name).get("PermissionsBoundary", {}).get(BOUNDARY_ARN, ""))

    def is_boundary(self, arn: str) -> bool:
        """Whether a policy is the permissions boundary of a user or a role."""
        roles = self.call("ListRoles", MaxItems="1000")["Roles"]
        of_roles = (self._boundary_of_role(role["RoleName"]) for role in roles)
        return arn in self._user_boundaries.values() or arn in of_roles

    def set_boundary(self, user: str, arn: str) -> None:
        """Keep the permissions boundary of a user; an empty ARN removes it."""
        self._boundaries.clear()
        if arn:
            self._user_boundaries[user] = arn
        else:
            self._user_boundaries.pop(user, None)

    def tags(self, owner: Identity) -> dict[str, str]:
        """Return the tags of a user or a role; the root user has none."""
        if owner.is_root or owner.administrator or not owner.name:
            return {}
        key = f"{owner.kind}/{owner.name}"
        if key not in self._tags:
            kind = owner.kind.capitalize()
            found = self.call(f"List{kind}Tags", **{f"{kind}Name": owner.name})["Tags"]
            self._tags[key] = {tag["Key"]: tag["Value"] for tag in found}
        return self._tags[key]

    def check_name(self, operation: str, parameters: Mapping[str, str]) -> None:
        """Refuse to create something with a name that is taken in another case, or to rename it so.

        IAM does not distinguish names by case (API reference), while moto does. If a user is
        renamed to the name of another one, moto would replace that one.

        Raises:
            AWSError: the name is taken.
        """
        kind, name, old = _new_name(operation, parameters)
        known = self._spellings.get((kind, name.lower()), name)
        if known == old or (known == name and not old):
            return
        try:
            self.call(f"Get{kind}", **{f"{kind}Name": known})
        except AWSError:  # it was deleted or renamed
            return
        raise AWSError(409, "EntityAlreadyExists", f"{kind} with name {name} already exists.")

    def forget(self) -> None:
        """Forget what a call may have changed."""
        for kept in (self._arns, self._roles, self._statements, self._boundaries, self._tags):
            kept.clear()

    def _take_over(
        self, operation: str, given: Mapping[str, str], answer: Mapping[str, Any]
    ) -> None:
        if READ_ONLY.match(operation):
            return
        self.forget()
        kind, name, _ = _new_name(operation, given)
        if kind:
            self._spellings[kind, name.lower()] = name
        match operation:
            case "CreateUser" | "UpdateUser" | "DeleteUser":
                self._user_changed(operation, given)
            case "DeleteRole":
                self._keys.forget_role(given["RoleName"])
            case "CreateAccessKey":
                key = answer["AccessKey"]
                owner = self.user(key["UserName"])
                self._keys.add(key["AccessKeyId"], key["SecretAccessKey"], owner)
            case "UpdateAccessKey":
                active = given["Status"] == "Active"
                self._keys.set_active(given["AccessKeyId"], active=active)
            case "DeleteAccessKey":
                self._keys.forget(given["AccessKeyId"])

    def _user_changed(self, operation: str, given: Mapping[str, str]) -> None:
        name = given["UserName"]
        if operation == "CreateUser":
            self.set_boundary(name, given.get("PermissionsBoundary", ""))
            return
        boundary, known = self._user_boundaries.get(name, ""), self._users.pop(name, None)
        self.set_boundary(name, "")
        if operation == "UpdateUser":
            renamed = given.get("NewUserName", name)
            self.set_boundary(renamed, boundary)
            if known is not None:
                self.user(renamed)
        elif known is not None:
            self._keys.forget_owner(known)


def _new_name(operation: str, parameters: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the kind of what a call creates or renames, its name, and the name that it had."""
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
    """Return a policy document as an object; as it is if it is no JSON, which moto accepts."""
    try:
        return json.loads(unquote(value)) if isinstance(value, str) else value
    except ValueError:
        return value


def _parsed(operation: str, response: Response) -> dict[str, Any]:
    from botocore.parsers import create_parser

    shape = service_model("iam").operation_model(operation).output_shape
    raw = {"status_code": response.status, "headers": dict(response.headers), "body": response.body}
    answer: dict[str, Any] = create_parser("query").parse(raw, shape)
    return answer
