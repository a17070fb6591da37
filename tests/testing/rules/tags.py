"""Tags of sessions, of users and of roles, and what policies see of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.testing.rules.assume_role import ALICE, refused, trusted
from tests.testing.rules.condition_keys import answered
from tests.testing.rules.rule import Rule, like, validation_error
from tests.testing.rules.scene import ACCOUNT, ALLOW_ALL, Scene, document, keys_of, trusting

if TYPE_CHECKING:
    from collections.abc import Callable

MAY_TAG = trusting(f"arn:aws:iam::{ACCOUNT}:root", Action=["sts:AssumeRole", "sts:TagSession"])
DUPLICATE = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
NOT_GIVEN = "The specified transitive tag key must be included in the requested tags."
PASSED_ON = (
    "One of the specified transitive tag keys can't be set because it conflicts with a transitive"
    " tag key from the calling session."
)


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


def chained(given: list[dict[str, str]]) -> Callable[[Scene], str]:
    """Assume a second role with tags, where the first session passes its team on."""

    def play(scene: Scene) -> str:
        first = scene.role("first", trust=[MAY_TAG])
        passed = {"Tags": tags(team="blue", desk="7"), "TransitiveTagKeys": ["Team"]}
        second = scene.role("second", trust=[MAY_TAG])
        got = scene.assume(second, scene.role_session(role=first, **passed), Tags=given)
        return "".join(sorted(seen(scene, "second", keys_of(got), team="blue", desk="7")))

    return play


def passed_on_without_leave(scene: Scene) -> None:
    """Assume a second role, which lets nobody tag, with a session that passes its team on."""
    first = scene.role("first", trust=[MAY_TAG])
    passed = {"Tags": tags(team="blue"), "TransitiveTagKeys": ["team"]}
    scene.assume(scene.role(), scene.role_session(role=first, **passed))


def seen(scene: Scene, role: str, session: Any, **expected: str) -> list[str]:
    """Return which of those tags a role's policy sees in a session of the role."""
    s3 = scene.client(session, "s3")

    def matches(key: str, value: str) -> bool:
        condition = {"StringEquals": {f"aws:PrincipalTag/{key}": value}}
        allowed = document(ALLOW_ALL | {"Condition": condition})
        scene.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=allowed)
        return answered(s3.list_buckets)

    return [key for key, value in expected.items() if matches(key, value)]


def of_role_and_session(scene: Scene) -> list[str]:
    """The tags of a role, and in their place those of its session."""
    role = scene.role(trust=[MAY_TAG])
    scene.iam.tag_role(RoleName="role", Tags=tags(team="red", floor="2"))
    session = scene.role_session(role=role, Tags=tags(team="blue", desk="7"))
    return seen(scene, "role", session, team="blue", floor="2", desk="7", other="")


def of_user(kind: str) -> Callable[[Scene], list[bool]]:
    """The tags of a user, before they are there, with them, and with another value."""

    def play(scene: Scene) -> list[bool]:
        held = getattr(scene, kind)
        s3 = scene.client(held() if callable(held) else held, "s3")
        # The name of a tag counts in any case, and a variable stands for its value.
        condition = {"StringEquals": {"aws:PrincipalTag/TEAM": "blue"}}
        own = document(ALLOW_ALL | {"Action": "s3:*", "Condition": condition})
        scene.iam.put_user_policy(UserName="alice", PolicyName="simulated", PolicyDocument=own)
        untagged = answered(s3.list_buckets)
        return [untagged, *(tagged(scene, team, s3.list_buckets) for team in ("blue", "red"))]

    return play


def tagged(scene: Scene, team: str, call: Callable[[], Any]) -> bool:
    scene.iam.tag_user(UserName="alice", Tags=tags(team=team))
    return answered(call)


