"""A credentials or config file as a document: text in, text out, nothing lost in between.

One scanner serves reading and editing. It sees the lines as configparser does, which is what
botocore reads with: a line that is indented deeper than the key above it belongs to that key's
value, ``#`` and ``;`` start a comment only at the start of a line, keys are spelled in any case.
Edits replace lines of one section; all other text stays as it was, byte for byte.

A header at the start of a line begins anew whatever stood above it. So in a plain file, where each
line stands for itself, only the part below the header that is asked for is scanned: files with
hundreds of profiles are common. Any other file is scanned whole.
"""

from __future__ import annotations

import re

from mfakit.errors import FileError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTE_ORDER_MARK = "\ufeff"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADER = re.compile(r"\[([^\r\n]+)\]")
# To begin with a plain character makes a search fast; a line feed is put before the text for it.
_CUT = re.compile(r"\n" + _HEADER.pattern)
# Lines that make only sense with those above them, and lines that make none.
_INDENTED = re.compile(r"\n[^\S\r\n]+[^\s#;]")
_JUNK = re.compile(rf"\n(?:(?!{_HEADER.pattern})[^\s#;=:][^=:\r\n]*(?![^\r\n])|[=:])")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_KEY = re.compile(
    r"(?P<indent>\s*+)(?P<key>(?:[^=:\s]|\s++(?![=:]))*+)(?P<sign>\s*+[=:]\s*+)"
    r"(?P<value>(?:[^\s]|\s++(?![\s#]|\Z))*+)(?:\s.*)?\Z",
    re.DOTALL,
)


class _Entry:
    """A key: lines ``start`` to ``end`` of its part (end excluded)."""

    __slots__ = ("end", "key", "start", "value")

    def __init__(self, key: str, value: str, start: int) -> None:
        self.key = key
        self.value = value
        self.start = start
        self.end = start + 1


class _Section:
    """A section: its header is line ``start``; ``end`` is the line behind its last key."""

    __slots__ = ("end", "entries", "name", "start")

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.end = start + 1
        self.entries: list[_Entry] = []


class _Edit:
    """Lines that take the place of lines ``start`` to ``end`` (end excluded)."""

    __slots__ = ("end", "lines", "start")

    def __init__(self, start: int, end: int, lines: list[str]) -> None:
        self.start = start
        self.end = end
        self.lines = lines


class _JunkError(Exception):
    """A line, counted from 0, makes no sense."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class _Part:
    """A piece of the text that can be understood on its own, scanned."""

    __slots__ = ("_lines", "sections")

    def __init__(self, text: str) -> None:
        self._lines: list[str] = _LINE.findall(text)
        self.sections = _scan(self._lines)

    def named(self, name: str) -> list[_Section]:
        """Give the sections of that name."""
        return [section for section in self.sections if section.name == name]

    def line(self, number: int) -> str:
        """Give a line with its ending."""
        return self._lines[number]

    def indent_below(self, section: _Section) -> str:
        """Give what the header that follows a section is indented by."""
        start = next((other.start for other in self.sections if other.start > section.start), None)
        return "" if start is None else _indent_of(self._lines[start])

    def edited(self, edits: list[_Edit]) -> str:
        """Give the text with lines put in place of others; the edits do not overlap."""
        lines: list[str] = []
        done = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            lines += self._lines[done : edit.start] + edit.lines
            done = edit.end
        return "".join(lines + self._lines[done:])


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
        self._mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
        self._body = "\n" + text.removeprefix(_BYTE_ORDER_MARK)
        self._newline = _first_newline(self._body[1:])
        self._plain = not any(hint.search(self._body) for hint in (_INDENTED, _JUNK, _LONE_RETURN))
        first = _CUT.search(self._body)
        above = first.start() if self._plain and first else len(self._body)
        try:
            _Part(self._body[1 : above + 1])
        except _JunkError as error:
            raise FileError(
                f"{path}, line {error.line + 1}: {error.problem}",
                "mend that line by hand; the file was not changed",
            ) from None

    @property
    def text(self) -> str:
        """The whole file."""
        return self._mark + self._body[1:]

    def section(self, name: str) -> dict[str, str]:
        """Give the keys of a section, lower-cased; empty if there is none of that name.

        Of a section or a key that comes twice, the later one counts, key by key.
        """
        return {
            entry.key: entry.value
            for _, _, part in self._parts_with(name)
            for section in part.named(name)
            for entry in section.entries
        }

    def has_section(self, name: str) -> bool:
        """Tell whether there is a section of that name, even an empty one."""
        return bool(self._parts_with(name))

    def names(self) -> list[str]:
        """Name the sections in the order of the file, each once."""
        if self._plain:
            names = [header[1].strip() for header in _CUT.finditer(self._body)]
        else:
            names = [section.name for section in _Part(self._body[1:]).sections]
        return list(dict.fromkeys(names))

    def sections(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Give each section's name and keys, in the order of the file."""
        for section in _Part(self._body[1:]).sections:
            yield section.name, {entry.key: entry.value for entry in section.entries}

    def line_of(self, name: str, key: str) -> int | None:
        """Tell in which line of the file a key of a section stands, counted from 1."""
        found = [
            entry.start + 1
            for section in _Part(self._body[1:]).named(name)
            for entry in section.entries
            if entry.key == key
        ]
        return found[-1] if found else None

    def update(self, name: str, values: dict[str, str | None]) -> None:
        """Set keys of a section, or remove those whose value is None; make it if it is missing.

        Raises:
            UsageError: a value could not be read back as it is.
        """
        for key, value in values.items():
            _check_value(key, value)
        if not self.has_section(name):
            self._append(name)
        parts = self._parts_with(name)
        last = parts[-1][2].named(name)[-1]
        for start, end, part in reversed(parts):
            edits = [
                edit
                for section in part.named(name)
                for edit in self._edits(part, section, values, may_add=section is last)
            ]
            new = part.edited(edits)
            self._body = self._body[:start] + new + self._body[end:]

    def remove_section(self, name: str) -> None:
        """Remove a section with its keys; comments and blank lines behind its last key stay.

        So does the header, if the one below is indented: that would become a part of a value.
        """
        for start, end, part in reversed(self._parts_with(name)):
            edits = [
                _Edit(found.start + bool(part.indent_below(found)), found.end, [])
                for found in part.named(name)
            ]
            new = part.edited(edits)
            self._body = self._body[:start] + new + self._body[end:]

    def _parts_with(self, name: str) -> list[tuple[int, int, _Part]]:
        """Find the parts that hold sections of that name, and where they begin and end."""
        if not self._plain:
            whole = _Part(self._body[1:])
            return [(1, len(self._body), whole)] if whole.named(name) else []
        parts = []
        for found in re.finditer(rf"\n\[\s*{re.escape(name)}\s*\]", self._body):
            header = _CUT.match(self._body, found.start())
            if header is not None and header[1].strip() == name:
                below = _CUT.search(self._body, header.end())
                end = below.start() + 1 if below else len(self._body)
                parts.append((header.start() + 1, end, _Part(self._body[header.start() + 1 : end])))
        return parts

    def _edits(
        self, part: _Part, section: _Section, values: dict[str, str | None], *, may_add: bool
    ) -> list[_Edit]:
        """Say which lines of a section change; a key that is not there may be added."""
        edits = [_plain_header(part, section)]
        for key, value in values.items():
            found = [entry for entry in section.entries if entry.key == key]
            if value is None:
                edits += [_Edit(entry.start, entry.end, []) for entry in found]
            elif found:
                edits += [_replacement(part, entry, value) for entry in found]
            elif may_add:
                edits.append(self._addition(part, section, key, value))
        return edits

    def _append(self, name: str) -> None:
        """Add an empty section at the end, set apart by a blank line."""
        if self._body != "\n":
            _, endings = _split_ending(self._body)
            self._body += self._newline * max(0, 2 - len(_LINE.findall(endings)))
        self._body += f"[{name}]{self._newline}"

    def _addition(self, part: _Part, section: _Section, key: str, value: str) -> _Edit:
        """Add a key behind the section's last, and written like it.

        Were it indented deeper than that one, it would be a part of its value; were the header
        below it indented deeper than the key, that would be.
        """
        indent, sign = part.indent_below(section), " = "
        if section.entries:
            match = _KEY.match(_split_ending(part.line(section.entries[-1].start))[0])
            assert match is not None
            indent, sign = match["indent"], match["sign"]
        ended = _split_ending(part.line(section.end - 1))[1]
        line = f"{indent}{key}{sign}{value}{self._newline}"
        return _Edit(section.end, section.end, [line if ended else self._newline + line])


