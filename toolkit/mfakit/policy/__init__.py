"""IAM policies, judged by themselves: no AWS, no network, no simulator."""

from mfakit.policy.authorization import Policies, Verdict, authorize
from mfakit.policy.document import Kind, parse
from mfakit.policy.errors import MalformedPolicyError, UnjudgedError
from mfakit.policy.evaluation import Context, Decision, Statement, evaluate
from mfakit.policy.principals import Principal

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
