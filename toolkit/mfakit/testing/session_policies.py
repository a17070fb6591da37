"""Session policies: what AssumeRole and GetFederationToken are given to allow less."""

from __future__ import annotations

import re
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from mfakit import policy
from mfakit.testing.errors import AWSError
from mfakit.testing.validation import Text, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Statements = tuple[policy.Statement, ...]

# Recorded: policies of 125 to 135 characters took 11 %, one of 163 took 16 %. That 1,100 are all
# there is room for is reported (1,000 to 1,200), and in between we draw lines.
PACKED = ((0, 0), (135, 11), (163, 16), (1100, 100))
# Recorded: nine tags with values of 250 characters took 498 %. What keys take is not known.
TAG_CHARACTERS_OF_A_PERCENT = 9 * 250 / 498
PACKED_TAGS = "Packed size of session tags consumes {}% of allotted space."
PACKED_POLICY = "Packed policy consumes {}% of allotted space, please use smaller policy."
LIMITS = (Text("Policy", 1, 2048, r"[\u0009\u000A\u000D\u0020-\u00FF]+"),)


class SessionPolicies:
    """Reads what a session is limited to.

    Args:
        managed: gives the statements of a managed policy by its ARN, or refuses.
    """

    def __init__(self, managed: Callable[[str], Iterable[policy.Statement]]) -> None:
        self._managed = managed

    def __call__(self, parameters: Mapping[str, str]) -> Statements | None:
        """Return the statements of all session policies; None if there is none.

        Raises:
            AWSError: one is not a policy, or is not there.
        """
        validate(parameters, LIMITS)
        arns = [
            value
            for name, value in parameters.items()
            if name.startswith("PolicyArns.member.") and name.endswith(".arn")
        ]
        document = parameters.get("Policy")
        if document is None and not arns:
            return None
        inline = () if document is None else _inline(document)
        return (*inline, *(statement for arn in arns for statement in self._managed(arn)))


def packed_size(parameters: Mapping[str, str]) -> int:
    """Return how much of the room for session policies and tags is used, in percent.

    STS packs them in a form of its own, which only some recorded figures tell of; see the
    constants.

    Raises:
        AWSError: it is more than there is.
    """
    policy = _characters(parameters, re.compile(r"Policy|PolicyArns\.member\.\d+\.arn"))
    tags = _characters(parameters, re.compile(r"Tags\.member\.\d+\.Value"))
    of_policy, of_tags = _packed(policy), ceil(tags / TAG_CHARACTERS_OF_A_PERCENT)
    if of_policy + of_tags <= 100:
        return of_policy + of_tags
    text = PACKED_TAGS if of_tags > of_policy else PACKED_POLICY
    raise AWSError(400, "PackedPolicyTooLarge", text.format(of_policy + of_tags))


def _characters(parameters: Mapping[str, str], names: re.Pattern[str]) -> int:
    return sum(len(value) for name, value in parameters.items() if names.fullmatch(name))


def _packed(characters: int) -> int:
    """Return how much a policy of so many characters takes, between and beyond the recordings."""
    lines = list(pairwise(PACKED))
    (low, taken), (high, most) = next((x for x in lines if characters <= x[1][0]), lines[-1])
    return ceil(taken + (characters - low) * (most - taken) / (high - low))


def _inline(document: str) -> Statements:
    try:
        return policy.parse(document, "of the session")
    except policy.MalformedPolicyError as error:
        raise AWSError(400, "MalformedPolicyDocument", error.message) from None
