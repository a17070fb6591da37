"""What policies see of MFA: by real policies, on real calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tests.testing.rules.rule import Rule
from tests.testing.rules.scene import ALLOW_ALL, Scene, document, keys_of, trusting

if TYPE_CHECKING:
    from collections.abc import Callable

    Allowed = Callable[[dict[str, Any]], bool]

PRESENT = "aws:MultiFactorAuthPresent"
AGE = "aws:MultiFactorAuthAge"
AGED = 500


def of_user(kind: str) -> Callable[[Scene], Allowed]:
    """Judge by a policy of alice's, with her key or a session of that kind."""

    def prepare(scene: Scene) -> Allowed:
        held = getattr(scene, kind)
        credentials = held() if callable(held) else held
        scene.aws.clock.advance(seconds=AGED)
        s3 = scene.client(credentials, "s3")

        def allowed(condition: dict[str, Any]) -> bool:
            statement = ALLOW_ALL | {"Condition": condition}
            put = {"PolicyName": "simulated", "PolicyDocument": document(statement)}
            scene.iam.put_user_policy(UserName="alice", **put)
            return answered(s3.list_buckets)

        return allowed

    return prepare


def of_role(*, code: bool) -> Callable[[Scene], Allowed]:
    """Judge by a role's policy, in a session of the role that was got with a code or by MFA."""

    def prepare(scene: Scene) -> Allowed:
        role = scene.role()
        session = None if code else scene.mfa_session()
        got = scene.assume(role, session, **(scene.mfa() if code else {}))
        s3 = scene.client(keys_of(got), "s3")

        def allowed(condition: dict[str, Any]) -> bool:
            statement = ALLOW_ALL | {"Condition": condition}
            put = {"PolicyName": "p", "PolicyDocument": document(statement)}
            scene.iam.put_role_policy(RoleName="role", **put)
            return answered(s3.list_buckets)

        return allowed

    return prepare


def of_trust(kind: str, *, code: bool = False) -> Callable[[Scene], Allowed]:
    """Judge by a trust policy, of a role that is assumed with those credentials."""

    def prepare(scene: Scene) -> Allowed:
        role = scene.role()
        held = getattr(scene, kind)
        credentials = held() if callable(held) else held
        scene.aws.clock.advance(seconds=AGED)

        def allowed(condition: dict[str, Any]) -> bool:
            trust = document(trusting(scene.alice.arn, Condition=condition))
            scene.iam.update_assume_role_policy(RoleName="role", PolicyDocument=trust)
            given = scene.mfa() if code else {}
            return answered(lambda: scene.assume(role, credentials, **given))

        return allowed

    return prepare


def answered(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        if "not authorized to perform" not in str(error):
            raise
        return False
    return True


def values(prepare: Callable[[Scene], Allowed]) -> Callable[[Scene], tuple[str, str]]:
    """Return both condition keys, as derived from what their conditions allow."""

    def play(scene: Scene) -> tuple[str, str]:
        allowed = prepare(scene)
        told = [value for value in ("true", "false") if allowed({"Bool": {PRESENT: value}})]
        assert len(told) == (0 if allowed({"Null": {PRESENT: "true"}}) else 1)
        if allowed({"Null": {AGE: "true"}}):
            return "".join(told) or "absent", "absent"
        recent = {
            "NumericGreaterThanEquals": {AGE: str(AGED)},
            "NumericLessThan": {AGE: str(AGED + 100)},
        }
        return "".join(told), "seconds" if allowed(recent) else "another"

    return play


def operators(kind: str) -> Callable[[Scene], list[str]]:
    """Return which operators match, with the key absent or present."""

    def play(scene: Scene) -> list[str]:
        allowed = of_user(kind)(scene)
        conditions = {
            "Bool true": {"Bool": {PRESENT: "true"}},
            "Bool false": {"Bool": {PRESENT: "false"}},
            "BoolIfExists true": {"BoolIfExists": {PRESENT: "true"}},
            "BoolIfExists false": {"BoolIfExists": {PRESENT: "false"}},
            "Null true": {"Null": {PRESENT: "true"}},
            "Null false": {"Null": {PRESENT: "false"}},
        }
        return [name for name, condition in conditions.items() if allowed(condition)]

    return play


def denying(operator: str) -> Callable[[Scene], list[str]]:
    """Return which callers pass a policy that denies calls without MFA."""

    def play(scene: Scene) -> list[str]:
        deny = ALLOW_ALL | {"Effect": "Deny", "Condition": {operator: {PRESENT: "false"}}}
        policy = document(ALLOW_ALL, deny)
        kinds = {
            "long-term key": scene.alice,
            "without MFA": scene.session(),
            "with MFA": scene.mfa_session(),
        }
        scene.iam.put_user_policy(UserName="alice", PolicyName="simulated", PolicyDocument=policy)
        return [
            name
            for name, credentials in kinds.items()
            if answered(scene.client(credentials, "s3").list_buckets)
        ]

    return play


RULES = [
    Rule("a long-term key", values(of_user("alice")), ("absent", "absent")),
    Rule("a session without MFA", values(of_user("session")), ("false", "absent")),
    Rule("a session with MFA", values(of_user("mfa_session")), ("true", "seconds")),
    Rule(
        "a trust policy, and AssumeRole with a code",
        values(of_trust("alice", code=True)),
        ("true", "absent"),
    ),
    Rule(
        "a trust policy, and AssumeRole without a code",
        values(of_trust("alice")),
        ("absent", "absent"),
    ),
    Rule(
        "a trust policy, and AssumeRole from a session without MFA",
        values(of_trust("session")),
        ("false", "absent"),
    ),
    Rule(
        "a trust policy, and AssumeRole from a session with MFA",
        values(of_trust("mfa_session")),
        ("true", "seconds"),
    ),
    Rule("a role's session, by a code", values(of_role(code=True)), ("false", "absent")),
    Rule("a role's session, by MFA", values(of_role(code=False)), ("false", "absent")),
    Rule(
        "the operators with a key that is absent",
        operators("alice"),
        ["BoolIfExists true", "BoolIfExists false", "Null true"],
    ),
    Rule(
        "the operators with a key that is true",
        operators("mfa_session"),
        ["Bool true", "BoolIfExists true", "Null false"],
    ),
    Rule(
        "the operators with a key that is false",
        operators("session"),
        ["Bool false", "BoolIfExists false", "Null false"],
    ),
    Rule("Deny with Bool lets keys through", denying("Bool"), ["long-term key", "with MFA"]),
    Rule("Deny with BoolIfExists stops them", denying("BoolIfExists"), ["with MFA"]),
]
