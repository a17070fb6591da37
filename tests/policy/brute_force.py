"""What small policies allow, found by trying every call, without any of the package's own code.

All names are short and of few letters, so that there are not many calls. One letter appears in no
policy: names with it stand for all that a policy does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, reduce
from itertools import product
from operator import or_
from typing import Any, NamedTuple

PRESENT, AGE = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"
LETTERS = "xyz"  # the last one is in no policy
WORDS = ["".join(letters) for length in range(1, 5) for letters in product(LETTERS, repeat=length)]
PARTITIONS = ("aws", "q")  # the last one is in no policy
SERVICES, ACCOUNTS = ("s", "t", "z"), ("111111111111", "222222222222", "999999999999")
ACTIONS = [f"{service}:{word}" for service in SERVICES for word in WORDS]
NAMES = ["x", "y", "xy", "xx", "z", "xz", "zy"]
RESOURCES = [
    "*",
    *(f"arn:aws:s:::{word}" for word in WORDS),
    *(f"arn:aws:s:::{name}/{word}" for name in ["x", "y", "z"] for word in NAMES),
    *(f"arn:q:{rest}" for rest in ("s:::zxz", "s:::z", "t::999999999999:user/z")),
    *(f"arn:aws:t::{account}:user/{name}" for account in ACCOUNTS for name in NAMES),
    *(f"arn:aws:t::anonymous:user/{name}" for name in NAMES),  # "anonymous" is a key's value
]
SITES = (None, "x", "z")  # the value of a condition key that differs from call to call
Keys = dict[str, str]


class Who(NamedTuple):
    """A caller: kind of credentials, principal, and condition keys in lower case."""

    kind: str
    arn: str
    account: str
    keys: Keys


def users() -> Iterator[Who]:
    for partition, account, name, path in product(PARTITIONS, ACCOUNTS, NAMES, ("", "x/", "z/")):
        if partition != "aws" and name != "z":
            continue
        arn = f"arn:{partition}:iam::{account}:user/{path}{name}"
        keys = {
            "aws:username": name,
            "aws:principalarn": arn,
            "aws:principalaccount": account,
            "aws:principaltype": "User",
            "aws:viaawsservice": "false",
        }
        yield Who("long-term key", arn, account, keys)
        yield Who("session", arn, account, {**keys, PRESENT.lower(): "false"})
    for partition, account, name in product(PARTITIONS, ACCOUNTS, NAMES):
        if partition != "aws" and name != "z":
            continue
        arn = f"arn:{partition}:sts::{account}:federated-user/{name}"
        keys = {
            "aws:principalarn": arn,
            "aws:principalaccount": account,
            "aws:principaltype": "FederatedUser",
            "aws:viaawsservice": "false",
        }
        yield Who("federated", arn, account, keys)
        yield Who("federated", arn, account, {**keys, PRESENT.lower(): "false"})


USERS = list(users())
ANYBODY = {"aws:principaltype": "Anonymous", "aws:viaawsservice": "false"}
ANONYMOUS = [
    Who("anonymous", "", "", ANYBODY),
    Who("anonymous", "", "", {**ANYBODY, "aws:principalaccount": "anonymous"}),
]


@cache
def like(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


@cache
def arn_like(pattern: str, text: str) -> bool:
    if pattern == "*":
        return True
    wanted, found = pattern.split(":", 5), text.split(":", 5)
    wanted += ["*"] * (6 - len(wanted))
    return len(found) == 6 and all(map(like, wanted, found))


@cache
def resources_like(pattern: str | None) -> int:
    """Return which of the resources match, as bits; a pattern without a value matches none."""
    if pattern is None:
        return 0
    return sum(1 << n for n, resource in enumerate(RESOURCES) if arn_like(pattern, resource))


EVERY_ACTION = (1 << len(ACTIONS)) - 1
EVERY_RESOURCE = (1 << len(RESOURCES)) - 1


@cache
def actions_like(pattern: str) -> int:
    """Return which of the actions match, as bits."""
    return sum(1 << n for n, action in enumerate(ACTIONS) if like(pattern, action))


def filled(pattern: str, keys: Keys) -> str | None:
    """Replace variables by their values; return None if one has no value."""
    for variable in re.findall(r"\$\{([^}]*)\}", pattern):
        value = keys.get(variable.lower())
        if value is None:
            return None
        pattern = pattern.replace(f"${{{variable}}}", value)
    return pattern


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions_of(statement: dict[str, Any]) -> int:
    negated = "NotAction" in statement
    texts = as_list(statement["NotAction" if negated else "Action"])
    found = reduce(or_, (actions_like(text.lower()) for text in texts))
    return EVERY_ACTION & ~found if negated else found


def resources_of(statement: dict[str, Any], keys: Keys) -> int:
    if "NotResource" not in statement:
        texts = as_list(statement.get("Resource", "*"))
        return reduce(or_, (resources_like(filled(text, keys)) for text in texts))
    found = [filled(text, keys) for text in as_list(statement["NotResource"])]
    if None in found and statement["Effect"] == "Deny":
        return 0  # what comes of it is not known
    return EVERY_RESOURCE & ~reduce(or_, map(resources_like, found))


def names(statement: dict[str, Any], who: Who) -> bool:
    """Whether principals include a caller; a grant to a user includes the sessions of that user."""
    if "Principal" not in statement:
        return True
    value = statement["Principal"]
    for text in as_list(value if isinstance(value, str) else value["AWS"]):
        account = re.fullmatch(r"(?:arn:aws:iam::)?(\d{12})(?::root)?", text)
        if text in ("*", who.arn) or (account and account[1] == who.account):
            return True
        if who.kind == "federated" and statement["Effect"] == "Allow":
            maker = who.arn.replace(":sts:", ":iam:").replace("federated-user", "user")
            if text.startswith(maker.rpartition("/")[0] + "/"):
                return True
    return False


def compares(operator: str, wanted: str, value: str) -> bool:
    if operator == "bool":
        return (value == "true") is (wanted == "true")
    if operator == "stringequals":
        return wanted == value
    if operator == "stringlike":
        return like(wanted, value)
    if operator in ("arnlike", "arnequals"):
        return arn_like(wanted, value)
    number = float(value)
    return number < float(wanted) if operator == "numericlessthan" else number >= float(wanted)


def holds(operator: str, key: str, wanted: list[str], keys: Keys) -> bool:
    operator, value = operator.lower(), keys.get(key.lower())
    if operator == "null":
        return (value is None) is (wanted[0] == "true")
    quantifier, _, base = operator.rpartition(":")
    plain = base.removesuffix("ifexists")
    if value is None:
        if base != plain or quantifier == "forallvalues":
            return True
        return "not" in plain and not quantifier
    found = any(compares(plain.replace("not", ""), text, value) for text in wanted)
    return found is not ("not" in plain)


def met(statement: dict[str, Any], keys: Keys) -> bool:
    return all(
        holds(operator, key, as_list(wanted), keys)
        for operator, asked in statement.get("Condition", {}).items()
        for key, wanted in asked.items()
    )


def lets_somebody_in(statements: list[dict[str, Any]], exempt: tuple[str, ...] = ()) -> bool:
    """Try all callers with all calls."""
    counted = [n for n, action in enumerate(ACTIONS) if action not in exempt]
    spoken = [actions_of(s) for s in statements]
    signatures = {tuple(bits >> n & 1 for bits in spoken) for n in counted}
    of_a_resource = "Principal" in statements[0] and any("esource" in k for k in statements[0])
    callers = [*USERS, *ANONYMOUS] if of_a_resource else USERS
    # Without a condition on it, the site makes no difference.
    sites = SITES if "own:site" in str(statements) else SITES[:1]
    tried = set()
    for who, site in product(callers, sites):
        upon = _reached(statements, who, site)
        if upon not in tried and _allowed(statements, signatures, upon):
            return True
        tried.add(upon)
    return False


def _reached(statements: list[dict[str, Any]], who: Who, site: str | None) -> tuple[int, ...]:
    """Return upon which resources each of the statements is about a caller, as bits."""
    keys = who.keys if site is None else {**who.keys, "own:site": site}
    return tuple(resources_of(s, keys) if met(s, keys) and names(s, who) else 0 for s in statements)


def _allowed(
    statements: list[dict[str, Any]], signatures: set[tuple[int, ...]], upon: tuple[int, ...]
) -> bool:
    for signature in signatures:
        bits = {"Allow": 0, "Deny": 0}
        for statement, speaks, resources in zip(statements, signature, upon, strict=True):
            bits[statement["Effect"]] |= resources if speaks else 0
        if bits["Allow"] & ~bits["Deny"]:
            return True
    return False
