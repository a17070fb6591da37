"""Sphinx: set the language of each page by its folder, for fonts and screen readers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sphinx.application import Sphinx

_FOLDERS = {"zh-CN"}


def say_language(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _: Any) -> None:
    """Set the page's language for the template; called by Sphinx for each page."""
    folder = page.partition("/")[0]
    if folder in _FOLDERS:
        context["language"] = folder


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the function above; called by Sphinx."""
    app.connect("html-page-context", say_language)
    return {"parallel_read_safe": True}
