"""What `policy check` finds: whether nobody gets in without MFA, and if not, who does, and how."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.account import FRESH, LONG_TERM, OLD, WITHOUT, Account
from tests.policy.aws_examples import (
    AGE,
    ALLOWED,
    DENIED,
    EXAMPLES,
    HOLES_2018,
    LONG_TERM_KEY,
    MANAGE_OWN,
    MANAGE_OWN_2018,
    NOT_ALLOWED,
    PRESENT,
    TRAP,
    WITH_MFA,
    WITH_OLD_MFA,
    WITHOUT_MFA,
    Example,
    statement,
)

from mfakit.policy import Context, Principal, evaluate, parse
from mfakit.policy.callers import (
    ANONYMOUS,
    AWS_SERVICE,
    CALLED_BY_SERVICE,
    FEDERATION,
    ROLE_SESSION,
)
from mfakit.policy.document import MalformedPolicyError, kind_of
from mfakit.policy.holes import Scope
from mfakit.policy.making import bucket, max_age, require_mfa, role_trust
from mfakit.policy.review import (
    ALONE,
    EXEMPT,
    GETS_IN,
    GUARD,
    KEPT_OUT,
    NONE,
    SOME,
    Review,
    review,
)

ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = ALICE.replace("alice", "bob")
MFA, NO_MFA = {"Bool": {PRESENT: "true"}}, {"BoolIfExists": {PRESENT: "false"}}
ALLOW_ALL = statement("Allow", "*")
GUARD_ALL = statement("Deny", "*", **NO_MFA) | {"Sid": "Guard"}
KEYS: dict[str, dict[str, str]] = {
    LONG_TERM_KEY: {},
    WITHOUT_MFA: {PRESENT.lower(): "false"},
    WITH_MFA: {PRESENT.lower(): "true", AGE.lower(): "1"},
    WITH_OLD_MFA: {PRESENT.lower(): "true", AGE.lower(): "129600"},
}


def reviewed(statements: Any, *actions: str, exempt: tuple[str, ...] = (), **asked: Any) -> Review:
    document = {"Version": "2012-10-17", "Statement": statements}
    kind = kind_of(document, "p")
    scope = Scope(kind, actions, exempt=(*EXEMPT, *exempt), **asked)
    return review(parse(document, "p", kind), scope)


def holes(found: Review, claim: str = ALONE) -> set[str]:
    return {action for f in found.findings if f.claim == claim for action in f.actions}


def outcomes(example: Example, kinds: list[str]) -> dict[str, str]:
    """Evaluate one call for users with each kind of credentials."""
    document = {"Version": "2012-10-17", "Statement": example.statements}
    statements = parse(document, "p", kind_of(document, "p"))
    known = {"aws:username": "alice", "aws:viaawsservice": "false", "aws:principalarn": ALICE}
    principal = Principal("123456789012", ALICE)
    found = {}
    for kind in kinds:
        keys, resource = {**known, **KEYS[kind]}, example.resource or "arn:aws:s3:::b/k"
        if example.resource is None and "Principal" in example.statements[0]:
            resource = "arn:aws:s3:::amzn-s3-demo-bucket/taxdocuments/x"
        decision = evaluate(statements, Context(example.action, resource, keys, principal))
        denied = DENIED if decision.explicit_deny else NOT_ALLOWED
        found[kind] = ALLOWED if decision.allowed else denied
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_examples_of_aws_have_the_outcomes_that_aws_documents(example: Example) -> None:
    kinds = [kind for kind in example.outcomes if kind in KEYS]
    assert outcomes(example, kinds) == {kind: example.outcomes[kind] for kind in kinds}
    resources = (example.resource,) if example.resource else ()
    found = reviewed(example.statements, example.action, resources=resources)
    assert found.requires_mfa is example.requires_mfa


def test_the_self_management_policy_of_aws_requires_mfa_and_that_of_2018_has_small_holes() -> None:
    found = reviewed(MANAGE_OWN)
    assert (found.requires_mfa, found.claims) == (True, (ALONE, GUARD))
    old = reviewed(MANAGE_OWN_2018)
    assert holes(old, GUARD) == HOLES_2018
    assert holes(old) == HOLES_2018 - {
        "iam:ListSSHPublicKeys",
        "iam:ListServiceSpecificCredentials",
    }


CONDITIONS = [
    *product(["Bool", "BoolIfExists", "Null"], [PRESENT], ["true", "false"]),
    *product(["Null"], [AGE], ["true", "false"]),
    *product(
        ["NumericLessThan", "NumericLessThanIfExists", "NumericGreaterThanEquals",
         "NumericGreaterThanEqualsIfExists", "NumericNotEquals"], [AGE], ["3600"]
    ),
]  # fmt: skip


def test_check_predicts_the_outcome_of_real_calls_at_the_simulator(account: Account) -> None:
    people = {**dict(account.kinds()), FRESH: account.with_mfa()}
    del people[OLD]
    for effect, (operator, key, value) in product(["Allow", "Deny"], CONDITIONS):
        statements = [statement(effect, "s3:GetObject", **{operator: {key: value}})]
        if effect == "Deny":
            statements.append(statement("Allow", "s3:*"))
        account.give_alice({"Version": "2012-10-17", "Statement": statements}, other=False)
        found = reviewed(statements, "s3:GetObject", whole=True).outcomes
        happens = {kind: person.reads() for kind, person in people.items()}
        assert happens == {
            LONG_TERM: found[LONG_TERM_KEY] == GETS_IN,
            WITHOUT: found[WITHOUT_MFA] == GETS_IN,
            FRESH: found[WITH_MFA] == SOME,
        }


@pytest.mark.parametrize(
    ("draft", "actions", "exempt"),
    [
        (require_mfa(), (), ()),
        (require_mfa(max_age=3600), (), ()),
        (require_mfa(allow_service_calls=True, max_age=3600), (), ()),
        (require_mfa(exempt_actions=("iam:ChangePassword",)), (), ("iam:ChangePassword",)),
        (max_age(3600, ("ec2:Stop*",)), ("ec2:Stop*",), ()),
        (role_trust((ALICE,)), (), ()),
        (role_trust(("123456789012",), max_age=3600), (), ()),
        (bucket("my-bucket"), (), ()),
        (bucket("my-bucket", (ALICE, BOB)), (), ()),
        (bucket("my-bucket", (ALICE,), max_age=60, exempt_actions=("s3:GetObject",)), (),
         ("s3:GetObject",)),
    ],
)  # fmt: skip
def test_check_accepts_the_policies_that_mfakit_makes(
    draft: Any, actions: Any, exempt: Any
) -> None:
    found = reviewed(draft.document["Statement"], *actions, exempt=exempt)
    assert found.requires_mfa
    assert found.outcomes[WITH_MFA] == SOME


BUCKETS = [["arn:aws:s3:::a", "arn:aws:s3:::a/*"], ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]]
ESCAPES = {
    "a Deny with NotResource": [
        ALLOW_ALL,
        {"Effect": "Deny", "Action": "*", "NotResource": BUCKETS[0], "Condition": NO_MFA},
    ],
    "one service with MFA beside one without": [
        statement("Allow", "ec2:*", **MFA),
        statement("Allow", "s3:*"),
    ],
    "a Deny for S3 alone": [ALLOW_ALL, statement("Deny", "s3:*", **NO_MFA)],
    "a Deny with NotAction": [
        ALLOW_ALL,
        {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": NO_MFA},
    ],
    "one bucket guarded and one not": [
        statement("Allow", "s3:*", [*BUCKETS[0], *BUCKETS[1]]),
        statement("Deny", "s3:*", BUCKETS[0], **NO_MFA),
    ],
    "a Deny narrowed to some ARNs": [ALLOW_ALL, statement("Deny", "*", "arn:aws:*", **NO_MFA)],
    "a plain Bool": [ALLOW_ALL, statement("Deny", "*", Bool={PRESENT: "false"})],
    "the trap of the AWS CLI": TRAP,
    "a Deny without the service of the Allow": [
        statement("Allow", "s3:Get*"), statement("Deny", "s3:GetObject", **NO_MFA),
    ],
    "a Deny of other actions by a question mark": [
        statement("Allow", "s3:Get*"), statement("Deny", "s3:Get?*", **NO_MFA),
    ],
    "a user who is spared": [
        ALLOW_ALL,
        statement("Deny", "*", **NO_MFA, StringNotEquals={"aws:username": "bob"}),
    ],
    "users who are spared by how they are called": [
        ALLOW_ALL,
        statement("Deny", "*", **NO_MFA, StringNotLike={"aws:username": "ci-*"}),
    ],
    "users who are spared by their path": [
        ALLOW_ALL,
        statement("Deny", "*", **NO_MFA,
                  ArnNotLike={"aws:PrincipalArn": "arn:aws:iam::*:user/service/*"}),
    ],
    "GetFederationToken, whose sessions have no name": [
        ALLOW_ALL,
        statement("Deny", "*", **NO_MFA, StringLike={"aws:username": "*"}),
    ],
    "an address": [
        ALLOW_ALL,
        statement("Deny", "*", **NO_MFA, NotIpAddress={"aws:SourceIp": "10.0.0.0/8"}),
    ],
    "a tag in a variable": [
        ALLOW_ALL,
        {"Effect": "Deny", "Action": "*", "Condition": NO_MFA,
         "NotResource": "arn:aws:s3:::${aws:PrincipalTag/team}/*"},
    ],
    "a key that is spelled twice": [
        ALLOW_ALL,
        statement("Deny", "*", BoolIfExists={PRESENT: "false", PRESENT.upper(): "false"}),
    ],
    "an operator that is none": [ALLOW_ALL, statement("Deny", "*", BoolIfThere={PRESENT: "false"})],
    "a value that is no number": [
        ALLOW_ALL,
        statement("Deny", "*", NumericLessThanIfExists={AGE: "NaN"}),
    ],
    "a condition without values": [
        ALLOW_ALL, statement("Deny", "*", StringNotEquals={PRESENT: []}),
    ],
    "a variable in a value": [
        statement("Allow", "*", StringEquals={PRESENT: "${aws:SecureTransport}"})
    ],
    "ForAnyValue and IfExists, of which nothing is documented": [
        ALLOW_ALL, statement("Deny", "*", **{"ForAnyValue:BoolIfExists": {PRESENT: "false"}}),
    ],
    "an ARN that is too short": [
        statement("Allow", "s3:*", "arn:aws:s3:::a/*"),
        statement("Deny", "s3:*", "arn:aws:s3", **NO_MFA),
    ],
    "an Allow of an ARN that is too short": [
        statement("Allow", "s3:*", "arn:aws:s3:*/*"),
        statement("Deny", "s3:*", "arn:aws:s3:*/*:*:*", **NO_MFA),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
def test_check_finds_the_hole_through_which_a_long_term_key_gets_in(name: str) -> None:
    found = reviewed(ESCAPES[name])
    assert not found.requires_mfa
    assert all(finding.mend and finding.callers and finding.actions for finding in found.findings)


SOUND = {
    "a guard": [ALLOW_ALL, GUARD_ALL],
    "a guard by two Denies": [
        ALLOW_ALL,
        {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": NO_MFA},
        statement("Deny", ["iam:*", "sts:*"], **NO_MFA),
    ],
    "a guard by NotResource and its contrary": [
        ALLOW_ALL,
        {"Effect": "Deny", "Action": "*", "NotResource": BUCKETS[0], "Condition": NO_MFA},
        statement("Deny", "*", BUCKETS[0], **NO_MFA),
    ],
    "what is listed twice in other capitals": [
        ALLOW_ALL,
        {"Effect": "Deny", "NotAction": "S3:*", "Resource": "*", "Condition": NO_MFA},
        statement("Deny", "s3:*", **NO_MFA),
    ],
    "a guard for users and one for all others": [
        ALLOW_ALL,
        statement("Deny", "*", **NO_MFA, StringLike={"aws:username": "ci-*"}),
        statement("Deny", "*", **NO_MFA, StringNotLike={"aws:username": "ci-*"}),
    ],
    "one's own alone": [
        statement("Allow", "iam:*", "arn:aws:iam::*:user/${aws:username}"),
        statement("Deny", "iam:*", "arn:aws:iam::*:user/${aws:username}", **NO_MFA),
    ],
    "what services do": [
        ALLOW_ALL,
        statement("Deny", "*", BoolIfExists={PRESENT: "false", "aws:ViaAWSService": "false"}),
        statement("Allow", "*", ArnLike={"aws:SourceArn": "arn:aws:s3:::a"}),
    ],
}


@pytest.mark.parametrize("name", SOUND)
def test_check_accepts_policies_that_require_mfa(name: str) -> None:
    found = reviewed(SOUND[name], whole=name == "one's own alone")
    assert found.findings == ()


def test_a_guard_must_hold_beside_other_policies_unless_they_are_all() -> None:
    statements = [statement("Allow", "s3:*"), statement("Deny", "s3:*", **NO_MFA)]
    found = reviewed(statements)
    assert (found.claims, found.fallen) == ((ALONE, GUARD), (GUARD,))
    assert found.findings[0].statement is None
    assert reviewed(statements, whole=True).requires_mfa
    assert reviewed(statements, "s3:*").requires_mfa
    assert reviewed([statement("Deny", "s3:*", **NO_MFA)]).claims == (GUARD,)
    assert reviewed([statement("Deny", "s3:*")], whole=True).requires_mfa
    assert reviewed([statement("Allow", "s3:*", **MFA)]).claims == (ALONE,)


def test_several_policies_are_judged_together_and_a_hole_names_its_policy() -> None:
    policies = [
        parse({"Version": "2012-10-17", "Statement": one}, name)
        for name, one in (("a.json", [ALLOW_ALL]), ("b.json", [GUARD_ALL]))
    ]
    scope = Scope(kind_of({"Statement": ALLOW_ALL}, "p"), exempt=EXEMPT)
    assert review(policies[0] + policies[1], scope).requires_mfa
    (finding,) = review(policies[0], scope).findings
    assert finding.statement == "statement 1"
    both = [*policies[0], *parse({"Statement": statement("Deny", "s3:*", **NO_MFA)}, "b.json")]
    assert review(tuple(both), scope).findings[0].statement == "statement 1 of a.json"


def test_only_the_actions_and_resources_asked_about_are_judged() -> None:
    statements = [ALLOW_ALL, statement("Deny", ["s3:*", "ec2:Run*"], BUCKETS[0], **NO_MFA)]
    upon = {"resources": ("arn:aws:s3:::a/x*",)}
    assert reviewed(statements, "s3:Get*", "ec2:RunInstances", **upon).requires_mfa
    assert not reviewed(statements, "s3:Get*", "ec2:*", **upon).requires_mfa
    assert not reviewed(statements, "s3:Get*").requires_mfa


def test_exempt_actions_are_no_holes_and_none_of_them_helps_a_thief() -> None:
    assert reviewed([statement("Allow", list(EXEMPT))]).requires_mfa
    for action in ("iam:DeactivateMFADevice", "iam:CreateAccessKey", "iam:ChangePassword",
                   "sts:AssumeRole", "sts:GetFederationToken"):  # fmt: skip
        assert not reviewed([statement("Allow", action)]).requires_mfa
    assert reviewed([statement("Allow", "s3:List*")], exempt=("s3:List*",)).requires_mfa
    asked = reviewed([ALLOW_ALL], "iam:GetUser")
    assert (asked.requires_mfa, asked.notes[-1]) == (
        True, "all that was asked about is exempt: nothing was judged",
    )  # fmt: skip


def of_role(principal: Any, **condition: Any) -> dict[str, Any]:
    said = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return said | ({"Condition": condition} if condition else {})


def test_a_trust_policy_counts_users_and_accounts_and_only_reports_roles_and_services() -> None:
    assert not reviewed([of_role({"AWS": "123456789012"})]).requires_mfa
    assert not reviewed([of_role("*")]).requires_mfa
    assert not reviewed([of_role({"AWS": ALICE}, **MFA), of_role({"AWS": BOB})]).requires_mfa
    assert reviewed([of_role({"AWS": [ALICE, "123456789012"]}, **MFA)]).requires_mfa
    role = ALICE.replace("user/alice", "role/app")
    service = {"Service": "ec2.amazonaws.com", "Federated": "cognito-identity.amazonaws.com"}
    found = reviewed([of_role(service | {"AWS": role})])
    assert found.requires_mfa
    assert found.outcomes[ROLE_SESSION] == found.outcomes[AWS_SERVICE] == SOME
    assert role in found.notes[0]
    spared = [of_role("*"), of_role({"AWS": [ALICE, "123456789012"]}, **NO_MFA)]
    spared[1] |= {"Effect": "Deny"}
    del spared[1]["Principal"]
    spared[1] |= {"NotPrincipal": {"AWS": [ALICE, "arn:aws:iam::123456789012:root"]}}
    assert not reviewed(spared).requires_mfa


@pytest.mark.parametrize(
    "name", ["foo:user/x", "foo:role/x", "arn:aws:iam::1:user/x", "arn:aws:iam::1:role/r"]
)
def test_impossible_names_of_principals_are_accepted(name: str) -> None:
    assert reviewed([of_role({"AWS": name}, **MFA)]).requires_mfa


def on(effect: str, principal: Any, **condition: Any) -> dict[str, Any]:
    return statement(effect, "s3:*", BUCKETS[0], **condition) | {"Principal": principal}


def test_the_policy_of_a_bucket_is_judged_for_the_calls_and_callers_that_it_names() -> None:
    """Anonymous callers and the GetFederationToken sessions of named users are among them."""
    assert reviewed([on("Deny", "*", **NO_MFA)]).requires_mfa
    public = reviewed([on("Allow", "*", StringEquals={"aws:SourceVpc": "x"})])
    assert public.outcomes[ANONYMOUS] == GETS_IN
    of_alice = reviewed([on("Deny", {"AWS": ALICE}, **NO_MFA)])
    assert (of_alice.outcomes[LONG_TERM_KEY], of_alice.outcomes[FEDERATION]) == (KEPT_OUT, GETS_IN)
    made = reviewed(bucket("my-bucket", (ALICE,)).document["Statement"])
    assert made.notes == (f"the Denies are about {ALICE} alone: other users are not kept out",)
    assert not reviewed([on("Deny", {"AWS": ALICE.replace("user", "role")}, **NO_MFA)]).requires_mfa
    assert not reviewed([on("Allow", "*"), on("Deny", {"AWS": ALICE}, **NO_MFA)]).requires_mfa


def test_the_default_policy_of_a_kms_key_lets_users_of_the_account_in() -> None:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    found = reviewed([statement("Allow", "kms:*") | {"Principal": root}])
    assert found.findings[0].callers[0].startswith(LONG_TERM_KEY)
    assert "need an identity policy that allows it" in found.notes[0]


@pytest.mark.parametrize("users", [(), (ALICE,)])
def test_a_made_bucket_policy_spares_roles_and_services(users: tuple[str, ...]) -> None:
    found = reviewed(bucket("my-bucket", users, max_age=3600).document["Statement"])
    assert found.outcomes[ROLE_SESSION] == found.outcomes[AWS_SERVICE] == SOME
    strict = reviewed([on("Deny", "*", **NO_MFA)])
    assert strict.outcomes[ROLE_SESSION] == strict.outcomes[AWS_SERVICE] == NONE


@pytest.mark.parametrize(
    ("effect", "condition", "mended"),
    [
        ("Allow", {"NumericLessThanIfExists": {AGE: "60"}}, {"NumericLessThan": {AGE: "60"}}),
        ("Allow", {"Null": {PRESENT: "false"}}, {"Bool": {PRESENT: "true"}}),
        ("Allow", {"BoolIfExists": {PRESENT: "true"}}, {"Bool": {PRESENT: "true"}}),
        ("Deny", {"Bool": {PRESENT: "false"}}, {"BoolIfExists": {PRESENT: "false"}}),
        ("Deny", {"Null": {PRESENT: "true"}}, {"BoolIfExists": {PRESENT: "false"}}),
    ],
)
def test_the_operator_that_the_advice_names_mends_the_hole(
    effect: str, condition: Any, mended: Any
) -> None:
    weak, good = (reviewed([statement(effect, "*", **c)]) for c in (condition, mended))
    assert f" write {next(iter(mended))}" in weak.findings[0].mend
    assert good.requires_mfa


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ([ALLOW_ALL], "to statement 1 add the condition Bool aws:MultiFactorAuthPresent true"),
        (ESCAPES["a Deny with NotAction"], "out of the NotAction of statement 2"),
        (ESCAPES["a Deny with NotResource"], "out of the NotResource of statement 2"),
        (ESCAPES["a Deny for S3 alone"], "let the Deny of statement 2 name it too"),
        (ESCAPES["an address"], "in the Deny of statement 2 leave out NotIpAddress aws:SourceIp"),
        ([of_role({"AWS": ALICE})], "to statement 1 add the condition Bool"),
        ([on("Deny", {"AWS": ALICE}, **NO_MFA)], "* as Principal"),
        ([statement("Deny", "s3:*")], "`mfakit policy require-mfa`"),
        (max_age(60, ("ec2:*",)).document["Statement"], "ask with --action"),
    ],
)
def test_a_hole_comes_with_advice_that_is_not_to_make_the_same_policy_again(
    statements: Any, said: str
) -> None:
    assert said in reviewed(statements).findings[0].mend


def test_findings_spell_patterns_as_the_policy_does() -> None:
    (finding,) = reviewed(
        [statement("Allow", ["ecr:*", "s3:Get?bject"], "arn:aws:s3:::${aws:username}/*")]
    ).findings
    assert finding.actions == ("ecr:*", "s3:Get?bject")
    assert finding.resources == ("arn:aws:s3:::${aws:username}/*",)


def notes(*statements: Any, actions: tuple[str, ...] = ()) -> str:
    return "\n".join(reviewed(list(statements), *actions).notes)


def test_notes_name_what_a_policy_breaks_for_the_login() -> None:
    """That is never GetSessionToken, since no policy decides it."""
    assert "iam:ListMFADevices is denied without MFA" in notes(ALLOW_ALL, GUARD_ALL)
    assert "--serial-number" in notes(GUARD_ALL)
    assert "is denied without MFA" not in notes(*require_mfa().document["Statement"])
    assert "no policy decides sts:GetSessionToken" in notes(
        statement("Deny", "sts:GetSessionToken")
    )
    assert "no policy decides" in notes(GUARD_ALL, actions=("sts:GetSessionToken",))
    assert "no policy decides" not in notes(GUARD_ALL)


def test_a_note_says_that_roles_never_carry_mfa() -> None:
    assert "its trust policy is the place" in notes(statement("Allow", "*", **MFA))
    assert "trust policy" not in notes(ALLOW_ALL)


def test_reaching_other_users_devices_is_a_note_and_no_hole() -> None:
    enable = statement("Allow", "iam:EnableMFADevice")
    assert reviewed([enable]).requires_mfa
    assert "iam:EnableMFADevice without MFA reach other users' devices" in notes(enable)
    own = enable | {"Resource": "arn:aws:iam::*:user/${aws:username}"}
    assert "other users' devices" not in notes(own)
    assert "other users' devices" not in notes(*require_mfa().document["Statement"])


@pytest.mark.parametrize(("allowed", "expected"), [(True, SOME), (False, NONE)])
def test_a_row_shows_whether_services_may_call_for_a_user(allowed: bool, expected: str) -> None:
    statements = require_mfa(allow_service_calls=allowed).document["Statement"]
    assert reviewed([ALLOW_ALL, *statements]).outcomes[CALLED_BY_SERVICE] == expected


def test_a_call_that_takes_too_much_work_cannot_be_shown_to_be_denied() -> None:
    stars = "*".join("abcdefghijklmnopqrstuvwxyz")
    others = "*".join("zyxwvutsrqponmlkjihgfedcba")
    found = reviewed(
        [
            statement("Allow", f"s3:*{stars}*"),
            {"Effect": "Deny", "NotAction": f"s3:*{others}*", "Resource": "*", "Condition": NO_MFA},
        ],
        whole=True,
    )
    assert [finding.shown for finding in found.findings] == [False]
    assert "too long to decide" in found.findings[0].mend


def test_more_variables_than_can_be_told_apart_are_refused() -> None:
    """That is many times as many as fit into a policy that IAM takes."""
    several = [f"arn:aws:s3:::${{aws:PrincipalTag/t{n}}}" for n in range(3000)]
    with pytest.raises(MalformedPolicyError, match="policy variables"):
        reviewed([statement("Allow", "s3:*", several)])


@pytest.mark.parametrize("place", ["Version", "Id", "Sid", "Effect", "Action", "Resource",
                                   "Principal", "Condition"])  # fmt: skip
@pytest.mark.parametrize("depth", [100, 1000, 100_000])
def test_deep_nesting_is_refused_as_malformed(place: str, depth: int) -> None:
    said = {**statement("Allow", "*"), "Condition": {}}
    policy = {"Version": "2012-10-17", "Id": "x", "Statement": [said | {place: "HERE"}]}
    if place in ("Version", "Id"):
        policy = {"Statement": [said]} | {place: "HERE"}
    for begin, end in (("[", "]"), ('{"a":', "}")):
        text = json.dumps(policy).replace('"HERE"', begin * depth + "1" + end * depth)
        with pytest.raises(MalformedPolicyError):
            parse(text, "p", kind_of(text, "p"))


ACTIONS = ["*", "s3:*", "s3:Get*", "iam:List?sers", "x:Y"]
RESOURCES = ["*", "arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:iam::*:user/x"]
PRINCIPALS = [
    "*",
    {"AWS": "123456789012"},
    {"AWS": [ALICE, "arn:aws:iam::123456789012:role/r", "AIDAX", "AROAX", "garbage"]},
    {"Service": "s3.amazonaws.com"},
    {"Federated": "x"},
    {"CanonicalUser": "x"},
]
DRAWN = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Condition": st.dictionaries(
            st.sampled_from(["Bool", "BoolIfExists", "Null", "StringLike", "Nonsense", "ArnLike"]),
            st.dictionaries(
                st.sampled_from([PRESENT, AGE, "aws:SourceIp", "aws:username", "aws:PrincipalArn"]),
                st.sampled_from(["true", "false", "3600", "alice", "${x}", []]),
                min_size=1,
                max_size=2,
            ),
            max_size=2,
        ),
    }
)


def element(name: str, values: list[str]) -> Any:
    return st.builds(
        lambda chosen, texts: {chosen: texts},
        st.sampled_from([name, f"Not{name}"]),
        st.lists(st.sampled_from(values), min_size=1),
    )


@given(st.data(), st.sampled_from([(True, False), (True, True), (False, True)]))
def test_any_policy_gets_an_outcome_for_each_caller_and_a_hole_if_one_gets_in(
    data: st.DataObject, parts: tuple[bool, bool]
) -> None:
    with_resource, with_principal = parts
    elements = [DRAWN, element("Action", ACTIONS)]
    elements += [element("Resource", RESOURCES)] if with_resource else []
    principals = st.sampled_from(PRINCIPALS).map(lambda value: {"Principal": value})
    elements += [principals] if with_principal else []
    one = st.tuples(*elements).map(lambda parts: {k: v for part in parts for k, v in part.items()})
    found = reviewed(data.draw(st.lists(one, min_size=1, max_size=3)))
    counted = [kind for kind in (LONG_TERM_KEY, WITHOUT_MFA, FEDERATION, ANONYMOUS)
               if kind in found.outcomes]  # fmt: skip
    assert found.requires_mfa is all(found.outcomes[kind] == KEPT_OUT for kind in counted)


def table() -> list[list[str]]:
    """Return the rows of the table in the how-to."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "require-mfa.md"
    rows = re.findall(r"^\| (`(?:Allow|Deny)`, .*) \|$", page.read_text(), re.M)
    return [re.sub(r"[`*]", "", row).split(" | ") for row in rows]


@pytest.mark.parametrize("row", table(), ids=lambda row: row[0])
def test_the_table_of_the_how_to_is_true(row: list[str]) -> None:
    """Whether a call that passes a Deny is allowed is up to other policies."""
    effect, operator, value = row[0].split(", ")
    found = reviewed([statement(effect, "s3:*", **{operator: {PRESENT: value}})], "s3:*").outcomes
    words = {KEPT_OUT: "not allowed", GETS_IN: "allowed", SOME: "allowed", NONE: "not allowed"}
    if effect == "Deny":
        words = {KEPT_OUT: "denied", GETS_IN: "passes", SOME: "passes", NONE: "denied"}
    assert row[1:] == [words[found[kind]] for kind in (LONG_TERM_KEY, WITHOUT_MFA, WITH_MFA)]
