"""SimulateCustomPolicy and SimulatePrincipalPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.testing.rules.limits import bound, policy
from tests.testing.rules.rule import Rule
from tests.testing.rules.scene import ACCOUNT, ALLOW_ALL, Scene, document, trusting

if TYPE_CHECKING:
    from collections.abc import Callable

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
STRANGER = "arn:aws:iam::999999999999:user/eve"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
S3 = ALLOW_ALL | {"Action": "s3:*"}
DENY = ALLOW_ALL | {"Effect": "Deny"}
PRESENT = "aws:MultiFactorAuthPresent"
WITH_MFA = {"Condition": {"Bool": {PRESENT: "true"}}}
GIVEN_MFA = [{"ContextKeyName": PRESENT, "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}]
IN_HOME = ALLOW_ALL | {"Condition": {"StringLike": {"s3:prefix": "home/${aws:username}/*"}}}
BUCKET = {
    "Effect": "Allow",
    "Principal": {"AWS": ALICE},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::pail/*",
}


def custom(*statements: dict[str, Any], **asked: Any) -> Callable[[Scene], list[str]]:
    """Simulate s3:GetObject on any resource by a policy of those statements."""
    given = {"PolicyInputList": [document(*statements)], "ActionNames": ["s3:GetObject"]}
    return lambda scene: outcomes(scene.iam.simulate_custom_policy(**(given | asked)))


def principal(*statements: dict[str, Any], **asked: Any) -> Callable[[Scene], list[str]]:
    """Simulate s3:GetObject by what alice has, whose own policy has those statements."""

    def play(scene: Scene) -> list[str]:
        put = {"PolicyName": "simulated", "PolicyDocument": document(*statements)}
        scene.iam.put_user_policy(UserName=scene.alice.name, **put)
        given = {"PolicySourceArn": ALICE, "ActionNames": ["s3:GetObject"]}
        return outcomes(scene.iam.simulate_principal_policy(**(given | asked)))

    return play


def outcomes(answer: Any) -> list[str]:
    return [each["EvalDecision"] for each in answer["EvaluationResults"]]


def across(owner: str, own: dict[str, Any]) -> Callable[[Scene], list[str]]:
    """Simulate a stranger's call upon a bucket of that account, which names the stranger."""
    named = {"ResourcePolicy": document(BUCKET | {"Principal": {"AWS": STRANGER}})}
    return custom(
        own,
        CallerArn=STRANGER,
        ResourceOwner=f"arn:aws:iam::{owner}:root",
        ResourceArns=["arn:aws:s3:::pail/key"],
        **named,
    )


def details(scene: Scene) -> Any:
    """Return the decisions about two actions on two resources."""
    statements = (S3 | {"Resource": "arn:aws:s3:::pail/*"}, DENY | {"Action": "s3:Put*"})
    answer = scene.iam.simulate_custom_policy(
        PolicyInputList=[document(*statements)],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::pail/a", "arn:aws:s3:::other/b"],
    )
    assert not answer["IsTruncated"]
    return [
        (
            each["EvalActionName"],
            each["EvalResourceName"].rpartition(":")[2],
            each["EvalDecision"],
            [matched["SourcePolicyId"] for matched in each["MatchedStatements"]],
        )
        for each in answer["EvaluationResults"]
    ]


def missing_keys(scene: Scene) -> list[str]:
    given = {"PolicyInputList": [document(IN_HOME)], "ActionNames": ["s3:ListBucket"]}
    (found,) = scene.iam.simulate_custom_policy(**given)["EvaluationResults"]
    return list(found["MissingContextValues"])


def bounded(scene: Scene) -> Any:
    arn = bound(scene, ALLOW_ALL | {"Action": "ec2:*"})
    scene.iam.put_user_permissions_boundary(UserName=scene.alice.name, PermissionsBoundary=arn)
    given = {"PolicySourceArn": ALICE, "ActionNames": ["s3:GetObject"]}
    (found,) = scene.iam.simulate_principal_policy(**given)["EvaluationResults"]
    return found["EvalDecision"], found["PermissionsBoundaryDecisionDetail"]


def in_organization(scene: Scene) -> Any:
    scene.where(scps=[policy(DENY | {"Action": "s3:*"})])
    given = {
        "PolicySourceArn": scene.alice.arn,
        "ActionNames": ["s3:GetObject", "ec2:RunInstances"],
    }
    found = scene.iam.simulate_principal_policy(**given)["EvaluationResults"]
    return [(each["EvalDecision"], each["OrganizationsDecisionDetail"]) for each in found]


