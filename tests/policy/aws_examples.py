"""AWS's own examples of policies with MFA, as data, and what AWS says of each.

All but the last three are of the IAM User Guide: "Sample policies with MFA conditions", "Secure
API access with MFA", "AWS global condition context keys" and "Example IAM identity-based policies".
"""

from __future__ import annotations

from typing import Any, NamedTuple

PRESENT, AGE = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"
LONG_TERM_KEY, WITHOUT_MFA = "long-term key", "session without MFA"
WITH_MFA, WITH_OLD_MFA = "session with MFA", "session with old MFA"
CODE_GIVEN, ROLE_SESSION = "code with AssumeRole", "role session"
AWS_SERVICE = "AWS service"
ALLOWED, DENIED, NOT_ALLOWED = "allowed", "denied", "not allowed"


class Example(NamedTuple):
    """A policy, a call, and its outcome for the kinds of credentials that AWS mentions."""

    name: str
    statements: list[dict[str, Any]]
    action: str
    outcomes: dict[str, str]
    requires_mfa: bool
    resource: str | None = None


def statement(effect: str, action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    said = {"Effect": effect, "Action": action, "Resource": resource}
    return said | ({"Condition": condition} if condition else {})


def of_users(long_term: str, without: str, fresh: str, old: str) -> dict[str, str]:
    return {
        LONG_TERM_KEY: long_term,
        WITHOUT_MFA: without,
        WITH_MFA: fresh,
        WITH_OLD_MFA: old,
    }


def trusting(condition: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "123456789012"},
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
    ]


def on_bucket(effect: str, principal: Any, action: Any, **condition: Any) -> dict[str, Any]:
    resource = "arn:aws:s3:::amzn-s3-demo-bucket/taxdocuments/*"
    return statement(effect, action, resource, **condition) | {"Principal": principal}


DESTRUCTIVE = ["ec2:StopInstances", "ec2:TerminateInstances"]
STOPPING_ASKS = [
    statement("Allow", "ec2:*"),
    statement("Deny", DESTRUCTIVE, BoolIfExists={PRESENT: False}),
]
STOPPING_ASKS_AGAIN = [
    *STOPPING_ASKS,
    statement("Deny", DESTRUCTIVE, NumericGreaterThanIfExists={AGE: "3600"}),
]
OWN_USER = "arn:aws:iam::*:user/${aws:username}"
SELF_MANAGEMENT = [
    statement("Allow", ["iam:GetAccountSummary", "iam:ListVirtualMFADevices"]),
    statement("Allow", ["iam:ChangePassword", "iam:GetUser"], OWN_USER),
    statement("Allow", ["iam:CreateAccessKey", "iam:ListAccessKeys"], OWN_USER),
    statement("Allow", ["iam:CreateVirtualMFADevice"], "arn:aws:iam::*:mfa/*"),
    statement("Allow", ["iam:EnableMFADevice", "iam:ListMFADevices"], OWN_USER),
    {
        "Effect": "Deny",
        "NotAction": [
            "iam:CreateVirtualMFADevice",
            "iam:EnableMFADevice",
            "iam:GetUser",
            "iam:ListMFADevices",
            "iam:ListVirtualMFADevices",
            "sts:GetSessionToken",
        ],
        "Resource": "*",
        "Condition": {"BoolIfExists": {PRESENT: "false"}},
    },
]
ALICE = "arn:aws:iam::123456789012:user/alice"
PRODUCTION = ["arn:aws:s3:::production", "arn:aws:s3:::production/*"]
BUT_PRODUCTION = [
    statement("Allow", "s3:GetObject", "arn:aws:s3:::*/*"),
    statement("Deny", "s3:*", PRODUCTION, NumericGreaterThanIfExists={AGE: "1800"}),
]
TRAP = [
    statement("Allow", "s3:*"),
    statement("Deny", "s3:*", Bool={PRESENT: "false", "aws:ViaAWSService": "false"}),
]
NONE = of_users(DENIED, DENIED, DENIED, DENIED)

