"""IAM beside the devices: lists, forms, names, deletions, keys, the report."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any

from tests.testing.rules.rule import Refusal, Rule
from tests.testing.rules.scene import ACCOUNT, ALLOW_ALL, Scene, document

if TYPE_CHECKING:
    from collections.abc import Callable

INVALID_MARKER = (400, "ValidationError", "Invalid Marker.")
BAD_PATH = (
    400,
    "ValidationError",
    "The specified value for path is invalid. It must begin and end with / and contain only"
    " alphanumeric characters and/or / characters.",
)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
DENIED = "because no identity-based policy allows the {} action"


def unquoted(*complaints: tuple[str, str]) -> Refusal:
    """Return IAM's refusal of values by their form: parameter and constraint of each."""
    count = "1 validation error" if len(complaints) == 1 else f"{len(complaints)} validation errors"
    each = (f"Value at '{n}' failed to satisfy constraint: {what}" for n, what in complaints)
    return 400, "ValidationError", f"{count} detected: {'; '.join(each)}"


def conflict(what: str) -> Refusal:
    return 409, "DeleteConflict", f"Cannot delete entity, must {what} first."


def calls(operation: str, **asked: Any) -> Callable[[Scene], Any]:
    """Call as the root user, in an account with alice and her device."""

    def play(scene: Scene) -> Any:
        scene.device  # noqa: B018 - is enabled by being asked for
        return getattr(scene.iam, operation)(**asked)

    return play


def rename_in_capitals(scene: Scene) -> str:
    scene.iam.update_user(UserName=scene.alice.name, NewUserName=scene.alice.name.upper())
    return str(scene.iam.get_user(UserName="ALICE")["User"]["UserName"])


def create_after_deletion(scene: Scene) -> str:
    scene.iam.create_user(UserName="bob")
    scene.iam.delete_user(UserName="bob")
    return str(scene.iam.create_user(UserName="BOB")["User"]["UserName"])


def paged(operation: str, name: str, **asked: Any) -> Callable[[Scene], list[int]]:
    """Return the lengths of the pages of a list of three, with two per page."""

    def play(scene: Scene) -> list[int]:
        for number in range(3):
            scene.alice.enable_virtual_mfa(f"phone{number}")
        serial = f"arn:aws:iam::{ACCOUNT}:mfa/phone0"
        tags = [{"Key": f"k{number}", "Value": "v"} for number in range(3)]
        scene.iam.tag_mfa_device(SerialNumber=serial, Tags=tags)
        given = {"SerialNumber": serial} if operation == "list_mfa_device_tags" else asked
        lengths, marker = [], {}
        while True:
            found = getattr(scene.iam, operation)(MaxItems=2, **given, **marker)
            lengths.append(len(found[name]))
            if not found["IsTruncated"]:
                return lengths
            marker = {"Marker": found["Marker"]}

    return play


def as_nobody(operation: str, **asked: Any) -> Callable[[Scene], Any]:
    """Call as bob, who may do nothing."""

    def play(scene: Scene) -> Any:
        scene.role()
        scene.alice  # noqa: B018 - is created by being asked for
        policy = json.loads(document(ALLOW_ALL | {"Action": "s3:*"}))
        bob = scene.aws.create_user("bob", policy=policy)
        return getattr(scene.client(bob, "iam"), operation)(**asked)

    return play


def denied(action: str, resource: str) -> Refusal:
    who = f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: {action}"
    return 403, "AccessDenied", f"{who} on resource: {resource} {DENIED.format(action)}"


def denied_by_managed(scene: Scene) -> None:
    statement = {"Effect": "Deny", "Action": "iam:GetUser", "Resource": "*"}
    made = scene.iam.create_policy(PolicyName="no-users", PolicyDocument=document(statement))
    arn = made["Policy"]["Arn"]
    scene.iam.attach_user_policy(UserName=scene.alice.name, PolicyArn=arn)
    scene.client(scene.alice, "iam").get_user(UserName="alice")