def assumes(**asked: Any) -> Callable[[Scene], list[str]]:
    """Simulate that alice assumes a role that trusts her with MFA alone."""

    def play(scene: Scene) -> list[str]:
        scene.role(trust=[trusting(scene.alice.arn, **WITH_MFA)])
        given = {"ActionNames": ["sts:AssumeRole"], "ResourceArns": [ROLE]}
        answer = scene.iam.simulate_principal_policy(PolicySourceArn=ALICE, **given, **asked)
        return outcomes(answer)

    return play


def foreign_role(own: dict[str, Any]) -> Callable[[Scene], list[str]]:
    """Simulate that a stranger with that policy assumes a role that trusts the stranger."""

    def play(scene: Scene) -> list[str]:
        answer = scene.iam.simulate_custom_policy(
            PolicyInputList=[document(own)],
            ActionNames=["sts:AssumeRole"],
            ResourceArns=[scene.role(trust=[trusting(STRANGER)])],
            CallerArn=STRANGER,
        )
        return outcomes(answer)

    return play


def of_group(scene: Scene) -> list[list[str]]:
    """Simulate by a group's policy, and by what one in the group has by it."""
    scene.iam.create_group(GroupName="team")
    scene.iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=document(S3))
    scene.iam.create_user(UserName="carol")
    scene.iam.add_user_to_group(UserName="carol", GroupName="team")
    sources = (f"arn:aws:iam::{ACCOUNT}:{name}" for name in ("group/team", "user/carol"))
    asked = {"ActionNames": ["s3:GetObject", "ec2:RunInstances"]}
    return [
        outcomes(scene.iam.simulate_principal_policy(PolicySourceArn=arn, **asked))
        for arn in sources
    ]


def of_role(scene: Scene) -> list[str]:
    role = scene.role()
    asked = {"PolicySourceArn": role, "ActionNames": ["s3:GetObject"]}
    return outcomes(scene.iam.simulate_principal_policy(**asked))


def as_calls(scene: Scene) -> bool:
    """What is simulated is what the calls themselves meet, with and without MFA."""
    put = {"PolicyName": "simulated", "PolicyDocument": document(S3 | WITH_MFA)}
    scene.iam.put_user_policy(UserName=scene.alice.name, **put)
    asked = {"PolicySourceArn": ALICE, "ActionNames": ["s3:ListAllMyBuckets"]}
    agreed = []
    for credentials, entries in ((scene.alice, []), (scene.mfa_session(), GIVEN_MFA)):
        found = scene.iam.simulate_principal_policy(**asked, ContextEntries=entries)
        s3 = scene.client(credentials, "s3")
        try:
            s3.list_buckets()
            allowed = True
        except s3.exceptions.ClientError:
            allowed = False
        agreed.append((outcomes(found) == ["allowed"]) is allowed)
    return all(agreed)


def context_keys(scene: Scene) -> Any:
    custom_keys = scene.iam.get_context_keys_for_custom_policy(PolicyInputList=[document(IN_HOME)])
    put = {"PolicyName": "simulated", "PolicyDocument": document(S3 | WITH_MFA)}
    scene.iam.put_user_policy(UserName=scene.alice.name, **put)
    own_keys = scene.iam.get_context_keys_for_principal_policy(PolicySourceArn=ALICE)
    return custom_keys["ContextKeyNames"], own_keys["ContextKeyNames"]


