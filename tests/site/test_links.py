"""Every link of the built site and of the README leads somewhere, and no page needs the network."""

from __future__ import annotations

import os
import re
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
