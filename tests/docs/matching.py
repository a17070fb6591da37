"""Compare the text of a page with that of a terminal, whose times and keys differ.

``...`` alone on a line stands for any lines, and within a line for anything.
"""

from __future__ import annotations

import re

from mfakit.moments import parse_duration

_TOLERANCE_SECONDS = 150  # a terminal's own time, and that of a simulator whose codes were used up
_KINDS = {
    "timestamp": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)?",
    "date": r"\b\d{4}-\d\d-\d\d\b",
    "clock": r"\b\d\d:\d\d(?::\d\d)?\b",
    "port": r"(?<=127\.0\.0\.1:)\d+",
    "day": r"\b(?:today|tomorrow)\b",
    "duration": r"\b\d+[dhms](?:\d+[hms])*\b|\b\d+ (?:h \d+ )?min\b",
    "seconds": r"(?<=_seconds\": )\d+",
    "key": r"\bA[A-Z]{3}[A-Z0-9]{12,17}\b",
    "folder": r"(?<=/tmp/)[\w.-]+",
    "control": r"(?<=X-Mfakit-Token: )[\w-]+",
    "code": r"(?<!\d)\d{6}(?!\d)",
    "any": r"\.\.\.|…",
}
_VARIABLE = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in _KINDS.items()))
_NAMES = ("port", "key", "folder", "control", "code")

Names = dict[str, str]


def match(expected: list[str], actual: list[str]) -> Names | None:
    """Compare lines.

    Returns:
        What the page calls a port, a key, a folder, a token or a code, and what it is here; None
        if the lines are not the same.
    """
    if not expected:
        return {} if not actual else None
    first, *rest = expected
    if first.strip() in ("...", "…"):
        tails = (match(rest, actual[start:]) for start in range(len(actual) + 1))
        return next((names for names in tails if names is not None), None)
    if not actual or (names := match_line(first, actual[0])) is None:
        return None
    others = match(rest, actual[1:])
    return None if others is None else names | others


def match_line(expected: str, actual: str) -> Names | None:
    """Compare two lines, in the same way."""
    shown = list(_VARIABLE.finditer(expected))
    found = re.fullmatch(_form(expected.rstrip(), shown), actual.rstrip())
    if found is None:
        return None
    pairs = [
        (str(one.lastgroup), one[0], other)
        for one, other in zip(shown, found.groups(), strict=True)
    ]
    if not all(_is_near(one, other) for kind, one, other in pairs if kind == "duration"):
        return None
    return {one: other for kind, one, other in pairs if kind in _NAMES}


def begins(expected: str, actual: str) -> str | None:
    """Return the rest of a line after these words, such as a person's answer to a question."""
    for end in range(len(expected), -1, -1):
        if match_line(expected[:end], actual) is not None:
            return expected[end:].strip()
    return None


def _form(line: str, shown: list[re.Match[str]]) -> str:
    form, at = "", 0
    for one in shown:
        kind = str(one.lastgroup)
        form += re.escape(line[at : one.start()])
        form += "(.*)" if kind == "any" else f"({_KINDS[kind]})"
        at = one.end()
    return form + re.escape(line[at:])


def _is_near(one: str, other: str) -> bool:
    return abs(_seconds(one) - _seconds(other)) <= _TOLERANCE_SECONDS


def _seconds(text: str) -> int:
    return parse_duration(text.replace("min", "m").replace(" ", ""))