RULES = [
    Rule("a policy that allows", custom(S3), ["allowed"]),
    Rule("a policy that allows something else", custom(S3 | {"Action": "ec2:*"}), ["implicitDeny"]),
    Rule("a policy that denies", custom(S3, DENY), ["explicitDeny"]),
    Rule("a policy with MFA, and none", custom(S3 | WITH_MFA), ["implicitDeny"]),
    Rule("a policy with MFA", custom(S3 | WITH_MFA, ContextEntries=GIVEN_MFA), ["allowed"]),
    Rule(
        "a policy with a boundary",
        custom(S3, PermissionsBoundaryPolicyInputList=[document(ALLOW_ALL | {"Action": "ec2:*"})]),
        ["implicitDeny"],
    ),
    Rule(
        "a condition key that only the call knows",
        custom(
            IN_HOME,
            CallerArn=ALICE.replace(ACCOUNT, "999999999999"),
            ContextEntries=[
                {
                    "ContextKeyName": "s3:prefix",
                    "ContextKeyValues": ["home/alice/x"],
                    "ContextKeyType": "string",
                }
            ],
        ),
        ["allowed"],
    ),
    Rule("the keys that a policy would need", missing_keys, ["aws:username", "s3:prefix"]),
    Rule(
        "several actions and resources",
        details,
        [
            ("s3:GetObject", "pail/a", "allowed", ["PolicyInputList.1"]),
            ("s3:GetObject", "other/b", "implicitDeny", []),
            ("s3:PutObject", "pail/a", "explicitDeny", ["PolicyInputList.1"]),
            ("s3:PutObject", "other/b", "explicitDeny", ["PolicyInputList.1"]),
        ],
    ),
    Rule("both sides across accounts", across(ACCOUNT, S3), ["allowed"]),
    Rule("one side across accounts", across(ACCOUNT, S3 | {"Action": "ec2:*"}), ["implicitDeny"]),
    Rule(
        "one side within an account",
        across("999999999999", S3 | {"Action": "ec2:*"}),
        ["allowed"],
    ),
    Rule(
        "a resource policy without a caller",
        custom(S3, ResourcePolicy=document(BUCKET)),
        (400, "InvalidInput", "You must specify a CallerArn if you include a ResourcePolicy."),
    ),
    Rule(
        "what is no policy",
        custom(S3, PolicyInputList=["{}"]),
        (400, "InvalidInput", "policy PolicyInputList.1: it has no Statement"),
    ),
    Rule(
        "a resource policy without a principal",
        custom(S3, CallerArn=STRANGER, ResourcePolicy=document(S3)),
        (
            400,
            "InvalidInput",
            "policy ResourcePolicy.1: a statement of a policy of this kind (resource) needs a"
            " Principal",
        ),
    ),
    Rule(
        "a role within a boundary, and a bucket for the role",
        lambda s: custom(
            S3,
            CallerArn=s.role(),
            ResourceArns=["arn:aws:s3:::pail/key"],
            ResourcePolicy=document(BUCKET | {"Principal": {"AWS": ROLE}}),
            PermissionsBoundaryPolicyInputList=[document(ALLOW_ALL | {"Action": "ec2:*"})],
        )(s),
        ["implicitDeny"],
    ),
    Rule("what a user has", principal(S3), ["allowed"]),
    Rule("what a user has not", principal(S3 | {"Action": "ec2:*"}), ["implicitDeny"]),
    Rule(
        "what a user would have",
        principal(S3 | {"Action": "ec2:*"}, PolicyInputList=[document(S3)]),
        ["allowed"],
    ),
    Rule(
        "what a user has by a bucket",
        principal(
            S3 | {"Action": "ec2:*"},
            ResourcePolicy=document(BUCKET),
            ResourceArns=["arn:aws:s3:::pail/key"],
        ),
        ["allowed"],
    ),
    Rule("a user's boundary", bounded, ("implicitDeny", {"AllowedByPermissionsBoundary": False})),
    Rule(
        "a user's organization",
        in_organization,
        [
            ("explicitDeny", {"AllowedByOrganizations": False}),
            ("allowed", {"AllowedByOrganizations": True}),
        ],
    ),
    Rule("a trust policy with MFA, and none", assumes(), ["implicitDeny"]),
    Rule("a trust policy with MFA", assumes(ContextEntries=GIVEN_MFA), ["allowed"]),
    Rule(
        "a trust policy that is given, and names another",
        assumes(ResourcePolicy=document(trusting(STRANGER))),
        ["implicitDeny"],
    ),
    Rule(
        "a trust policy that is given, and names the caller",
        assumes(ResourcePolicy=document(trusting(ALICE))),
        ["allowed"],
    ),
    *(
        Rule(
            f"a role that trusts another account, which {'' if allowed else 'does not '}allow it",
            foreign_role(own),
            ["allowed" if allowed else "implicitDeny"],
        )
        for own, allowed in ((ALLOW_ALL, True), (S3, False))
    ),
    Rule("what a group has", of_group, [["allowed", "implicitDeny"], ["allowed", "implicitDeny"]]),
    Rule("what a role has", of_role, ["allowed"]),
    Rule("as the calls themselves", as_calls, True),
    Rule("the keys of policies", context_keys, (["aws:username", "s3:prefix"], [PRESENT])),
    Rule(
        "a user that there is none of",
        lambda s: s.iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/nobody", ActionNames=["s3:GetObject"]
        ),
        (404, "NoSuchEntity", "The user with name nobody cannot be found."),
    ),
]
