"""Every rule about MFA and sessions, one row each, through real clients."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.testing.rules import (
    assume_role,
    condition_keys,
    devices,
    federation,
    get_session_token,
    iam,
    limits,
    role_sessions,
    simulation,
    tags,
    totp,
)
from tests.testing.rules.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testing.rules.rule import Rule

SECTIONS = (
    get_session_token,
    totp,
    devices,
    assume_role,
    role_sessions,
    tags,
    federation,
    condition_keys,
    iam,
    limits,
    simulation,
)
TABLE = [
    pytest.param(rule, id=f"{section.__name__.rpartition('.')[2]}: {rule.case}")
    for section in SECTIONS
    for rule in section.RULES
]


@pytest.fixture(params=["in process", pytest.param("over HTTP", marks=pytest.mark.long)])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with Scene(over_http=request.param == "over HTTP") as made:
        yield made


@pytest.mark.parametrize("rule", TABLE)
def test_the_simulator_answers_as_aws(scene: Scene, rule: Rule) -> None:
    """Status, code and text are AWS's."""
    if not rule.refused:
        assert rule.play(scene) == rule.answer
        return
    with pytest.raises(ClientError) as caught:
        rule.play(scene)
    response: Any = caught.value.response
    status, code, text = rule.answer
    error = response["Error"]
    assert (response["ResponseMetadata"]["HTTPStatusCode"], error["Code"]) == (status, code)
    if isinstance(text, re.Pattern):
        assert text.fullmatch(error["Message"])
    else:
        assert error["Message"] == text


def test_each_rule_has_a_name_of_its_own() -> None:
    names = [row.id for row in TABLE]
    assert len(set(names)) == len(names)
