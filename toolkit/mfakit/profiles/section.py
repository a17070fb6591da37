"""The sections of an AWS file: its lines, read exactly as botocore does, and what keys mean.

botocore reads them by configparser. No regular expressions are used, since loading `re` takes
longer than reading the file.
"""

from __future__ import annotations

from io import StringIO

from mfakit.errors import InvalidSessionError
from mfakit.moments import (
    AS_EARLIER,
    AS_LOCAL,
    AS_UTC,
    format_timestamp,
    parse_timestamp,
    utc_now,
)
from mfakit.session import SESSION_KEY_PREFIX, SessionCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    Values = dict[str, str]

# configparser reads this section's keys into every other one, and does not list it.
DEFAULT = "DEFAULT"
_KEY_BEGINS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_BYTE_ORDER_MARK = "\ufeff"

KEYS = ("aws_access_key_id", "aws_secret_access_key")
_TOKENS = ("aws_security_token", "aws_session_token")
_QUOTES = ("'", '"')
# Every name that a tool is known to write; ours come first.
_EXPIRATION_KEYS = (
    "aws_credential_expiration",
    "expiration",
    "x_security_token_expires",
    "aws_expiration",
    "aws_session_expiration",
)
_STALE_KEYS = ("aws_security_token", *_EXPIRATION_KEYS[2:])
SESSION_KEYS = (*KEYS, "aws_session_token", *_EXPIRATION_KEYS, "aws_security_token")


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
        hidden = next((sign for sign in stripped if not (sign == "\t" or sign.isprintable())), None)
        seen = f", and holds an invisible character, U+{ord(hidden):04X}" if hidden else ""
        raise JunkError(number, f"this line is neither a section nor `key = value`{seen}")
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


def session_token(values: Values) -> str:
    """Return a section's session token, preferably by its old name, as in botocore."""
    return values.get("aws_security_token") or values.get("aws_session_token", "")


def has_access_key(values: Values) -> bool:
    """Whether a section holds an access key, even a part of it; a session token alone is none.

    What stands in angle brackets, as in the sections that aws-mfa wants to fill, is no key.
    """
    return any(values.get(key) and not _is_blank_to_fill(values[key]) for key in KEYS)


def has_keys(values: Values) -> bool:
    """Whether a section holds any key or token, even without the others."""
    return has_access_key(values) or bool(session_token(values))


def is_session(values: Values) -> bool:
    """Whether a section is a session: it has a token, and a key id of STS."""
    return bool(session_token(values)) and values.get("aws_access_key_id", "").startswith(
        SESSION_KEY_PREFIX
    )


def _is_blank_to_fill(value: str) -> bool:
    """Whether a value is one like ``<POPULATED_BY_AWS-MFA>``; one with digits may hold a key."""
    return value[0] == "<" and value[-1] == ">" and not any(map(str.isdecimal, value))


def is_no_key(value: str) -> bool:
    """Whether a value cannot be a key or a token: it is in quotes, or not of visible ASCII."""
    return value[:1] in _QUOTES or not all("!" <= letter <= "~" for letter in value)


def is_protected(values: Values) -> bool:
    """Whether a section holds a key that by its id does not belong to a session."""
    return has_access_key(values) and not is_session(values)


def is_long_term(values: Values) -> bool:
    """Whether a section holds complete long-term credentials.

    A session's key without its token is none.
    """
    given = [values[key] for key in KEYS if values.get(key)]
    is_whole = len(given) == len(KEYS) and not any(map(_is_blank_to_fill, given))
    return is_whole and not lacks_token(values) and not session_token(values)


def lacks_token(values: Values) -> bool:
    """Whether a section has the key of a session, without its token."""
    key = values.get("aws_access_key_id", "")
    return key.startswith(SESSION_KEY_PREFIX) and not session_token(values)


def session_of(values: Values, now: datetime | None = None) -> SessionCredentials:
    """Return the session that a section's keys hold.

    Args:
        values: the section's keys.
        now: the time to judge by, for an end without a zone, which may be local time or UTC; by
            default the present.

    Raises:
        InvalidSessionError: a part is missing, in quotes, or holds control characters.
    """
    for key in (*KEYS, *_TOKENS):
        if values.get(key, "")[:1] in _QUOTES:
            raise InvalidSessionError(
                f"its {key} is in quotes, which AWS tools take for a part of it",
                "leave the quotes out",
            )
    return SessionCredentials(
        values["aws_access_key_id"],
        values.get("aws_secret_access_key", ""),
        session_token(values),
        _expiration_of(values, now),
    )


def section_of(credentials: SessionCredentials, before: Values) -> dict[str, str | None]:
    """Return a session as a section's keys, with None for a key to remove.

    Args:
        credentials: the session.
        before: the current keys of the section.
    """
    values: dict[str, str | None] = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
        "aws_credential_expiration": None,
        "expiration": None,
        **dict.fromkeys(_STALE_KEYS),
    }
    if credentials.expiration is not None:
        values["aws_credential_expiration"] = format_timestamp(credentials.expiration)
        # aws-mfa crashes on an RFC 3339 expiration in the sections that it keeps roles in.
        if "assumed_role" not in before:
            values["expiration"] = values["aws_credential_expiration"]
    return values


def _expiration_of(values: Values, now: datetime | None) -> datetime | None:
    """Return the earliest of a section's expirations by any name, or None."""
    moments = [
        _end(values[key], _naive_meaning(key, values), now)
        for key in _EXPIRATION_KEYS
        if values.get(key)
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _end(text: str, naive: str, now: datetime | None) -> datetime | None:
    """Return one expiration; None if it is no time, or nobody can know whether it is past.

    What awsume writes is local time, but UTC for a session that a `credential_process` gave, and
    the section does not say which (awsume 4.5.4, `fetch_credential_process_credentials`). West of
    Greenwich UTC is hours earlier: before it the session is valid, after the local time it has
    ended, and in between it may be either.
    """
    end = parse_timestamp(text, naive)
    earliest = parse_timestamp(text) if naive == AS_LOCAL else end
    if end == earliest or end is None or earliest is None:
        return end
    now = now or utc_now()
    return earliest if now < earliest else end if now >= end else None


def _naive_meaning(key: str, values: Values) -> str:
    """Return which zone a time without one has for the tool that wrote the section.

    aws-mfa writes UTC, and always `assumed_role`; awsume mostly writes local time to
    `expiration`, and always `manager`.
    """
    by_aws_mfa = "assumed_role" in values
    by_awsume = values.get("manager") == "awsume"
    if key != "expiration" or by_aws_mfa == by_awsume:
        return AS_EARLIER
    return AS_UTC if by_aws_mfa else AS_LOCAL
