"""Session policies: what AssumeRole and GetFederationToken are given to allow less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit import policy
from mfakit.testing.errors import AWSError
from mfakit.testing.validation import Text, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Statements = tuple[policy.Statement, ...]

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

    STS packs them in a form of its own; here it is their characters, of the 2048 that a policy
    may have.
    """
    packed = ("Policy", "PolicyArns.member.", "Tags.member.")
    characters = sum(len(value) for name, value in parameters.items() if name.startswith(packed))
    return min(100, -(-100 * characters // 2048))


def _inline(document: str) -> Statements:
    try:
        return policy.parse(document, "of the session")
    except policy.MalformedPolicyError as error:
        raise AWSError(400, "MalformedPolicyDocument", error.message) from None
