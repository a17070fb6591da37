"""Write a policy as JSON, as a CloudFormation template, or as Terraform configuration."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

from mfakit.policy.document import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.policy.making import Draft, Statement

_WIDTH = 90
# YAML reads such a text as that text; any other needs quotes.
_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)\Z)[A-Za-z][\w:/.-]*(?<!:)", re.I)
_CLOUDFORMATION_TYPES = {
    Kind.IDENTITY: ("AWS::IAM::ManagedPolicy", "PolicyDocument"),
    Kind.TRUST: ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    Kind.RESOURCE: ("AWS::S3::BucketPolicy", "PolicyDocument"),
}
_TERRAFORM_TYPES = {
    Kind.IDENTITY: ("aws_iam_policy", "policy"),
    Kind.TRUST: ("aws_iam_role", "assume_role_policy"),
    Kind.RESOURCE: ("aws_s3_bucket_policy", "policy"),
}
_TERRAFORM_LISTS = {
    "Action": "actions",
    "NotAction": "not_actions",
    "Resource": "resources",
    "NotResource": "not_resources",
}


def as_json(draft: Draft) -> str:
    """Return the policy alone, as `aws iam create-policy` and the console take it."""
    return json.dumps(draft.document, indent=2) + "\n"


def as_cloudformation(draft: Draft) -> str:
    """Return a template with one resource, with comments."""
    kind, key = _CLOUDFORMATION_TYPES[draft.kind]
    name = "".join(word.title() for word in draft.name.split()).replace("Mfa", "MFA")
    bucket = [f"      Bucket: {_yaml_text(draft.bucket)}"] if draft.bucket else []
    lines = [
        *_comment("\n".join(draft.summary), ""),
        'AWSTemplateFormatVersion: "2010-09-09"',
        "Resources:",
        f"  {name}:",
        f"    Type: {kind}",
        "    Properties:",
        *bucket,
        f"      {key}:",
        '        Version: "2012-10-17"',
        "        Statement:",
    ]
    for comment, statement in draft.statements:
        first, *others = _yaml(statement, " " * 12)
        lines += [*_comment(comment, " " * 10), f"{' ' * 10}- {first.lstrip()}", *others]
    return "".join(f"{line}\n" for line in lines)


def as_terraform(draft: Draft) -> str:
    """Return a policy document and the resource that it belongs to, with comments."""
    kind, key = _TERRAFORM_TYPES[draft.kind]
    name = draft.name.replace(" ", "_")
    lines = [*_comment("\n".join(draft.summary), ""), f'data "aws_iam_policy_document" "{name}" {{']
    for number, (comment, statement) in enumerate(draft.statements):
        lines += [""] * bool(number)
        lines += [*_comment(comment, "  "), "  statement {", *_hcl(statement), "  }"]
    bucket = [("bucket", _hcl_text(draft.bucket))] if draft.bucket else []
    properties = [*bucket, (key, f"data.aws_iam_policy_document.{name}.json")]
    lines += ["}", "", f'resource "{kind}" "{name}" {{', *_aligned(properties, "  "), "}"]
    return "".join(f"{line}\n" for line in lines)


FORMATS: dict[str, Callable[[Draft], str]] = {
    "json": as_json,
    "cloudformation": as_cloudformation,
    "terraform": as_terraform,
}


def render(draft: Draft, format_name: str) -> str:
    """Return a policy in one of the `FORMATS`."""
    return FORMATS[format_name](draft)


def _comment(text: str, indent: str) -> list[str]:
    paragraphs = (textwrap.wrap(line, _WIDTH) for line in text.splitlines())
    return [f"{indent}# {line}" for lines in paragraphs for line in lines]


def _yaml(value: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield the lines of a mapping of strings, lists of strings, and such mappings."""
    for key, content in value.items():
        name = f"{indent}{_yaml_text(key)}:"
        if isinstance(content, str):
            yield f"{name} {_yaml_text(content)}"
            continue
        yield name
        if isinstance(content, list):
            yield from (f"{indent}  - {_yaml_text(text)}" for text in content)
        else:
            yield from _yaml(content, indent + "  ")


def _yaml_text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """Quote a text without escaping letters: only JSON reads surrogate pairs."""
    return json.dumps(text, ensure_ascii=False)


def _hcl(statement: Statement) -> Iterator[str]:
    """Yield the lines of a statement block, with blocks for principals and conditions."""
    plain = [("sid", _hcl_text(statement["Sid"])), ("effect", _hcl_text(statement["Effect"]))]
    lists = [
        (name, _hcl_list(statement[key]))
        for key, name in _TERRAFORM_LISTS.items()
        if key in statement
    ]
    yield from _aligned([*plain, *lists], " " * 4)
    for kind, names in statement.get("Principal", {}).items():
        yield from _block(
            "principals", [("type", _hcl_text(kind)), ("identifiers", _hcl_list(names))]
        )
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            variable = ("variable", _hcl_text(key))
            values = ("values", _hcl_list(wanted))
            yield from _block("condition", [("test", _hcl_text(operator)), variable, values])


def _block(name: str, arguments: list[tuple[str, str]]) -> list[str]:
    return ["", f"    {name} {{", *_aligned(arguments, " " * 6), "    }"]


def _aligned(arguments: list[tuple[str, str]], indent: str) -> Iterator[str]:
    """Align arguments as `terraform fmt` does: the equals signs of consecutive one-line ones."""
    group: list[tuple[str, str]] = []
    for argument in arguments:
        if "\n" in argument[1]:
            yield from _in_line(group, indent)
            group = []
            yield f"{indent}{argument[0]} = {argument[1]}".replace("\n", f"\n{indent}")
        else:
            group.append(argument)
    yield from _in_line(group, indent)


def _in_line(arguments: list[tuple[str, str]], indent: str) -> Iterator[str]:
    width = max((len(name) for name, _ in arguments), default=0)
    return (f"{indent}{name:{width}} = {value}" for name, value in arguments)


def _hcl_list(value: str | list[str]) -> str:
    texts = [_hcl_text(text) for text in ([value] if isinstance(value, str) else value)]
    if len(texts) == 1:
        return f"[{texts[0]}]"
    return "\n".join(["[", *(f"  {text}," for text in texts), "]"])


def _hcl_text(text: str) -> str:
    """Quote a text, doubling ``${`` and ``%{``, which Terraform would evaluate otherwise."""
    return _quoted(text).replace("${", "$${").replace("%{", "%%{")
