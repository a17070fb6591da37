"""The Condition element, operator by operator."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfakit.policy.elements import OPERATORS, Condition
from mfakit.policy.patterns import UnjudgedError

pytestmark = pytest.mark.pythons

NAME = "aws:username"
NEGATED = sorted(name for name, (_, negated) in OPERATORS.items() if negated)
PLAIN = sorted(name for name, (_, negated) in OPERATORS.items() if not negated)
# One value of each kind, which the policy and the call may both have.
SAME = {
    "string": "bob",
    "numeric": "7",
    "date": "2026-11-22T18:00:00Z",
    "arn": "arn:aws:iam::123456789012:user/bob",
    "bool": "true",
    "binary": "Ym9i",
    "ip": "203.0.113.7",
}


def holds(operator: str, wanted: Any, *present: str, key: str = NAME) -> bool:
    values = tuple(wanted) if isinstance(wanted, (list, tuple)) else (wanted,)
    return Condition(operator, key, values).holds({key.lower(): present} if present else {})


def sample(operator: str) -> str:
    bare = operator.lower().removeprefix("not")
    return next(value for kind, value in SAME.items() if bare.startswith(kind))


@pytest.mark.parametrize(
    ("operator", "wanted", "present", "expected"),
    [
        ("StringEquals", "bob", "bob", True),
        ("StringEquals", "bob", "Bob", False),
        ("StringEquals", "b*", "bob", False),
        ("StringEquals", ["al", "bob"], "bob", True),
        ("StringNotEquals", "bob", "bob", False),
        ("StringNotEquals", ["al", "bob"], "bob", False),
        ("StringNotEquals", ["al", "bob"], "cy", True),
        ("StringEqualsIgnoreCase", "BOB", "bob", True),
        ("StringNotEqualsIgnoreCase", "BOB", "bob", False),
        ("StringLike", "b?b*", "bobby", True),
        ("StringLike", "b?b", "bobby", False),
        ("StringNotLike", "b*", "bob", False),
        ("stringlike", "b*", "bob", True),
        ("NumericEquals", "7", "7.0", True),
        ("NumericNotEquals", "7", "8", True),
        ("NumericLessThan", "7", "7", False),
        ("NumericLessThan", "3600", "900", True),
        ("NumericLessThanEquals", "7", "7", True),
        ("NumericGreaterThan", "7", "8", True),
        ("NumericGreaterThanEquals", "7", "6", False),
        ("DateEquals", "2026-11-22T18:00:00Z", "2026-11-22T19:00:00+01:00", True),
        ("DateNotEquals", "2026-11-22", "2026-11-22T00:00:00Z", False),
        ("DateLessThan", "2026-11-22T18:00:00Z", "2026-11-22T17:59:59Z", True),
        ("DateLessThanEquals", "2026-11-22", "2026-11-22T00:00:01Z", False),
        ("DateGreaterThan", "1700000000", "2026-11-22T18:00:00Z", True),
        ("DateGreaterThanEquals", "2026-11-22T18:00:00Z", "1700000000", False),
        ("ArnEquals", "arn:aws:iam::*:user/b*", "arn:aws:iam::123456789012:user/bob", True),
        ("ArnLike", "arn:aws:iam::*:user/b*", "arn:aws:iam::123456789012:user/bob", True),
        ("ArnLike", "*", "bob", False),
        ("ArnNotEquals", "arn:aws:iam::*:user/b*", "arn:aws:iam::1:user/al", True),
        ("ArnNotLike", "arn:aws:iam::*:user/b*", "arn:aws:iam::1:user/bob", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
        ("IpAddress", ["10.0.0.0/8", "203.0.113.7"], "203.0.113.7", True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "2001:db8::/32", "203.0.113.7", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", False),
        ("NotIpAddress", "10.0.0.0/8", "203.0.113.7", True),
        ("Bool", "true", "true", True),
        ("Bool", "TRUE", "true", True),
        ("Bool", "false", "true", False),
        ("BinaryEquals", "Ym9i", "Ym9i", True),
        ("BinaryEquals", "Ym9i", "Ym9j", False),
        ("Null", "true", "x", False),
        ("Null", "false", "x", True),
    ],
)
def test_each_operator_compares_as_documented(
    operator: str, wanted: Any, present: str, expected: bool
) -> None:
    """Several values in the policy are alternatives."""
    assert holds(operator, wanted, present) is expected


@pytest.mark.parametrize("operator", PLAIN)
def test_an_absent_key_meets_a_plain_operator_only_with_if_exists(operator: str) -> None:
    assert not holds(operator, sample(operator))
    assert holds(f"{operator}IfExists", sample(operator))


@pytest.mark.parametrize("operator", NEGATED)
def test_an_absent_key_meets_a_negated_operator(operator: str) -> None:
    assert holds(operator, sample(operator.replace("not", "")))
    assert holds(f"{operator}IfExists", sample(operator.replace("not", "")))


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_an_absent_key_meets_for_all_values_and_not_for_any_value(operator: str) -> None:
    wanted = sample(operator.replace("not", ""))
    assert holds(f"ForAllValues:{operator}", wanted)
    assert not holds(f"ForAnyValue:{operator}", wanted)
    assert holds(f"ForAnyValue:{operator}IfExists", wanted)


def test_null_asks_whether_the_key_is_absent() -> None:
    assert holds("Null", "true")
    assert not holds("Null", "false")


values = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4)


@given(values, values)
def test_set_operators_compare_each_value_of_the_call(
    wanted: list[str], present: list[str]
) -> None:
    """ForAllValues asks that every value is wanted, ForAnyValue that at least one is."""
    among = [value in wanted for value in present]
    assert holds("ForAllValues:StringEquals", wanted, *present) is all(among)
    assert holds("ForAnyValue:StringEquals", wanted, *present) is any(among)
    assert holds("ForAllValues:StringNotEquals", wanted, *present) is not any(among)
    assert holds("ForAnyValue:StringNotEquals", wanted, *present) is not all(among)


@given(st.sampled_from(NEGATED), st.sampled_from(sorted(SAME.values())), st.booleans())
def test_a_negated_operator_is_the_opposite_of_the_plain_one(
    operator: str, value: str, present: bool
) -> None:
    """This holds for one comparable value, whether it equals the wanted one or not."""
    plain = operator.replace("not", "", 1)
    wanted = sample(plain)
    compared = {"ip": "ip", "arn": "arn"}.get(re.match("ip|arn|", plain)[0])
    given_values = (SAME.get(compared, value),) if present else ()
    assert holds(operator, wanted, *given_values) is not holds(plain, wanted, *given_values)


@pytest.mark.parametrize("operator", ["IpAddress", "NotIpAddress", "ArnLike", "ArnNotLike"])
@pytest.mark.parametrize("quantifier", ["", "ForAnyValue:"])
def test_a_value_that_is_no_address_or_no_arn_meets_neither_operator(
    operator: str, quantifier: str
) -> None:
    wanted = SAME["ip"] if "Ip" in operator else SAME["arn"]
    assert not holds(quantifier + operator, wanted, "vpce-1")


@pytest.mark.parametrize(("value", "truth"), [("true", True), ("yes", False), ("1", False)])
def test_bool_takes_any_value_but_true_for_false(value: str, truth: bool) -> None:
    assert holds("Bool", "true", value) is truth
    assert holds("Bool", "false", value) is not truth


def test_values_may_have_policy_variables_if_the_version_allows_them() -> None:
    keys = {"aws:username": "bob", "aws:useragent": "agent of bob"}
    like = ("aws:UserAgent", ("*of ${aws:username}",))
    assert Condition("StringLike", *like).holds(keys)
    assert not Condition("StringLike", *like, variables=False).holds(keys)
    assert Condition("StringEquals", "aws:UserAgent", ("agent of ${aws:username}",)).holds(keys)
    ignoring = ("AGENT OF ${aws:username}",)
    assert Condition("StringEqualsIgnoreCase", "aws:UserAgent", ignoring).holds(keys)


def test_a_variable_without_a_value_equals_nothing_and_is_no_proof_of_difference() -> None:
    wanted = ("${aws:username}",)
    keys = {"aws:useragent": "x"}
    assert not Condition("StringEquals", "aws:UserAgent", wanted).holds(keys)
    with pytest.raises(UnjudgedError, match="aws:username"):
        Condition("StringNotEquals", "aws:UserAgent", wanted).holds(keys)


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "named"),
    [
        ("StringAlmost", NAME, "x", "StringAlmost"),
        ("ForSomeValues:StringEquals", NAME, "x", "ForSomeValues:StringEquals"),
        ("NullIfExists", NAME, "true", "NullIfExists"),
        ("ForAnyValue:Null", NAME, "true", "ForAnyValue:Null"),
        ("Bool", NAME, "yes", "yes"),
        ("Null", NAME, "yes", "yes"),
        ("NumericEquals", NAME, "seven", "seven"),
        ("NumericEquals", NAME, "nan", "nan"),
        ("DateLessThan", NAME, "tomorrow", "tomorrow"),
        ("IpAddress", NAME, "256.0.0.1", "256.0.0.1"),
        ("BinaryEquals", NAME, "!", "!"),
        ("ArnLike", NAME, "arn:aws:iam:*", "arn:aws:iam:*"),
    ],
)
def test_an_unknown_operator_or_value_is_an_error_that_names_it(
    operator: str, key: str, wanted: str, named: str
) -> None:
    with pytest.raises(UnjudgedError, match="Condition") as caught:
        holds(operator, wanted, "7", key=key)
    assert named in caught.value.construct


def test_an_unknown_key_is_judged_only_if_the_call_lists_it() -> None:
    """The call may also list it without a value."""
    condition = Condition("StringEquals", "s3:prefix", ("x",))
    with pytest.raises(UnjudgedError, match="Condition key s3:prefix"):
        condition.holds({})
    assert condition.holds({"s3:prefix": "x"})
    assert not condition.holds({"s3:prefix": "y"})
    assert not condition.holds({"s3:prefix": ()})


@pytest.mark.parametrize("operator", ["NumericEquals", "DateEquals", "IpAddress", "BinaryEquals"])
def test_a_value_of_the_call_that_cannot_be_parsed_equals_nothing(operator: str) -> None:
    assert not holds(operator, sample(operator), "!")


def test_a_key_with_several_values_needs_a_set_operator() -> None:
    with pytest.raises(UnjudgedError, match="several values"):
        holds("StringEquals", "a", "a", "b")
