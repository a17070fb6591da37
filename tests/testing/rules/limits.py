"""What limits permissions: boundaries of users, an organization, and grants beyond both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.testing.rules.rule import Refusal, Rule
from tests.testing.rules.scene import ACCOUNT, ALLOW_ALL, Scene, document, keys_of, trusting

if TYPE_CHECKING:
    from collections.abc import Callable

BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/role/work"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
OBJECT = "arn:aws:s3:::pail/key"
ONLY_EC2 = ALLOW_ALL | {"Action": "ec2:*"}
DENY_READING = ALLOW_ALL | {"Effect": "Deny", "Action": "s3:GetObject"}
ALL_BUT_READING = {"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}
ORGANIZATION = "with an explicit deny in a service control policy"
BOUNDED = {
    "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/bound",
}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document(*statements))
    return found


def bucket(scene: Scene, *principals: str) -> None:
    """Make a bucket that lets those read its object."""
    s3 = scene.client(scene.aws.root, "s3")
    s3.create_bucket(Bucket="pail")
    s3.put_object(Bucket="pail", Key="key", Body=b"")
    if principals:
        named = "*" if principals == ("*",) else {"AWS": list(principals)}
        read = {"Effect": "Allow", "Principal": named, "Action": "s3:GetObject", "Resource": OBJECT}
        s3.put_bucket_policy(Bucket="pail", Policy=document(read))


def bound(scene: Scene, *statements: dict[str, Any]) -> str:
    """Make a policy that serves as a boundary; return its ARN."""
    made = scene.iam.create_policy(PolicyName="bound", PolicyDocument=document(*statements))
    return str(made["Policy"]["Arn"])


def read(scene: Scene, credentials: Any) -> str:
    """Read the object, and tell why not, if it may not be read."""
    s3 = scene.client(credentials, "s3")
    try:
        s3.get_object(Bucket="pail", Key="key")
    except s3.exceptions.ClientError as error:
        return str(error).rpartition('"')[2].strip()
    return "read"


def bounded_user(*principals: str, own: dict[str, Any] = ALLOW_ALL) -> Callable[[Scene], str]:
    """Read as bob, whose boundary allows only EC2, what a bucket lets those read."""

    def play(scene: Scene) -> str:
        bob = scene.aws.create_user("bob", policy=policy(own))
        arn = bound(scene, ONLY_EC2)
        scene.iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary=arn)
        user_id = scene.iam.get_user(UserName="bob")["User"]["UserId"]
        bucket(scene, *(user_id if name == "id" else name for name in principals))
        return read(scene, bob)

    return play


def limited_session(*principals: str, boundary: bool = False) -> Callable[[Scene], str]:
    """Read in a role's session that its policy, or the role's boundary, limits to EC2."""

    def play(scene: Scene) -> str:
        role = scene.role()
        if boundary:
            arn = bound(scene, ONLY_EC2)
            scene.iam.put_role_permissions_boundary(RoleName="role", PermissionsBoundary=arn)
        asked = {} if boundary else {"Policy": document(ONLY_EC2)}
        session = scene.role_session(role=role, **asked)
        bucket(scene, *principals)
        return read(scene, session)

    return play


def federated(*principals: str) -> Callable[[Scene], str]:
    """Read as a federated user of bob's who has no session policy."""

    def play(scene: Scene) -> str:
        session = keys_of(scene.client(scene.bob, "sts").get_federation_token(Name="guest"))
        bucket(scene, *principals)
        return read(scene, session)

    return play


def boundary_of_user(scene: Scene) -> list[Any]:
    """Return the boundary that each call shows before, while and after it is set."""
    arn = bound(scene, ONLY_EC2)
    made = scene.iam.create_user(UserName="bob", PermissionsBoundary=arn)
    told = scene.iam.get_user(UserName="bob")
    scene.iam.update_user(UserName="bob", NewUserName="carol")
    renamed = scene.iam.get_user(UserName="carol")
    scene.iam.delete_user_permissions_boundary(UserName="carol")
    gone = scene.iam.get_user(UserName="carol")
    return [each["User"].get("PermissionsBoundary") for each in (made, told, renamed, gone)]


def boundary_of_the_next(scene: Scene) -> bool:
    """A user of the same name who is made later has no boundary."""
    scene.iam.create_user(UserName="bob", PermissionsBoundary=bound(scene, ONLY_EC2))
    scene.iam.delete_user(UserName="bob")
    scene.iam.create_user(UserName="bob")
    return "PermissionsBoundary" in scene.iam.get_user(UserName="bob")["User"]


def no_boundary(operation: str, **asked: Any) -> Callable[[Scene], Any]:
    def play(scene: Scene) -> Any:
        arn = f"arn:aws:iam::{ACCOUNT}:policy/none"
        return getattr(scene.iam, operation)(PermissionsBoundary=arn, **asked)

    return play


def escalate(scene: Scene) -> str:
    """A user within a boundary makes another, and is within it still."""
    bob = scene.aws.create_user("bob")
    arn = bound(scene, ALLOW_ALL | {"Action": "iam:*"})
    scene.iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary=arn)
    iam = scene.client(bob, "iam")
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=document(ALLOW_ALL))
    bucket(scene)
    return read(scene, bob)


def in_organization(
    *scps: Any, who: str = "alice", principals: tuple[str, ...] = ()
) -> Callable[[Scene], str]:
    """Read in an account that those policies of an organization apply to."""

    def play(scene: Scene) -> str:
        scene.where(scps=list(scps))
        bucket(scene, *principals)
        return read(scene, scene.aws.root if who == "root" else scene.alice)

    return play


