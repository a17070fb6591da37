"""The Chinese pages say what the English ones say now."""

from __future__ import annotations

import re

import pytest
from docs import translations
from tests.docs.page import RUNNABLE, steps

_PAGES = translations.pages()


@pytest.mark.parametrize("page", _PAGES)
def test_a_translation_is_of_the_english_page_as_it_is(page: str) -> None:
    """Whoever changes the English page changes the other, and then says so in it."""
    english = translations.source(page)
    assert translations.is_current(page), (
        f"{english} has changed: let {page} follow, and then: python -m docs.translations {page}"
    )


@pytest.mark.parametrize("page", _PAGES)
def test_a_translation_has_its_readers_type_the_same(page: str) -> None:
    """And shows the same; only what is said in comments is said in Chinese."""
    assert _blocks(page) == _blocks(translations.source(page))


@pytest.mark.parametrize("page", _PAGES)
def test_a_translation_has_the_same_parts(page: str) -> None:
    """Headings of the same depth, tables with as many rows, lists with as many points."""
    assert _outline(page) == _outline(translations.source(page))


def test_the_readmes_lead_to_each_other() -> None:
    """Near their tops."""
    for page, other in (("README.md", "README.zh-CN.md"), ("README.zh-CN.md", "README.md")):
        assert f"({other})" in _text(page)[:200]


def test_a_change_of_the_english_page_is_noticed(tmp_path, monkeypatch) -> None:
    """Until somebody says that the translation has followed."""
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("# One\n")
    page = tmp_path / "README.zh-CN.md"
    page.write_text("# 一\n\n<!-- translated: README.md 0 -->\n")
    translations.refresh(page.name)
    assert translations.pages() == [page.name]
    assert translations.is_current(page.name)
    (tmp_path / "README.md").write_text("# Two\n")
    assert not translations.is_current(page.name)
    assert page.read_text().startswith("# 一\n\n<!--")


def _blocks(page: str) -> list[tuple[str, str]]:
    found = [step for step in steps(page) if step.kind in RUNNABLE]
    return [(step.kind, re.sub(r"\s+# .*", "", step.text)) for step in found]


def _outline(page: str) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", _text(page), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^(?:#+|\||-)(?= )", text, re.MULTILINE)


def _text(page: str) -> str:
    return (translations.ROOT / page).read_text(encoding="utf-8")
