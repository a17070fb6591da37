"""The Chinese pages follow the current English ones."""

from __future__ import annotations

import re

import pytest
from docs import translations
from tests.docs.page import DATA, RUNNABLE, steps

_PAGES = translations.pages()
_NO_TEXT = re.compile(r"^ *```.*?^ *```$|^ *<!--.*?-->$", re.DOTALL | re.MULTILINE)
_UNIT = re.compile(r" *(?P<mark>#+ |\||- |\d+\. )?(?P<text>.*)")
_CELL = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_follows_the_current_english_page(page: str) -> None:
    english = translations.source(page)
    assert translations.is_current(page), (
        f"{english} has changed: let {page} follow, and then: python -m docs.translations {page}"
    )


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_has_the_same_commands_and_output(page: str) -> None:
    """So it is enough to run those of the English page."""
    assert _blocks(page) == _blocks(translations.source(page))


@pytest.mark.parametrize("page", _PAGES)
def test_each_translated_row_item_and_paragraph_has_all_parts_of_the_english_one(page: str) -> None:
    """Parts are cells, links and what is set as code; a cell may be empty only if both are."""
    assert _outline(page) == _outline(translations.source(page))


def test_a_row_that_lost_a_half_is_noticed() -> None:
    whole = "| to change it | `--every 1m`; again is [the same](b.md) |\n"
    assert _parts(whole) != _parts("| 更改 | `--every 1m` |\n")
    assert _parts(whole) != _parts("| 更改 | |\n")
    assert _parts(whole) == _parts("| 更改 | `--every 1m`；重复安装[效果相同](b.md) |\n")


def test_an_item_that_lost_a_line_is_noticed() -> None:
    whole = "- **One** has `a`,\n  and `b`.\n- Two.\n"
    assert _parts(whole) != _parts("- **一**有 `a`。\n- 二。\n")
    assert _parts(whole) != _parts("- **一**有 `a` 和 `b`。\n")
    assert _parts(whole) == _parts("- **一**有 `b` 和 `a`。\n- 二。\n")


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
    return [(step.kind, step.text) for step in steps(page) if step.kind in (*RUNNABLE, *DATA)]


def _outline(page: str) -> list[str]:
    return _parts(_NO_TEXT.sub("", _text(page)))


def _parts(text: str) -> list[tuple[str, list[list[str]]]]:
    """Describe each heading, row, item and paragraph by what no translation changes."""
    joined = re.sub(r"(?<=\S)\n *(?!\s|#+ |\||- |\d+\. |$)", " ", text)
    found = [_UNIT.fullmatch(line) for line in joined.splitlines() if line.strip()]
    units = [(unit["mark"] or "", unit["text"]) for unit in found if unit]
    return [
        (mark, [_of_text(cell) for cell in (_CELL.split(text) if mark == "|" else [text])])
        for mark, text in units
    ]


def _of_text(text: str) -> list[str]:
    """List the code in a text, its number of links, and whether there is any text."""
    codes = sorted({code for _, code in _CODE.findall(text)})
    return [*codes, f"{text.count('](')} links", "text" if text.strip() else "empty"]


def _text(page: str) -> str:
    return (translations.ROOT / page).read_text(encoding="utf-8")
