"""What holds of any policies and any call."""

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
def test_an_explicit_deny_wins(items: list[dict[str, Any]], context: Context) -> None:
    """A call that a statement denies is denied, whatever else is said and in whatever order."""
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert not allowed([*items, deny], context)
    assert not allowed([deny, *items], context)


@given(policies, contexts)
def test_order_does_not_matter(items: list[dict[str, Any]], context: Context) -> None:
    """The order of statements changes nothing."""
    assert allowed(items, context) is allowed(items[::-1], context)


@given(policies, contexts)
def test_only_an_allow_allows(items: list[dict[str, Any]], context: Context) -> None:
    """Nothing is allowed by denials, and a further one never allows more."""
    denials = [item for item in items if item["Effect"] == "Deny"]
    assert not allowed(denials, context)
    grants = [item for item in items if item["Effect"] == "Allow"]
    assert allowed(items, context) <= allowed(grants, context)


@given(policies, contexts)
def test_it_is_what_each_statement_says(items: list[dict[str, Any]], context: Context) -> None:
    """A call is allowed if and only if a statement allows it and none denies it."""
    applying = {item["Effect"] for item in items if allowed([item | {"Effect": "Allow"}], context)}
    assert allowed(items, context) is (applying == {"Allow"})


@given(policies, contexts, st.sampled_from(["Condition", "Resource"]))
def test_what_cannot_be_judged_never_allows(
    items: list[dict[str, Any]], context: Context, what: str
) -> None:
    """A grant or a denial with an unknown part is never read as if it were not there."""
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
