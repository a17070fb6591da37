"""Draw the pictures into docs/_static: python -m docs.pictures [--check]."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docs.pictures import states, terminals

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRAWN = Path(__file__).parents[1] / "_static"
_SECONDS = 300


def main() -> int:
    """Draw all pictures, or check that they are up to date."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    options = parser.parse_args()
    signal.alarm(_SECONDS)  # a program that waits, while the clock stands still, waits for ever
    stale = []
    for name, text in _pictures():
        path = _DRAWN / f"{name}.svg"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8")
    print(f"{'stale' if options.check else 'drawn anew'}: {', '.join(stale) or 'none'}")
    return 1 if options.check and stale else 0


def _pictures() -> Iterator[tuple[str, str]]:
    for name in terminals.PICTURES:
        yield name, terminals.draw(name)
    for language in states.WORDS:
        yield states.name(language), states.draw(language)


if __name__ == "__main__":
    sys.exit(main())
