"""Session tags: what AssumeRole and GetFederationToken attach to a session."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mfakit.testing.errors import AWSError
from mfakit.testing.keys import Session
from mfakit.testing.validation import complain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mfakit.testing.keys import Credentials

MOST_TAGS = 50
LONGEST = {"Key": 128, "Value": 256}
# STS names the pattern in Java's way, which Python's re does not read.
PATTERNS = {
    "Key": r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+",
    "Value": r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*",
}
NOT_GIVEN = "The specified transitive tag key must be included in the requested tags."
PASSED_ON = (
    "One of the specified transitive tag keys can't be set because it conflicts with a transitive"
    " tag key from the calling session."
)
CHARACTERS = re.compile(r"[\w\s.:/=+\-@]*")


def session_tags(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the tags among the parameters of a call.

    Raises:
        AWSError: one is not formed as the API reference of STS has it, there are more than fifty,
            or two differ in case alone.
    """
    numbers = sorted(
        {int(found[1]) for name in parameters if (found := re.match(r"Tags\.member\.(\d+)", name))}
    )
    complain(_complaints(parameters, numbers))
    pairs = [
        (parameters[f"Tags.member.{n}.Key"], parameters[f"Tags.member.{n}.Value"]) for n in numbers
    ]
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        twice = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        raise AWSError(400, "InvalidParameterValue", twice)
    return dict(pairs)


def _complaints(parameters: Mapping[str, str], numbers: list[int]) -> Iterator[str]:
    if len(numbers) > MOST_TAGS:
        most = f"Member must have length less than or equal to {MOST_TAGS}"
        yield f"Value at 'tags' failed to satisfy constraint: {most}"
    for number in numbers:
        for part in ("Key", "Value"):
            value = parameters.get(f"Tags.member.{number}.{part}")
            where = f"at 'tags.{number}.member.{part.lower()}' failed to satisfy constraint"
            if value is None:
                yield f"Value null {where}: Member must not be null"
                continue
            for constraint in _broken(part, value):
                yield f"Value '{value}' {where}: {constraint}"


def _broken(part: str, value: str) -> Iterator[str]:
    if len(value) > LONGEST[part]:
        yield f"Member must have length less than or equal to {LONGEST[part]}"
    if part == "Key" and not value:
        yield "Member must have length greater than or equal to 1"
    if not CHARACTERS.fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {PATTERNS[part]}"


def transitive_tags(
    caller: Credentials, parameters: Mapping[str, str], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the tags that the caller's session passes on, and those that the new one will.

    Raises:
        AWSError: a tag that is to be passed on is not given, or one that is given was passed on.
    """
    inherited = dict(caller.transitive_tags) if isinstance(caller, Session) else {}
    asked = (v for name, v in parameters.items() if name.startswith("TransitiveTagKeys.member."))
    named = {key.lower() for key in asked}
    given_names = {key.lower() for key in given}
    if given_names & {key.lower() for key in inherited}:
        raise AWSError(400, "InvalidParameterValue", PASSED_ON)
    if not named <= given_names:
        raise AWSError(400, "InvalidParameterValue", NOT_GIVEN)
    return inherited, inherited | {k: v for k, v in given.items() if k.lower() in named}
