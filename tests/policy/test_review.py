"""What a policy is found to say to each kind of credentials."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.account import FRESH, LONG_TERM, OLD, WITHOUT, Account
from tests.policy.aws_examples import AGE, EXAMPLES, PRESENT, Example, statement

from mfakit.policy import parse
from mfakit.policy.callers import (
    AWS_SERVICE,
    FEDERATED,
    LONG_TERM_KEY,
    ROLE_SESSION,
    WITH_MFA,
    WITH_OLD_MFA,
    WITHOUT_MFA,
)
from mfakit.policy.document import kind_of
from mfakit.policy.making import bucket, max_age, require_mfa, role_trust
from mfakit.policy.review import ALLOWED, DENIED, NOT_ALLOWED, Review, review

ALICE = "arn:aws:iam::123456789012:user/alice"
KINDS = {LONG_TERM: LONG_TERM_KEY, WITHOUT: WITHOUT_MFA, FRESH: WITH_MFA, OLD: WITH_OLD_MFA}


def reviewed(statements: Any, action: str | None = None, resource: str | None = None) -> Review:
    document = {"Version": "2012-10-17", "Statement": statements}
    kind = kind_of(document, "p")
    return review(parse(document, "p", kind), kind, action, resource)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_examples_of_aws_come_out_as_aws_says(example: Example) -> None:
    """Those that it recommends, and those that it warns of."""
    found = reviewed(example.statements, example.action, example.resource)
    assert {kind: found.outcome(kind) for kind in example.outcomes} == example.outcomes
    assert found.requires_mfa is example.requires_mfa
    assert bool(found.hint) is not example.requires_mfa


CONDITIONS = [
    *product(["Bool", "BoolIfExists", "Null"], [PRESENT], ["true", "false"]),
    *product(["Null"], [AGE], ["true", "false"]),
    *product(
        ["NumericLessThan", "NumericLessThanIfExists", "NumericGreaterThanEquals",
         "NumericGreaterThanEqualsIfExists", "NumericNotEquals"], [AGE], ["3600"]
    ),
]  # fmt: skip


def test_what_is_found_is_what_happens(account: Account) -> None:
    """To real calls at the simulator, with each operator that is used for MFA."""
    people = {**dict(account.kinds()), FRESH: account.with_mfa()}
    for effect, (operator, key, value) in product(["Allow", "Deny"], CONDITIONS):
        statements = [statement(effect, "s3:GetObject", **{operator: {key: value}})]
        if effect == "Deny":
            statements.append(statement("Allow", "s3:*"))
        document = {"Version": "2012-10-17", "Statement": statements}
        account.give_alice(document, other=False)
        found = reviewed(statements, "s3:GetObject", "arn:aws:s3:::my-bucket/key")
        happens = {kind: person.reads() for kind, person in people.items()}
        assert happens == {k: found.outcome(name) == ALLOWED for k, name in KINDS.items()}


@pytest.mark.parametrize(
    "draft",
    [
        require_mfa(),
        require_mfa(max_age=3600),
        max_age(3600, ("ec2:Stop*",)),
        role_trust((ALICE,)),
        role_trust(("123456789012",), max_age=3600),
        bucket("my-bucket"),
        bucket("my-bucket", (ALICE,), max_age=3600, exempt_actions=("s3:GetObject",)),
    ],
)
def test_what_is_made_requires_mfa(draft: Any) -> None:
    """Whatever it is asked about by default."""
    assert review(parse(draft.document, "p", draft.kind), draft.kind).requires_mfa


def test_the_reason_is_the_condition_that_decided() -> None:
    """Of an Allow that matches an absent key, and of a Deny that does not."""
    lenient = reviewed([statement("Allow", "s3:*", BoolIfExists={PRESENT: "true"})])
    assert lenient.findings[0].reasons == (f"by BoolIfExists {PRESENT} true, and it is absent",)
    assert lenient.hint.startswith("in the Allow of statement 1 write Bool,")
    blind = reviewed(
        [
            statement("Allow", "s3:*") | {"Sid": "All"},
            statement("Deny", "s3:*", Bool={PRESENT: "false"}) | {"Sid": "Guard"},
        ]
    )
    assert (blind.findings[0].outcome, blind.findings[0].statement) == (ALLOWED, "All")
    assert blind.findings[0].reasons == (
        f"Deny Guard does not apply: Bool {PRESENT} false, and it is absent",
    )
    assert blind.findings[1].statement == "Guard"
    assert blind.hint.startswith("in the Deny of Guard write BoolIfExists,")


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
def test_what_the_hint_says_mends_it(effect: str, condition: Any, mended: Any) -> None:
    """The operator that it names is the one that does."""
    weak, good = (reviewed([statement(effect, "s3:*", **c)]) for c in (condition, mended))
    assert not weak.requires_mfa
    assert f" write {next(iter(mended))}" in weak.hint
    assert good.requires_mfa


def test_a_policy_that_does_not_speak_of_mfa_does_not_require_it() -> None:
    """Nor does one that has no say in what is asked about."""
    assert not reviewed([statement("Allow", "s3:*")]).requires_mfa
    found = reviewed([statement("Allow", "s3:*", Bool={PRESENT: "true"})], "ec2:RunInstances")
    assert {f.outcome for f in found.findings[:4]} == {NOT_ALLOWED}
    assert not found.requires_mfa


def test_what_differs_from_call_to_call_is_not_guessed() -> None:
    """An address, a tag or a time decides nothing, unless the rest decides without it."""
    address = {"aws:SourceIp": "203.0.113.0/24"}
    found = reviewed([statement("Allow", "s3:*", IpAddress=address)])
    assert {f.outcome for f in found.findings[:5]} == {"unjudged"}
    assert not found.requires_mfa
    tag = {"aws:PrincipalTag/team": "blue"}
    assert reviewed([statement("Allow", "s3:*", StringEquals=tag)]).outcome(WITH_MFA) == "unjudged"
    both = reviewed([statement("Allow", "s3:*", IpAddress=address, Bool={PRESENT: "true"})])
    assert both.outcome(LONG_TERM_KEY) == NOT_ALLOWED
    assert both.outcome(WITH_MFA) == "unjudged"
    assert both.requires_mfa


def test_what_a_variable_stands_for_is_not_guessed() -> None:
    """A tag is one for this user and another for that; the name of a user is known."""
    for variable, outcome in (("aws:PrincipalTag/team", "unjudged"), ("aws:username", ALLOWED)):
        upon = {"Resource": f"arn:aws:s3:::home/${{{variable}}}/*"}
        found = reviewed([statement("Allow", "s3:*") | upon])
        assert found.outcome(LONG_TERM_KEY) == outcome


def test_an_operator_that_is_none_is_not_made_another() -> None:
    """The hint mends what is known."""
    allow, deny = statement("Allow", "s3:*"), statement("Deny", "s3:*", Foo={PRESENT: "false"})
    assert "Foo" not in reviewed([allow, deny]).hint


def test_by_default_it_asks_about_what_needs_mfa() -> None:
    """And tells for what else a long-term key is enough."""
    found = reviewed(
        [
            statement("Allow", ["iam:ListUsers", "ec2:*"]),
            statement("Deny", "ec2:TerminateInstances", BoolIfExists={PRESENT: "false"}),
        ]
    )
    assert found.action == "ec2:TerminateInstances"
    assert found.without_mfa == ("iam:ListUsers", "ec2:RunInstances")


def test_an_old_code_is_older_than_any_that_the_policy_takes() -> None:
    """Even if that is older than any session."""
    for limit in ("60", "500000", "7200.5"):
        deny = statement("Deny", "s3:*", NumericGreaterThanIfExists={AGE: limit})
        found = reviewed([statement("Allow", "s3:*"), deny])
        assert (found.outcome(WITH_MFA), found.outcome(WITH_OLD_MFA)) == (ALLOWED, DENIED)


def test_an_age_beyond_all_numbers_is_not_guessed() -> None:
    """It is no age."""
    found = reviewed([statement("Allow", "s3:*", NumericLessThan={AGE: "9" * 400})])
    assert (found.outcome(LONG_TERM_KEY), found.outcome(WITH_MFA)) == (NOT_ALLOWED, "unjudged")


ACTIONS = ["*", "s3:*", "s3:Get*", "iam:List?sers", "x:Y"]
RESOURCES = ["*", "arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:iam::*:user/x"]
PRINCIPALS = [
    "*",
    {"AWS": "123456789012"},
    {"AWS": [ALICE, "arn:aws:iam::123456789012:role/r"]},
    {"Service": "s3.amazonaws.com"},
    {"Federated": "x"},
]
DRAWN = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Condition": st.dictionaries(
            st.sampled_from(["Bool", "BoolIfExists", "Null", "StringLike", "Nonsense"]),
            st.dictionaries(
                st.sampled_from([PRESENT, AGE, "aws:SourceIp", "aws:username", "own:key"]),
                st.sampled_from(["true", "false", "3600", "alice"]),
                max_size=2,
            ),
            max_size=2,
        ),
    }
)
ANY_ACTION = st.builds(
    lambda name, values: {name: values},
    st.sampled_from(["Action", "NotAction"]),
    st.lists(st.sampled_from(ACTIONS), min_size=1),
)
ANY_RESOURCE = st.builds(
    lambda name, values: {name: values},
    st.sampled_from(["Resource", "NotResource"]),
    st.lists(st.sampled_from(RESOURCES), min_size=1),
)
ANY_PRINCIPAL = st.sampled_from(PRINCIPALS).map(lambda value: {"Principal": value})


@given(st.data(), st.sampled_from([(True, False), (True, True), (False, True)]))
def test_any_policy_can_be_reviewed(data: st.DataObject, parts: tuple[bool, bool]) -> None:
    """Nobody who may not be let in by it counts as kept out because something is not known."""
    with_resource, with_principal = parts
    elements = [DRAWN, ANY_ACTION]
    elements += [ANY_RESOURCE] if with_resource else []
    elements += [ANY_PRINCIPAL] if with_principal else []
    one = st.tuples(*elements).map(lambda parts: {k: v for part in parts for k, v in part.items()})
    found = reviewed(data.draw(st.lists(one, min_size=1, max_size=3)))
    if found.requires_mfa:
        assert not {"unjudged", ALLOWED} & {f.outcome for f in found.findings[:2]}


def table() -> list[list[str]]:
    """Read the table of the how-to."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "require-mfa.md"
    rows = re.findall(r"^\| (`(?:Allow|Deny)`, .*) \|$", page.read_text(), re.M)
    return [re.sub(r"[`*]", "", row).split(" | ") for row in rows]


