"""Names that no file of the project may hold."""

from __future__ import annotations

import re
import subprocess
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
