"""Parsing the lines of an AWS file exactly as botocore does, which reads them by configparser.

It uses no regular expressions, since loading `re` takes longer than reading the file.
"""

from __future__ import annotations

from io import StringIO

# configparser reads this section's keys into every other one, and does not list it.
DEFAULT = "DEFAULT"
_KEY_BEGINS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_BYTE_ORDER_MARK = "\ufeff"


class Entry:
    """A key: lines ``start`` to ``end`` of its part (end excluded)."""

    __slots__ = ("end", "key", "start", "value")

    def __init__(self, key: str, value: str, start: int) -> None:
        self.key = key
        self.value = value
        self.start = start
        self.end = start + 1


class Section:
    """A section: its header is line ``start``; ``end`` is the line after its last key."""

    __slots__ = ("end", "entries", "name", "start")

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.end = start + 1
        self.entries: list[Entry] = []

    @property
    def values(self) -> dict[str, str]:
        """The keys in lower case, and their values."""
        return {entry.key: entry.value for entry in self.entries}


class JunkError(Exception):
    """botocore cannot read a file because of one line, counted from 0."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


def lines_of(text: str) -> StringIO:
    """Return an iterator over the lines with their endings; splitlines would split at more."""
    return StringIO(text, newline="")


def plain_sections(text: str) -> dict[str, str] | None:
    """Return the sections of a plain text; None if the text is not plain.

    Most texts are. In a plain one, each line is empty, a comment, a header, or ``key = value`` with
    a key that begins with a letter, and nothing is indented or occurs twice. So botocore can read
    it, and each section can be understood without the others.

    In large files, many sections have the same keys in the same order: those that follow each other
    are checked together.

    Returns:
        The lines of each section without their values, by its name, in the order of the file.
    """
    if "\r" in text:
        return None
    lines = text.split("\n")
    start = _next_header(lines, 0)
    found: dict[str, str] = {}
    count = 0
    if any(line and line[0] not in "#;" for line in lines[:start]):
        return None
    while start < len(lines):
        end = _next_header(lines, start + 1)
        begins = _begins(lines[start:end])
        if begins is None:
            return None
        size, number, most, more = end - start, 1, 1, 1
        while more == most:
            most *= 8
            more = _count_alike(lines, start + number * size, begins, most)
            number += more
        end = start + number * size
        names = [line[1:-1] for line in lines[start:end:size]]
        found |= dict.fromkeys(names, "\n".join(begins[1:]))
        count += number
        start = end
    are_odd = "]" in "".join(found) or "" in found or DEFAULT in found or len(found) < count
    return None if are_odd else found


def _next_header(lines: list[str], start: int) -> int:
    """Return the index of the first header from ``start`` on, or that of the end."""
    for index in range(start, len(lines)):
        if lines[index][:1] == "[":
            return index
    return len(lines)


def _begins(section: list[str]) -> list[str] | None:
    """Return what lines begin with that could stand in place of those of a plain section.

    Returns:
        ``[`` for the header, the key with its sign, or the whole of a blank line or comment. None
        if the section is not plain.
    """
    header, *lines = section
    if header[-1] != "]" or len(header) < 3:
        return None
    begins, seen = ["["], set()
    for line in lines:
        if line and line[0] not in "#;":
            key, sign, _ = line.partition("=")
            name = key.rstrip().lower()
            if not sign or line[0] not in _KEY_BEGINS or ":" in key or name in seen:
                return None
            seen.add(name)
            begins.append(f"{key}=")
        else:
            begins.append(line)
    return begins


def _count_alike(lines: list[str], start: int, begins: list[str], most: int) -> int:
    """Return how many sections from ``start`` on are like the one whose lines begin so.

    Args:
        lines: all lines.
        start: the index of a header.
        begins: what ``_begins`` has returned.
        most: the number of sections to look at.
    """
    size = len(begins)
    number = min(most, (len(lines) - start) // size)
    checks = [(0, str.endswith, "]"), *((n, str.startswith, text) for n, text in enumerate(begins))]
    for offset, has, text in checks:
        column = lines[start + offset : start + number * size : size]
        fits = [*map(has, column, [text] * number)] if text else [not line for line in column]
        if False in fits:
            number = fits.index(False)
    end = start + number * size
    is_longer = end < len(lines) and lines[end][:1] != "["
    return number - 1 if number and is_longer else number


def plain_span(text: str, name: str) -> tuple[int, int]:
    """Return the start and the end of a section of a plain text, which must be one of its names."""
    start = text.find(f"\n[{name}]") + 1
    return start, text.find("\n[", start) + 1 or len(text)


def _header(line: str) -> str | None:
    """Return the name in a header, with the spaces around it; None for any other line."""
    end = line.rfind("]")
    return line[1:end] if line[0] == "[" and end > 1 else None


def split_key(line: str) -> tuple[str, str, str, str]:
    """Split a line into indentation, key, sign with the spaces around it, and value.

    Returns:
        The four parts. The key is empty if there is none. Text after ``#`` belongs to the value.
    """
    at = min((place for sign in "=:" if (place := line.find(sign)) >= 0), default=0)
    indent = indent_of(line)
    key = line[len(indent) : at].rstrip()
    value = line[at + 1 :].lstrip()
    sign = line[len(indent) + len(key) : len(line) - len(value)]
    return indent, key, sign, value.rstrip()


def scan(lines: list[str]) -> list[Section]:
    """Find sections and keys.

    Raises:
        JunkError: botocore cannot read such a file.
    """
    sections: list[Section] = []
    seen: dict[str, set[str]] = {}  # the keys of each section
    entry: Entry | None = None
    indent = 0
    blank = ""
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped:
            blank += "\n"
            continue
        if stripped[0] in "#;":
            continue
        line_indent = len(indent_of(line))
        if entry is not None and line_indent > indent:
            _refuse_bad_nesting(number, entry.value, stripped)
            entry.value += f"{blank}\n{stripped}"
            sections[-1].end = entry.end = number + 1
            blank = ""
            continue
        indent = line_indent
        blank = ""
        if (name := _header(stripped)) is not None:
            if name in seen and name != DEFAULT:
                raise JunkError(number, f"the section [{name}] is there twice")
            seen.setdefault(name, set())
            sections.append(Section(name, number))
            entry = None
            continue
        entry = _entry(number, stripped, under_header=bool(sections))
        keys = seen[sections[-1].name]
        if entry.key in keys:
            raise JunkError(number, f"the key {entry.key} is there twice")
        keys.add(entry.key)
        sections[-1].entries.append(entry)
        sections[-1].end = number + 1
    return sections


def _entry(number: int, stripped: str, *, under_header: bool) -> Entry:
    if stripped[0] == _BYTE_ORDER_MARK and number == 0:
        raise JunkError(number, "there is a byte-order mark before this line")
    if not under_header:
        raise JunkError(number, "there is no section above this line")
    _, key, _, value = split_key(stripped)
    if not key:
        raise JunkError(number, "this line is neither a section nor `key = value`")
    return Entry(key.lower(), value, number)


def _refuse_bad_nesting(number: int, value: str, line: str) -> None:
    """Refuse a line below an empty value that is not ``key = value``, as botocore does."""
    if not value or value[0] == "\n":
        for part in line.splitlines():
            if part.strip() and "=" not in part:
                raise JunkError(number, "this line is indented, and not `key = value`")


def indent_of(line: str) -> str:
    """Return the spaces that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def split_ending(line: str) -> tuple[str, str]:
    """Split a line into its content and its line ending."""
    content = line.rstrip("\r\n")
    return content, line[len(content) :]
