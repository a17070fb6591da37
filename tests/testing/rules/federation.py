"""GetFederationToken and the smaller calls of STS; who users and the root user are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.testing.rules.rule import (
    INVALID_TOKEN,
    Rule,
    at_most,
    like,
    no_longer,
    no_shorter,
    validation_error,
)
from tests.testing.rules.scene import ACCOUNT, ALLOW_ALL, Scene, document, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/*"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
IDP = f"arn:aws:iam::{ACCOUNT}:saml-provider/idp"
NO_FEDERATION = (
    501,
    "NotSupportedBySimulator",
    "the simulator cannot verify what an identity provider says of somebody; in a test, let a user"
    " assume the role with AssumeRole",
)
ONLY_S3 = document(ALLOW_ALL | {"Action": "s3:*"})


def federated(
    service: str, operation: str, who: str = "alice", **asked: Any
) -> Callable[[Scene], str]:
    """Call as a federated user who may do no more than S3."""

    def play(scene: Scene) -> str:
        user = scene.aws.root if who == "root" else scene.alice
        given = {"Name": "guest", "Policy": ONLY_S3} | asked
        got = scene.client(user, "sts").get_federation_token(**given)
        getattr(scene.client(keys_of(got), service), operation)()
        return "answered"

    return play


def without_policy(scene: Scene) -> None:
    got = scene.sts.get_federation_token(Name="guest")
    scene.client(keys_of(got), "s3").list_buckets()


def identity(scene: Scene) -> tuple[str, str]:
    got = scene.sts.get_federation_token(Name="guest")
    who = scene.client(keys_of(got), "sts").get_caller_identity()
    shown = got["FederatedUser"]
    assert (shown["Arn"], shown["FederatedUserId"]) == (who["Arn"], who["UserId"])
    return who["Arn"], who["UserId"]


def asks(**asked: Any) -> Callable[[Scene], Any]:
    """Call with alice's key."""
    return lambda scene: scene.sts.get_federation_token(**({"Name": "guest"} | asked))


def lasts(who: str, **asked: Any) -> Callable[[Scene], int]:
    """Return the seconds that a federated session lasts."""

    def play(scene: Scene) -> int:
        user = scene.aws.root if who == "root" else scene.alice
        sts = scene.client(user, "sts")
        return scene.seconds_left(sts.get_federation_token(Name="guest", **asked))

    return play


def foreign_key(key_id: str) -> Callable[[Scene], str]:
    return lambda scene: str(scene.sts.get_access_key_info(AccessKeyId=key_id)["Account"])


def unsigned(operation: str, **asked: str) -> Callable[[Scene], Any]:
    """Call as those do who have no keys yet."""

    def play(scene: Scene) -> Any:
        sts = scene.client(scene.alice, "sts")
        return getattr(sts, operation)(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/role", **asked)

    return play


def no_more_than_the_user(scene: Scene) -> None:
    user = scene.aws.create_user(
        "eve",
        policy={
            "Version": "2012-10-17",
            "Statement": [ALLOW_ALL | {"Action": "sts:GetFederationToken"}],
        },
    )
    got = scene.client(user, "sts").get_federation_token(Name="guest", Policy=document(ALLOW_ALL))
    scene.client(keys_of(got), "dynamodb").list_tables()


def not_allowed(scene: Scene) -> None:
    policy = {"Version": "2012-10-17", "Statement": [ALLOW_ALL | {"Action": "s3:*"}]}
    user = scene.aws.create_user("eve", policy=policy)
    scene.client(user, "sts").get_federation_token(Name="guest")


def own_user(scene: Scene) -> str:
    """GetUser, ListUsers and GetCallerIdentity tell of one and the same id."""
    alice = scene.client(scene.alice, "iam")
    own = alice.get_user()["User"]
    (listed,) = alice.list_users()["Users"]
    who = scene.sts.get_caller_identity()
    assert own["UserId"] == listed["UserId"] == who["UserId"]
    return str(own["Arn"])


def user_without_keys(scene: Scene) -> str:
    """A session knows its user when every long-term key of the user is gone."""
    session = scene.mfa_session()
    scene.iam.delete_access_key(UserName="alice", AccessKeyId=scene.alice.access_key_id)
    return str(scene.client(session, "iam").get_user()["User"]["UserName"])


def key_made_inactive(scene: Scene) -> str:
    session = scene.mfa_session()
    key = {"UserName": "alice", "AccessKeyId": scene.alice.access_key_id}
    scene.iam.update_access_key(**key, Status="Inactive")
    return str(scene.client(session, "sts").get_caller_identity()["Arn"])


def deleted_user(kind: str) -> Callable[[Scene], Any]:
    """Call with what a user left behind who was deleted."""

    def play(scene: Scene) -> None:
        got = scene.sts.get_federation_token(Name="guest", Policy=ONLY_S3)
        left = {"session": scene.session(), "federated": keys_of(got)}[kind]
        scene.iam.delete_access_key(UserName="alice", AccessKeyId=scene.alice.access_key_id)
        scene.iam.delete_user_policy(UserName="alice", PolicyName="simulated")
        scene.client(left, "sts").get_caller_identity()
        scene.iam.delete_user(UserName="alice")
        scene.client(left, "sts").get_caller_identity()

    return play


def deleted_user_and_role(scene: Scene) -> str:
    """The session of a role belongs to the role, not to the user who assumed it."""
    session = scene.role_session()
    scene.iam.delete_access_key(UserName="alice", AccessKeyId=scene.alice.access_key_id)
    scene.iam.delete_user_policy(UserName="alice", PolicyName="simulated")
    scene.iam.delete_user(UserName="alice")
    return str(scene.client(session, "sts").get_caller_identity()["Arn"])


def root_user(scene: Scene) -> tuple[set[str], str, str]:
    user = scene.iam.get_user()["User"]
    return set(user), user["Arn"], user["UserId"]


def may_not_list_tables(kind: str) -> tuple[int, str, str]:
    """Return the refusal for want of that kind of policy."""
    action = "dynamodb:ListTables"
    who = f"User: {FEDERATED} is not authorized to perform: {action} on resource: {TABLES}"
    return (
        400,
        "AccessDeniedException",
        f"{who} because no {kind} policy allows the {action} action",
    )


RULES = [
    Rule("who a federated user is", identity, (FEDERATED, f"{ACCOUNT}:guest")),
    Rule("what the session policy allows", federated("s3", "list_buckets"), "answered"),
    Rule("and of the root user", federated("s3", "list_buckets", "root"), "answered"),
    Rule(
        "what the session policy does not allow",
        federated("dynamodb", "list_tables"),
        may_not_list_tables("session"),
    ),
    Rule(
        "what the user may not do",
        no_more_than_the_user,
        may_not_list_tables("identity-based"),
    ),
    Rule(
        "no session policy",
        without_policy,
        (
            403,
            "AccessDenied",
            f"User: {FEDERATED} is not authorized to perform: s3:ListAllMyBuckets"
            " because no session policy allows the s3:ListAllMyBuckets action",
        ),
    ),
    Rule(
        "IAM as a federated user",
        federated("iam", "list_users", Policy=document(ALLOW_ALL)),
        INVALID_TOKEN,
    ),
    Rule(
        "a user who may not federate",
        not_allowed,
        (
            403,
            "AccessDenied",
            f"User: arn:aws:iam::{ACCOUNT}:user/eve is not authorized to perform:"
            f" sts:GetFederationToken on resource: {FEDERATED} because no identity-based policy"
            " allows the sts:GetFederationToken action",
        ),
    ),
    Rule("the usual duration", lasts("alice"), 43200),
    Rule("the root user's usual duration", lasts("root"), 3600),
    Rule("more than the root user's longest", lasts("root", DurationSeconds=7200), 3600),
    Rule(
        "a duration that is too long",
        asks(DurationSeconds=129601),
        validation_error(("129601", "durationSeconds", at_most(129600))),
    ),
    Rule("a name of one letter", asks(Name="x"), validation_error(("x", "name", no_shorter(2)))),
    Rule(
        "a name that is too long",
        asks(Name="x" * 33),
        validation_error(("x" * 33, "name", no_longer(32))),
    ),
    Rule(
        "a name with a space",
        asks(Name="a b"),
        validation_error(("a b", "name", like(r"[\w+=,.@-]*"))),
    ),
    Rule("own user", own_user, f"arn:aws:iam::{ACCOUNT}:user/alice"),
    Rule("own user in a session, without keys", user_without_keys, "alice"),
    Rule(
        "a session whose key was made inactive",
        key_made_inactive,
        f"arn:aws:iam::{ACCOUNT}:user/alice",
    ),
    Rule("a session of a deleted user", deleted_user("session"), INVALID_TOKEN),
    Rule("a federated user of a deleted user", deleted_user("federated"), INVALID_TOKEN),
    Rule(
        "a role's session that a deleted user got",
        deleted_user_and_role,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/role/work",
    ),
    Rule(
        "the root user",
        root_user,
        ({"UserId", "Arn", "CreateDate"}, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT),
    ),
    Rule(
        "whose a key is",
        lambda s: s.sts.get_access_key_info(AccessKeyId=s.alice.access_key_id)["Account"],
        ACCOUNT,
    ),
    *(
        Rule(f"whose the key {key} is", foreign_key(key), account)
        for key, account in (
            ("AKIARZPUZDIKOUNIM4V4", "123456789012"),
            ("ASIATCH6YDSY4DOERZNB", "210987654321"),
            ("AKIAIOSFODNN7EXAMPLE", "581039954779"),
        )
    ),
    *(
        Rule(f"{operation} without a signature", unsigned(operation, **asked), NO_FEDERATION)
        for operation, asked in (
            ("assume_role_with_saml", {"PrincipalArn": IDP, "SAMLAssertion": "a" * 9}),
            ("assume_role_with_web_identity", {"RoleSessionName": "w", "WebIdentityToken": "t"}),
        )
    ),
    Rule(
        "an encoded message",
        lambda s: s.sts.decode_authorization_message(EncodedMessage="any"),
        (400, "InvalidAuthorizationMessageException", "Message is not valid"),
    ),
]
