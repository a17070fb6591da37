"""A page of the documentation, as steps that a reader takes.

Comments, which nobody sees, say what the runner has to know:

- ``not run: REASON``, on the line before a block: why it is not.
- ``before``, with lines for a shell: what has to be there first, such as a program's stand-in.
- ``terminal: NAME``: the next block is typed into that terminal, and not into the first one.
- ``new home``: from here on, another person's machine.
- ``no device``: from here on, an account where alice has no MFA device yet.
- ``administrator``: from here on, the machine of an administrator of that account.
- ``later``: an hour passes at AWS, so that codes of before are old.
- ``region: NAME``: from here on, an account there, of its partition.
- ``needs: PROGRAM``: what the page cannot be tried without.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RUNNABLE = ("console", "sh", "python", "js", "make")
DATA = ("toml", "yaml", "ini", "json", "hcl", "text")
_PARTS = re.compile(
    r"^ *<!-- (?P<word>not run|before|terminal|new home|no device|administrator|later|region|needs)"
    r"(?:: (?P<value>[^\n]*?))?"
    r"(?P<lines>\n.*?\n)? *-->\n"
    r"|^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_IN_A_SENTENCE = re.compile(r"`(mfakit [^`]+)`")
_IN_A_BLOCK = re.compile(r"^ *(?:\$ )?(mfakit .+)$", re.MULTILINE)


class Step(NamedTuple):
    """A block of a page, or an instruction for the runner.

    Args:
        kind: the block's language, or the comment's word.
        text: what stands in the block, or the comment's lines.
        line: where it begins, counted from 1.
        terminal: the name of the terminal that it is typed into.
        not_run: why it is not run; None if it is.
    """

    kind: str
    text: str
    line: int
    terminal: str = ""
    not_run: str | None = None


def pages() -> list[str]:
    """Return the README and the pages of the documentation, from the repository's root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def steps(page: str) -> list[Step]:
    """Read the steps of a page, in order."""
    return steps_of((ROOT / page).read_text(encoding="utf-8"))


def steps_of(text: str) -> list[Step]:
    """Read the steps in the text of a page."""
    found: list[Step] = []
    said: dict[str, str] = {}
    for part in _PARTS.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if (word := part["word"]) in ("not run", "terminal"):
            said[word] = part["value"] or ""
        elif word:
            found.append(Step(word, part["lines"] or part["value"] or "", line))
        else:
            inner = part["text"].replace(f"\n{part['indent']}", "\n").removeprefix(part["indent"])
            name, reason = said.get("terminal", ""), said.get("not run")
            found.append(Step(part["language"], inner, line, name, reason))
            said = {}
    return found


def unrun_commands(page: str) -> list[str]:
    """Find mfakit's commands in sentences and tables, and in the blocks that are not run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = [found.replace("\\|", "|") for found in _IN_A_SENTENCE.findall(_PARTS.sub("", text))]
    blocks = [step.text.replace("\\\n", " ") for step in steps_of(text) if step.not_run]
    return named + [line for block in blocks for line in _IN_A_BLOCK.findall(block)]
