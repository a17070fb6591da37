"""The runner itself notices what is wrong."""

from __future__ import annotations

import pytest
from tests.docs.conftest import Reader
from tests.docs.matching import match, match_line
from tests.docs.page import Step, steps_of


@pytest.mark.parametrize(
    ("page", "here", "is_same"),
    [
        ("until 2026-11-22T18:00:00Z", "until 2031-01-02T03:04:05Z", True),
        ("11h59m left", "11h58m left", True),
        ("11h59m left", "7h59m left", False),
        ("key ASIAAAAAAAAAAAAAAAAA", "key ASIA22222222222222ZZ", True),
        ("key ASIAAAAAAAAAAAAAAAAA", "key none", False),
        ("begin … end", "begin with anything at the end", True),
        ("mfa: valid", "mfa: expired", False),
        ("a.b", "axb", False),
    ],
)
def test_only_what_differs_each_time_may_differ(page: str, here: str, is_same: bool) -> None:
    """Times, lengths of time within minutes, keys; not words."""
    assert (match_line(page, here) is not None) is is_same


def test_dots_alone_stand_for_any_lines() -> None:
    """None, too."""
    assert match(["a", "...", "z"], ["a", "b", "c", "z"]) == {}
    assert match(["a", "...", "z"], ["a", "z"]) == {}
    assert match(["a", "...", "z"], ["a", "b"]) is None


def test_what_the_page_calls_things_is_kept() -> None:
    """So that later commands can name what is called otherwise here."""
    assert match_line("on http://127.0.0.1:5000", "on http://127.0.0.1:41") == {"5000": "41"}


def test_comments_go_with_the_next_block() -> None:
    """And a block knows its line."""
    text = "# T\n\n<!-- not run: no such machine -->\n```sh\nx\n```\n\n```sh\ny\n```\n"
    assert steps_of(text) == [
        Step("sh", "x\n", 4, "", "no such machine"),
        Step("sh", "y\n", 8),
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("console", "$ echo one\ntwo\n"),
        ("console", "$ echo one\n"),
        ("console", "$ mfakit check\nmfa: valid\n"),
        ("sh", "false\ntrue\n"),
        ("sh", "mfakit no-such-command\n"),
        ("python", "raise SystemExit(1)\n"),
    ],
)
def test_what_is_not_so_is_noticed(reader: Reader, kind: str, text: str) -> None:
    """A line too few or too many, another one, a command that fails."""
    with pytest.raises(AssertionError):
        reader.take(Step(kind, text, 1))


def test_questions_are_answered_as_the_page_shows(reader: Reader) -> None:
    """A code is a fresh one."""
    asked = "MFA code for arn:aws:iam::123456789012:mfa/alice: 123456"
    reader.take(Step("console", f"$ mfakit login\n{asked}\n...\n", 1))
    reader.take(
        Step("console", "$ mfakit check\nmfa: valid, ends in 11h59m (2026-11-22T18:00:00Z)\n", 1)
    )
