"""What the lines of an AWS file mean: headers, keys, and what belongs to the key above it.

It does without patterns: to load `re` takes longer than to read the file.
"""

from __future__ import annotations

from io import StringIO


class Entry:
    """A key: lines ``start`` to ``end`` of its part (end excluded)."""

    __slots__ = ("end", "key", "start", "value")

    def __init__(self, key: str, value: str, start: int) -> None:
        self.key = key
        self.value = value
        self.start = start
        self.end = start + 1


class Section:
    """A section: its header is line ``start``; ``end`` is the line behind its last key."""

    __slots__ = ("end", "entries", "name", "start")

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.end = start + 1
        self.entries: list[Entry] = []


class JunkError(Exception):
    """A line, counted from 0, makes no sense."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


def lines_of(text: str) -> StringIO:
    """Go through a text line by line, endings included; splitlines would cut at more."""
    return StringIO(text, newline="")


def outline(text: str) -> tuple[list[str], list[int]]:
    """Name the sections, and say where each begins, if it can be understood on its own.

    Returns:
        The names in the order of the file, and where in it their headers begin: nowhere if one
        has to scan all lines to understand any.

    Raises:
        JunkError: a line makes no sense.
    """
    names: list[str] = []
    starts: list[int] = []
    at = 0
    for line in lines_of(text):  # none is kept: of many that would take longer than to read them
        if (name := _header(line)) is not None:
            names.append(name)
            starts.append(at)
        elif not _stands_alone(line):
            return [section.name for section in scan(list(lines_of(text)))], []
        at += len(line)
    scan(list(lines_of(text[: starts[0]] if starts else text)))
    return names, starts


def _stands_alone(line: str) -> bool:
    """Tell whether a line makes sense without those above it, and cannot belong to one of them.

    It is no header.
    """
    first = line[0]
    if first in "#;\r\n":
        return True
    if first.isspace():
        return line.lstrip()[:1] in ("", "#", ";")
    return first not in "=:" and ("=" in line or ":" in line)


def _header(line: str) -> str | None:
    """Give the name in a header that is not indented; None if the line is none."""
    if line[0] != "[":
        return None
    end = line.rfind("]")
    return line[1:end].strip() if end > 1 else None


def split_key(line: str) -> tuple[str, str, str, str]:
    """Split a line into indent, key, sign with the spaces around it, and value.

    Returns:
        The key is empty if there is none. What is behind a value is a comment.
    """
    at = min((place for sign in "=:" if (place := line.find(sign)) >= 0), default=0)
    indent = indent_of(line)
    key = line[len(indent) : at].rstrip()
    value = line[at + 1 :].lstrip()
    sign = line[len(indent) + len(key) : len(line) - len(value)]
    hash_at = value.find("#", 1)
    while hash_at > 0 and not value[hash_at - 1].isspace():
        hash_at = value.find("#", hash_at + 1)
    return indent, key, sign, (value[:hash_at] if hash_at > 0 else value).rstrip()


def scan(lines: list[str]) -> list[Section]:
    """Find sections and keys.

    Raises:
        JunkError: a line is neither.
    """
    sections: list[Section] = []
    entry: Entry | None = None
    indent = 0
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        line_indent = len(indent_of(line))
        if entry is not None and line_indent > indent:
            entry.value += "\n" + stripped
            sections[-1].end = entry.end = number + 1
            continue
        indent = line_indent
        if (name := _header(stripped)) is not None:
            sections.append(Section(name, number))
            entry = None
            continue
        entry = _entry(number, stripped, under_header=bool(sections))
        sections[-1].entries.append(entry)
        sections[-1].end = number + 1
    return sections


def _entry(number: int, stripped: str, *, under_header: bool) -> Entry:
    if not under_header:
        raise JunkError(number, "there is no section above this line")
    _, key, _, value = split_key(stripped)
    if not key:
        raise JunkError(number, "this line is neither a section nor `key = value`")
    return Entry(key.lower(), value, number)


def indent_of(line: str) -> str:
    """Give the spaces that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def split_ending(line: str) -> tuple[str, str]:
    """Split a line into what it says and its line ending."""
    content = line.rstrip("\r\n")
    return content, line[len(content) :]
