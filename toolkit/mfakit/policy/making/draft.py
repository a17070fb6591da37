"""A policy in the making: its statements, each with what is to be said of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mfakit.errors import UsageError
from mfakit.policy.document import Kind

Statement = dict[str, Any]

# "IAM User Guide", IAM and STS quotas: white space does not count. Amazon S3: 20 KB, as it is sent.
LONGEST = {Kind.IDENTITY: 6144, Kind.TRUST: 2048, Kind.RESOURCE: 20 * 1024}
LONGEST_INLINE = 2048  # all inline policies of a user together
MFA_PRESENT = "aws:MultiFactorAuthPresent"
MFA_AGE = "aws:MultiFactorAuthAge"
VIA_SERVICE = "aws:ViaAWSService"


@dataclass(frozen=True)
class Draft:
    """A policy, and what the formats that have comments and names say of it.

    Attributes:
        name: what it is called where it needs a name, in words of lower case.
        kind: what it belongs to.
        summary: what it does and where it goes, a line each.
        statements: each with a comment.
        bucket: the bucket that it is put on.

    Raises:
        UsageError: it is longer than AWS takes.
    """

    name: str
    kind: Kind
    summary: tuple[str, ...]
    statements: tuple[tuple[str, Statement], ...]
    bucket: str = ""

    def __post_init__(self) -> None:
        if self.size > LONGEST[self.kind]:
            raise UsageError(
                f"the policy has {self.size} characters, and AWS takes {LONGEST[self.kind]}",
                "name less: fewer actions, or fewer and shorter ARNs",
            )

    @property
    def document(self) -> dict[str, Any]:
        """The policy itself."""
        return {"Version": "2012-10-17", "Statement": [text for _, text in self.statements]}

    @property
    def size(self) -> int:
        """How long it is, as AWS counts."""
        if self.kind is Kind.RESOURCE:
            return len(json.dumps(self.document, indent=2).encode())
        return sum(not character.isspace() for character in json.dumps(self.document))
