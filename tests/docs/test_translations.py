"""The Chinese pages follow the current English ones."""

from __future__ import annotations

import re

import pytest
from docs import translations
from tests.docs.page import RUNNABLE, steps

_PAGES = translations.pages()


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_follows_the_current_english_page(page: str) -> None:
    english = translations.source(page)
    assert translations.is_current(page), (
        f"{english} has changed: let {page} follow, and then: python -m docs.translations {page}"
    )


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_has_the_same_commands_and_output(page: str) -> None:
    """Only comments are translated."""
    assert _blocks(page) == _blocks(translations.source(page))


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_has_the_same_headings_tables_and_lists(page: str) -> None:
    assert _outline(page) == _outline(translations.source(page))


def test_the_readmes_link_to_each_other() -> None:
    for page, other in (("README.md", "README.zh-CN.md"), ("README.zh-CN.md", "README.md")):
        assert f"({other})" in _text(page)[:200]


def test_a_change_of_the_english_page_outdates_its_translation(tmp_path, monkeypatch) -> None:
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
