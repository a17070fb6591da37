"""How the work of a review grows with the policies, counted in function calls."""

from __future__ import annotations

import pstats
from cProfile import Profile
from typing import Any

import pytest
from tests.policy.aws_examples import statement
from tests.policy.test_review import ALLOW_ALL, NO_MFA, everything_but, reviewed


def guarded(action: str, resource: str, wider: str = "", **condition: Any) -> list[dict[str, Any]]:
    """Return an Allow, and a Deny of the same without MFA."""
    denied = statement("Deny", "*", wider or resource, **NO_MFA, **condition)
    return [statement("Allow", action, resource, **condition), denied]


PAIRS = {
    "buckets": lambda n: guarded("s3:Get*", f"arn:aws:s3:::{n}/*"),
    "actions that begin with an asterisk": lambda n: [
        statement("Allow", f"s3:*{n}"),
        statement("Deny", f"*:*{n}", **NO_MFA),
    ],
    "actions with asterisks around a word": lambda n: [
        statement("Allow", f"s3:*{n}*"),
        statement("Deny", f"*:*{n}*", **NO_MFA),
    ],
    "buckets that begin with an asterisk": lambda n: guarded(
        "s3:*", f"arn:aws:s3:::*{n}/*", f"arn:aws:*:::*{n}/*"
    ),
    "exceptions": lambda n: [statement("Allow", f"s3:{n}"), everything_but("Action", f"*:*-{n}")],
    "users": lambda n: guarded(
        "s3:*", f"arn:aws:s3:::{n}", "*", StringEquals={"aws:username": str(n)}
    ),
    "folders of users": lambda n: guarded("s3:*", f"arn:aws:s3:::{n}/${{aws:username}}/*"),
}


def calls(statements: list[dict[str, Any]]) -> int:
    """Return how many function calls a review takes."""
    profile = Profile()
    profile.runcall(reviewed, statements, whole=True)
    return pstats.Stats(profile).total_calls


@pytest.mark.parametrize("name", PAIRS)
def test_the_work_of_a_review_grows_about_linearly_with_the_statements(name: str) -> None:
    work = []
    for count in (200, 800):
        # Other names each time, so that no cache of the first review serves the second.
        names = (f"x{count}y{number}z" for number in range(count // 2))
        work.append(calls([one for name_ in names for one in PAIRS[name](name_)]))
    assert work[1] <= 5 * work[0]


KNOTS = {
    "actions": [
        ALLOW_ALL,
        *(everything_but("Action", f"s3:*{n}*", f"s{n}:*") for n in range(100)),
    ],
    "resources": [
        ALLOW_ALL,
        *(everything_but("Resource", f"arn:aws:s3:::*{n}*") for n in range(100)),
    ],
    "names": [
        ALLOW_ALL,
        *(
            statement("Deny", "*", **NO_MFA, StringLike={"aws:username": f"*{n}*"})
            for n in range(100)
        ),
    ],
    "many Allows, and exceptions for each user": [
        *(
            statement(
                "Allow",
                [f"s{n % 7}:*Get{m}*" for m in range(5)],
                [f"arn:aws:s{n % 7}:::b{n}*x{m}*/*" for m in range(5)],
            )
            for n in range(60)
        ),
        *(
            everything_but("Action", *(f"s{(n + m) % 7}:*Get{m}*{n}*" for m in range(5)))
            | {"Condition": {**NO_MFA, "StringLike": {"aws:username": f"user{n}*"}}}
            for n in range(60)
        ),
    ],
}


@pytest.mark.parametrize("name", KNOTS)
def test_patterns_that_overlap_in_many_ways_take_bounded_work(name: str) -> None:
    """A call whose judgement takes more work than the bound counts as "cannot be shown"."""
    plain = [one for number in range(200) for one in PAIRS["buckets"](number)]
    assert calls(KNOTS[name]) <= 20 * calls(plain)
