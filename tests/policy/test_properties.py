"""What holds for any policies and any call."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mfakit.policy import Context, UnjudgedError, evaluate, parse

ACTIONS = ["s3:GetObject", "s3:PutObject", "iam:ListUsers"]
RESOURCES = ["arn:aws:s3:::b/k", "arn:aws:s3:::b/l", "arn:aws:iam::123456789012:user/bob"]
texts = {
    "Action": st.sampled_from(["*", "s3:*", "S3:get*", "iam:List?sers", *ACTIONS]),
    "Resource": st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:iam::*:user/*", *RESOURCES]),
}
conditions = st.dictionaries(
    st.sampled_from(
        ["Bool", "BoolIfExists", "StringEquals", "ForAllValues:Bool", "ForAnyValue:Bool"]
    ),
    st.dictionaries(
        st.just("aws:MultiFactorAuthPresent"), st.sampled_from(["true", "false"]), min_size=1
    ),
    max_size=2,
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    item: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    for name, values in texts.items():
        item[draw(st.sampled_from([name, f"Not{name}"]))] = draw(
            st.lists(values, min_size=1, max_size=2)
        )
    return item | {"Condition": draw(conditions)}


contexts = st.builds(
    Context,
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from(["true", "false", None]).map(
        lambda value: {"aws:multifactorauthpresent": value} if value else {}
    ),
)
policies = st.lists(statements(), max_size=4)


def allowed(items: list[dict[str, Any]], context: Context) -> bool:
    return bool(items) and evaluate(parse({"Statement": items}, "p"), context).allowed


@given(policies, contexts)
def test_a_deny_wins_whatever_else_applies_and_in_any_order(
    items: list[dict[str, Any]], context: Context
) -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert not allowed([*items, deny], context)
    assert not allowed([deny, *items], context)


@given(policies, contexts)
def test_the_order_of_statements_does_not_matter(
    items: list[dict[str, Any]], context: Context
) -> None:
    assert allowed(items, context) is allowed(items[::-1], context)


@given(policies, contexts)
def test_denies_allow_nothing_and_a_further_one_never_allows_more(
    items: list[dict[str, Any]], context: Context
) -> None:
    denials = [item for item in items if item["Effect"] == "Deny"]
    assert not allowed(denials, context)
    grants = [item for item in items if item["Effect"] == "Allow"]
    assert allowed(items, context) <= allowed(grants, context)


@given(policies, contexts)
def test_a_call_is_allowed_if_and_only_if_one_statement_allows_and_none_denies_it(
    items: list[dict[str, Any]], context: Context
) -> None:
    applying = {item["Effect"] for item in items if allowed([item | {"Effect": "Allow"}], context)}
    assert allowed(items, context) is (applying == {"Allow"})


@given(policies, contexts, st.sampled_from(["Condition", "Resource"]))
def test_a_deny_with_an_unknown_part_is_never_ignored(
    items: list[dict[str, Any]], context: Context, what: str
) -> None:
    unknown: dict[str, Any] = {"Action": "*", "Resource": "*", "Effect": "Deny"}
    if what == "Condition":
        unknown["Condition"] = {"Bool": {"aws:Unheard": "true"}}
    else:
        unknown["Resource"] = "arn:aws:s3:::b/${aws:Unheard}"
        unknown |= {"Action": "s3:*"}
        context = Context("s3:GetObject", "arn:aws:s3:::b/k", context.keys)
    document = {"Version": "2012-10-17", "Statement": [*items, unknown]}
    try:
        stopped = evaluate(parse(document, "p"), context).explicit_deny
    except UnjudgedError as error:
        stopped = "Unheard" in error.construct
    assert stopped