def variable(scene: Scene) -> list[bool]:
    """A team's own bucket, and another's."""
    own = ALLOW_ALL | {"Resource": "arn:aws:s3:::${aws:PrincipalTag/team}"}
    scene.iam.tag_user(UserName=scene.alice.name, Tags=tags(team="blue"))
    put = {"PolicyName": "simulated", "PolicyDocument": document(own)}
    scene.iam.put_user_policy(UserName="alice", **put)
    s3 = scene.client(scene.alice, "s3")
    return [answered(partial(s3.create_bucket, Bucket=name)) for name in ("blue", "green")]


def packed_size(**asked: Any) -> Callable[[Scene], Any]:
    """Return how much of the space for policy and tags a role and a federated user take."""

    def play(scene: Scene) -> list[int | None]:
        assumed = scene.assume(scene.role(trust=[MAY_TAG]), **asked)
        federated = scene.sts.get_federation_token(Name="guest", **asked)
        return [each.get("PackedPolicySize") for each in (assumed, federated)]

    return play


def long(length: int) -> str:
    """Return a policy of so many characters."""
    short = document(ALLOW_ALL | {"Sid": ""})
    return document(ALLOW_ALL | {"Sid": "A" * (length - len(short))})


RULES = [
    Rule("of a session", trusted(MAY_TAG, Tags=tags(team="blue")), "answered"),
    Rule(
        "that are not allowed",
        trusted(trusting(ALICE), Tags=tags(team="blue")),
        refused(ALICE, "sts:TagSession"),
    ),
    Rule(
        "that differ in case alone",
        trusted(MAY_TAG, Tags=tags(a="v", A="v")),
        (400, "InvalidParameterValue", DUPLICATE),
    ),
    Rule(
        "with an exclamation mark",
        trusted(MAY_TAG, Tags=[{"Key": "a!", "Value": "v"}]),
        validation_error(("a!", "tags.1.member.key", like(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"))),
    ),
    Rule(
        "to be passed on, and not given",
        trusted(MAY_TAG, Tags=tags(team="blue"), TransitiveTagKeys=["desk"]),
        (400, "InvalidParameterValue", NOT_GIVEN),
    ),
    Rule("that are passed on", chained(tags(other="x")), "team"),
    Rule("beside those passed on", chained(tags(desk="7")), "deskteam"),
    Rule(
        "in place of those passed on",
        chained(tags(Team="red")),
        (400, "InvalidParameterValue", PASSED_ON),
    ),
    Rule(
        "that are passed on to a role that lets nobody tag",
        passed_on_without_leave,
        refused(f"arn:aws:sts::{ACCOUNT}:assumed-role/first/work", "sts:TagSession"),
    ),
    Rule("of a role and of its session", of_role_and_session, ["team", "floor", "desk"]),
    Rule("of a user with her key", of_user("alice"), [False, True, False]),
    Rule("of a user with a session", of_user("mfa_session"), [False, True, False]),
    Rule("in a policy variable", variable, [True, False]),
    Rule("in the packed size", packed_size(Tags=tags(t="x" * 45)), [10, 10]),
    *(
        Rule(
            f"the packed size of a policy of {length}", packed_size(Policy=long(length)), [size] * 2
        )
        for length, size in ((125, 11), (135, 11), (163, 16), (1100, 100))
    ),
    Rule("the packed size of nothing", packed_size(), [None, 0]),
    Rule(
        "nine of 250 characters",
        trusted(MAY_TAG, Tags=tags(**{f"key{n}": "x" * 250 for n in range(9)})),
        (
            400,
            "PackedPolicyTooLarge",
            "Packed size of session tags consumes 498% of allotted space.",
        ),
    ),
    Rule(
        "nine of 250 characters, of a federated user",
        lambda s: s.sts.get_federation_token(
            Name="guest", Tags=tags(**{f"key{n}": "x" * 250 for n in range(9)})
        ),
        (
            400,
            "PackedPolicyTooLarge",
            "Packed size of session tags consumes 498% of allotted space.",
        ),
    ),
    Rule(
        "a policy that is too large when it is packed",
        trusted(MAY_TAG, Policy=long(1200)),
        (
            400,
            "PackedPolicyTooLarge",
            "Packed policy consumes 109% of allotted space, please use smaller policy.",
        ),
    ),
]
