"""The form of parameters, judged and worded as AWS does it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.testing.errors import AWSError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Text:
    """The limits of a text parameter, called as the API calls it: ``TokenCode``."""

    name: str
    least: int = 0
    most: int | None = None
    pattern: str | None = None

    def complaints(self, value: str) -> Iterable[str]:
        """Yield every constraint that the value breaks."""
        if self.most is not None and len(value) > self.most:
            yield f"Member must have length less than or equal to {self.most}"
        if len(value) < self.least:
            yield f"Member must have length greater than or equal to {self.least}"
        if self.pattern is not None and not re.fullmatch(self.pattern, value, re.ASCII):
            yield f"Member must satisfy regular expression pattern: {self.pattern}"


@dataclass(frozen=True)
class Number:
    """The limits of a number."""

    name: str
    least: int
    most: int

    def complaints(self, value: str) -> Iterable[str]:
        """Yield every constraint that the value breaks."""
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            raise AWSError(400, "MalformedInput", f"{self.name} is not a number")
        if int(value) < self.least:
            yield f"Member must have value greater than or equal to {self.least}"
        if int(value) > self.most:
            yield f"Member must have value less than or equal to {self.most}"


def validate(
    parameters: Mapping[str, str], limits: Iterable[Text | Number], required: Iterable[str] = ()
) -> None:
    """Refuse parameters that are out of their limits, all of them in one message."""
    found = [
        f"Value null at '{_member(name)}' failed to satisfy constraint: Member must not be null"
        for name in required
        if name not in parameters
    ]
    for limit in limits:
        if limit.name in parameters:
            value = parameters[limit.name]
            found += [
                f"Value '{value}' at '{_member(limit.name)}' failed to satisfy constraint: {text}"
                for text in limit.complaints(value)
            ]
    complain(found)


def complain(complaints: Iterable[str]) -> None:
    """Refuse a call with every complaint there is, if there is one."""
    found = tuple(complaints)
    if found:
        errors = "error" if len(found) == 1 else "errors"
        message = f"{len(found)} validation {errors} detected: {'; '.join(found)}"
        raise AWSError(400, "ValidationError", message)


def _member(name: str) -> str:
    return name[0].lower() + name[1:]
