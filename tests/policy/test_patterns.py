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
    """Match slowly, by the definition of the wildcards."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return reference(pattern[1:], text) or (bool(text) and reference(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and reference(pattern[1:], text[1:])


@given(st.text("ab*?/\n.", max_size=7), st.text("ab/\n.", max_size=7))
def test_wildcards_match_as_the_reference_does(pattern: str, text: str) -> None:
    assert glob(pattern).matches(text, {}) is reference(pattern, text)


@given(st.lists(st.text("ab*?/", max_size=3), min_size=6, max_size=6), st.data())
def test_the_segments_of_an_arn_are_matched_one_by_one(
    pattern: list[str], data: st.DataObject
) -> None:
    """A wildcard matches a colon only in the last segment."""
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
def test_missing_segments_of_a_resource_match_anything(
    pattern: str, text: str, matches: bool
) -> None:
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
def test_a_variable_is_replaced_by_a_key_a_default_or_a_special_character(
    pattern: str, text: str
) -> None:
    assert glob(pattern, variables=True).matches(text, KEYS)


def test_the_value_of_a_variable_is_taken_literally() -> None:
    """An asterisk in it is no wildcard, and a colon in it begins no segment."""
    assert glob("${aws:useragent}", variables=True).matches("a*c", KEYS)
    assert not glob("${aws:useragent}", variables=True).matches("abc", KEYS)
    pattern = arn("arn:aws:iam::1:user/${aws:userid}", variables=True)
    keys = {"aws:userid": "AROA1:s"}
    assert pattern.matches("arn:aws:iam::1:user/AROA1:s", keys)


def test_a_pattern_with_a_variable_is_matched_anew_for_each_call() -> None:
    pattern = glob("${aws:username}", variables=True)
    for name in ("bob", "alice", "bob"):
        assert pattern.matches(name, {"aws:username": name})
        assert not pattern.matches("carol", {"aws:username": name})


def test_a_variable_may_be_a_principal_tag_in_any_case() -> None:
    pattern = glob("${aws:PrincipalTag/Team}-*", variables=True)
    assert pattern.matches("blue-1", {"aws:principaltag/team": "blue"})
    assert not pattern.matches("red-1", {"aws:principaltag/team": "blue"})


def test_without_variables_a_variable_is_plain_text() -> None:
    assert glob("${aws:username}").matches("${aws:username}", KEYS)
    assert exact("a*").matches("a*", {})
    assert not exact("a*").matches("ab", {})


@pytest.mark.parametrize("spelling", ["${aws:RequestTag/team}", "${s3:prefix, 'x'}", "${a b}"])
def test_an_unknown_variable_is_an_error_that_names_it(spelling: str) -> None:
    """This is so even if the variable has a default."""
    with pytest.raises(UnjudgedError, match="policy variable") as caught:
        glob(spelling, variables=True).matches("x", KEYS)
    assert spelling in caught.value.construct


def test_a_variable_whose_key_the_call_lacks_is_an_error() -> None:
    with pytest.raises(UnresolvedVariableError, match="has no value"):
        glob("${aws:tokenissuetime}", variables=True).matches("x", KEYS)


def test_many_asterisks_take_no_exponential_time() -> None:

    def seconds(asterisks: int) -> float:
        pattern: Pattern = glob("*a" * asterisks + "b")
        started = time.thread_time()
        assert not pattern.matches("a" * 5000, {})
        return time.thread_time() - started

    assert seconds(60) < 50 * max(seconds(30), 1e-3)
