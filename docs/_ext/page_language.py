"""Sphinx: each page's language, by its folder: its menu, the theme's words, the search, a link.

Of the theme's words Sphinx's own catalogues have few, and the labels for screen readers are not in
any, so they are translated here.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import relpath

import sphinx
from sphinx import addnodes
from sphinx.environment.adapters.toctree import TocTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sphinx.application import Sphinx

_CHINESE = "zh-CN"
_CHINESE_SEARCH = "zh-CN-search"  # among the additional pages of conf.py
_IN_CHINESE = {
    "Search": "搜索",
    "Index": "索引",
    "Home": "首页",
    "Next": "下一页",
    "Previous": "上一页",
    "On this page": "本页内容",
    "Back to top": "回到顶部",
    "Skip to content": "跳到正文",
    "Edit this page": "编辑本页",
    "View this page": "查看本页源文件",
    "Copyright &#169; %(copyright)s": "版权所有 &#169; %(copyright)s",
    "Made with": "制作工具：",
    "Error": "错误",
    "Please activate JavaScript to enable the search functionality.": "搜索需要启用 JavaScript。",
    "Toggle site navigation sidebar": "显示或隐藏站点导航",
    "Toggle table of contents sidebar": "显示或隐藏本页目录",
    "Toggle Light / Dark / Auto color theme": "切换浅色、深色或自动配色",
    "Link to this heading": "链接到本标题",
    "Link to this term": "链接到本术语",
}
_LABEL = re.compile(r'(?<=(?: title|-label)=")[^"]*(?=")')
_OWN_LANGUAGE_FIRST = """
document.addEventListener("DOMContentLoaded", () => {
  const isChinese = document.documentElement.lang === "zh-CN";
  Scorer.score = ([page, , , , score]) =>
    page.startsWith("zh-CN/") === isChinese ? score + 1000 : score;
});
"""
_OTHER = {True: ("en", "English"), False: (_CHINESE, "简体中文")}


def set_language(app: Sphinx, page: str, _template: str, context: dict[str, Any], _: Any) -> None:
    """Set what the template shows in a page's own language; called by Sphinx for each page."""
    is_chinese = page.startswith(_CHINESE)
    context["with_labels"] = _translate_labels if is_chinese else str
    if page in ("search", _CHINESE_SEARCH):
        app.add_js_file(None, body=_OWN_LANGUAGE_FIRST)
    if is_chinese:
        context["language"] = _CHINESE
        context["gettext"] = _translate
        context["pathto"] = _lead_to_chinese_pages(app, context["pathto"])
        context["toctree"] = lambda **options: _chinese_menu(app, page, options)
        if page == _CHINESE_SEARCH:
            catalogue = Path(sphinx.package_dir, "locale", "zh_CN", "LC_MESSAGES", "sphinx.js")
            app.add_js_file(None, body=catalogue.read_text("utf-8"))
    other = page.removeprefix(f"{_CHINESE}/") if is_chinese else f"{_CHINESE}/{page}"
    if other in app.project.docnames:
        code, name = _OTHER[is_chinese]
        link = relpath(f"{other}.html", f"{page}/..")
        context["body"] = (
            f'<p><a href="{link}" lang="{code}" hreflang="{code}">{name}</a></p>{context["body"]}'
        )


def _translate(words: str) -> str:
    """Return the theme's words in Chinese; as they are, if they are not in the table."""
    return _IN_CHINESE.get(words.strip(), words)


def _translate_labels(html: str) -> str:
    return _LABEL.sub(lambda found: _translate(found[0]), html)


def _lead_to_chinese_pages(app: Sphinx, pathto: Callable[..., str]) -> Callable[..., str]:
    """Return the theme's function for links, with the start page and the search in Chinese."""
    pages = {app.config.root_doc: f"{_CHINESE}/index", "search": _CHINESE_SEARCH}
    return lambda name, *args, **options: pathto(pages.get(name, name), *args, **options)


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
