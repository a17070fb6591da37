"""The manual page, made when a wheel is built, where `man` finds it (pipx links it)."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPage(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the page of the sources' own table of commands; nothing has to be installed for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the page, and have it put into the wheel; called by hatchling."""
        del version  # of the wheel's kind, not of the project
        sys.path[:0] = [str(Path(self.root, "docs", "_ext")), str(Path(self.root, "toolkit"))]
        from man_page import man_page

        from mfakit.cli.commands import COMMANDS

        self.folder = TemporaryDirectory()
        path = Path(self.folder.name, "mfakit.1")
        path.write_text(man_page(COMMANDS.values(), self.metadata.version), encoding="utf-8")
        build_data["shared_data"][str(path)] = "share/man/man1/mfakit.1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the page; called by hatchling when the wheel is built."""
        del version, build_data, artifact_path
        self.folder.cleanup()
