"""Parsing the lines of an AWS file exactly as botocore does, which reads them by configparser.

It uses no regular expressions for a small file, since loading `re` takes longer than reading that.
"""

from __future__ import annotations

from io import StringIO

# configparser reads this section's keys into every other one, and does not list it.
DEFAULT = "DEFAULT"
_KEY_BEGINS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_MUCH = 200_000  # characters from which a regular expression is faster, with its loading
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

    Without their values, sections with the same keys are equal, and are checked once.

    Returns:
        The lines of each section without their values, by its name, in the order of the file.
    """
    if "\r" in text:
        return None
    if len(text) > _MUCH and (alike := _alike_sections(text)) is not None:
        return alike
    preamble, *parts = f"\n{_without_values(text)}\n".split("\n[")
    found = {name: keys for name, end, keys in [part.partition("]\n") for part in parts] if end}
    names = "".join(found)
    if (
        len(found) < len(parts)
        or "]" in names
        or "\n" in names
        or "" in found
        or DEFAULT in found
        or any(line[0] not in "#;" for line in preamble.split("\n") if line)
        or not all(map(_are_plain, set(found.values())))
    ):
        return None
    return found


def _alike_sections(text: str) -> dict[str, str] | None:
    """Return the sections of a large plain text of which most have the same keys; else None.

    Such files are common, since programs make them, and this is half the work.
    """
    import re

    start = text.find("\n[") + 1
    second = plain_sections(text[start : text.find("\n[", start) + 1])
    if not second:
        return None
    (keys,) = second.values()
    values = "".join(f"{re.escape(line)}.*+\n" for line in keys.split("\n") if line)
    alike = rf"(?m:^)\[([^]\n]++)]\n{values}\n*+(?=\[|\Z)"
    *parts, last = re.split(alike, text)
    if len(last) > _MUCH or any(len(other) > _MUCH for other in parts[::2]):
        return None
    found: dict[str, str] = {}
    names = 0
    for other, name in zip([*parts[::2], last], [*parts[1::2], ""], strict=True):
        sections = plain_sections(other) if other else {}
        if sections is None:
            return None
        found |= sections
        names += len(sections) + bool(name)
        if name:
            found[name] = keys
    return None if len(found) < names or DEFAULT in found else found


def plain_span(text: str, name: str) -> tuple[int, int]:
    """Return the start and the end of a section of a plain text, which must be one of its names."""
    start = text.find(f"\n[{name}]") + 1
    return start, text.find("\n[", start) + 1 or len(text)


def _without_values(text: str) -> str:
    """Cut each line after its first ``=``."""
    if len(text) > _MUCH:
        import re

        return re.sub("=.*+", "=", text)
    return "\n".join([line[: line.find("=") + 1] or line for line in text.split("\n") if line])


def _are_plain(keys: str) -> bool:
    """Whether lines without their values are comments, or keys that differ."""
    seen = set()
    for line in keys.split("\n"):
        if not line or line[0] in "#;":
            continue
        key = line[:-1].rstrip().lower()
        if line[0] not in _KEY_BEGINS or line[-1] != "=" or ":" in key or key in seen:
            return False
        seen.add(key)
    return True


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
