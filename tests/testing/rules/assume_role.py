"""AssumeRole: who may, with what, for how long."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.testing.rules.rule import (
    INVALID_CODE,
    ONE_MISSING,
    UNABLE_TO_VALIDATE,
    Rule,
    at_least,
    at_most,
    like,
    no_longer,
    no_shorter,
    validation_error,
)
from tests.testing.rules.scene import ACCOUNT, ALLOW_ALL, Scene, document, keys_of, trusting

from mfakit.testing import REQUIRE_MFA_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
NAME = r"[\w+=,.@-]*"
TOO_LONG = (
    400,
    "ValidationError",
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
)
TOO_LONG_CHAINED = (
    400,
    "ValidationError",
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role"
    " chaining.",
)
NO_ASSUMING = ALLOW_ALL | {"Action": "s3:*"}


def refused(who: str, action: str = "sts:AssumeRole", role: str = ROLE) -> tuple[int, str, str]:
    """Return the refusal of what is not allowed."""
    text = f"User: {who} is not authorized to perform: {action} on resource: {role}"
    return 403, "AccessDenied", text


def assumes(longest: int = 3600, kind: str = "", **asked: Any) -> Callable[[Scene], Any]:
    """Assume a role, with alice's key or a session of that kind."""

    def play(scene: Scene) -> Any:
        role = scene.role(longest=longest)
        return scene.assume(role, getattr(scene, kind)() if kind else None, **asked)

    return play


def assumes_arn(arn: str) -> Callable[[Scene], Any]:
    return lambda scene: scene.assume(arn)


def lasts(longest: int = 3600, kind: str = "", **asked: Any) -> Callable[[Scene], int]:
    """Return the seconds that a role's session lasts."""
    return lambda scene: scene.seconds_left(assumes(longest, kind, **asked)(scene))


def chained(**asked: Any) -> Callable[[Scene], Any]:
    """Assume a second role with the session of a first."""

    def play(scene: Scene) -> Any:
        first = scene.role("first", longest=43200)
        return scene.assume(scene.role(longest=43200), scene.role_session(role=first), **asked)

    return play


def trusted(
    *trust: dict[str, Any], own: tuple[dict[str, Any], ...] = (ALLOW_ALL,), **asked: Any
) -> Callable[[Scene], str]:
    """Assume a role of that trust policy, as alice with those policies of her own."""

    def play(scene: Scene) -> str:
        scene.alice  # noqa: B018 - is created by being asked for
        if own:
            put = {"PolicyName": "simulated", "PolicyDocument": document(*own)}
            scene.iam.put_user_policy(UserName="alice", **put)
        else:
            scene.iam.delete_user_policy(UserName="alice", PolicyName="simulated")
        scene.assume(scene.role(trust=trust), **asked)
        return "answered"

    return play


def trusted_by_id(scene: Scene) -> str:
    user_id = scene.sts.get_caller_identity()["UserId"]
    scene.iam.put_user_policy(
        UserName="alice", PolicyName="simulated", PolicyDocument=document(NO_ASSUMING)
    )
    scene.assume(scene.role(trust=[trusting(user_id)]))
    return "answered"


def trusts_a_role(principal: str) -> Callable[[Scene], str]:
    """Assume a role that trusts another role, or its session."""

    def play(scene: Scene) -> str:
        first = scene.role("first")
        session = scene.role_session(role=first)
        put = {"PolicyName": "p", "PolicyDocument": document(NO_ASSUMING)}
        scene.iam.put_role_policy(RoleName="first", **put)
        scene.assume(scene.role(trust=[trusting(principal)]), session)
        return "answered"

    return play


def as_root(session: bool) -> Callable[[Scene], Any]:
    """Assume a role as the root user, with the key or a session."""

    def play(scene: Scene) -> Any:
        root = scene.aws.root
        return scene.assume(scene.role(), scene.session(root) if session else root)

    return play


def with_code(kind: str) -> Callable[[Scene], Any]:
    """Assume a role that requires MFA, with a code of that kind."""

    def play(scene: Scene) -> Any:
        given = scene.mfa()
        if kind == "used":
            scene.login(given["TokenCode"])
        elif kind == "wrong":
            given["TokenCode"] = scene.wrong_code()
        elif kind == "of bob":
            given["SerialNumber"] = scene.bob.enable_virtual_mfa().serial_number
        elif kind == "missing":
            del given["TokenCode"]
        condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        role = scene.role(trust=[trusting(ALICE, Condition=condition)])
        scene.assume(role, **({} if kind == "none" else given))
        return "answered"

    return play


