"""A credentials or config file as a document that can be edited without losing anything.

One scanner serves reading and editing. It reads lines as configparser does, which botocore uses:
a line that is indented deeper than the key above it belongs to that key's value, ``#`` and ``;``
start a comment only at the start of a line, and keys may have any case. A file that botocore cannot
read is refused, since no AWS tool that builds on it would find what is written there. Edits replace
lines of one section; all other text stays as it was, byte for byte.

Files with hundreds of profiles are common. So of a plain file, where every line can be understood
alone, only the section with the requested name is scanned; any other file is scanned as a whole.
"""

from __future__ import annotations

from mfakit.errors import FileError, UnreadableError, UsageError
from mfakit.profiles.section import (
    DEFAULT,
    Entry,
    JunkError,
    Section,
    indent_of,
    lines_of,
    plain_sections,
    plain_span,
    scan,
    split_ending,
    split_key,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class _Edit:
    """Lines that replace lines ``start`` to ``end`` (end excluded)."""

    __slots__ = ("end", "lines", "start")

    def __init__(self, start: int, end: int, lines: list[str]) -> None:
        self.start = start
        self.end = end
        self.lines = lines


class _Part:
    """A part of the text that can be understood alone, and its sections."""

    __slots__ = ("_lines", "length", "sections")

    def __init__(self, text: str) -> None:
        self.length = len(text)
        self._lines = list(lines_of(text))
        self.sections = scan(self._lines)

    def named(self, name: str) -> Section | None:
        """Return the section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def defaults(self) -> dict[str, str]:
        """Return the keys that every section inherits."""
        found = (section.values for section in self.sections if section.name == DEFAULT)
        return {key: value for values in found for key, value in values.items()}

    def line(self, number: int) -> str:
        """Return a line with its ending."""
        return self._lines[number]

    def indent_below(self, section: Section) -> str:
        """Return the indentation of the header that follows a section."""
        start = next((other.start for other in self.sections if other.start > section.start), None)
        return "" if start is None else indent_of(self._lines[start])

    def comments(self, start: int, end: int) -> list[str]:
        """Return the comments among the lines ``start`` to ``end`` (end excluded)."""
        return [line for line in self._lines[start:end] if line.lstrip()[:1] in ("#", ";")]

    def edited(self, edits: list[_Edit]) -> str:
        """Return the text after the edits, which do not overlap."""
        lines: list[str] = []
        done = 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            lines += self._lines[done : edit.start] + edit.lines
            done = edit.end
        return "".join(lines + self._lines[done:])


class _Outline:
    """The sections of a text: of a plain one only where they are, of any other all that is in them.

    Args:
        text: the text.

    Attributes:
        sections: the names of the sections, and the lines of those of a plain text without values.
        whole: the text as one part, unless it is plain.

    Raises:
        JunkError: botocore cannot read such a text.
    """

    def __init__(self, text: str) -> None:
        self.whole: _Part | None = None
        plain = plain_sections(text)
        if plain is None:
            self.whole = _Part(text)
            names = [section.name for section in self.whole.sections if section.name != DEFAULT]
            plain = dict.fromkeys(names, "")
        self.sections = plain


class Document:
    """The text of a credentials or config file, and its sections.

    Args:
        text: the whole file.
        path: the name of the file in errors.

    Raises:
        UnreadableError: botocore cannot read such a text. The message names the file and the line.
    """

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.text = text
        self._seen: _Outline | None = None
        self._seen = self._outline

    @property
    def _outline(self) -> _Outline:
        """The sections, found when they are first needed after an edit."""
        if self._seen is None:
            try:
                self._seen = _Outline(self.text)
            except JunkError as error:
                raise UnreadableError(
                    f"botocore cannot read {self.path}, line {error.line + 1}: {error.problem}",
                    "mend that line by hand; to see what is wrong in it: mfakit explain",
                ) from None
        return self._seen

    @property
    def _newline(self) -> str:
        """The ending of the first line."""
        first = next(lines_of(self.text[: self.text.find("\n") + 1] or self.text), "")
        return split_ending(first)[1] or "\n"

    def copy(self) -> Document:
        """Return a copy to edit, without parsing the text again."""
        twin = Document.__new__(Document)
        twin.path, twin.text, twin._seen = self.path, self.text, self._seen
        return twin

    def section(self, name: str) -> dict[str, str]:
        """Return the keys of a section in lower case, and their values; empty if it is missing.

        Those of ``[DEFAULT]`` are among them, unless the section has its own.
        """
        found = self._find(name)
        return {} if found is None else {**found[1].defaults(), **found[2].values}

    def has_section(self, name: str) -> bool:
        """Whether a section of that name exists, even an empty one."""
        return name in self._outline.sections

    def names(self) -> list[str]:
        """Return the names of the sections in the order of the file."""
        return list(self._outline.sections)

    def sections(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each section's name and keys, in the order of the file."""
        part = self._part
        defaults = part.defaults()
        for section in part.sections:
            if section.name != DEFAULT:
                yield section.name, {**defaults, **section.values}

    def kinds(self) -> list[str]:
        """Return the lines of each section without their values; empty unless it is plain."""
        outline = self._outline
        return [] if outline.whole else list(outline.sections.values())

    @property
    def _part(self) -> _Part:
        """The whole text."""
        return self._outline.whole or _Part(self.text)

    def line_of(self, name: str, key: str) -> int | None:
        """Return the line of a key of a section, counted from 1; None if it is not set."""
        if not self.has_section(name):
            return None
        part = self._part
        own, inherited = (
            [
                entry.start + 1
                for section in part.sections
                for entry in section.entries
                if section.name == place and entry.key == key
            ]
            for place in (name, DEFAULT)
        )
        return next(iter(own or inherited), None)

    def line_of_header(self, name: str) -> int:
        """Return the line of a section's header, counted from 1."""
        return 1 + next(section.start for section in self._part.sections if section.name == name)

    def update(self, name: str, values: dict[str, str | None], *, restored: bool = False) -> None:
        """Set keys of a section, which may be missing; remove those whose value is None.

        Args:
            name: the section.
            values: by their keys, which are written in lower case, as every SDK reads them.
            restored: whether they stood there before, so that a comment may follow a value.

        Raises:
            UsageError: a key or a value could not be read back unchanged.
            FileError: a key to remove is in ``[DEFAULT]``, from where every section has it.
        """
        check_values(values, restored=restored)
        lower = {key.lower(): value for key, value in values.items()}
        if not restored:  # what the section inherits was there before, too
            self._refuse_inherited(lower)
        found = self._find(name)
        if found is None:
            self._append(name, lower)
        else:
            start, part, section = found
            self._put(start, part, self._edits(part, section, lower))

    def remove_keys(self, name: str, keys: Iterable[str] = ()) -> None:
        """Remove keys of a section, and a section that is left without keys of its own.

        Raises:
            FileError: another key stays, and a key to remove is in ``[DEFAULT]``.
        """
        found = self._find(name)
        if found is not None and found[2].values.keys() <= set(keys):
            self.remove_section(name)
        else:
            self.update(name, dict.fromkeys(keys))

    def remove_section(self, name: str) -> None:
        """Remove a section with its keys; comments stay, and blank lines after its last key.

        The header stays too if a comment is behind it or between the keys, or if the next header is
        indented, which would otherwise become part of a value.
        """
        if found := self._find(name):
            start, part, section = found
            comments = part.comments(section.start + 1, section.end)
            has_comment = comments or part.line(section.start).rstrip()[-1] != "]"
            first = section.start + bool(has_comment or part.indent_below(section))
            self._put(start, part, [_Edit(first, section.end, comments)])

    def _find(self, name: str) -> tuple[int, _Part, Section] | None:
        """Return the start and the scan of the part with a section, and the section."""
        if not self.has_section(name):
            return None
        start, part = 0, self._outline.whole
        if part is None:
            start, end = plain_span(self.text, name)
            part = _Part(self.text[start:end])
        section = part.named(name)
        return None if section is None else (start, part, section)

    def _put(self, start: int, part: _Part, edits: list[_Edit]) -> None:
        end = start + part.length
        self._set(self.text[:start] + part.edited(edits) + self.text[end:])

    def _set(self, text: str) -> None:
        self.text = text
        self._seen = None

    def _refuse_inherited(self, values: dict[str, str | None]) -> None:
        whole = self._outline.whole
        inherited = whole.defaults() if whole else {}
        for key, value in values.items():
            if value is None and key in inherited:
                raise FileError(
                    f"every profile has the {key} of [{DEFAULT}] in {self.path}",
                    f"move what is in [{DEFAULT}] to the profile that it is for",
                )

    def _edits(self, part: _Part, section: Section, values: dict[str, str | None]) -> list[_Edit]:
        """Return the edits of a section's lines."""
        edits = []
        added = []
        for key, value in values.items():
            found = next((entry for entry in section.entries if entry.key == key), None)
            if found is not None and value is None:
                edits.append(_Edit(found.start, found.end, part.comments(found.start, found.end)))
            elif found is not None and value is not None:
                edits.append(_replacement(part, found, value))
            elif value is not None:
                added.append(self._addition(part, section, key, value))
        if added and not split_ending(part.line(section.end - 1))[1]:
            added.insert(0, self._newline)
        return [*edits, _Edit(section.end, section.end, added)]

    def _append(self, name: str, values: dict[str, str | None]) -> None:
        """Add a section at the end, after a blank line."""
        text, newline = self.text, self._newline
        if text:
            *_, last = lines_of(text)
            content, ending = split_ending(last)
            text += newline * (bool(content) + (not ending))
        lines = [f"{key} = {value}" for key, value in values.items() if value is not None]
        self._set(text + "".join(f"{line}{newline}" for line in (f"[{name}]", *lines)))

    def _addition(self, part: _Part, section: Section, key: str, value: str) -> str:
        """Return the line that adds a key after the section's last one, in the same style.

        Indented deeper than the last key, the new one would become part of its value; indented less
        than the next header, that would become part of the new key's value.
        """
        indent, sign = part.indent_below(section), " = "
        if section.entries:
            last = split_ending(part.line(section.entries[-1].start))[0]
            indent, _, sign, _ = split_key(last)
        return f"{indent}{key}{sign}{value}{self._newline}"


def _replacement(part: _Part, entry: Entry, value: str) -> _Edit:
    """Return the edit that replaces an entry's value and keeps comments in its nested lines."""
    line, ending = split_ending(part.line(entry.start))
    new = "".join(split_key(line)[:3]) + value + ending
    return _Edit(entry.start, entry.end, [new, *part.comments(entry.start, entry.end)])


def check_values(values: Mapping[str, str | None], *, restored: bool = False) -> None:
    """Check that keys and values can be read back from a file.

    All SDKs but botocore cut a value before a ``#`` or ``;`` that follows a space, so that may only
    stand in a value that is restored, and so may a tab and other characters that do not print.

    Raises:
        UsageError: one would add lines, or a reader would cut it short; or a key is there twice.
    """
    for key, value in values.items():
        line = f"{key} = {value or ''}"
        try:
            (section,) = scan(["[x]", line])
            is_kept = section.values == {key.lower(): value or ""}
        except (JunkError, ValueError):
            is_kept = False
        is_safe = line.isprintable() and " #" not in line and " ;" not in line
        if not is_kept or not (is_safe or restored):
            raise UsageError(
                f"{key!r} cannot be a key of an AWS file, or its value cannot stand there",
                "leave out control characters, spaces at the ends, and ` #` or ` ;` within",
            )
    if len({key.lower() for key in values}) < len(values):
        raise UsageError(
            f"a key is there twice, in another case: {', '.join(values)}", "leave one out"
        )
