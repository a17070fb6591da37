"""The options that name a role, and session policies that take away from what it may do."""

from __future__ import annotations

from mfakit.cli.output import read_input
from mfakit.errors import UsageError
from mfakit.exchange.recipe import Role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any


def read_role(
    options: Namespace, session_name: str | None = None, others: dict[str, Any] | None = None
) -> Role | None:
    """Return the role that the options name; None if they name none.

    Args:
        options: of a command with ``--role-arn``, ``--policy`` and ``--policy-arn``.
        session_name: the name of its session.
        others: the other parameters of AssumeRole.

    Raises:
        UsageError: there are options of a role, and no role; or AWS would refuse them.
        MFAKitError: the file of the policy cannot be read, or holds no policy.
    """
    if options.role_arn is not None:
        return Role(options.role_arn, session_name, others or {}, _read_policies(options))
    if options.policy is not None or options.policy_arn or others or session_name is not None:
        raise UsageError("options of a role have no meaning without one", "name it: --role-arn")
    return None


def _read_policies(options: Namespace) -> dict[str, Any]:
    """Return the session policies as parameters of AssumeRole, without needless blanks."""
    import json

    policies: dict[str, Any] = {}
    if options.policy is not None:
        from mfakit.policy import parse

        text = read_input(options.policy)
        parse(text, options.policy)  # raises the error that says what is wrong with it
        policies["Policy"] = json.dumps(json.loads(text), separators=(",", ":"))
    if options.policy_arn:
        policies["PolicyArns"] = [{"arn": arn} for arn in options.policy_arn]
    return policies
