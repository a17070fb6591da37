"""As much of Terraform as the files take: what they describe is made, by calls of IAM."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hcl2

LISTS = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource"}
DOCUMENT = "aws_iam_policy_document"


def apply(iam: Any, folder: Path, **variables: str) -> list[str]:
    """Make what the files of a folder describe; give the ARNs of the roles.

    Resources of other types are passed over.

    Args:
        iam: the client.
        folder: where the files are.
        variables: of the files.
    """
    blocks: dict[str, Any] = {}
    for path in sorted(folder.glob("*.tf")):
        for kind, found in hcl2.loads(path.read_text(encoding="utf-8")).items():
            blocks.setdefault(kind, []).extend(found)
    known: dict[str, Any] = {f"var.{name}": value for name, value in variables.items()}
    for values in blocks["locals"]:
        known |= {f"local.{name}": _value(value, {}) for name, value in values.items()}
    arns: list[str] = []
    for _, body in _labelled(blocks["resource"], "aws_iam_role"):
        trust = _document(blocks, body["assume_role_policy"], known)
        for name in known[_inside(r"toset\((.+)\)", body["for_each"])]:
            made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
            arns.append(made["Role"]["Arn"])
    known["values(aws_iam_role.mfa_role)[*].arn"] = arns
    for label, body in _labelled(blocks["resource"], "aws_iam_policy"):
        made = iam.create_policy(
            PolicyName=_value(body["name"], known),
            PolicyDocument=_document(blocks, body["policy"], known),
        )
        known[f"aws_iam_policy.{label}.arn"] = made["Policy"]["Arn"]
    for _, body in _labelled(blocks["resource"], "aws_iam_group_policy_attachment"):
        group, policy = _value(body["group"], known), _value(body["policy_arn"], known)
        iam.attach_group_policy(GroupName=group, PolicyArn=policy)
    for _, body in _labelled(blocks["resource"], "aws_iam_group_policy"):
        iam.put_group_policy(
            GroupName=_value(body["group"], known),
            PolicyName=_value(body["name"], known),
            PolicyDocument=_document(blocks, body["policy"], known),
        )
    return arns


def _document(blocks: dict[str, Any], reference: str, known: dict[str, Any]) -> str:
    """Do what the data source aws_iam_policy_document does."""
    wanted = _inside(rf"data\.{DOCUMENT}\.(\w+)\.json", reference)
    body = dict(_labelled(blocks["data"], DOCUMENT))[wanted]
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


def _labelled(blocks: list[dict[str, Any]], wanted: str) -> list[tuple[str, dict[str, Any]]]:
    """Give the blocks of a type, each with its name."""
    return [
        (json.loads(name), body)
        for block in blocks
        for kind, named in block.items()
        if json.loads(kind) == wanted
        for name, body in named.items()
    ]


def _value(read: Any, known: dict[str, Any]) -> Any:
    """Give the value of what was read: a text, a list, a block, or a name that is known."""
    if isinstance(read, dict):
        return {name: _value(value, known) for name, value in read.items() if name[0] != "_"}
    if isinstance(read, list):
        return [_value(value, known) for value in read]
    if isinstance(read, str) and read.startswith('"'):
        return json.loads(read).replace("$${", "${").replace("%%{", "%{")
    return known[_inside(r"(.+)", read)] if isinstance(read, str) else read


def _inside(pattern: str, expression: str) -> str:
    """Give the part of an expression that a pattern asks for."""
    found = re.fullmatch(pattern, expression.removeprefix("${").removesuffix("}"))
    assert found, f"the tests cannot tell what {expression} is"
    return found[1]
