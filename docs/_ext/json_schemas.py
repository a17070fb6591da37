"""Sphinx: the JSON Schemas of the program's output, as tables of their members."""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from docutils.nodes import Node
    from sphinx.application import Sphinx

    Schema = dict[str, Any]

HEAD = ["| member | type | what it is |", "|---|---|---|"]


class JSONSchema(SphinxDirective):
    """``{json-schema} FILE``: the members of a schema, and the file itself."""

    required_arguments = 1

    def run(self) -> list[Node]:
        name, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(name)
        schema = json.loads(Path(path).read_text(encoding="utf-8"))
        text = [f"{{download}}`{self.arguments[0]}`", ""]
        for part in schema.get("oneOf", [schema]):
            text += [part.get("description", ""), "", *HEAD, *_rows(part), ""]
        for part in schema.get("$defs", {}).values():
            text += ["Each of the places:", "", *HEAD, *_rows(part), ""]
        return self.parse_text_to_nodes("\n".join(text))


def _rows(schema: Schema, within: str = "") -> Iterator[str]:
    """Describe each member, and those inside it."""
    for name, member in schema["properties"].items():
        described = member["description"]
        if name not in schema["required"] and "left out" not in described:
            described += " (may be left out)"
        yield f"| `{within}{name}` | {_type(member)} | {described} |"
        inner, mark = (member["items"], "[]") if "items" in member else (member, "")
        if "properties" in inner:
            yield from _rows(inner, f"{within}{name}{mark}.")


def _type(member: Schema) -> str:
    if "enum" in member:
        return ", ".join(f"`{value}`" for value in member["enum"])
    if "const" in member:
        return f"`{member['const']}`"
    types = member.get("type", "as below, or null")
    return types if isinstance(types, str) else " or ".join(types)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive; called by Sphinx."""
    app.add_directive("json-schema", JSONSchema)
    return {"parallel_read_safe": True}
