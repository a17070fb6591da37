"""Identity policies: parsed into statements, judged for one call at a time.

Nothing is ever allowed because it could not be judged: a statement that would decide, but holds
what this evaluator does not know, is an `UnjudgedError` that names the construct.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Texts = tuple[str, ...]


class UnjudgedError(Exception):
    """A policy holds what cannot be judged here."""


class MalformedPolicyError(ValueError):
    """A document is not a policy."""


@dataclass(frozen=True)
class Context:
    """One call, as policies see it.

    Attributes:
        resource: the ARN of what is called upon; None if it cannot be told.
        keys: the condition keys that are present, in lower case.
    """

    action: str
    resource: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, its lists made plain."""

    policy: str
    effect: str
    actions: Texts | None
    not_actions: Texts
    resources: Texts | None
    not_resources: Texts
    conditions: tuple[tuple[str, str, Texts], ...]

    def applies(self, context: Context) -> bool:
        """Tell whether the statement speaks about this call.

        Raises:
            UnjudgedError: it may, but holds what cannot be judged.
        """
        return (
            self._names_action(context.action)
            and self._names_resource(context.resource)
            and all(self._holds(*condition, context.keys) for condition in self.conditions)
        )

    def _names_action(self, action: str) -> bool:
        if self.actions is not None:
            return _any_matches(self.actions, action.lower())
        return not _any_matches(self.not_actions, action.lower())

    def _names_resource(self, resource: str | None) -> bool:
        if self.resources == ("*",):
            return True
        wanted = self.not_resources if self.resources is None else self.resources
        if resource is None or any("${" in text for text in wanted):
            raise UnjudgedError(f"Resource {', '.join(wanted)} in policy {self.policy}")
        return _any_matches(wanted, resource) == (self.resources is not None)

    def _holds(self, operator: str, key: str, wanted: Texts, keys: Mapping[str, str]) -> bool:
        test = OPERATORS.get(operator.lower().removesuffix("ifexists"))
        if test is None:
            raise UnjudgedError(f"Condition operator {operator} in policy {self.policy}")
        if key.lower() not in KNOWN_KEYS:
            raise UnjudgedError(f"Condition key {key} in policy {self.policy}")
        value = keys.get(key.lower())
        if value is None:
            return operator.lower().endswith("ifexists")
        return test(value, wanted)


@dataclass(frozen=True)
class Decision:
    """What policies say about a call, and the statement that decided, if one did."""

    allowed: bool
    statement: Statement | None = None

    @property
    def explicit_deny(self) -> bool:
        """Whether a statement denied it, rather than none allowing it."""
        return not self.allowed and self.statement is not None


def evaluate(statements: Iterable[Statement], context: Context) -> Decision:
    """Judge a call: denied if any statement denies it, else allowed if any allows it.

    Raises:
        UnjudgedError: the statement that would decide holds what cannot be judged.
    """
    found = tuple(statements)
    denying = _first(found, "Deny", context)
    if denying is not None:
        return Decision(allowed=False, statement=denying)
    allowing = _first(found, "Allow", context)
    return Decision(allowed=allowing is not None, statement=allowing)


def parse(document: Mapping[str, Any], name: str) -> tuple[Statement, ...]:
    """Return the statements of a policy document."""
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise MalformedPolicyError(f"policy {name} has no Statement")
    return tuple(_statement(item, name) for item in statements)


def _first(statements: Iterable[Statement], effect: str, context: Context) -> Statement | None:
    unjudged: UnjudgedError | None = None
    for statement in statements:
        try:
            if statement.effect == effect and statement.applies(context):
                return statement
        except UnjudgedError as error:
            unjudged = error
    if unjudged is not None:
        raise unjudged
    return None


def _statement(item: Mapping[str, Any], name: str) -> Statement:
    if item.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicyError(f"a statement of policy {name} has no Effect")
    conditions = item.get("Condition") or {}
    return Statement(
        policy=name,
        effect=item["Effect"],
        actions=_lower(item["Action"]) if "Action" in item else None,
        not_actions=_lower(item.get("NotAction", ())),
        resources=_texts(item["Resource"]) if "Resource" in item else None,
        not_resources=_texts(item.get("NotResource", ())),
        conditions=tuple(
            (operator, key, _texts(wanted))
            for operator, keys in conditions.items()
            for key, wanted in keys.items()
        ),
    )


def _texts(value: Any) -> Texts:
    values = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def _lower(value: Any) -> Texts:
    return tuple(text.lower() for text in _texts(value))


def _any_matches(patterns: Texts, text: str) -> bool:
    return any(_pattern(pattern).fullmatch(text) for pattern in patterns)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(translated, re.DOTALL)


def _bool(value: str, wanted: Texts) -> bool:
    return value.lower() in [text.lower() for text in wanted]


OPERATORS: dict[str, Callable[[str, Texts], bool]] = {"bool": _bool}
KNOWN_KEYS = {"aws:multifactorauthpresent", "aws:securetransport"}
