"""What goes wrong with policies."""

from __future__ import annotations

from mfakit.errors import MFAKitError


class MalformedPolicyError(MFAKitError, ValueError):
    """A document is not a policy."""


class UnjudgedError(MFAKitError):
    """A policy holds what cannot be judged here, and the decision hangs on it.

    Attributes:
        construct: what it is, as the policy spells it.
    """

    def __init__(self, construct: str, policy: str = "") -> None:
        super().__init__(f"{construct} in policy {policy}" if policy else construct)
        self.construct = construct


class UnresolvedVariableError(UnjudgedError):
    """A policy variable stands for a key that this call does not have."""
