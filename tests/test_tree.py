"""Names that no file of the project may hold."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
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
    """Imports inside functions count, and those for types alone; a package's own file does not."""
    source = ROOT / "toolkit"
    paths = [path for path in source.rglob("*.py") if path.name != "__init__.py"]
    modules = {".".join(path.relative_to(source).with_suffix("").parts): path for path in paths}
    assert len(modules) > 50
    TopologicalSorter(
        {name: set(imports(path)) & modules.keys() - {name} for name, path in modules.items()}
    ).prepare()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
