"""The part of Terraform that the files need: calls of IAM make what the files describe."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

LISTS = {
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
DOCUMENT = "aws_iam_policy_document"
Blocks = dict[str, list[dict[str, Any]]]


def apply(iam: Any, folder: Path, **variables: str) -> list[str]:
    """Make the roles that require MFA, and the policies of the group.

    All else is ignored, and so are policies that the files name by an ARN.

    Args:
        iam: the client.
        folder: where the files are.
        variables: the values of the files' variables.

    Returns:
        The ARNs of the roles.
    """
    blocks: Blocks = {}
    for path in sorted(folder.glob("*.tf")):
        for kind, found in _parsed(path.read_text(encoding="utf-8")).items():
            blocks.setdefault(kind, []).extend(found)
    resources = blocks["resource"]
    roles = _make_roles(iam, blocks, _labelled(resources, "aws_iam_role")["mfa_role"])
    known: dict[str, Any] = {f"var.{name}": value for name, value in variables.items()}
    known["values(aws_iam_role.mfa_role)[*].arn"] = roles
    for body in _labelled(resources, "aws_iam_group_policy").values():
        iam.put_group_policy(
            GroupName=_value(body["group"], known),
            PolicyName=_value(body["name"], known),
            PolicyDocument=_document(blocks, body["policy"], known),
        )
    policies = _labelled(resources, "aws_iam_policy")
    for body in _labelled(resources, "aws_iam_group_policy_attachment").values():
        if not body["policy_arn"].startswith('"'):
            policy = policies[_inside(r"aws_iam_policy\.(\w+)\.arn", body["policy_arn"])]
            document = _document(blocks, policy["policy"], known)
            name = _value(policy["name"], known)
            made = iam.create_policy(PolicyName=name, PolicyDocument=document)
            arn = made["Policy"]["Arn"]
            iam.attach_group_policy(GroupName=_value(body["group"], known), PolicyArn=arn)
    return roles


@cache
def _parsed(text: str) -> Blocks:
    """Return the blocks of a file, which every test reads."""
    blocks: Blocks = hcl2.loads(text)
    return blocks


def _make_roles(iam: Any, blocks: Blocks, body: dict[str, Any]) -> list[str]:
    """Make a role for each name of a list; return their ARNs."""
    names = _inside(r"toset\(local\.(\w+)\)", body["for_each"])
    [listed] = [values[names] for values in blocks["locals"] if names in values]
    trust = _document(blocks, body["assume_role_policy"], {})
    made = [
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        for name in _value(listed, {})
    ]
    return [one["Role"]["Arn"] for one in made]


def _document(blocks: Blocks, reference: str, known: dict[str, Any]) -> str:
    """Return the JSON of a data source aws_iam_policy_document."""
    wanted = _inside(rf"data\.{DOCUMENT}\.(\w+)\.json", reference)
    body = _labelled(blocks["data"], DOCUMENT)[wanted]
    statements = [_statement(block, known) for block in body["statement"]]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _statement(block: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    given = {name: _value(value, known) for name, value in block.items() if name[0] != "_"}
    conditions: dict[str, dict[str, list[str]]] = {}
    for condition in given.pop("condition", ()):
        conditions.setdefault(condition["test"], {})[condition["variable"]] = condition["values"]
    principals = {one["type"]: one["identifiers"] for one in given.pop("principals", ())}
    return {
        "Sid": given.pop("sid"),
        "Effect": given.pop("effect"),
        **({"Principal": principals} if principals else {}),
        **{LISTS[name]: value for name, value in given.items()},
        **({"Condition": conditions} if conditions else {}),
    }


def _labelled(blocks: list[dict[str, Any]], wanted: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of a type by their names."""
    return {
        json.loads(name): body
        for block in blocks
        for kind, named in block.items()
        if json.loads(kind) == wanted
        for name, body in named.items()
    }


def _value(read: Any, known: dict[str, Any]) -> Any:
    """Return the value of a parsed expression: a string, a list, a block, or a known name."""
    if isinstance(read, dict):
        return {name: _value(value, known) for name, value in read.items() if name[0] != "_"}
    if isinstance(read, list):
        return [_value(value, known) for value in read]
    if isinstance(read, str) and read.startswith('"'):
        return json.loads(read).replace("$${", "${").replace("%%{", "%{")
    return known[_inside(r"(.+)", read)] if isinstance(read, str) else read


def _inside(pattern: str, expression: str) -> str:
    """Return the part of an expression that the pattern captures."""
    found = re.fullmatch(pattern, expression.removeprefix("${").removesuffix("}"))
    assert found, f"the tests cannot tell what {expression} is"
    return found[1]
