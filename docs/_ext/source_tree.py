"""Sphinx: the tree of the sources: modules, layers, and a role that names one of them."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils.nodes import Node, system_message
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "toolkit" / "mfakit"


class Source(SphinxRole):
    """``{source}`exchange/aws.py```: a module or package; one that is not there is an error."""

    def run(self) -> tuple[list[Node], list[system_message]]:
        path = PACKAGE / self.text
        if not path.exists():
            message = self.inliner.reporter.error(f"no such source: {self.text}", line=self.lineno)
            return [], [message]
        shown = self.text if path.is_file() else f"{self.text}/"
        return [nodes.literal(self.rawtext, shown)], []


class ModuleTree(SphinxDirective):
    """``{module-tree}``: each package with its modules, and the first line of each."""

    def run(self) -> list[Node]:
        folders = [PACKAGE, *sorted(path for path in PACKAGE.rglob("*") if path.is_dir())]
        texts = [_package(folder) for folder in folders if (folder / "__init__.py").exists()]
        return self.parse_text_to_nodes("\n".join(texts))


class Layers(SphinxDirective):
    """``{layers}``: the layers of imports, the highest first."""

    def run(self) -> list[Node]:
        [layers] = [contract["layers"] for contract in _contracts() if "layers" in contract]
        text = "\n".join(layer.replace("|", "·") for layer in layers)
        return [nodes.literal_block(text, text, language="text")]


class Contracts(SphinxDirective):
    """``{contracts}``: the other rules for imports."""

    def run(self) -> list[Node]:
        names = [contract["name"] for contract in _contracts() if "layers" not in contract]
        return self.parse_text_to_nodes("\n".join(f"- {name}." for name in names))


def _contracts() -> list[dict[str, list[str] | str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, list[str] | str]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def _package(folder: Path) -> str:
    rows = "\n".join(f"| `{name}` | {line} |" for name, line in _modules(folder))
    name = folder.relative_to(PACKAGE.parent).as_posix()
    return (
        f"**{name}/**: {_first_line(folder / '__init__.py')}\n\n| module | |\n|---|---|\n{rows}\n"
    )


def _modules(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield path.name, _first_line(path)


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].replace("|", r"\|")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role and the directives; called by Sphinx."""
    app.add_role("source", Source())
    app.add_directive("module-tree", ModuleTree)
    app.add_directive("layers", Layers)
    app.add_directive("contracts", Contracts)
    return {"parallel_read_safe": True}