def delete_user_with(*left: str) -> Callable[[Scene], Any]:
    """Delete a user who has nothing but that left."""

    def play(scene: Scene) -> Any:
        scene.iam.create_user(UserName="carol")
        named = {"UserName": "carol"}
        if "key" in left:
            scene.iam.create_access_key(**named)
        if "profile" in left:
            scene.iam.create_login_profile(**named, Password="Correct-horse-7")
        if "group" in left:
            scene.iam.create_group(GroupName="team")
            scene.iam.add_user_to_group(**named, GroupName="team")
        if "policy" in left:
            scene.iam.put_user_policy(**named, PolicyName="p", PolicyDocument=document(ALLOW_ALL))
        scene.iam.delete_user(**named)
        return [user["UserName"] for user in scene.iam.list_users()["Users"]]

    return play


def delete_group_with(left: str) -> Callable[[Scene], Any]:
    def play(scene: Scene) -> None:
        scene.iam.create_group(GroupName="team")
        if left == "user":
            scene.iam.add_user_to_group(UserName=scene.alice.name, GroupName="team")
        else:
            put = {"PolicyName": "p", "PolicyDocument": document(ALLOW_ALL)}
            scene.iam.put_group_policy(GroupName="team", **put)
        scene.iam.delete_group(GroupName="team")

    return play


def bad_status(scene: Scene) -> str:
    """A status that there is none of changes nothing."""
    key = {"UserName": "alice", "AccessKeyId": scene.alice.access_key_id}
    try:
        scene.iam.update_access_key(**key, Status="Foo")
    except scene.iam.exceptions.ClientError:
        return str(scene.sts.get_caller_identity()["Arn"])
    return "taken"


def third_key(scene: Scene) -> None:
    for _ in range(2):
        scene.iam.create_access_key(UserName=scene.alice.name)


def report(scene: Scene) -> dict[str, dict[str, str]]:
    scene.iam.generate_credential_report()
    content = scene.iam.get_credential_report()["Content"].decode()
    rows = list(csv.DictReader(content.splitlines()))
    assert next(iter(rows[0])) == "user"
    assert len(rows[0]) == 22
    return {row["user"]: row for row in rows}


def mfa_in_report(scene: Scene) -> dict[str, str]:
    scene.device  # noqa: B018 - is enabled by being asked for
    scene.bob  # noqa: B018 - is created by being asked for
    before = {user: row["mfa_active"] for user, row in report(scene).items()}
    scene.aws.root.enable_virtual_mfa()
    after = report(scene)["<root_account>"]["mfa_active"]
    return before | {"then root": after}


def first_of_report(scene: Scene) -> list[str]:
    scene.alice  # noqa: B018 - is created by being asked for
    return list(report(scene))


def dates_in_report(scene: Scene) -> set[bool]:
    scene.sts.get_caller_identity()
    scene.client(scene.alice, "s3").list_buckets()
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|N/A|no_information|not_supported")
    rows = report(scene).values()
    names = ("user_creation_time", "access_key_1_last_rotated", "access_key_1_last_used_date")
    return {form.fullmatch(row[name]) is not None for row in rows for name in names}


def summary(*who: str) -> Callable[[Scene], dict[str, int]]:
    """Return the account summary's figures on devices, if these users have one."""

    def play(scene: Scene) -> dict[str, int]:
        scene.new_device("spare")
        for name in who:
            user = scene.aws.root if name == "root" else getattr(scene, name)
            user.enable_virtual_mfa()
        found = scene.iam.get_account_summary()["SummaryMap"]
        return {n: found[n] for n in ("MFADevices", "MFADevicesInUse", "AccountMFAEnabled")}

    return play


def listed_user(scene: Scene) -> Any:
    scene.iam.create_user(UserName="eve", Path="/team/")
    serial, seed = scene.new_device()
    scene.iam.enable_mfa_device(UserName="eve", SerialNumber=serial, **scene.pair(0, seed))
    (device,) = scene.iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    told = scene.iam.get_user(UserName="eve")["User"]
    assert device["User"]["CreateDate"] == told["CreateDate"]
    assert device["User"]["UserId"] == told["UserId"]
    return sorted(device["User"]), device["User"]["Path"]


def listed_root(scene: Scene) -> list[str]:
    scene.aws.root.enable_virtual_mfa()
    (device,) = scene.iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    return sorted(device["User"])


