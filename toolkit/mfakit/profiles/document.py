"""A credentials or config file as a document: text in, text out, nothing lost in between.

One scanner serves reading and editing. It sees the lines as configparser does, which is what
botocore reads with: a line that is indented deeper than the key above it belongs to that key's
value, ``#`` and ``;`` start a comment only at the start of a line, keys are spelled in any case.
Edits replace lines of one section; all other text stays as it was, byte for byte.
"""

from __future__ import annotations

import re

from mfakit.errors import FileError

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADER = re.compile(r"\[(.+)\]")
_KEY = re.compile(
    r"(?P<indent>\s*)(?P<key>[^=:]*?)(?P<sign>\s*[=:]\s*)(?P<value>.*?)\s*$", re.DOTALL
)


class Entry:
    """A key of a section: lines ``start`` to ``end`` of the document (end excluded)."""

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


class _Edit:
    """Lines that take the place of lines ``start`` to ``end`` (end excluded)."""

    __slots__ = ("end", "lines", "start")

    def __init__(self, start: int, end: int, lines: list[str]) -> None:
        self.start = start
        self.end = end
        self.lines = lines


class Document:
    """The text of a credentials or config file, and what it says.

    Args:
        text: the whole file.
        path: what the file is called in errors.

    Raises:
        FileError: the text cannot be parsed; names file and line.
    """

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.lines: list[str] = _LINE.findall(text)
        self.sections: list[Section] = []
        self._scan()

    @property
    def text(self) -> str:
        """The whole file."""
        return "".join(self.lines)

    def section(self, name: str) -> dict[str, str]:
        """Give the keys of a section, lower-cased; empty if there is none of that name.

        Of a section or a key that comes twice, the later one counts, key by key.
        """
        return {
            entry.key: entry.value for section in self._named(name) for entry in section.entries
        }

    def has_section(self, name: str) -> bool:
        """Tell whether there is a section of that name, even an empty one."""
        return bool(self._named(name))

    def names(self) -> list[str]:
        """Name the sections in the order of the file, each once."""
        return list(dict.fromkeys(section.name for section in self.sections))

    def update(self, name: str, values: dict[str, str | None]) -> None:
        """Set keys of a section, or remove those whose value is None; make it if it is missing."""
        if not self.has_section(name):
            self._append_section(name)
        sections = self._named(name)
        edits = []
        for key, value in values.items():
            entries = [entry for part in sections for entry in part.entries if entry.key == key]
            if value is None:
                edits += [_Edit(entry.start, entry.end, []) for entry in entries]
            elif entries:
                edits.append(self._replacement(entries[-1], value))
            else:
                edits.append(self._addition(sections[-1], key, value))
        self._apply(edits)

    def remove_section(self, name: str) -> None:
        """Remove a section with its keys; comments and blank lines behind its last key stay."""
        self._apply([_Edit(part.start, part.end, []) for part in self._named(name)])

    def _named(self, name: str) -> list[Section]:
        return [section for section in self.sections if section.name == name]

    def _scan(self) -> None:
        self.sections = []
        section: Section | None = None
        entry: Entry | None = None
        indent = 0
        for number, line in enumerate(self.lines):
            stripped = line.strip("\ufeff \t\r\n\f\v") if number == 0 else line.strip()
            if not stripped or stripped[0] in "#;":
                continue
            line_indent = len(line) - len(line.lstrip())
            if entry is not None and section is not None and line_indent > indent:
                entry.value += "\n" + stripped
                section.end = entry.end = number + 1
                continue
            indent = line_indent
            if header := _HEADER.match(stripped):
                section, entry = Section(header[1].strip(), number), None
                self.sections.append(section)
                continue
            entry = self._entry(number, stripped, section)
            assert section is not None
            section.entries.append(entry)
            section.end = number + 1

    def _entry(self, number: int, stripped: str, section: Section | None) -> Entry:
        match = _KEY.match(stripped)
        if section is None:
            problem = "there is no section above this line"
        elif match is None or not match["key"]:
            problem = "this line is neither a section nor `key = value`"
        else:
            return Entry(match["key"].lower(), match["value"], number)
        raise FileError(
            f"{self.path}, line {number + 1}: {problem}",
            "mend that line by hand; the file was not changed",
        )

    def _append_section(self, name: str) -> None:
        if self.lines:
            self._end_line(len(self.lines) - 1)
            if self.lines[-1].strip():
                self.lines.append(self._newline())
        self.lines.append(f"[{name}]{self._newline()}")
        self._scan()

    def _replacement(self, entry: Entry, value: str) -> _Edit:
        line, ending = _split_ending(self.lines[entry.start])
        match = _KEY.match(line)
        assert match is not None
        nested = self.lines[entry.start + 1 : entry.end]
        comments = [line for line in nested if line.lstrip()[:1] in "#;"]
        return _Edit(
            entry.start, entry.end, [line[: match.start("value")] + value + ending, *comments]
        )

    def _addition(self, section: Section, key: str, value: str) -> _Edit:
        """Add a key behind the section's last, and written like it.

        Were it indented deeper than that one, it would be a part of its value.
        """
        indent, sign = "", " = "
        if section.entries:
            match = _KEY.match(_split_ending(self.lines[section.entries[-1].start])[0])
            assert match is not None
            indent, sign = match["indent"], match["sign"]
        self._end_line(section.end - 1)
        return _Edit(section.end, section.end, [f"{indent}{key}{sign}{value}{self._newline()}"])

    def _apply(self, edits: list[_Edit]) -> None:
        lines: list[str] = []
        done = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            lines += self.lines[done : edit.start] + edit.lines
            done = edit.end
        self.lines = lines + self.lines[done:]
        self._scan()

    def _end_line(self, number: int) -> None:
        line, ending = _split_ending(self.lines[number])
        self.lines[number] = line + (ending or self._newline())

    def _newline(self) -> str:
        """Give the line ending of the file's first line, else a line feed."""
        return (self.lines and _split_ending(self.lines[0])[1]) or "\n"


def _split_ending(line: str) -> tuple[str, str]:
    content = line.rstrip("\r\n")
    return content, line[len(content) :]