def required_mfa(*, code: bool) -> Callable[[Scene], str]:
    """Assume a role as a user of ``mfakit simulate --require-mfa``."""

    def play(scene: Scene) -> str:
        given = scene.mfa() if code else {}
        put = {"PolicyName": "simulated", "PolicyDocument": json.dumps(REQUIRE_MFA_POLICY)}
        scene.iam.put_user_policy(UserName=scene.alice.name, **put)
        scene.assume(scene.role(), **given)
        return "answered"

    return play


def code_with_role(scene: Scene) -> None:
    scene.assume(scene.role("second"), scene.role_session(), **scene.mfa())


def role_with_path(scene: Scene) -> str:
    trust = document(trusting(f"arn:aws:iam::{ACCOUNT}:root"))
    made = scene.iam.create_role(RoleName="role", Path="/a/b/", AssumeRolePolicyDocument=trust)
    return str(scene.assume(made["Role"]["Arn"])["AssumedRoleUser"]["Arn"])


def role_without_its_path(scene: Scene) -> None:
    scene.alice  # noqa: B018 - is created by being asked for
    role_with_path(scene)
    scene.assume(ROLE)


def source_identity(**asked: Any) -> Callable[[Scene], list[str]]:
    """Return the source identity of a session, and of another one made with it."""

    def play(scene: Scene) -> list[str]:
        actions = {"Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
        trust = [trusting(f"arn:aws:iam::{ACCOUNT}:root", **actions)]
        first = scene.assume(scene.role("first", trust=trust), SourceIdentity="alice")
        second = scene.assume(scene.role("second", trust=trust), keys_of(first), **asked)
        return [first["SourceIdentity"], second["SourceIdentity"]]

    return play


def external_id(given: str | None) -> Callable[[Scene], str]:
    """Assume a role that asks for an external id."""
    asked = {} if given is None else {"ExternalId": given}
    condition = {"StringEquals": {"sts:ExternalId": "unique"}}
    return trusted(trusting(ALICE, Condition=condition), **asked)


ANYONE = trusting(f"arn:aws:iam::{ACCOUNT}:root")
DENIED = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}

