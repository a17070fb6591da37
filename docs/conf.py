"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mfakit"
author = "the mfakit authors"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = version_of("mfakit")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_table"]
exclude_patterns = ["_ext"]
suppress_warnings = ["toc.empty_glob"]

html_theme = "furo"
html_title = "mfakit"
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
