"""Policy documents, read into statements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from mfakit.errors import MFAKitError
from mfakit.policy import patterns
from mfakit.policy.elements import Condition, Element, Principals
from mfakit.policy.evaluation import Statement

VERSIONS = ("2008-10-17", patterns.VERSION_WITH_VARIABLES)
POLICY_ELEMENTS = {"Version", "Id", "Statement"}
STATEMENT_ELEMENTS = {"Sid", "Effect", "Condition"} | {
    f"{negation}{name}" for name in ("Principal", "Action", "Resource") for negation in ("", "Not")
}
_HINT = "correct it by the policy grammar in the IAM User Guide; IAM would refuse it too"
PRINCIPAL_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class MalformedPolicyError(MFAKitError, ValueError):
    """A document is not a policy."""


class Kind(Enum):
    """What a policy belongs to, which decides what elements its statements must have."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"


def parse(
    document: Mapping[str, Any] | str, name: str, kind: Kind = Kind.IDENTITY
) -> tuple[Statement, ...]:
    """Return the statements of a policy document.

    Args:
        document: the policy, as JSON or as parsed JSON.
        name: the policy's name in errors.
        kind: IDENTITY also for a permissions boundary and a session policy; RESOURCE for the
            policy of a bucket and the like; TRUST for a role's trust policy.

    Raises:
        MalformedPolicyError: the document is not a policy.
    """
    content = _read(document, name) if isinstance(document, str) else document
    _expect(isinstance(content, Mapping), name, "it is not an object")
    _expect_known(content, POLICY_ELEMENTS, name)
    # A policy without a version is written in the first version of the language.
    version = content.get("Version", VERSIONS[0])
    _expect(version in VERSIONS, name, f"its Version {version!r} is none of {', '.join(VERSIONS)}")
    _expect(isinstance(content.get("Id", ""), str), name, "its Id is not a string")
    statements = content.get("Statement")
    items = [statements] if isinstance(statements, Mapping) else statements
    _expect(isinstance(items, list) and bool(items), name, _without_statement(content))
    reader = _Reader(name, kind, variables=version == patterns.VERSION_WITH_VARIABLES)
    return tuple(reader.statement(item) for item in items or ())


def kind_of(document: Mapping[str, Any] | str, name: str) -> Kind:
    """Return what a policy belongs to, by the elements of its first statement.

    Raises:
        MalformedPolicyError: the document is not a policy.
    """
    content = _read(document, name) if isinstance(document, str) else document
    statements = content.get("Statement") if isinstance(content, Mapping) else None
    first = statements[0] if isinstance(statements, list) and statements else statements
    if not isinstance(first, Mapping) and (path := _path_to_policy(content)):
        raise MalformedPolicyError(
            f"policy {name}: {_without_statement(content)}",
            f"the policy is inside it: extract it with jq '.{path}'",
        )
    _expect(isinstance(first, Mapping), name, _without_statement(content))
    if not {"Principal", "NotPrincipal"} & set(first or ()):
        return Kind.IDENTITY
    return Kind.RESOURCE if {"Resource", "NotResource"} & set(first or ()) else Kind.TRUST


def _without_statement(content: Any) -> str:
    if isinstance(content, Mapping) and "Statement" in content:
        return "its Statement is neither a statement nor a list of them"
    return "it has no Statement"


def _path_to_policy(content: Any, depth: int = 5) -> str:
    """Return the path to a policy inside another document, for jq; "" if there is none.

    Such documents are the output of the AWS CLI, and CloudFormation's templates. A policy inside
    one may be a string.
    """
    if not isinstance(content, Mapping) or not depth:
        return ""
    for key, inside in content.items():
        if not key.isidentifier():
            continue  # jq would need quotes around it
        if isinstance(inside, str) and '"Statement"' in inside:
            return f"{key} | fromjson"
        if isinstance(inside, Mapping) and "Statement" in inside:
            return str(key)
        if path := _path_to_policy(inside, depth - 1):
            return f"{key}.{path}"
    return ""


