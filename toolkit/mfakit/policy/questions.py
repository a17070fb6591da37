"""Which call a policy is asked about, where nobody says: one that its own statements speak of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mfakit.policy.callers import ANYONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.policy.evaluation import Element, Statement

# Well-known ones stand for those that a wildcard means, and for what a NotAction leaves over.
_KNOWN = (
    "s3:GetObject",
    "s3:PutObject",
    "ec2:RunInstances",
    "iam:CreateUser",
    "dynamodb:GetItem",
    "lambda:InvokeFunction",
    "sts:AssumeRole",
    "kms:Decrypt",
)
ANYTHING = "arn:aws:any:us-east-1:123456789012:thing"
_VARIABLES = {"${aws:username}": ANYONE, "${aws:PrincipalAccount}": "123456789012"}


def questions(statements: tuple[Statement, ...]) -> list[tuple[str, str]]:
    """Give actions that the statements speak of, each with a resource of that statement.

    What is denied under conditions comes first: it is what a policy is mostly about.
    """
    found = [
        (action, _resource(statement))
        for statement in sorted(statements, key=lambda s: not (s.effect == "Deny" and s.conditions))
        for action in _actions(statement.actions)
    ]
    return list(dict.fromkeys(found))


def resource_for(statements: tuple[Statement, ...], action: str) -> str:
    """Give a resource that the statements speak of together with an action."""
    for statement in statements:
        if statement.actions.holds(action.lower(), {}):
            return _resource(statement)
    return ANYTHING


def _actions(element: Element) -> Iterator[str]:
    if element.negated:
        yield next((a for a in _KNOWN if element.holds(a.lower(), {})), "any:Other")
        return
    for pattern in element.patterns:
        matching = (action for action in _KNOWN if pattern.matches(action.lower(), {}))
        spelled = pattern.text if "*" in pattern.text or "?" in pattern.text else None
        yield next(matching, re.sub(r"[*?]", "", pattern.text)) if spelled else pattern.text


def _resource(statement: Statement) -> str:
    """Give a resource that the statement speaks of; the last one, since objects follow buckets."""
    element = statement.resources
    if element is None or element.is_everything or element.negated:
        return ANYTHING
    text = element.patterns[-1].text
    for variable, value in _VARIABLES.items():
        text = text.replace(variable, value)
    return text.replace(":*:", ":123456789012:").replace("*", "any").replace("?", "x")
