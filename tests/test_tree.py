"""Names that no file of the project may hold."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Who installs from a mirror has no other host, and the tools know theirs.
REGISTRIES = (
    r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|(deb|archive)\.(debian|ubuntu)\.(org|com)"
)


def test_no_file_names_this_machine_or_a_registry() -> None:
    """A file that names a home, a folder of its author or a mirror works in one checkout only."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this is no git repository")
    places = "|".join(re.escape(f"{path}/") for path in {ROOT, Path.home()})
    forbidden = re.compile(f"(?<![\\w.:-])({places})|{REGISTRIES}")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert len(paths) > 200
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in paths
        if path.is_file()
        for match in [forbidden.search(path.read_text("utf-8", "replace"))]
        if match
    ]
    assert found == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, those for types alone, and a package's own file, too."""
    source = ROOT / "toolkit"
    modules = {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for path in source.rglob("*.py")
    }
    assert len(modules) > 50
    imported = {name: set(imports(path, modules)) - {name} for name, path in modules.items()}
    TopologicalSorter(imported).prepare()


def imports(path: Path, modules: Collection[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                yield name if name in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
