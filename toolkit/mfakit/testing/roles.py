"""The account's roles, asked from IAM whenever one is to be assumed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing.keys import Identity, KeyStore

ANY_ARN = r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+"
ROLE_ARN = r"arn:[\w-]+:iam::\d{12}:role/(?:[^/]+/)*([\w+=,.@-]+)"


@dataclass(frozen=True)
class Role:
    """A role, as far as assuming it goes.

    Attributes:
        max_session_duration: in seconds.
        trust_policy: the document that tells who may assume it.
    """

    identity: Identity
    max_session_duration: int
    trust_policy: Any

    @property
    def arn(self) -> str:
        """The role's own ARN, with its path."""
        return self.identity.arn


class Roles:
    """Finds roles.

    Args:
        get_role: IAM's GetRole; refuses a name that names none.
        keys: keeps who is who.
    """

    def __init__(self, get_role: Callable[[str], dict[str, Any]], keys: KeyStore) -> None:
        self._get_role = get_role
        self._keys = keys

    def find(self, arn: str) -> Role | None:
        """Return the role of that ARN; None if the account has none.

        Raises:
            AWSError: it is not the ARN of a role at all.
        """
        named = re.fullmatch(ROLE_ARN, arn, re.ASCII)
        if named is None:
            what = "Request ARN" if re.fullmatch(ANY_ARN, arn) else arn
            raise AWSError(400, "ValidationError", f"{what} is invalid")
        try:
            role = self._get_role(named[1])
        except AWSError:
            return None
        if role["Arn"] != arn:
            return None
        identity = self._keys.identity("role", role["RoleName"], arn, role["RoleId"])
        # IAM leaves it out of roles that were made before there was such a limit.
        longest = int(role.get("MaxSessionDuration") or 3600)
        return Role(identity, longest, role["AssumeRolePolicyDocument"])
