"""Which pages are translated, and of which English text.

The last line of a translated page names the English one and holds its digest, so that a test sees
when the English page has changed since. When the translation has followed, `python -m
docs.translations PAGE ...` says so in these pages. For a catalogue of the program's own messages,
`python -m docs.translations FILE.po` writes the compiled one beside it, which is committed too, so
that no installation has to compile anything.
"""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LINE = re.compile(r"<!-- translated: (?P<source>\S+) (?P<digest>\w+) -->\n\Z")
_LENGTH = 16
MESSAGES = (
    "docs/zh-CN/reference/error-messages.md"  # in Chinese alone: the program says it in English
)


def pages() -> list[str]:
    """Return the translated pages, from the repository's root."""
    found = [*ROOT.glob("*.zh-CN.md"), *ROOT.glob("docs/zh-CN/**/*.md")]
    return sorted({path.relative_to(ROOT).as_posix() for path in found} - {MESSAGES})


def source(page: str) -> str:
    """Return the English page.

    Raises:
        ValueError: the page does not name one.
    """
    return _said(page)["source"]


def is_current(page: str) -> bool:
    """Whether the English page is still the one that was translated.

    Raises:
        ValueError: the page does not name one.
    """
    said = _said(page)
    return said["digest"] == _digest(said["source"])


def refresh(page: str) -> None:
    """Mark a page as the translation of the current English page.

    Raises:
        ValueError: the page does not name one.
    """
    english = source(page)
    line = f"<!-- translated: {english} {_digest(english)} -->\n"
    (ROOT / page).write_text(_LINE.sub(line, _text(page)), encoding="utf-8")


def compile_catalogue(path: Path) -> None:
    """Write the ``.mo`` file of a ``.po`` file, beside it."""
    import polib

    polib.pofile(str(path)).save_as_mofile(str(path.with_suffix(".mo")))


def _said(page: str) -> re.Match[str]:
    said = _LINE.search(_text(page))
    if said is None:
        raise ValueError(f"the last line of {page} does not name the page that it translates")
    return said


def _digest(page: str) -> str:
    return sha256(_text(page).encode()).hexdigest()[:_LENGTH]


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name.endswith(".po"):
            compile_catalogue(ROOT / name)
        else:
            refresh(name)
