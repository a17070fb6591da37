"""Compare check with the result of trying every call, for small random policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.policy.brute_force import AGE, PRESENT, lets_somebody_in

from mfakit.policy import holes
from mfakit.policy.document import kind_of, parse
from mfakit.policy.review import review

FEW, MANY = (
    settings(deadline=None, max_examples=count, suppress_health_check=[HealthCheck.too_slow])
    for count in (50, 2000)
)
ACTIONS = [
    "*",
    "*:*",
    "s:*",
    "S:X*",
    "s:*y",
    "s:x*y",
    "*:x",
    "t:*",
    "s:*x*",
    "s:xy",
    "T:x",
    "s:*x*y*",
]
RESOURCES = [
    "*",
    "arn:aws:s:::*",
    "arn:aws:s:::x*",
    "arn:aws:s:::*y",
    "arn:aws:s:::x*y",
    "arn:*:s:*:*:*x*",
    "arn:aws:s:::xy",
    "arn:aws:s:::${aws:username}/*",
    "arn:aws:s:::x/*",
    "arn:aws:s:::${aws:username}/x*",
    "arn:aws:t::*:user/${aws:username}",
    "arn:aws:t::111111111111:user/*",
    "arn:aws:t::*:user/x",
    "arn:aws:t::${aws:PrincipalAccount}:user/x*",
    "arn:aws:*",
]
QUESTIONED = ["s:?", "s:x?", "?:x*", "s:*?y"]
QUESTIONED_RESOURCES = ["arn:aws:s:::?", "arn:aws:s:::x?", "arn:aws:s:::*?y", "arn:aws:t::*:user/?"]
USER = "arn:aws:iam::111111111111:user/x"
OPERATORS_OF_MFA = [
    "Bool", "BoolIfExists", "Null", "StringEquals", "StringNotEquals", "StringEqualsIfExists",
    "ForAllValues:Bool", "ForAnyValue:Bool", "StringNotEqualsIfExists",
]  # fmt: skip
OPERATORS_OF_AGE = [
    "NumericLessThan", "NumericLessThanIfExists", "NumericGreaterThanEquals", "Null",
    "NumericGreaterThanEqualsIfExists", "ForAllValues:NumericLessThan",
]  # fmt: skip
OF_NAMES = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringLikeIfExists",
            "ForAnyValue:StringLike", "ForAllValues:StringNotEquals"]  # fmt: skip


def asked(operators: list[str], key: str, values: list[str]) -> Any:
    return st.builds(
        lambda operator, value, several: {
            operator: {
                key: "true"
                if operator == "Null" and value not in ("true", "false")
                else value
                if operator == "Null" or not several
                else [value, several]
            }
        },
        st.sampled_from(operators),
        st.sampled_from(values),
        st.sampled_from(["", *values]),
    )


CONDITIONS = st.one_of(
    st.just({"BoolIfExists": {PRESENT: "false"}}),
    st.just({"Bool": {PRESENT: "true"}}),
    asked(OPERATORS_OF_MFA, PRESENT, ["true", "false"]),
    asked(OPERATORS_OF_AGE, AGE, ["60", "3600"]),
    asked(OF_NAMES, "aws:username", ["x", "y", "x*", "*y", "*"]),
    asked(["Null"], "aws:username", ["true", "false"]),
    asked([*OF_NAMES, "ArnLike", "ArnNotLike", "ArnEquals"], "aws:PrincipalArn",
          [USER, "arn:aws:iam::*:user/x*", "arn:aws:sts::*:federated-user/*", "*",
           "arn:aws:sts::111111111111:federated-user/x"]),
    asked(OF_NAMES, "aws:PrincipalAccount", ["111111111111", "2*"]),
    asked(["StringEquals", "StringNotEquals"], "aws:PrincipalType", ["User", "FederatedUser"]),
    asked(["Bool", "BoolIfExists"], "aws:ViaAWSService", ["true", "false"]),
    asked(["Null", "StringEquals", "StringNotEquals"], "aws:SourceArn", ["x"]),
)  # fmt: skip
FOREIGN = asked(
    ["StringEquals", "StringNotEquals", "Null", "StringLikeIfExists", "ForAllValues:StringLike"],
    "own:site", ["x", "y", "*"],
)  # fmt: skip
PRINCIPALS = ["*", {"AWS": "*"}, {"AWS": USER}, {"AWS": "111111111111"},
              {"AWS": ["arn:aws:iam::222222222222:root", USER]},
              {"AWS": "arn:aws:sts::111111111111:federated-user/x"}]  # fmt: skip


def merged(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for condition in conditions:
        for operator, keys in condition.items():
            found[operator] = {**found.get(operator, {}), **keys}
    return {"Condition": found} if found else {}


def element(name: str, values: list[str]) -> Any:
    return st.builds(
        lambda negated, texts: {f"Not{name}" if negated else name: texts},
        st.sampled_from([False, False, True]),
        st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True),
    )


def policies(*, questions: bool = False, foreign: bool = False, kind: str = "identity") -> Any:
    actions = ACTIONS + (QUESTIONED if questions else [])
    resources = RESOURCES + (QUESTIONED_RESOURCES if questions else [])
    one = st.one_of(CONDITIONS, FOREIGN) if foreign else CONDITIONS
    parts = [
        st.sampled_from(["Allow", "Deny", "Deny"]).map(lambda effect: {"Effect": effect}),
        element("Action", actions),
        st.lists(one, max_size=2).map(merged),
    ]
    if kind != "trust":
        parts.append(element("Resource", resources))
    if kind != "identity":
        parts.append(st.sampled_from(PRINCIPALS).map(lambda who: {"Principal": who}))
    statement = st.tuples(*parts).map(lambda found: {k: v for p in found for k, v in p.items()})
    return st.lists(statement, min_size=1, max_size=5)


def claimed(statements: list[dict[str, Any]]) -> dict[str, bool]:
    """Return the claims that check makes, and whether each of them holds."""
    document = {"Version": "2012-10-17", "Statement": statements}
    kind = kind_of(document, "p")
    found = review(parse(document, "p", kind), holes.Scope(kind, exempt=("s:zz",)))
    return {name: name not in found.fallen for name in found.claims}


ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def compare(statements: list[dict[str, Any]], *, exactly: bool) -> None:
    claims = claimed(statements)
    for name, tried in (("alone", statements), ("guard", [*statements, ALLOW_ALL])):
        holds = claims.get(name)
        if holds is None or (holds is False and not exactly):
            continue
        assert holds is not lets_somebody_in(tried, exempt=("s:zz",)), name


@FEW
@given(policies())
def test_check_agrees_with_brute_force(statements: Any) -> None:
    compare(statements, exactly=True)


@FEW
@given(policies(questions=True, foreign=True))
def test_check_misses_nothing_with_question_marks_and_foreign_conditions(statements: Any) -> None:
    compare(statements, exactly=False)


@FEW
@given(policies())
@pytest.mark.parametrize(
    "bounds", [{"_MOST_FILLED_IN": 0}, {"_STEPS_OF_ONE": 15}], ids=["variables", "work"]
)
def test_check_misses_nothing_beyond_its_bounds(bounds: dict[str, int], statements: Any) -> None:
    """Beyond them, variables have no known values, and the search of a statement ends early."""
    with pytest.MonkeyPatch.context() as patch:
        for name, bound in bounds.items():
            patch.setattr(holes, name, bound)
        compare(statements, exactly=False)


@FEW
@given(policies(kind="trust"))
def test_check_agrees_with_brute_force_on_trust_policies(statements: Any) -> None:
    compare(statements, exactly=True)


@FEW
@given(policies(kind="resource"))
def test_check_agrees_with_brute_force_on_policies_of_resources(statements: Any) -> None:
    holds = claimed(statements).get("alone")
    if holds is not None:
        assert holds is not lets_somebody_in(statements, exempt=("s:zz",))


@pytest.mark.long
@MANY
@given(policies())
def test_check_agrees_with_brute_force_on_many_policies(statements: Any) -> None:
    compare(statements, exactly=True)


@pytest.mark.long
@MANY
@given(policies(questions=True, foreign=True))
def test_check_misses_nothing_in_many_policies_with_foreign_conditions(statements: Any) -> None:
    compare(statements, exactly=False)
