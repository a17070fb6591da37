"""How the documentation is built: `nox -s docs`."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mfakit"
author = "the mfakit authors"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = version_of("mfakit")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "chinese_search",
    "command_table",
    "exit_codes",
    "json_schemas",
    "page_language",
    "sphinx_copybutton",
    "provider_chain",
    "source_tree",
]

autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"member-order": "alphabetical"}
exclude_patterns = ["_ext"]
templates_path = ["_templates"]
html_additional_pages = {"zh-CN-search": "search.html"}  # beside the other, as its links are
# Types of others, whose own pages are not looked up: the site is built without a network.
nitpick_ignore_regex = [
    ("py:class", r"(datetime\.)?(datetime|timedelta)|Path|Settings|Callable\[\[\]"),
    ("py:class", r"boto3\.Session|pytest\.\w+|(hypothesis\.strategies\.)?SearchStrategy"),
    ("py:class", r"mfakit\.testing\.mocking\.(F|MockAWS)"),  # the types of a decorator
    ("py:exc", r"MalformedPolicyError|UnjudgedError"),  # of another package, in its own words
]

# Of a transcript only what is typed is copied.
copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = "mfakit"
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sphinx = False

# Links to the repository, and to each page in it, once `pyproject.toml` says where it is.
_about = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
if _repository := _about["project"].get("urls", {}).get("Repository"):
    html_theme_options = {
        "source_repository": _repository,
        "source_branch": "main",
        "source_directory": "docs/",
        "footer_icons": [{"name": "Repository", "url": _repository, "html": _repository}],
    }

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