EXAMPLES = [
    Example(
        "granting access after recent MFA",
        [statement("Allow", ["ec2:*"], ["*"], NumericLessThan={AGE: "3600"})],
        "ec2:RunInstances",
        of_users(NOT_ALLOWED, NOT_ALLOWED, ALLOWED, NOT_ALLOWED),
        True,
    ),
    Example(
        "the same, with IfExists, allows long-term credentials",
        [statement("Allow", ["ec2:*"], ["*"], NumericLessThanIfExists={AGE: "3600"})],
        "ec2:RunInstances",
        of_users(ALLOWED, ALLOWED, ALLOWED, NOT_ALLOWED),
        False,
    ),
    Example(
        "denying some actions without MFA",
        STOPPING_ASKS,
        "ec2:StopInstances",
        of_users(DENIED, DENIED, ALLOWED, ALLOWED),
        True,
    ),
    Example(
        "and no others",
        STOPPING_ASKS,
        "ec2:RunInstances",
        of_users(ALLOWED, ALLOWED, ALLOWED, ALLOWED),
        False,
    ),
    Example(
        "denying some actions without recent MFA",
        STOPPING_ASKS_AGAIN,
        "ec2:TerminateInstances",
        of_users(DENIED, DENIED, ALLOWED, DENIED),
        True,
    ),
    Example(
        "granting some actions with MFA",
        [statement("Allow", DESTRUCTIVE, ["*"], Bool={PRESENT: "true"})],
        "ec2:StopInstances",
        of_users(NOT_ALLOWED, NOT_ALLOWED, ALLOWED, ALLOWED),
        True,
    ),
    Example(
        "a role that is assumed with MFA, or a code",
        trusting({"Bool": {PRESENT: "true"}}),
        "sts:AssumeRole",
        of_users(NOT_ALLOWED, NOT_ALLOWED, ALLOWED, ALLOWED)
        | {CODE_GIVEN: ALLOWED, ROLE_SESSION: NOT_ALLOWED},
        True,
    ),
    Example(
        "not recommended: Deny, Bool, false",
        [statement("Deny", "s3:*", Bool={PRESENT: "false"})],
        "s3:GetObject",
        of_users(NOT_ALLOWED, DENIED, NOT_ALLOWED, NOT_ALLOWED),
        False,
    ),
    Example(
        "recommended: Deny, BoolIfExists, false",
        [statement("Deny", "s3:*", BoolIfExists={PRESENT: "false"})],
        "s3:GetObject",
        of_users(DENIED, DENIED, NOT_ALLOWED, NOT_ALLOWED),
        True,
    ),
    Example(
        "alternative: Allow, BoolIfExists, true",
        [statement("Allow", "s3:*", BoolIfExists={PRESENT: "true"})],
        "s3:GetObject",
        of_users(ALLOWED, NOT_ALLOWED, ALLOWED, ALLOWED),
        False,
    ),
    Example(
        "alternative: Allow, Bool, true",
        [statement("Allow", "s3:*", Bool={PRESENT: "true"})],
        "s3:GetObject",
        of_users(NOT_ALLOWED, NOT_ALLOWED, ALLOWED, ALLOWED),
        True,
    ),
    Example(
        "with caution: Allow, Null, false",
        [statement("Allow", "s3:*", Null={PRESENT: "false"})],
        "s3:GetObject",
        of_users(NOT_ALLOWED, ALLOWED, ALLOWED, ALLOWED),
        False,
    ),
    Example(
        "self-management: nothing else without MFA",
        SELF_MANAGEMENT,
        "s3:GetObject",
        of_users(DENIED, DENIED, NOT_ALLOWED, NOT_ALLOWED),
        True,
    ),
    Example(
        "self-management: one's user without MFA, which is exempt",
        SELF_MANAGEMENT,
        "iam:GetUser",
        of_users(ALLOWED, ALLOWED, ALLOWED, ALLOWED),
        True,
        ALICE,
    ),
    Example(
        "self-management: one's access keys with MFA",
        SELF_MANAGEMENT,
        "iam:CreateAccessKey",
        of_users(DENIED, DENIED, ALLOWED, ALLOWED),
        True,
        ALICE,
    ),
    Example(
        "all buckets, but production only with recent MFA",
        BUT_PRODUCTION,
        "s3:GetObject",
        of_users(DENIED, DENIED, ALLOWED, DENIED),
        True,
        "arn:aws:s3:::production/key",
    ),
    Example(
        "all buckets, others without MFA",
        BUT_PRODUCTION,
        "s3:GetObject",
        of_users(ALLOWED, ALLOWED, ALLOWED, ALLOWED),
        False,
        "arn:aws:s3:::test/key",
    ),
    Example(
        "a bucket for users of an account with MFA",
        [
            on_bucket(
                "Allow", {"AWS": ALICE}, ["s3:PutObject", "s3:GetObject"], Bool={PRESENT: "true"}
            )
        ],
        "s3:PutObject",
        of_users(NOT_ALLOWED, NOT_ALLOWED, ALLOWED, ALLOWED)
        | {ROLE_SESSION: NOT_ALLOWED, AWS_SERVICE: NOT_ALLOWED},
        True,
    ),
    # "Amazon S3 User Guide", examples of bucket policies: requiring MFA.
    Example(
        "a folder that nobody gets at whose key has no age",
        [on_bucket("Deny", "*", "s3:*", Null={AGE: True})],
        "s3:GetObject",
        of_users(DENIED, DENIED, NOT_ALLOWED, NOT_ALLOWED)
        | {ROLE_SESSION: DENIED, AWS_SERVICE: DENIED},
        True,
    ),
    Example(
        "a folder that takes a code of the last hour",
        [
            on_bucket("Deny", "*", "s3:*", Null={AGE: True}),
            on_bucket("Deny", "*", "s3:*", NumericGreaterThan={AGE: 3600}),
        ],
        "s3:GetObject",
        of_users(DENIED, DENIED, NOT_ALLOWED, DENIED),
        True,
    ),
    # "AWS re:Post", MFA policies that work in the console, but not with the AWS CLI.
    Example(
        "the AWS CLI is not asked for MFA",
        TRAP,
        "s3:GetObject",
        of_users(ALLOWED, DENIED, ALLOWED, ALLOWED),
        False,
    ),
]

