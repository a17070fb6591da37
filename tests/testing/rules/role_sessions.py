"""Sessions of roles: who they are, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.testing.rules.assume_role import NO_ASSUMING, role_with_path
from tests.testing.rules.rule import Rule
from tests.testing.rules.scene import ACCOUNT, Scene, document, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/role/work"
TABLES = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/*"


def may_not_list_tables(kind: str) -> tuple[int, str, str]:
    """Return the refusal for want of that kind of policy."""
    action = "dynamodb:ListTables"
    who = f"User: {SESSION} is not authorized to perform: {action} on resource: {TABLES}"
    return (
        400,
        "AccessDeniedException",
        f"{who} because no {kind} policy allows the {action} action",
    )


def identity(scene: Scene) -> tuple[str, str, str]:
    answer = scene.assume(scene.role())
    role_id = scene.iam.get_role(RoleName="role")["Role"]["RoleId"]
    who = scene.client(keys_of(answer), "sts").get_caller_identity()
    shown = answer["AssumedRoleUser"]
    assert (shown["Arn"], shown["AssumedRoleId"]) == (who["Arn"], who["UserId"])
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    return who["Arn"], who["UserId"].replace(role_id, "ROLE-ID"), who["Account"]


def deleted_role(scene: Scene) -> None:
    session = scene.role_session()
    scene.iam.delete_role_policy(RoleName="role", PolicyName="p")
    scene.iam.delete_role(RoleName="role")
    scene.client(session, "sts").get_caller_identity()


def policies_of_role(scene: Scene) -> None:
    role = scene.role()
    put = {"PolicyName": "p", "PolicyDocument": document(NO_ASSUMING)}
    scene.iam.put_role_policy(RoleName="role", **put)
    session = scene.client(scene.role_session(role=role), "s3")
    session.list_buckets()
    scene.client(scene.role_session(role=role), "dynamodb").list_tables()


def session_policy(service: str, operation: str) -> Callable[[Scene], str]:
    """Call with a session that is limited to S3."""

    def play(scene: Scene) -> str:
        session = scene.role_session(Policy=document(NO_ASSUMING))
        getattr(scene.client(session, service), operation)()
        return "answered"

    return play


def managed_session_policy(scene: Scene) -> str:
    made = scene.iam.create_policy(PolicyName="s3", PolicyDocument=document(NO_ASSUMING))
    session = scene.role_session(PolicyArns=[{"arn": made["Policy"]["Arn"]}])
    scene.client(session, "s3").list_buckets()
    try:
        scene.client(session, "sqs").list_queues()
    except scene.iam.exceptions.ClientError:
        return "no more than the policy allows"
    return "more than the policy allows"


RULES = [
    Rule("who a role's session is", identity, (SESSION, "ROLE-ID:work", ACCOUNT)),
    Rule("who the session of a role with a path is", role_with_path, SESSION),
    Rule(
        "GetUser with a role's session",
        lambda s: s.client(s.role_session(), "iam").get_user(),
        (400, "ValidationError", "Must specify userName when calling with non-User credentials"),
    ),
    Rule(
        "the session of a deleted role",
        deleted_role,
        (403, "InvalidClientTokenId", "The security token included in the request is invalid."),
    ),
    Rule(
        "what the role may not do",
        policies_of_role,
        may_not_list_tables("identity-based"),
    ),
    Rule("what a session policy allows", session_policy("s3", "list_buckets"), "answered"),
    Rule(
        "what a session policy does not allow",
        session_policy("dynamodb", "list_tables"),
        may_not_list_tables("session"),
    ),
    Rule("a managed session policy", managed_session_policy, "no more than the policy allows"),
]
