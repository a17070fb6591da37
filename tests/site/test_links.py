"""Every link of the built site and of the README leads somewhere, and no page needs the network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.site.conftest import ROOT, SITE, pages

# What a page loads, as opposed to where it leads.
LOADING = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class _Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if LOADING.get(tag) in values:
            self.loads.append(values[LOADING[tag]])


@pytest.fixture(scope="module")
def parsed() -> dict[Path, _Page]:
    return {SITE / name: _Page(SITE / name) for name in pages()}


def _led_to(path: Path, parsed: dict[Path, _Page]) -> set[str]:
    return {os.path.normpath(path.parent / unquote(link)) for link in parsed[path].links}


def test_the_site_has_a_page_of_each_kind() -> None:
    kinds = {name.partition("/")[0] for name in pages()}
    assert {"index.html", "search.html", "how-to", "reference", "explanation"} <= kinds


def test_every_link_leads_to_a_file_and_an_anchor_of_the_site(parsed: dict[Path, _Page]) -> None:
    broken = []
    for path, page in parsed.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = parsed[target].anchors if target in parsed else {parts.fragment}
            if not target.is_file() or parts.fragment not in anchors | {""}:
                broken.append(f"{path.relative_to(SITE)}: {link}")
    assert broken == []


def test_each_chinese_page_and_its_english_one_lead_to_each_other(
    parsed: dict[Path, _Page],
) -> None:
    """The menu of a Chinese page has only Chinese pages, so that link is the way back."""
    for chinese in (SITE / "zh-CN").rglob("*.html"):
        english = SITE / chinese.relative_to(SITE / "zh-CN")
        if english in parsed:
            assert str(chinese) in _led_to(english, parsed), english
            assert str(english) in _led_to(chinese, parsed), chinese


def test_the_theme_speaks_the_language_of_the_page(parsed: dict[Path, _Page]) -> None:
    """This includes the labels for screen readers and the search."""
    english = (SITE / "how-to" / "docker.html").read_text(encoding="utf-8")
    chinese = (SITE / "zh-CN" / "how-to" / "docker.html").read_text(encoding="utf-8")
    assert '<html class="no-js" lang="en"' in english
    assert '<html class="no-js" lang="zh-CN"' in chinese
    words = {
        'placeholder="Search"': 'placeholder="搜索"',
        "<span>Next</span>": "<span>下一页</span>",
        "<span>Previous</span>": "<span>上一页</span>",
        "<span>Back to top</span>": "<span>回到顶部</span>",
        "On this page": "本页内容",
        "Skip to content": "跳到正文",
        'aria-label="Toggle ': 'aria-label="显示或隐藏',
        'title="Link to this heading"': 'title="链接到本标题"',
    }
    for one, other in words.items():
        assert one in english, one
        assert one not in chinese, one
        assert other in chinese, other
        assert other not in english, other
    assert 'action="../search.html"' in english
    assert 'action="../../zh-CN-search.html"' in chinese


def _build(folder: Path, urls: str) -> str:
    """Build a site of a start page in both languages, and return the English one."""
    for name in ("conf.py", "_ext", "_templates", "_static/icon.svg"):
        source, target = ROOT / "docs" / name, folder / "docs" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (folder / "pyproject.toml").write_text(f"[project]\n{urls}")
    (folder / "docs" / "index.md").write_text("# One\n\n```{toctree}\nzh-CN/index\n```\n")
    (folder / "docs" / "zh-CN").mkdir()
    (folder / "docs" / "zh-CN" / "index.md").write_text("# 一\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", folder / "docs", folder / "site"]
    subprocess.run(command, check=True)
    return (folder / "site" / "index.html").read_text(encoding="utf-8")


def test_each_page_leads_to_its_source_once_the_repository_has_an_address(tmp_path: Path) -> None:
    address = "https://github.com/example/mfakit"
    page = _build(tmp_path, f'[project.urls]\nRepository = "{address}"\n')
    assert f'href="{address}"' in page
    assert f'href="{address}/edit/main/docs/index.md"' in page
    assert f'href="{address}/blob/main/docs/index.md?plain=true"' in page


def test_without_an_address_no_page_leads_to_a_repository(tmp_path: Path) -> None:
    page = _build(tmp_path, "")
    assert "edit-this-page" not in page
    assert 'aria-label="Repository"' not in page


def test_no_font_script_or_picture_is_loaded_from_elsewhere(parsed: dict[Path, _Page]) -> None:
    loads = {link for page in parsed.values() for link in page.loads}
    styles = [path.read_text(encoding="utf-8") for path in SITE.rglob("*.css")]
    loads |= {
        link for text in styles for link in re.findall(r"(?:url\(|@import )[\"']?(\S+)", text)
    }
    assert [link for link in loads if re.match(r"(?:https?:)?//", link)] == []


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("*.md")))
def test_every_link_of_a_page_in_the_root_leads_to_a_file(name: str) -> None:
    """GitHub shows these pages with links to files of the repository."""
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []
