"""Who calls, as policies name him."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.policy import Principal

if TYPE_CHECKING:
    from mfakit.testing.keys import Credentials


def principal(caller: Credentials) -> Principal:
    """Return who calls, by every name that a policy may know him by."""
    owner = caller.owner
    return Principal(
        account_id=owner.arn.split(":")[4],
        arn=caller.arn,
        role_arn=owner.arn if owner.kind == "role" else "",
        unique_ids=(owner.user_id, caller.user_id),
    )
