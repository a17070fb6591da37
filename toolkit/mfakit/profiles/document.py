"""A credentials or config file as a document that can be edited without losing anything.

One scanner serves reading and editing. It reads lines as configparser does, which botocore uses:
a line that is indented deeper than the key above it belongs to that key's value, ``#`` and ``;``
start a comment only at the start of a line, and keys may have any case. Edits replace lines of one
section; all other text stays as it was, byte for byte.

Files with hundreds of profiles are common. So of a plain file, where every line can be understood
alone, only the sections with the requested name are scanned; any other file is scanned as a whole.
"""

from __future__ import annotations

from mfakit.errors import FileError, UsageError
from mfakit.profiles.lines import (
    Entry,
    JunkError,
    Outline,
    Section,
    indent_of,
    lines_of,
    scan,
    split_ending,
    split_key,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTE_ORDER_MARK = "\ufeff"


class _Edit:
    """Lines that replace lines ``start`` to ``end`` (end excluded)."""

    __slots__ = ("end", "lines", "start")

    def __init__(self, start: int, end: int, lines: list[str]) -> None:
        self.start = start
        self.end = end
        self.lines = lines


class _Part:
    """A part of the text that can be understood alone, and its sections."""

    __slots__ = ("_lines", "sections")

    def __init__(self, text: str) -> None:
        self._lines = list(lines_of(text))
        self.sections = scan(self._lines)

    def named(self, name: str) -> list[Section]:
        """Return the sections of that name."""
        return [section for section in self.sections if section.name == name]

    def line(self, number: int) -> str:
        """Return a line with its ending."""
        return self._lines[number]

    def indent_below(self, section: Section) -> str:
        """Return the indentation of the header that follows a section."""
        start = next((other.start for other in self.sections if other.start > section.start), None)
        return "" if start is None else indent_of(self._lines[start])

    def edited(self, edits: list[_Edit]) -> str:
        """Return the text after the edits, which do not overlap."""
        lines: list[str] = []
        done = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            lines += self._lines[done : edit.start] + edit.lines
            done = edit.end
        return "".join(lines + self._lines[done:])


class Document:
    """The text of a credentials or config file, and its sections.

    Args:
        text: the whole file.
        path: the name of the file in errors.

    Raises:
        FileError: the text cannot be parsed. The message names the file and the line.
    """

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self._seen: Outline | None = None
        self._mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
        self._put(text.removeprefix(_BYTE_ORDER_MARK))
        self._seen = self._outline
        self._newline = split_ending(next(lines_of(self._body), ""))[1] or "\n"

    def _put(self, text: str) -> None:
        self._body = text
        self._seen = None

    @property
    def _outline(self) -> Outline:
        """The positions of the sections, found when they are first needed."""
        if self._seen is None:
            try:
                self._seen = Outline(self._body)
            except JunkError as error:
                raise FileError(
                    f"{self.path}, line {error.line + 1}: {error.problem}",
                    "mend that line by hand; the file was not changed",
                ) from None
        return self._seen

    @property
    def text(self) -> str:
        """The whole file."""
        return self._mark + self._body

    def section(self, name: str) -> dict[str, str]:
        """Return the keys of a section in lower case, and their values; empty if it is missing.

        If a section or a key occurs twice, the later value of each key counts.
        """
        return {
            entry.key: entry.value
            for _, _, part in self._parts_with(name)
            for section in part.named(name)
            for entry in section.entries
        }

    def has_section(self, name: str) -> bool:
        """Whether a section of that name exists, even an empty one."""
        return bool(self._outline.spans(name))

    def names(self) -> list[str]:
        """Return the names of the sections in the order of the file, each once."""
        return list(dict.fromkeys(self._outline.names))

    def sections(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each section's name and keys, in the order of the file."""
        for section in _Part(self._body).sections:
            yield section.name, {entry.key: entry.value for entry in section.entries}

    def parts(self) -> list[str]:
        """Return the parts of the text that can be understood alone, or the whole text."""
        return self._outline.parts()

    def line_of(self, name: str, key: str) -> int | None:
        """Return the line of a key of a section, counted from 1; None if it is not set."""
        found = [
            entry.start + 1
            for section in _Part(self._body).named(name)
            for entry in section.entries
            if entry.key == key
        ]
        return found[-1] if found else None

    def line_of_header(self, name: str) -> int:
        """Return the line of a section's header, counted from 1."""
        return _Part(self._body).named(name)[0].start + 1

    def update(self, name: str, values: dict[str, str | None]) -> None:
        """Set keys of a section, which may be missing; remove those whose value is None.

        Raises:
            UsageError: a value could not be read back unchanged.
        """
        for key, value in values.items():
            _check_value(key, value)
        if not self.has_section(name):
            self._append(name)
        parts = self._parts_with(name)
        last = parts[-1][2].named(name)[-1]
        text = self._body
        for start, end, part in reversed(parts):
            edits = [
                edit
                for section in part.named(name)
                for edit in self._edits(part, section, values, may_add=section is last)
            ]
            text = text[:start] + part.edited(edits) + text[end:]
        self._put(text)

    def remove_section(self, name: str) -> None:
        """Remove a section with its keys; comments and blank lines after its last key stay.

        The header stays too if the next one is indented, which would otherwise become part of a
        value.
        """
        text = self._body
        for start, end, part in reversed(self._parts_with(name)):
            edits = [
                _Edit(found.start + bool(part.indent_below(found)), found.end, [])
                for found in part.named(name)
            ]
            text = text[:start] + part.edited(edits) + text[end:]
        self._put(text)

    def _parts_with(self, name: str) -> list[tuple[int, int, _Part]]:
        """Return the start, the end and the scan of each part with sections of that name."""
        spans = self._outline.spans(name)
        return [(start, end, _Part(self._body[start:end])) for start, end in spans]

    def _edits(
        self, part: _Part, section: Section, values: dict[str, str | None], *, may_add: bool
    ) -> list[_Edit]:
        """Return the edits of a section's lines; a missing key may be added."""
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
        """Add an empty section at the end, after a blank line."""
        text = self._body
        if text:
            *_, last = lines_of(text)
            content, ending = split_ending(last)
            text += self._newline * (bool(content) + (not ending))
        self._put(f"{text}[{name}]{self._newline}")

    def _addition(self, part: _Part, section: Section, key: str, value: str) -> _Edit:
        """Return the edit that adds a key after the section's last one, in the same style.

        Indented deeper than the last key, the new one would become part of its value; indented less
        than the next header, that would become part of the new key's value.
        """
        indent, sign = part.indent_below(section), " = "
        if section.entries:
            last = split_ending(part.line(section.entries[-1].start))[0]
            indent, _, sign, _ = split_key(last)
        ended = split_ending(part.line(section.end - 1))[1]
        line = f"{indent}{key}{sign}{value}{self._newline}"
        return _Edit(section.end, section.end, [line] if ended else [self._newline, line])


def _plain_header(part: _Part, section: Section) -> _Edit:
    """Return the edit that writes `[ name ]` as `[name]`, as botocore needs it."""
    line = part.line(section.start)
    start, end = line.index("[") + 1, line.rindex("]")
    name = section.name or line[start:end]  # `[]` would be no header
    plain = f"{line[:start]}{name}{line[end:]}"
    return _Edit(section.start, section.start + 1, [plain])


def _replacement(part: _Part, entry: Entry, value: str) -> _Edit:
    """Return the edit that replaces an entry's value and keeps comments in its nested lines."""
    line, ending = split_ending(part.line(entry.start))
    nested = [part.line(number) for number in range(entry.start + 1, entry.end)]
    comments = [line for line in nested if line.lstrip()[:1] in ("#", ";")]
    new = "".join(split_key(line)[:3]) + value + ending
    return _Edit(entry.start, entry.end, [new, *comments])


def _check_value(key: str, value: str | None) -> None:
    """Refuse a value that would add lines, or that a reader would cut short."""
    if not value:
        return
    if not value.isprintable() or split_key(f"{key} = {value}")[3] != value:
        raise UsageError(
            f"the value of {key} cannot stand in an AWS file",
            "leave out control characters, spaces at its ends, and ` #` within",
        )
