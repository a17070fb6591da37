"""One row of the table of rules, and what several rows share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.testing.rules.scene import Scene

Refusal = tuple[int, str, "str | re.Pattern[str]"]


@dataclass(frozen=True)
class Rule:
    """What AWS answers to a call.

    Attributes:
        case: what is called, and in which state.
        play: brings that state about, and calls.
        answer: status, code and text of a refusal; else what `play` gives.
    """

    case: str
    play: Callable[[Scene], Any]
    answer: Refusal | Any = None

    @property
    def refused(self) -> bool:
        """Whether it is a refusal."""
        return isinstance(self.answer, tuple) and isinstance(self.answer[0], int)


def validation_error(*complaints: tuple[str, str, str]) -> Refusal:
    """Return the refusal of values by their form: value, parameter, constraint of each."""
    count = "1 validation error" if len(complaints) == 1 else f"{len(complaints)} validation errors"
    each = (
        f"Value '{value}' at '{name}' failed to satisfy constraint: Member must {constraint}"
        for value, name, constraint in complaints
    )
    return 400, "ValidationError", f"{count} detected: {'; '.join(each)}"


def at_most(number: int) -> str:
    return f"have value less than or equal to {number}"


def at_least(number: int) -> str:
    return f"have value greater than or equal to {number}"


def no_longer(length: int) -> str:
    return f"have length less than or equal to {length}"


def no_shorter(length: int) -> str:
    return f"have length greater than or equal to {length}"


def like(pattern: str) -> str:
    return f"satisfy regular expression pattern: {pattern}"


INVALID_CODE = (
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
)
UNABLE_TO_VALIDATE = (
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial"
    " number is valid and associated with this user.",
)
ONE_MISSING = (
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
)
INVALID_TOKEN = (
    403,
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
)
NOT_VALID_CODES = (
    403,
    "InvalidAuthenticationCode",
    "Authentication code for device is not valid.",
)