@pytest.mark.parametrize("row", table(), ids=lambda row: row[0])
def test_the_table_of_the_how_to_is_true(row: list[str]) -> None:
    """What passes a Deny is left to other policies."""
    effect, operator, value = row[0].split(", ")
    found = reviewed([statement(effect, "s3:*", **{operator: {PRESENT: value}})])
    words = {ALLOWED: "allowed", DENIED: "denied", NOT_ALLOWED: "not allowed"}
    if effect == "Deny":
        words[NOT_ALLOWED] = "passes"
    outcomes = [found.outcome(kind) for kind in (LONG_TERM_KEY, WITHOUT_MFA, WITH_MFA)]
    assert row[1:] == [words[outcome] for outcome in outcomes]


@pytest.mark.parametrize("users", [(), (ALICE,)])
def test_a_bucket_spares_roles_and_services(users: tuple[str, ...]) -> None:
    """Which a Deny for everyone would not."""
    draft = bucket("my-bucket", users, max_age=3600)
    found = reviewed(draft.document["Statement"])
    assert {found.outcome(ROLE_SESSION), found.outcome(AWS_SERVICE)} == {NOT_ALLOWED}
    for denial in draft.document["Statement"]:
        denial["Principal"] = "*"
        denial["Condition"].pop("ArnNotLike", None)
        denial["Condition"].get("BoolIfExists", {}).pop("aws:PrincipalIsAWSService", None)
    strict = reviewed(draft.document["Statement"])
    assert {strict.outcome(ROLE_SESSION), strict.outcome(AWS_SERVICE)} == {DENIED}


