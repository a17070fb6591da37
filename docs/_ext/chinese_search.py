"""Sphinx: the search finds Chinese words, too, which no space separates, by pairs of letters.

A sentence is kept as every two letters that stand side by side in it, and what is searched for is
cut alike, so that a page has a word if it has all of its pairs. English is searched as before.
"""

from __future__ import annotations

import re

from sphinx.search.en import SearchEnglish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sphinx.application import Sphinx

_PART = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")


def _cut(word: str) -> list[str]:
    """Split a word between the two scripts, and Chinese into pairs."""
    cut = []
    for part in _PART.findall(word):
        is_chinese = "\u3400" <= part[0] <= "\u9fff" and len(part) > 1
        cut += [part[at : at + 2] for at in range(len(part) - 1)] if is_chinese else [part]
    return cut


class SearchEnglishAndChinese(SearchEnglish):
    """English and Chinese in one index."""

    js_splitter_code = r"""
var splitQuery = (query) =>
  query
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .flatMap((word) => word.match(/[\u3400-\u9fff]+|[^\u3400-\u9fff]+/g) || [])
    .flatMap((part) =>
      /[\u3400-\u9fff]{2}/.test(part)
        ? Array.from(part.slice(1), (_, at) => part.slice(at, at + 2))
        : [part],
    );
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 - Sphinx's name for it
        """Split a text into the words and pairs of the index."""
        return [part for word in super().split(input) for part in _cut(word)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the language above in place of Sphinx's English; called by Sphinx."""
    app.add_search_language(SearchEnglishAndChinese)
    return {"parallel_read_safe": True}
