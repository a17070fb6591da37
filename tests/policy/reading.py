"""Read policies back from each format, as the tool for that format does."""

from __future__ import annotations

import io
import json
from typing import Any

import hcl2
import yaml

LISTS = {
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}


def from_json(text: str) -> dict[str, Any]:
    return json.loads(text)


def from_cloudformation(text: str) -> dict[str, Any]:
    (resource,) = yaml.safe_load(text)["Resources"].values()
    properties = resource["Properties"]
    return properties.get("PolicyDocument") or properties["AssumeRolePolicyDocument"]


def from_terraform(text: str) -> dict[str, Any]:
    """Read as the data source aws_iam_policy_document does ("Terraform Registry", AWS provider)."""
    read = hcl2.load(io.StringIO(text))
    ((kind, found),) = _blocks(read["data"])
    assert kind == "aws_iam_policy_document"
    ((name, document),) = found
    ((_, resources),) = _blocks(read["resource"])
    assert f"${{data.aws_iam_policy_document.{name}.json}}" in resources[0][1].values()
    return {
        "Version": "2012-10-17",
        "Statement": [_statement(block) for block in document["statement"]],
    }


READERS = {
    "json": from_json,
    "cloudformation": from_cloudformation,
    "terraform": from_terraform,
}


def _blocks(labelled: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, Any]]]]:
    return [
        (_text(kind), [(_text(name), body) for name, body in named.items() if name[0] == '"'])
        for block in labelled
        for kind, named in block.items()
    ]


def _statement(block: dict[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": _text(block["sid"]), "Effect": _text(block["effect"])}
    for principals in block.get("principals", ()):
        statement["Principal"] = {_text(principals["type"]): _texts(principals["identifiers"])}
    statement |= {LISTS[name]: _texts(block[name]) for name in LISTS if name in block}
    conditions: dict[str, dict[str, list[str]]] = {}
    for condition in block.get("condition", ()):
        operator = conditions.setdefault(_text(condition["test"]), {})
        operator[_text(condition["variable"])] = _texts(condition["values"])
    return statement | {"Condition": conditions} if conditions else statement


def _texts(quoted: list[str]) -> list[str]:
    return [_text(text) for text in quoted]


def _text(quoted: str) -> str:
    return json.loads(quoted).replace("$${", "${").replace("%%{", "%{")
