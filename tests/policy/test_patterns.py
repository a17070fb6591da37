"""Wildcards, ARNs and policy variables."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfakit.policy.patterns import (
    Pattern,
    UnjudgedError,
    UnresolvedVariableError,
    arn,
    exact,
    glob,
)

KEYS = {"aws:username": "bob", "aws:userid": "AIDA1", "aws:useragent": "a*c"}


def reference(pattern: str, text: str) -> bool:
    """Match as slowly and plainly as it can be said."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return reference(pattern[1:], text) or (bool(text) and reference(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and reference(pattern[1:], text[1:])


@given(st.text("ab*?/\n.", max_size=7), st.text("ab/\n.", max_size=7))
def test_wildcards_match_as_the_reference_does(pattern: str, text: str) -> None:
    """An asterisk stands for any characters, none included; a question mark for just one."""
    assert glob(pattern).matches(text, {}) is reference(pattern, text)


@given(st.lists(st.text("ab*?/", max_size=3), min_size=6, max_size=6), st.data())
def test_the_segments_of_an_arn_are_matched_one_by_one(
    pattern: list[str], data: st.DataObject
) -> None:
    """A wildcard reaches over a colon in the last segment of an ARN alone."""
    heads = st.lists(st.text("ab/", max_size=3), min_size=5, max_size=5)
    text = [*data.draw(heads), data.draw(st.text("ab/:", max_size=4))]
    expected = all(map(reference, pattern, text))
    assert arn(":".join(pattern)).matches(":".join(text), {}) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l:m", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:iam::*:user/bob", "arn:aws:iam::123456789012:user/bob", True),
        ("arn:aws:iam::*", "arn:aws:iam::123456789012:user/bob", True),
        ("arn:*", "arn:aws:iam::123456789012:user/bob", True),
        ("arn:aws:s*:::b", "arn:aws:s3:::b", True),
        ("arn:aws:s3:*", "arn:aws:iam::1:user/bob", False),
        ("arn:aws:iam:*:user/bob", "arn:aws:iam::1:user/bob", False),
        ("*", "arn:aws:s3:::b", True),
        ("*", "*", True),
        ("arn:aws:s3:::*", "*", False),
    ],
)
def test_arns_of_a_resource_element(pattern: str, text: str, matches: bool) -> None:
    """Segments that are missing at the end may be anything; a lone asterisk is any resource."""
    assert arn(pattern, complete=True).matches(text, {}) is matches


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("home/${aws:username}/*", "home/bob/x"),
        ("home/${AWS:UserName}", "home/bob"),
        ("${aws:username}-${aws:userid}", "bob-AIDA1"),
        ("${aws:tokenissuetime, 'none'}", "none"),
        ("${aws:username, 'none'}", "bob"),
        ("${*}${?}${$}", "*?$"),
        ("$", "$"),
    ],
)
def test_variables_stand_for_what_the_call_has(pattern: str, text: str) -> None:
    """A variable stands for a key of the call, for a default, or for a sign that is special."""
    assert glob(pattern, variables=True).matches(text, KEYS)


def test_what_a_variable_stands_for_is_taken_as_it_is() -> None:
    """An asterisk in a key's value is no wildcard, and a colon there begins no segment."""
    assert glob("${aws:useragent}", variables=True).matches("a*c", KEYS)
    assert not glob("${aws:useragent}", variables=True).matches("abc", KEYS)
    pattern = arn("arn:aws:iam::1:user/${aws:userid}", variables=True)
    keys = {"aws:userid": "AROA1:s"}
    assert pattern.matches("arn:aws:iam::1:user/AROA1:s", keys)


def test_the_same_pattern_serves_every_caller() -> None:
    """A pattern with a variable is judged anew for each call."""
    pattern = glob("${aws:username}", variables=True)
    for name in ("bob", "alice", "bob"):
        assert pattern.matches(name, {"aws:username": name})
        assert not pattern.matches("carol", {"aws:username": name})


def test_a_variable_may_be_a_tag_of_who_calls() -> None:
    """${aws:PrincipalTag/team} stands for the value of that tag, its name in any case."""
    pattern = glob("${aws:PrincipalTag/Team}-*", variables=True)
    assert pattern.matches("blue-1", {"aws:principaltag/team": "blue"})
    assert not pattern.matches("red-1", {"aws:principaltag/team": "blue"})


def test_without_variables_the_text_is_plain() -> None:
    """In the language's first version ${aws:username} is just these characters."""
    assert glob("${aws:username}").matches("${aws:username}", KEYS)
    assert exact("a*").matches("a*", {})
    assert not exact("a*").matches("ab", {})


@pytest.mark.parametrize("spelling", ["${aws:RequestTag/team}", "${s3:prefix, 'x'}", "${a b}"])
def test_a_variable_that_is_not_known_is_named(spelling: str) -> None:
    """A variable that cannot be judged stops the call, even if it has a default."""
    with pytest.raises(UnjudgedError, match="policy variable") as caught:
        glob(spelling, variables=True).matches("x", KEYS)
    assert spelling in caught.value.construct


def test_a_variable_without_a_value_says_so() -> None:
    """A key that the call does not have leaves its variable without a value."""
    with pytest.raises(UnresolvedVariableError, match="has no value"):
        glob("${aws:tokenissuetime}", variables=True).matches("x", KEYS)


def test_many_asterisks_take_no_long_time() -> None:
    """No pattern takes exponential time, whatever it is held against."""

    def seconds(asterisks: int) -> float:
        pattern: Pattern = glob("*a" * asterisks + "b")
        started = time.thread_time()
        assert not pattern.matches("a" * 5000, {})
        return time.thread_time() - started

    assert seconds(60) < 50 * max(seconds(30), 1e-3)