def echoed_tags(scene: Scene) -> Any:
    given = [{"Key": "team", "Value": "blue"}]
    made = scene.iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Tags=given)
    bare = scene.iam.create_virtual_mfa_device(VirtualMFADeviceName="bare")
    return made["VirtualMFADevice"]["Tags"], "Tags" in bare["VirtualMFADevice"]


def tags_of_any_case(scene: Scene) -> list[tuple[str, str]]:
    """A key in another case takes the place of the first, and takes it away."""
    named = {"SerialNumber": scene.serial}
    scene.iam.tag_mfa_device(**named, Tags=[{"Key": "Team", "Value": "blue"}])
    scene.iam.tag_mfa_device(**named, Tags=[{"Key": "team", "Value": "red"}])
    scene.iam.tag_mfa_device(**named, Tags=[{"Key": "desk", "Value": "7"}])
    scene.iam.untag_mfa_device(**named, TagKeys=["DESK"])
    found = scene.iam.list_mfa_device_tags(**named)["Tags"]
    return [(tag["Key"], tag["Value"]) for tag in found]


def tags_of(kind: str, tags: list[dict[str, str]]) -> Callable[[Scene], Any]:
    """Tag a device or a role."""

    def play(scene: Scene) -> Any:
        if kind == "role":
            scene.role()
            return scene.iam.tag_role(RoleName="role", Tags=tags)
        if kind == "new device":
            return scene.iam.create_virtual_mfa_device(VirtualMFADeviceName="n", Tags=tags)
        return scene.iam.tag_mfa_device(SerialNumber=scene.serial, Tags=tags)

    return play


def ids(scene: Scene) -> dict[str, bool]:
    """Whether each unique id has AWS's form in every call."""
    own = scene.client(scene.alice, "iam").get_user()["User"]["UserId"]
    (listed,) = scene.iam.list_users()["Users"]
    who = scene.sts.get_caller_identity()["UserId"]
    assert own == listed["UserId"] == who
    scene.iam.create_group(GroupName="team")
    scene.iam.add_user_to_group(UserName="alice", GroupName="team")
    group = scene.iam.get_group(GroupName="team")
    assert group["Users"][0]["UserId"] == own
    profile = scene.iam.create_instance_profile(InstanceProfileName="p")["InstanceProfile"]
    scene.role()
    found = {
        "AIDA": own,
        "AGPA": group["Group"]["GroupId"],
        "AIPA": profile["InstanceProfileId"],
        "ANPA": scene.iam.create_policy(PolicyName="p", PolicyDocument=document(ALLOW_ALL))[
            "Policy"
        ]["PolicyId"],
        "AROA": scene.iam.get_role(RoleName="role")["Role"]["RoleId"],
    }
    form = {prefix: re.compile(prefix + "[A-Z0-9]{17}") for prefix in found}
    return {prefix: form[prefix].fullmatch(value) is not None for prefix, value in found.items()}


def dates(scene: Scene) -> set[tuple[str, int]]:
    """Return year and microseconds of dates of what is created a hundred years from now."""
    scene.aws.clock.advance(hours=24 * 365 * 100)
    key = scene.iam.create_access_key(UserName=scene.alice.name)["AccessKey"]
    scene.role()
    found = [
        key["CreateDate"],
        scene.iam.get_user(UserName="alice")["User"]["CreateDate"],
        scene.iam.get_role(RoleName="role")["Role"]["CreateDate"],
        scene.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"][0]["CreateDate"],
    ]
    now = scene.aws.clock.now()
    return {(abs((now - at).days) < 1, at.microsecond) for at in found}


def managed(scene: Scene) -> Any:
    """A managed policy of AWS's is there, is attached, and counts."""
    policy = json.loads(document(ALLOW_ALL | {"Action": "s3:ListAllMyBuckets"}))
    bob = scene.aws.create_user("bob", policy=policy)
    scene.iam.attach_user_policy(UserName="bob", PolicyArn=READ_ONLY)
    scene.client(bob, "iam").list_users()
    attached = scene.iam.list_attached_user_policies(UserName="bob")["AttachedPolicies"]
    pages = scene.iam.get_paginator("list_policies").paginate(Scope="AWS")
    names = {each["PolicyName"] for page in pages for each in page["Policies"]}
    own = scene.iam.list_policies(Scope="Local")["Policies"]
    return attached[0]["PolicyArn"], {"AdministratorAccess", "IAMFullAccess"} <= names, own


