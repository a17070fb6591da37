"""Whoever calls without credentials: what is open to everyone is open to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.testing.keys import Identity, LongTermKey
from mfakit.testing.signature import Claim

if TYPE_CHECKING:
    from mfakit.testing.keys import Credentials

KIND = "anonymous"


def nobody(region: str) -> tuple[Claim, LongTermKey]:
    """Return what stands for the signature and for the key of a request that has neither."""
    claim = Claim("", "", region, "s3", frozenset(), "", "", "")
    return claim, LongTermKey("", "", Identity(KIND, "", "", KIND))


def is_nobody(caller: Credentials) -> bool:
    """Tell whether a call came without credentials."""
    return caller.owner.kind == KIND