class _Reader:
    """Reads the statements of one policy."""

    def __init__(self, policy: str, kind: Kind, *, variables: bool) -> None:
        self._policy = policy
        self._kind = kind
        self._variables = variables

    def statement(self, item: Any) -> Statement:
        self._expect(isinstance(item, Mapping), "a statement is not an object")
        _expect_known(item, STATEMENT_ELEMENTS, self._policy)
        effect = item.get("Effect")
        self._expect(effect in ("Allow", "Deny"), "the Effect of a statement must be Allow or Deny")
        sid = item.get("Sid", "")
        self._expect(isinstance(sid, str), "the Sid of a statement is not a string")
        actions = self._element(item, "Action", self._action)
        if actions is None:
            raise MalformedPolicyError(f"policy {self._policy}: a statement has no Action", _HINT)
        resources = self._element(item, "Resource", self._resource)
        principals = self._principals(item)
        self._expect_fitting(resources is not None, principals is not None)
        denies_others = principals is not None and principals.negated and effect == "Allow"
        self._expect(not denies_others, "NotPrincipal is only allowed in a Deny")
        return Statement(
            policy=self._policy,
            sid=sid,
            effect=effect,
            actions=actions,
            resources=resources,
            principals=principals,
            conditions=tuple(self._conditions(item.get("Condition", {}))),
        )

    def _expect_fitting(self, has_resource: bool, has_principal: bool) -> None:
        needs_principal, needs_resource = self._kind != Kind.IDENTITY, self._kind != Kind.TRUST
        for has, needs, name in (
            (has_principal, needs_principal, "Principal"),
            (has_resource, needs_resource, "Resource"),
        ):
            verb = "needs a" if needs else "must have no"
            self._expect(
                has is needs,
                f"a statement of a policy of this kind ({self._kind.value}) {verb} {name}",
            )

    def _element(self, item: Mapping[str, Any], name: str, pattern: Any) -> Element | None:
        key = self._either(item, name)
        if key is None:
            return None
        texts = self._texts(item[key], key)
        self._expect(bool(texts), f"{key} is empty")
        return Element(key, tuple(pattern(text) for text in texts), key != name)

    def _either(self, item: Mapping[str, Any], name: str) -> str | None:
        found = [key for key in (name, f"Not{name}") if key in item]
        self._expect(len(found) < 2, f"a statement has both {name} and Not{name}")
        return found[0] if found else None

    def _principals(self, item: Mapping[str, Any]) -> Principals | None:
        key = self._either(item, "Principal")
        if key is None:
            return None
        value = item[key]
        kinds = {"AWS": "*"} if value == "*" else value
        self._expect(isinstance(kinds, Mapping) and bool(kinds), f"{key} is not an object or *")
        named = []
        for kind, names in kinds.items():
            self._expect(kind in PRINCIPAL_KINDS, f"{key} {kind} is unknown")
            texts = self._texts(names, f"{key} {kind}")
            self._expect(bool(texts), f"{key} {kind} names nobody")
            for name in texts:
                whole = "*" not in name or name == "*"
                self._expect(whole, f"{key} {kind} {name}: no wildcard is allowed within a name")
                named.append((kind, name))
        return Principals(tuple(named), negated=key != "Principal")

    def _conditions(self, block: Any) -> list[Condition]:
        self._expect(isinstance(block, Mapping), "Condition is not an object")
        found = []
        for operator, keys in block.items():
            self._expect(isinstance(keys, Mapping), f"Condition {operator} is not an object")
            self._expect(bool(keys), f"Condition {operator} names no key")
            for key, wanted in keys.items():
                texts = self._texts(wanted, f"Condition {operator} {key}")
                found.append(Condition(operator, key, texts, self._variables))
        return found

    def _texts(self, value: Any, where: str) -> tuple[str, ...]:
        values = value if isinstance(value, (list, tuple)) else [value]
        plain = all(isinstance(each, (str, bool, int, float)) for each in values)
        self._expect(plain, f"{where} is not a string, or a list of strings")
        texts = tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
        known = all(ord(max(text, default=" ")) < patterns.RESERVED for text in texts)
        self._expect(known, f"{where} has a character that no policy may hold")
        return texts

    def _action(self, text: str) -> patterns.Pattern:
        whole = text == "*" or text.count(":") == 1
        self._expect(whole, f"Action {text} is not a service and a name, such as s3:GetObject")
        self._expect(text.isascii(), f"Action {text} is not ASCII")
        return replace(patterns.glob(text.lower()), text=text)

    def _resource(self, text: str) -> patterns.Pattern:
        is_arn = text == "*" or text.startswith("arn:")
        self._expect(is_arn, f'Resource {text} must be in ARN format or "*"')
        return patterns.arn(text, variables=self._variables, complete=True)

    def _expect(self, condition: bool, complaint: str) -> None:
        _expect(condition, self._policy, complaint)


def _read(text: str, name: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicyError(
            f"policy {name} is not JSON: {error}",
            "pass the policy alone, as JSON, not the template or configuration around it",
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # JSON parsers differ in which of the two they take, so IAM refuses both.
        raise ValueError("a key appears twice")
    return found


def _expect_known(item: Mapping[str, Any], known: set[str], name: str) -> None:
    for key in item:
        _expect(key in known, name, f"{key} is no element of a policy")


def _expect(condition: bool, name: str, complaint: str) -> None:
    if not condition:
        raise MalformedPolicyError(f"policy {name}: {complaint}", _HINT)
