"""The Chinese pages follow the current English ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import polib
import pytest
from docs import translations
from tests.docs.page import Step, steps

_PAGES = translations.pages()
_CATALOGUE = translations.ROOT / "toolkit/mfakit/translations/zh_CN.po"
_NO_TEXT = re.compile(r"^ *```.*?^ *```$|^ *<!--.*?-->$", re.DOTALL | re.MULTILINE)
_MARK = r"#+ |\||- |\d+\. "
_LINE_END_WITHIN = re.compile(rf"(?<=\S)\n *(?!\s|{_MARK}|$)")
_UNIT = re.compile(rf" *(?P<mark>{_MARK})?(?P<text>.*)")
_CELL_END = re.compile(r"(?<!\\)\|")
_TARGET = re.compile(r"\]\([^)]*\)")
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_follows_the_current_english_page(page: str) -> None:
    english = translations.source(page)
    assert translations.is_current(page), (
        f"{english} has changed: let {page} follow, and then: python -m docs.translations {page}"
    )


@pytest.mark.parametrize("page", _PAGES)
def test_each_translation_has_the_same_commands_and_output(page: str) -> None:
    """So it is enough to run those of the English page. Its questions are in Chinese here."""
    english = _blocks(translations.source(page))
    assert _blocks(page) == [step._replace(text=_asked_in_chinese(step.text)) for step in english]


@pytest.mark.parametrize("page", _PAGES)
def test_each_translated_row_item_and_paragraph_has_all_parts_of_the_english_one(page: str) -> None:
    """Parts are cells, links and what is set as code; a cell may be empty only if both are."""
    assert _described(_text(page)) == _described(_text(translations.source(page)))


@pytest.mark.parametrize("page", _PAGES)
def test_no_translated_text_is_much_too_short(page: str) -> None:
    """Chinese takes two fifths of the letters of English; a fifth is the least of any text."""
    english = [text for _, texts in _units(_text(translations.source(page))) for text in texts]
    chinese = [text for _, texts in _units(_text(page)) for text in texts]
    pairs = zip(map(_prose, english), map(_prose, chinese), strict=True)
    assert [
        (one, other) for one, other in pairs if len(one) >= 40 and len(other) < len(one) / 5
    ] == []


def test_a_row_that_lost_a_half_is_noticed() -> None:
    whole = "| to change it | `--every 1m`; again is [the same](b.md) |\n"
    assert _described(whole) != _described("| 更改 | `--every 1m` |\n")
    assert _described(whole) != _described("| 更改 | |\n")
    assert _described(whole) == _described("| 更改 | `--every 1m`；重复安装[效果相同](b.md) |\n")


def test_an_item_that_lost_a_line_is_noticed() -> None:
    whole = "- **One** has `a`,\n  and `b`.\n- Two.\n"
    assert _described(whole) != _described("- **一**有 `a`。\n- 二。\n")
    assert _described(whole) != _described("- **一**有 `a` 和 `b`。\n")
    assert _described(whole) == _described("- **一**有 `b` 和 `a`。\n- 二。\n")


def test_the_messages_that_are_explained_in_chinese_are_those_of_the_program() -> None:
    """``…`` stands for what a message has from elsewhere."""
    explained = re.findall(r"^\| `([^`]+)` \|", _text(translations.MESSAGES), re.MULTILINE)
    assert explained
    sources = (translations.ROOT / "toolkit" / "mfakit").rglob("*.py")
    said = {text for path in sources for text in _texts(ast.parse(path.read_text("utf-8")))}
    assert [message for message in explained if message not in said] == []


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


def _blocks(page: str) -> list[Step]:
    """Return a page's blocks, and what its comments tell the runner, but for the line numbers."""
    return [step._replace(line=0) for step in steps(page) if not step.kind.startswith("{")]


def _asked_in_chinese(text: str) -> str:
    """Translate the questions at the beginning of lines, as the program does."""
    for entry in polib.pofile(str(_CATALOGUE)):
        rest = "" if entry.msgid.endswith(": ") else r"(?= \[)"  # the usual answer, in brackets
        question = re.escape(entry.msgid).replace(r"\{device\}", r"(?P<device>\S+)")
        chinese = entry.msgstr.replace("{device}", r"\g<device>")
        pattern = rf"^(?P<indent> *){question}{rest}"
        text = re.sub(pattern, rf"\g<indent>{chinese}", text, flags=re.MULTILINE)
    return text


def _described(text: str) -> list[tuple[str, list[list[str]]]]:
    """Describe each heading, row, item and paragraph by what no translation changes."""
    return [(mark, list(map(_parts, texts))) for mark, texts in _units(text)]


def _units(text: str) -> list[tuple[str, list[str]]]:
    """Split a page into headings, rows, items and paragraphs; a row has a text for each cell."""
    joined = _LINE_END_WITHIN.sub(" ", _NO_TEXT.sub("", text))
    found = [_UNIT.fullmatch(line) for line in joined.splitlines() if line.strip()]
    units = [(unit["mark"] or "", unit["text"]) for unit in found if unit]
    return [(mark, _CELL_END.split(text) if mark == "|" else [text]) for mark, text in units]


def _parts(text: str) -> list[str]:
    """List the code in a text, its number of links, and whether there is any text."""
    codes = sorted({code for _, code in _CODE.findall(text)})
    return [*codes, f"{text.count('](')} links", "text" if text.strip() else "empty"]


def _prose(text: str) -> str:
    return _TARGET.sub("", _CODE.sub("", text)).strip()


def _texts(source: ast.AST) -> Iterator[str]:
    """Yield the texts of a module."""
    for node in ast.walk(source):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _text(page: str) -> str:
    return (translations.ROOT / page).read_text(encoding="utf-8")