def root_and_shut_bucket(scene: Scene) -> list[str]:
    """The root user may remove a bucket's policy that denies all, and read not before."""
    scene.where(scps=[policy(DENY_READING)])
    bucket(scene)
    s3 = scene.client(scene.aws.root, "s3")
    shut = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    resources = {"Resource": ["arn:aws:s3:::pail", "arn:aws:s3:::pail/*"]}
    s3.put_bucket_policy(Bucket="pail", Policy=document(shut | resources))
    found = []
    try:
        s3.list_objects_v2(Bucket="pail")
    except s3.exceptions.ClientError:
        found.append("Access Denied")
    s3.delete_bucket_policy(Bucket="pail")
    s3.list_objects_v2(Bucket="pail")
    return [*found, "open"]


def login_in_organization(scene: Scene) -> str:
    scene.where(scps=[policy(ALLOW_ALL | {"Effect": "Deny"})])
    session = keys_of(scene.sts.get_session_token())
    return str(scene.client(session, "sts").get_caller_identity()["Arn"])


def assume_in_organization(scene: Scene) -> Any:
    deny = ALLOW_ALL | {"Effect": "Deny", "Action": "sts:AssumeRole"}
    scene.where(scps=[policy(deny)])
    alice = f"arn:aws:iam::{ACCOUNT}:user/alice"
    scene.alice  # noqa: B018 - is created by being asked for
    return scene.assume(scene.role(trust=[trusting(alice)]))


def missing(kind: str) -> str:
    return f"because no {kind} allows the s3:GetObject action"


NO_SUCH_BOUNDARY: Refusal = (
    404,
    "NoSuchEntity",
    f"Scope ARN: arn:aws:iam::{ACCOUNT}:policy/none does not exist or is not attachable.",
)
BOUNDARY, SESSION_POLICY = missing("permissions boundary"), missing("session policy")

RULES = [
    Rule("a user's boundary", bounded_user(), BOUNDARY),
    Rule("a user's boundary, and a bucket for all", bounded_user("*"), "read"),
    Rule("a user's boundary, and a bucket for the user", bounded_user(BOB), "read"),
    Rule("a user's boundary, and a bucket for the user's id", bounded_user("id"), "read"),
    Rule("a user's boundary, and a bucket for the account", bounded_user(ACCOUNT), BOUNDARY),
    Rule("the bucket's grant alone", bounded_user(BOB, own=ONLY_EC2), "read"),
    Rule("a session policy", limited_session(), SESSION_POLICY),
    Rule("a session policy, and a bucket for all", limited_session("*"), "read"),
    Rule("a session policy, and a bucket for the session", limited_session(SESSION), "read"),
    Rule("a session policy, and a bucket for the role", limited_session(ROLE), SESSION_POLICY),
    Rule(
        "a session policy, and a bucket for role and session",
        limited_session(ROLE, SESSION),
        "read",
    ),
    Rule("a role's boundary, and a bucket for all", limited_session("*", boundary=True), "read"),
    Rule(
        "a role's boundary, and a bucket for the session",
        limited_session(SESSION, boundary=True),
        "read",
    ),
    Rule(
        "a role's boundary, and a bucket for the role",
        limited_session(ROLE, boundary=True),
        BOUNDARY,
    ),
    Rule("no session policy of a federated user", federated(), SESSION_POLICY),
    Rule("a bucket for a federated user", federated(FEDERATED), "read"),
    Rule("a bucket for who federates", federated(BOB), SESSION_POLICY),
    Rule("what shows a user's boundary", boundary_of_user, [BOUNDED, BOUNDED, BOUNDED, None]),
    Rule("the boundary of a deleted user", boundary_of_the_next, False),
    Rule("no such boundary", no_boundary("create_user", UserName="x"), NO_SUCH_BOUNDARY),
    Rule(
        "no such boundary of a role",
        no_boundary("create_role", RoleName="x", AssumeRolePolicyDocument=document(trusting(BOB))),
        NO_SUCH_BOUNDARY,
    ),
    Rule("a boundary is not left by a new policy", escalate, BOUNDARY),
    Rule("an organization that denies", in_organization(policy(DENY_READING)), ORGANIZATION),
    Rule(
        "an organization that denies the root user",
        in_organization(policy(DENY_READING), who="root"),
        ORGANIZATION,
    ),
    Rule(
        "an organization that denies, and a bucket for all",
        in_organization(policy(DENY_READING), principals=("*",)),
        ORGANIZATION,
    ),
    Rule(
        "the root user, an organization, and a bucket that is shut",
        root_and_shut_bucket,
        ["Access Denied", "open"],
    ),
    Rule(
        "an organization that allows something else",
        in_organization(policy(ALL_BUT_READING)),
        missing("service control policy"),
    ),
    Rule(
        "an organization that allows something else, and a bucket for all",
        in_organization(policy(ALL_BUT_READING), principals=("*",)),
        missing("service control policy"),
    ),
    Rule(
        "an organization of two policies",
        in_organization(policy(ALL_BUT_READING), policy(ALLOW_ALL | {"Action": "s3:*"})),
        "read",
    ),
    Rule(
        "an organization that denies something else",
        in_organization(document(DENY_READING | {"Action": "ec2:*"})),
        "read",
    ),
    Rule(
        "GetSessionToken in an organization that denies all",
        login_in_organization,
        f"arn:aws:iam::{ACCOUNT}:user/alice",
    ),
    Rule(
        "AssumeRole in an organization that denies it",
        assume_in_organization,
        (
            403,
            "AccessDenied",
            f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: sts:AssumeRole"
            f" on resource: {ROLE}",
        ),
    ),
]