def _scan(lines: list[str]) -> list[_Section]:
    """Find sections and keys.

    Raises:
        _JunkError: a line is neither.
    """
    sections: list[_Section] = []
    entry: _Entry | None = None
    indent = 0
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        line_indent = len(_indent_of(line))
        if entry is not None and line_indent > indent:
            entry.value += "\n" + stripped
            sections[-1].end = entry.end = number + 1
            continue
        indent = line_indent
        if header := _HEADER.match(stripped):
            sections.append(_Section(header[1].strip(), number))
            entry = None
            continue
        entry = _entry(number, stripped, under_header=bool(sections))
        sections[-1].entries.append(entry)
        sections[-1].end = number + 1
    return sections


def _entry(number: int, stripped: str, *, under_header: bool) -> _Entry:
    match = _KEY.match(stripped)
    if not under_header:
        raise _JunkError(number, "there is no section above this line")
    if match is None or not match["key"]:
        raise _JunkError(number, "this line is neither a section nor `key = value`")
    return _Entry(match["key"].lower(), match["value"], number)


def _plain_header(part: _Part, section: _Section) -> _Edit:
    """Take the spaces out of `[ name ]`, by which botocore would not find the profile."""
    line = part.line(section.start)
    raw = _HEADER.search(line)
    assert raw is not None
    name = section.name or raw[1]  # `[]` would be no header
    plain = f"{line[: raw.start()]}[{name}]{line[raw.end() :]}"
    return _Edit(section.start, section.start + 1, [plain])


def _replacement(part: _Part, entry: _Entry, value: str) -> _Edit:
    """Write another value in place of an entry's; comments between its nested lines stay."""
    line, ending = _split_ending(part.line(entry.start))
    match = _KEY.match(line)
    assert match is not None
    nested = [part.line(number) for number in range(entry.start + 1, entry.end)]
    comments = [line for line in nested if line.lstrip()[:1] in ("#", ";")]
    new = line[: match.start("value")] + value + ending
    return _Edit(entry.start, entry.end, [new, *comments])


def _check_value(key: str, value: str | None) -> None:
    """Refuse what would add lines of its own, or be cut short by a reader."""
    if not value:
        return
    match = _KEY.match(f"{key} = {value}")
    if not value.isprintable() or match is None or match["value"] != value:
        raise UsageError(
            f"the value of {key} cannot stand in an AWS file",
            "leave out control characters, spaces at its ends, and ` #` within",
        )


def _first_newline(text: str) -> str:
    """Give the line ending of the first line; where there is none, a line feed."""
    line = _LINE.match(text)
    return (line and _split_ending(line[0])[1]) or "\n"


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _split_ending(line: str) -> tuple[str, str]:
    content = line.rstrip("\r\n")
    return content, line[len(content) :]
