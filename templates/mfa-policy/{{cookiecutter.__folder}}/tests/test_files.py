"""The files begin with what `mfakit policy` prints now."""

from __future__ import annotations

import pytest

from policies import FILES, HERE, renewed

HERE_NOW = {name: options for name, options in FILES.items() if (HERE / name).exists()}


@pytest.mark.parametrize(("name", "options"), HERE_NOW.items(), ids=HERE_NOW)
def test_each_file_begins_with_what_mfakit_prints(name: str, options: list[str]) -> None:
    """If mfakit prints something else now, run `nox -s renew`, and review the changes."""
    path = HERE / name
    assert path.read_text(encoding="utf-8") == renewed(path, options)