def no_managed_policy(scene: Scene) -> None:
    arn = "arn:aws:iam::aws:policy/NoSuchPolicy"
    scene.iam.attach_user_policy(UserName=scene.alice.name, PolicyArn=arn)


def comma_in_report(scene: Scene) -> list[str]:
    """A name with a comma, of a user with a password and two keys, one of them used."""
    user = scene.aws.create_user("a,b")
    scene.client(user, "s3").list_buckets()
    scene.iam.create_access_key(UserName="a,b")
    scene.iam.create_login_profile(UserName="a,b", Password="Correct-horse-7")
    row = report(scene)["a,b"]
    names = ("password_enabled", "access_key_1_active", "access_key_2_active")
    used = [
        row[f"access_key_{n}_last_used_{what}"] for n in (1, 2) for what in ("region", "service")
    ]
    return [row[name] for name in names] + used


def delete_policy(where: str) -> Callable[[Scene], Any]:
    """Delete a policy that is attached, or a boundary, there."""

    def play(scene: Scene) -> Any:
        made = scene.iam.create_policy(PolicyName="p", PolicyDocument=document(ALLOW_ALL))
        arn = made["Policy"]["Arn"]
        scene.role()
        scene.alice  # noqa: B018 - is created by being asked for
        if where == "attached":
            scene.iam.attach_user_policy(UserName="alice", PolicyArn=arn)
        if where == "of a user":
            scene.iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
        if where == "of a role":
            scene.iam.put_role_permissions_boundary(RoleName="role", PermissionsBoundary=arn)
        scene.iam.delete_policy(PolicyArn=arn)
        return "deleted"

    return play


def own_devices_of_a_role(scene: Scene) -> Any:
    return scene.client(scene.role_session(), "iam").list_mfa_devices()


