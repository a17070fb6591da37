"""Sphinx: each page's language, by its folder, a menu in it, and a link to the other language."""

from __future__ import annotations

from posixpath import relpath

from sphinx import addnodes
from sphinx.environment.adapters.toctree import TocTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sphinx.application import Sphinx

_CHINESE = "zh-CN"
_OTHER = {True: ("en", "English"), False: (_CHINESE, "简体中文")}


def set_language(app: Sphinx, page: str, _template: str, context: dict[str, Any], _: Any) -> None:
    """Set what the template shows in a page's own language; called by Sphinx for each page."""
    is_chinese = page.startswith(f"{_CHINESE}/")
    if is_chinese:
        context["language"] = _CHINESE
        context["toctree"] = lambda **options: _chinese_menu(app, page, options)
    other = page.removeprefix(f"{_CHINESE}/") if is_chinese else f"{_CHINESE}/{page}"
    if other in app.project.docnames:
        code, name = _OTHER[is_chinese]
        link = relpath(f"{other}.html", f"{page}/..")
        context["body"] = (
            f'<p><a href="{link}" lang="{code}" hreflang="{code}">{name}</a></p>{context["body"]}'
        )


def _chinese_menu(app: Sphinx, page: str, options: dict[str, Any]) -> str:
    """Return the menu as the Chinese start page has it, for the theme."""
    start = app.env.get_doctree(f"{_CHINESE}/index")
    trees = [
        TocTree(app.env).resolve(page, app.builder, node, **options)
        for node in start.findall(addnodes.toctree)
    ]
    return "".join(app.builder.render_partial(tree)["fragment"] for tree in trees if tree)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the function above, to be called before the theme's; called by Sphinx."""
    app.connect("html-page-context", set_language, priority=400)
    return {"parallel_read_safe": True}
