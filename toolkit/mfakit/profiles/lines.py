"""Parsing the lines of an AWS file: headers, keys, and lines that belong to the key above them.

It uses no regular expressions, since loading `re` takes longer than reading the file.
"""

from __future__ import annotations

from io import StringIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_KEY_BEGINS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


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


class JunkError(Exception):
    """A line, counted from 0, is malformed."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


def lines_of(text: str) -> StringIO:
    """Return an iterator over the lines with their endings; splitlines would split at more."""
    return StringIO(text, newline="")


class Outline:
    """The positions of the sections in a text, so that one can be read without the others.

    Most texts are plain: each line that is not empty is a header, or ``key = value`` with a key
    that begins with a letter. For such a text, the lines are checked but not parsed.

    Args:
        text: the text.

    Raises:
        JunkError: a line is malformed.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._headers = _plain_headers(text)
        self._names: list[str] = []
        self._starts: list[int] = []
        if self._headers is None:
            self._find_sections()

    @property
    def names(self) -> list[str]:
        """The names of the sections, in the order of the file."""
        if self._headers is not None:
            return [header[1:-1].strip() for header in self._headers]
        return self._names

    def parts(self) -> list[str]:
        """Return the parts of the text that can be understood alone, or the whole text."""
        if self._headers is None:
            return [self._text]
        return [f"[{part}" for part in self._text[1:].split("\n[")]

    def spans(self, name: str) -> list[tuple[int, int]]:
        """Return the start and the end of each part of the text with sections of this name.

        Each part can be understood alone. If any line may belong to another, the whole text is one.
        """
        if self._headers is not None:
            found = {header for header in self._headers if name in header}
            exact = [header for header in found if header[1:-1].strip() == name]
            starts = sorted(start for header in exact for start in self._lines(header))
            return [(start, self._end(start)) for start in starts]
        if not self._starts:
            return [(0, len(self._text))] if name in self._names else []
        ends = [*self._starts[1:], len(self._text)]
        spans = zip(self._names, self._starts, ends, strict=True)
        return [(start, end) for found, start, end in spans if found == name]

    def _end(self, start: int) -> int:
        return self._text.find("\n[", start) + 1 or len(self._text)

    def _lines(self, line: str) -> Iterator[int]:
        """Yield the positions of all lines that are equal to this one."""
        text = f"\n{self._text}\n"
        at = text.find(f"\n{line}\n")
        while at >= 0:
            yield at
            at = text.find(f"\n{line}\n", at + 1)

    def _find_sections(self) -> None:
        names, starts, at = self._names, self._starts, 0
        for line in lines_of(self._text):  # keeping all lines takes longer than reading them
            if (name := _header(line)) is not None:
                names.append(name)
                starts.append(at)
            elif not _stands_alone(line):
                sections = scan(list(lines_of(self._text)))
                self._names, self._starts = [section.name for section in sections], []
                return
            at += len(line)
        scan(list(lines_of(self._text[: starts[0]] if starts else self._text)))


def _plain_headers(text: str) -> list[str] | None:
    """Return the lines that are headers; None if the text is not plain."""
    if not text.startswith("[") or "\r" in text:
        return None
    headers = [
        line
        for line in text.split("\n")
        if line and ("=" not in line or line[0] not in _KEY_BEGINS)
    ]
    others = [line for line in headers if line[0] != "[" or line[-1] != "]" or line == "[]"]
    return None if others else headers


def _stands_alone(line: str) -> bool:
    """Whether a line can be understood without those above it. It must not be a header."""
    first = line[0]
    if first in "#;\r\n":
        return True
    if first.isspace():
        return line.lstrip()[:1] in ("", "#", ";")
    return first not in "=:" and ("=" in line or ":" in line)


def _header(line: str) -> str | None:
    """Return the name in a header that is not indented; None for any other line."""
    if line[0] != "[":
        return None
    end = line.rfind("]")
    return line[1:end].strip() if end > 1 else None


def split_key(line: str) -> tuple[str, str, str, str]:
    """Split a line into indentation, key, sign with the spaces around it, and value.

    Returns:
        The four parts. The key is empty if there is none. A comment after the value is dropped.
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
    """Return the spaces that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def split_ending(line: str) -> tuple[str, str]:
    """Split a line into its content and its line ending."""
    content = line.rstrip("\r\n")
    return content, line[len(content) :]