LISTS = ("list_virtual_mfa_devices", "list_mfa_devices", "list_mfa_device_tags", "list_roles")
OF_LISTS = {
    "list_mfa_devices": {"UserName": "alice"},
    "list_mfa_device_tags": {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/alice"},
}
TOO_MANY = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
PATTERN = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"
TAGS: tuple[tuple[str, list[dict[str, str]], Refusal], ...] = (
    ("51 tags", TOO_MANY, unquoted(("tags", "Member must have length less than or equal to 50"))),
    (
        "keys that differ in case alone",
        [{"Key": "K", "Value": "v"}, {"Key": "k", "Value": "v"}],
        (
            400,
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
    ),
    (
        "a key of 129 characters",
        [{"Key": "k" * 129, "Value": "v"}],
        unquoted(("tags.1.member.key", "Member must have length less than or equal to 128")),
    ),
    (
        "a key with an exclamation mark",
        [{"Key": "k!", "Value": "v"}],
        unquoted(
            ("tags.1.member.key", f"Member must satisfy regular expression pattern: {PATTERN}")
        ),
    ),
)

RULES = [
    *(
        Rule(
            f"{name} with a marker that nobody gave", calls(name, Marker="x", **of), INVALID_MARKER
        )
        for name in LISTS
        for of in (OF_LISTS.get(name, {}),)
    ),
    Rule("a marker beyond the list", calls("list_virtual_mfa_devices", Marker="7"), INVALID_MARKER),
    *(
        Rule(
            f"{name} with MaxItems {number}",
            calls(name, MaxItems=number, **OF_LISTS.get(name, {})),
            unquoted(("maxItems", f"Member must have value {bound} than or equal to {limit}")),
        )
        for name in LISTS
        for number, bound, limit in ((0, "greater", 1), (1001, "less", 1000))
    ),
    *(
        Rule(
            f"MaxItems {text}",
            calls("list_virtual_mfa_devices", MaxItems=text),
            (400, "MalformedInput", "MaxItems is not a number"),
        )
        for text in ("many", "2147483648", "1.0", "")
    ),
    Rule(
        "MaxItems +1",
        lambda s: len(calls("list_virtual_mfa_devices", MaxItems="+1")(s)["VirtualMFADevices"]),
        1,
    ),
    Rule("pages of devices", paged("list_virtual_mfa_devices", "VirtualMFADevices"), [2, 1]),
    Rule(
        "pages of a user's devices",
        paged("list_mfa_devices", "MFADevices", UserName="alice"),
        [2, 1],
    ),
    Rule("pages of tags", paged("list_mfa_device_tags", "Tags"), [2, 1]),
    Rule(
        "AssignmentStatus Foo",
        calls("list_virtual_mfa_devices", AssignmentStatus="Foo"),
        unquoted(
            ("assignmentStatus", "Member must satisfy enum value set: [Assigned, Unassigned, Any]")
        ),
    ),
    Rule(
        "a key's status Foo",
        lambda s: s.iam.update_access_key(AccessKeyId=s.alice.access_key_id, Status="Foo"),
        (  # the models of older releases of botocore have one value less
            400,
            "ValidationError",
            re.compile(
                "1 validation error detected: Value at 'status' failed to satisfy constraint:"
                r" Member must satisfy enum value set: \[Active, Inactive(, Expired)?\]"
            ),
        ),
    ),
    Rule("a key after a bad status", bad_status, f"arn:aws:iam::{ACCOUNT}:user/alice"),
    *(
        Rule(
            f"a device's path {path}",
            calls("create_virtual_mfa_device", VirtualMFADeviceName="x", Path=path),
            BAD_PATH,
        )
        for path in ("team", "/team", "team/", "/a b/")
    ),
    Rule("a user's path", calls("create_user", UserName="x", Path="team"), BAD_PATH),
    Rule(
        "a path that is too long",
        calls("create_virtual_mfa_device", VirtualMFADeviceName="x", Path=f"/{'x' * 511}/"),
        unquoted(("path", "Member must have length less than or equal to 512")),
    ),
    Rule(
        "a device's name with a space",
        calls("create_virtual_mfa_device", VirtualMFADeviceName="a b"),
        (
            400,
            "ValidationError",
            "The specified value for virtualMFADeviceName is invalid. It must contain only"
            " alphanumeric characters and/or the following: +=,.@_-",
        ),
    ),
    Rule(
        "a code of seven digits",
        lambda s: s.iam.resync_mfa_device(
            UserName="alice",
            SerialNumber=s.serial,
            AuthenticationCode1="1234567",
            AuthenticationCode2="123456",
        ),
        unquoted(("authenticationCode1", "Member must have length less than or equal to 6")),
    ),
    Rule(
        "no user for a device",
        calls("enable_mfa_device", SerialNumber="x" * 9, AuthenticationCode1="123456"),
        unquoted(
            ("userName", "Member must not be null"),
            ("authenticationCode2", "Member must not be null"),
        ),
    ),
    Rule(
        "the refusal about a user",
        as_nobody("get_user", UserName="alice"),
        denied("iam:GetUser", "user alice"),
    ),
    Rule(
        "the refusal about a role",
        as_nobody("get_role", RoleName="role"),
        denied("iam:GetRole", "role role"),
    ),
    Rule(
        "the refusal about nobody named",
        as_nobody("list_mfa_devices"),
        denied("iam:ListMFADevices", "user null"),
    ),
    Rule(
        "the refusal about one's own user",
        as_nobody("get_user"),
        denied("iam:GetUser", "user null"),
    ),
    Rule(
        "the refusal about a device",
        as_nobody("create_virtual_mfa_device", VirtualMFADeviceName="x"),
        denied("iam:CreateVirtualMFADevice", f"arn:aws:iam::{ACCOUNT}:mfa/x"),
    ),
    Rule(
        "the refusal about a user to be made",
        as_nobody("create_user", UserName="x"),
        denied("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x"),
    ),
    Rule(
        "the refusal by a managed policy",
        denied_by_managed,
        (
            403,
            "AccessDenied",
            f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: iam:GetUser on"
            " resource: user alice with an explicit deny in an identity-based policy:"
            f" arn:aws:iam::{ACCOUNT}:policy/no-users",
        ),
    ),
    Rule("delete a user with a key", delete_user_with("key"), conflict("delete access keys")),
    Rule(
        "delete a user with a login profile",
        delete_user_with("profile"),
        conflict("delete login profile"),
    ),
    Rule(
        "delete a user in a group", delete_user_with("group"), conflict("remove users from group")
    ),
    Rule("delete a user with a policy", delete_user_with("policy"), conflict("delete policies")),
    Rule(
        "rename a user to another's name",
        lambda s: s.iam.update_user(UserName=s.alice.name, NewUserName=s.bob.name),
        (409, "EntityAlreadyExists", "User with name bob already exists."),
    ),
    Rule(
        "create a user whose name another one has in other letters",
        lambda s: s.iam.create_user(UserName=s.alice.name.upper()),
        (409, "EntityAlreadyExists", "User with name ALICE already exists."),
    ),
    Rule(
        "rename a user to another's name in other letters",
        lambda s: s.iam.update_user(UserName=s.alice.name, NewUserName=s.bob.name.upper()),
        (409, "EntityAlreadyExists", "User with name BOB already exists."),
    ),
    Rule("rename a user to its own name in other letters", rename_in_capitals, "ALICE"),
    Rule("create a user whose name was free again", create_after_deletion, "BOB"),
    Rule("delete a user with nothing", delete_user_with(), []),
    Rule(
        "delete a group with a user", delete_group_with("user"), conflict("remove users from group")
    ),
    Rule("delete a group with a policy", delete_group_with("policy"), conflict("delete policies")),
    *(
        Rule(
            f"delete a policy {where}",
            delete_policy(where),
            (409, "DeleteConflict", "Cannot delete a policy attached to entities."),
        )
        for where in ("attached", "of a user", "of a role")
    ),
    Rule(
        "delete an AWS-managed policy",
        calls("delete_policy", PolicyArn=READ_ONLY),
        (403, "AccessDenied", f"Policy {READ_ONLY} is outside your own account."),
    ),
    Rule("delete a policy that nothing has", delete_policy("nowhere"), "deleted"),
    Rule(
        "one's own devices as a role",
        own_devices_of_a_role,
        (400, "ValidationError", "Must specify userName when calling with non-User credentials"),
    ),
    Rule(
        "a third key",
        third_key,
        (409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"),
    ),
    Rule(
        "who has MFA in the report",
        mfa_in_report,
        {"<root_account>": "false", "alice": "true", "bob": "false", "then root": "true"},
    ),
    Rule("the first in the report", first_of_report, ["<root_account>", "alice"]),
    Rule(
        "a name with a comma in the report",
        comma_in_report,
        ["true", "true", "true", "us-east-1", "s3", "N/A", "N/A"],
    ),
    Rule("the dates in the report", dates_in_report, {True}),
    Rule(
        "the report before it is made",
        calls("get_credential_report"),
        (410, "ReportNotPresent", "Credential report not present"),
    ),
    Rule(
        "the summary of nobody",
        summary(),
        {"MFADevices": 1, "MFADevicesInUse": 0, "AccountMFAEnabled": 0},
    ),
    Rule(
        "the summary of a user",
        summary("alice"),
        {"MFADevices": 2, "MFADevicesInUse": 1, "AccountMFAEnabled": 0},
    ),
    Rule(
        "the summary of the root user",
        summary("root"),
        {"MFADevices": 2, "MFADevicesInUse": 1, "AccountMFAEnabled": 1},
    ),
    Rule(
        "whose a listed device is",
        listed_user,
        (["Arn", "CreateDate", "Path", "UserId", "UserName"], "/team/"),
    ),
    Rule("whose the root user's device is", listed_root, ["Arn", "CreateDate", "UserId"]),
    Rule("the tags of a new device", echoed_tags, ([{"Key": "team", "Value": "blue"}], False)),
    Rule("tags in another case", tags_of_any_case, [("team", "red")]),
    *(
        Rule(f"{case} of a {kind}", tags_of(kind, given), answer)
        for case, given, answer in TAGS
        for kind in ("device", "new device", "role")
    ),
    Rule("unique ids", ids, dict.fromkeys(("AIDA", "AGPA", "AIPA", "ANPA", "AROA"), True)),
    Rule("dates", dates, {(True, 0)}),
    Rule("AWS-managed policies", managed, (READ_ONLY, True, [])),
    Rule(
        "an AWS-managed policy that there is none of",
        no_managed_policy,
        (
            404,
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable.",
        ),
    ),
]