BOB = "arn:aws:iam::123456789012:user/bob"
MFA = {"Bool": {PRESENT: "true"}}


@pytest.mark.parametrize("others", [BOB, "999999999999", "arn:aws:iam::999999999999:root", "*"])
@pytest.mark.parametrize("last", [True, False])
def test_of_several_users_the_one_who_gets_furthest_counts(others: str, last: bool) -> None:
    """A role that asks MFA of one and not of another does not require it."""
    of_alice = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ALICE}}
    of_others = of_alice | {"Principal": {"AWS": others}}
    guarded = of_alice | {"Condition": MFA}
    found = reviewed([guarded, of_others] if last else [of_others, guarded])
    assert not found.requires_mfa
    assert found.user != ALICE or others == "*"
    assert reviewed([guarded, of_others | {"Condition": MFA}]).requires_mfa


def test_a_bucket_for_everyone_is_not_kept_by_a_denial_of_one() -> None:
    """Nor is whom a NotPrincipal spares, for whom the rest is guarded."""
    upon = {"Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
    deny = {"Effect": "Deny", **upon, "Condition": {"BoolIfExists": {PRESENT: "false"}}}
    allow = {"Effect": "Allow", **upon, "Principal": "*"}
    assert not reviewed([allow, deny | {"Principal": {"AWS": ALICE}}]).requires_mfa
    spared = {"NotPrincipal": {"AWS": [ALICE, "arn:aws:iam::123456789012:root"]}}
    assert reviewed([allow, deny | spared]).user == ALICE
    assert reviewed([allow, deny | {"Principal": "*"}]).requires_mfa


@pytest.mark.parametrize(("named", "other"), [("bob", "alice"), ("alice", "someone")])
@pytest.mark.parametrize("key", ["aws:username", "aws:PrincipalArn"])
def test_users_whom_a_condition_names_are_users_too(key: str, named: str, other: str) -> None:
    """One who is spared gets in, and one denial leaves the others."""
    name = named if key == "aws:username" else BOB.replace("bob", named)
    deny = statement("Deny", "s3:*", BoolIfExists={PRESENT: "false"})
    but, only = (
        reviewed([statement("Allow", "s3:*"), deny | {"Condition": deny["Condition"] | condition}])
        for condition in ({"StringNotEquals": {key: name}}, {"StringEquals": {key: name}})
    )
    assert (but.requires_mfa, but.user) == (False, BOB.replace("bob", named))
    assert (only.requires_mfa, only.user) == (False, BOB.replace("bob", other))


def test_a_user_whom_a_condition_picks_of_an_account_is_asked_about() -> None:
    """Who else is of that account is let in by nothing."""
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "999999999999"}}
    bob = BOB.replace("123456789012", "999999999999")
    spared = {"BoolIfExists": {PRESENT: "false"}, "ArnNotEquals": {"aws:PrincipalArn": bob}}
    deny = statement("Deny", "s3:*") | {"Condition": spared}
    assert reviewed([statement("Allow", "s3:*"), deny]).user == bob
    found = reviewed([allow | {"Condition": {"ArnEquals": {"aws:PrincipalArn": bob}}}])
    assert (found.requires_mfa, found.user) == (False, bob)


def test_the_same_action_elsewhere_is_told_of() -> None:
    """A long-term key that is enough for another bucket is not passed over."""
    upon = [{"Resource": f"arn:aws:s3:::{name}/*"} for name in ("guarded", "open")]
    found = reviewed(
        [statement("Allow", "s3:*", **MFA) | upon[0], statement("Allow", "s3:*") | upon[1]]
    )
    assert found.requires_mfa
    assert found.without_mfa == ("s3:GetObject on arn:aws:s3:::open/any",)


def test_a_federated_identity_is_told_of() -> None:
    """Where the policy names its provider."""
    allow = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity"}
    found = reviewed([allow | {"Principal": {"Federated": "cognito-identity.amazonaws.com"}}])
    assert found.outcome(FEDERATED) == ALLOWED


@pytest.mark.parametrize(
    "name", ["foo:user/x", "foo:role/x", "arn:aws:iam::1:user/x", "5", "", "-"]
)
def test_names_that_are_no_principals_are_nobody_s(name: str) -> None:
    """They let nobody in, and trip nothing up."""
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": name}}
    assert {f.outcome for f in reviewed([allow]).findings} == {NOT_ALLOWED}