RULES = [
    Rule("the usual duration", lasts(43200), 3600),
    Rule("the shortest duration", lasts(DurationSeconds=900), 900),
    Rule("a duration with a plus", lasts(DurationSeconds="+900"), 900),
    Rule(
        "a duration that is no number of 32 bits",
        assumes(DurationSeconds="2147483648"),
        (400, "MalformedInput", "DurationSeconds is not a number"),
    ),
    Rule("the role's longest duration", lasts(7200, DurationSeconds=7200), 7200),
    Rule("the longest duration of any role", lasts(43200, DurationSeconds=43200), 43200),
    Rule("longer than the role has it", assumes(7200, DurationSeconds=7201), TOO_LONG),
    Rule("twelve hours of a role that has one", assumes(DurationSeconds=43200), TOO_LONG),
    Rule(
        "too short for any role",
        assumes(DurationSeconds=899),
        validation_error(("899", "durationSeconds", at_least(900))),
    ),
    Rule(
        "too long for any role",
        assumes(43200, DurationSeconds=43201),
        validation_error(("43201", "durationSeconds", at_most(43200))),
    ),
    *(
        Rule(
            f"more than an hour with a {kind.replace('_', ' ')}",
            assumes(43200, kind, DurationSeconds=3601),
            TOO_LONG_CHAINED,
        )
        for kind in ("session", "mfa_session")
    ),
    Rule("more than an hour by chaining", chained(DurationSeconds=3601), TOO_LONG_CHAINED),
    Rule("an hour with a session", lasts(43200, "mfa_session", DurationSeconds=3600), 3600),
    Rule(
        "the root user",
        as_root(session=False),
        (403, "AccessDenied", "Roles may not be assumed by root accounts."),
    ),
    Rule(
        "a session of the root user",
        as_root(session=True),
        (403, "AccessDenied", "Roles may not be assumed by root accounts."),
    ),
    Rule("a role that is not there", lambda s: s.assume(ROLE), refused(ALICE)),
    Rule(
        "a role of another account",
        lambda s: s.assume("arn:aws:iam::999999999999:role/role"),
        refused(ALICE, role="arn:aws:iam::999999999999:role/role"),
    ),
    Rule("a role without its path", role_without_its_path, refused(ALICE)),
    Rule("a trust policy that names another", trusted(trusting(ALICE + "x")), refused(ALICE)),
    Rule("the caller is trusted", trusted(trusting(ALICE), own=()), "answered"),
    Rule("the caller is trusted by id", trusted_by_id, "answered"),
    Rule("the account is trusted", trusted(ANYONE), "answered"),
    Rule("the account is trusted by number", trusted(trusting(ACCOUNT)), "answered"),
    Rule(
        "the account is trusted, but not by itself",
        trusted(ANYONE, own=(NO_ASSUMING,)),
        refused(ALICE),
    ),
    Rule(
        "trusted, but denied by a policy of the caller",
        trusted(trusting(ALICE), own=(ALLOW_ALL, DENIED)),
        refused(ALICE),
    ),
    Rule(
        "trusted, and denied by the trust policy",
        trusted(ANYONE, ANYONE | {"Effect": "Deny"}),
        refused(ALICE),
    ),
    Rule("a role is trusted", trusts_a_role(f"arn:aws:iam::{ACCOUNT}:role/first"), "answered"),
    Rule(
        "a role's session is trusted",
        trusts_a_role(f"arn:aws:sts::{ACCOUNT}:assumed-role/first/work"),
        "answered",
    ),
    Rule(
        "another session of that role is trusted",
        trusts_a_role(f"arn:aws:sts::{ACCOUNT}:assumed-role/first/other"),
        refused(f"arn:aws:sts::{ACCOUNT}:assumed-role/first/work"),
    ),
    Rule("no code where the trust policy asks for one", with_code("none"), refused(ALICE)),
    Rule("a code where the trust policy asks for one", with_code("fresh"), "answered"),
    Rule("no code where MFA is required of the caller", required_mfa(code=False), refused(ALICE)),
    Rule("a code where MFA is required of the caller", required_mfa(code=True), "answered"),
    Rule("a wrong code", with_code("wrong"), INVALID_CODE),
    Rule("a code that was used for a session", with_code("used"), INVALID_CODE),
    Rule("a code for a device of another user", with_code("of bob"), UNABLE_TO_VALIDATE),
    Rule("a code that is missing", with_code("missing"), ONE_MISSING),
    Rule("a code with a role's session", code_with_role, UNABLE_TO_VALIDATE),
    Rule("the external id", external_id("unique"), "answered"),
    Rule("another external id", external_id("other"), refused(ALICE)),
    Rule("no external id", external_id(None), refused(ALICE)),
    Rule(
        "an external id with a space",
        assumes(ExternalId="a b"),
        validation_error(("a b", "externalId", like(r"[\w+=,.@:\/-]*"))),
    ),
    Rule(
        "a session name of one letter",
        assumes(RoleSessionName="x"),
        validation_error(("x", "roleSessionName", no_shorter(2))),
    ),
    Rule(
        "a session name that is too long",
        assumes(RoleSessionName="x" * 65),
        validation_error(("x" * 65, "roleSessionName", no_longer(64))),
    ),
    Rule(
        "a session name with a slash",
        assumes(RoleSessionName="a/b"),
        validation_error(("a/b", "roleSessionName", like(NAME))),
    ),
    Rule(
        "no session name",
        lambda s: s.sts.assume_role(RoleArn=s.role()),
        (
            400,
            "ValidationError",
            "1 validation error detected: Value null at 'roleSessionName' failed to satisfy"
            " constraint: Member must not be null",
        ),
    ),
    Rule(
        "the name of a role for its ARN",
        lambda s: s.assume("a-role-with-a-long-name"),
        (400, "ValidationError", "a-role-with-a-long-name is invalid"),
    ),
    Rule(
        "the ARN of a user",
        lambda s: s.assume(ALICE),
        (400, "ValidationError", "Request ARN is invalid"),
    ),
    *(
        Rule(
            f"what is no ARN: {arn}",
            assumes_arn(arn),
            (400, "ValidationError", f"{arn} is invalid"),
        )
        for arn in (
            "arn::sts::1:role/no-partition",
            "arn:aws:::role/no-service",
            "arn:aws:sts:role/too-short",
            "arn:aws:sts::no-resource:",
        )
    ),
    Rule("a source identity", source_identity(), ["alice", "alice"]),
    Rule("the same source identity", source_identity(SourceIdentity="alice"), ["alice", "alice"]),
    Rule(
        "another source identity",
        source_identity(SourceIdentity="bob"),
        (
            400,
            "ValidationError",
            "The source identity is already set for this assume role session",
        ),
    ),
    Rule(
        "a source identity that is not allowed",
        trusted(trusting(ALICE), SourceIdentity="me"),
        refused(ALICE, "sts:SetSourceIdentity"),
    ),
    Rule(
        "a source identity with a space",
        assumes(SourceIdentity="a b"),
        validation_error(("a b", "sourceIdentity", like(NAME))),
    ),
]
