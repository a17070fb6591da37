"""IAM's GetUser: by default about who calls, whom moto does not always know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError
from mfakit.testing.mfa_calls import NO_USER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from mfakit.testing.keys import Credentials


class GetUser:
    """The call.

    Args:
        ask: gives IAM's own answer for a user of that name, or refuses.
        created: when the account was made.
    """

    def __init__(self, ask: Callable[[str], Mapping[str, Any]], created: datetime) -> None:
        self._ask = ask
        self._created = created

    def __call__(self, caller: Credentials, given: Mapping[str, str]) -> dict[str, Any]:
        """Tell about a user, by default about the one who calls.

        Raises:
            AWSError: there is no such user, or who calls is none.
        """
        if "UserName" in given:
            return {"User": self._ask(given["UserName"])}
        if caller.owner.is_root:
            owner = caller.owner
            root = {"UserId": owner.user_id, "Arn": owner.arn, "CreateDate": self._created}
            return {"User": root}
        if caller.owner.kind != "user":
            raise AWSError(400, "ValidationError", NO_USER)
        return {"User": self._ask(caller.owner.name)}
