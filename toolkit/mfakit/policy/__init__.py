"""Judge IAM policies by themselves: without AWS, network or simulator."""

from mfakit.policy.document import Kind, MalformedPolicyError, parse
from mfakit.policy.elements import Principal
from mfakit.policy.evaluation import (
    Context,
    Decision,
    Policies,
    Statement,
    Verdict,
    authorize,
    evaluate,
)
from mfakit.policy.patterns import UnjudgedError

__all__ = [
    "Context",
    "Decision",
    "Kind",
    "MalformedPolicyError",
    "Policies",
    "Principal",
    "Statement",
    "UnjudgedError",
    "Verdict",
    "authorize",
    "evaluate",
    "parse",
]