_GET_READY = [
    "iam:CreateVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:GetUser",
    "iam:GetMFADevice",
    "iam:ListMFADevices",
    "iam:ListVirtualMFADevices",
    "iam:ResyncMFADevice",
    "sts:GetSessionToken",
]
_OWN_KEYS = ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys"]


def _unless_mfa(sid: str, not_actions: list[str]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "NotAction": not_actions,
        "Resource": "*",
        "Condition": {"BoolIfExists": {PRESENT: "false"}},
    }


# "Allows MFA-authenticated IAM users to manage their own credentials", of 2026 and of 2018.
MANAGE_OWN = [
    statement("Allow", ["iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"]),
    statement("Allow", ["iam:ChangePassword", "iam:GetUser"], OWN_USER),
    statement("Allow", [*_OWN_KEYS, "iam:UpdateAccessKey"], OWN_USER),
    statement("Allow", ["iam:CreateVirtualMFADevice"], "arn:aws:iam::*:mfa/*"),
    statement(
        "Allow",
        [
            "iam:DeactivateMFADevice",
            "iam:EnableMFADevice",
            "iam:GetMFADevice",
            "iam:ListMFADevices",
            "iam:ResyncMFADevice",
        ],
        OWN_USER,
    ),
    _unless_mfa("DenyAllExceptListedIfNoMFA", _GET_READY),
]
MANAGE_OWN_2018 = [
    statement("Allow", ["iam:ListAccountAliases", "iam:ListUsers", "iam:GetAccountSummary"]),
    statement("Allow", ["iam:ChangePassword", *_OWN_KEYS, "iam:UploadSSHPublicKey"], OWN_USER),
    statement("Allow", ["iam:ListMFADevices"], ["arn:aws:iam::*:mfa/*", OWN_USER]),
    statement(
        "Allow",
        [
            "iam:CreateVirtualMFADevice",
            "iam:DeleteVirtualMFADevice",
            "iam:EnableMFADevice",
            "iam:ResyncMFADevice",
        ],
        ["arn:aws:iam::*:mfa/${aws:username}", OWN_USER],
    ),
    statement(
        "Allow",
        ["iam:DeactivateMFADevice"],
        ["arn:aws:iam::*:mfa/${aws:username}", OWN_USER],
        Bool={PRESENT: "true"},
    ),
    _unless_mfa(
        "BlockMostAccessUnlessSignedInWithMFA",
        [
            "iam:CreateVirtualMFADevice",
            "iam:DeleteVirtualMFADevice",
            "iam:ListVirtualMFADevices",
            "iam:EnableMFADevice",
            "iam:ResyncMFADevice",
            "iam:ListAccountAliases",
            "iam:ListUsers",
            "iam:ListSSHPublicKeys",
            "iam:ListAccessKeys",
            "iam:ListServiceSpecificCredentials",
            "iam:ListMFADevices",
            "iam:GetAccountSummary",
            "sts:GetSessionToken",
        ],
    ),
]
# What the one of 2018 lets through: small things, but with a long-term key.
HOLES_2018 = {
    "iam:GetAccountSummary",
    "iam:ListAccessKeys",
    "iam:ListAccountAliases",
    "iam:ListSSHPublicKeys",
    "iam:ListServiceSpecificCredentials",
    "iam:ListUsers",
}
