"""IAM policies, judged by themselves: no AWS, no network, no simulator."""

from mfakit.policy.document import parse
from mfakit.policy.errors import MalformedPolicyError, UnjudgedError
from mfakit.policy.evaluation import Context, Decision, Statement, evaluate
from mfakit.policy.principals import Principal

__all__ = [
    "Context",
    "Decision",
    "MalformedPolicyError",
    "Principal",
    "Statement",
    "UnjudgedError",
    "evaluate",
    "parse",
]
