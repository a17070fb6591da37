"""Hypothesis strategies for tests of login tools.

Example::

    @given(serial_numbers(), token_codes())
    def test_arguments(serial_number, token_code): ...
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mfakit.session import SessionCredentials

try:
    from hypothesis import strategies as st
except ImportError:
    raise ImportError(
        "mfakit.testing.strategies needs the extra: pip install 'mfakit[testing]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
KINDS = ("virtual", "hardware", "root")
LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# Two steps of thirty seconds: a pair of codes has to be newer than the one accepted before it.
FOR_A_NEWER_PAIR = 60
LONGEST_WAIT = 900


@dataclass(frozen=True)
class DeviceCall:
    """One call about a user's MFA device, or with a code of it.

    Attributes:
        operation: ``GetSessionToken``, ``DeactivateMFADevice``, ``EnableMFADevice`` or
            ``ResyncMFADevice``.
        code: what is sent: ``fresh``, ``used`` (sent with success before), ``wrong``, ``late``
            (fresh, and sent after its time), or ``none``. Calls with two codes send two of a kind.
        after: how many seconds pass before the call.
    """

    operation: str
    code: str
    after: int


def token_codes() -> SearchStrategy[str]:
    """Codes of the form that AWS accepts: six digits, with leading zeros too."""
    return st.text("0123456789", min_size=6, max_size=6)


def serial_numbers(
    kinds: Sequence[str] = KINDS, partitions: Sequence[str] = PARTITIONS
) -> SearchStrategy[str]:
    """MFA devices' serial numbers, of the form that AWS accepts.

    Args:
        kinds: ``virtual`` (perhaps with a path), ``hardware``, ``root``, and ``fido``, a security
            key or passkey, which has no codes.
        partitions: ``aws``, ``aws-cn``, ``aws-us-gov``. Serial numbers of hardware have none.

    Raises:
        KeyError: there is no such kind.
    """
    account = st.text("0123456789", min_size=12, max_size=12)
    prefix = st.builds("arn:{}:iam::{}".format, st.sampled_from(partitions), account)
    name = st.text(LETTERS_AND_DIGITS + "+=,.@_-", min_size=1, max_size=64)
    folders = st.lists(name, max_size=2).map(lambda names: "".join(f"{n}/" for n in names))
    key = st.text(BASE32, min_size=26, max_size=26)
    by_kind = {
        "virtual": st.builds("{}:mfa/{}{}".format, prefix, folders, name),
        "hardware": st.from_regex(r"GAHT[0-9]{8}", fullmatch=True),
        "root": st.builds("{}:mfa/root-account-mfa-device".format, prefix),
        "fido": st.builds("{}:u2f/user/{}/{}-{}".format, prefix, name, name, key),
    }
    return st.one_of([by_kind[kind] for kind in kinds])


def session_credentials(
    expirations: SearchStrategy[datetime] | None = None,
) -> SearchStrategy[SessionCredentials]:
    """Sessions as STS issues them.

    Args:
        expirations: when they end; by default whole seconds of this century, in UTC.
    """
    base64 = LETTERS_AND_DIGITS + "+/"
    ends = st.integers(int(datetime(2001, 1, 1, tzinfo=UTC).timestamp()), 2**32 - 1)
    return st.builds(
        SessionCredentials,
        st.text(BASE32, min_size=16, max_size=16).map("ASIA".__add__),
        st.text(base64, min_size=40, max_size=40),
        st.builds("{}{}".format, st.text(base64, min_size=100), st.sampled_from(["", "=", "=="])),
        ends.map(lambda at: datetime.fromtimestamp(at, UTC))
        if expirations is None
        else expirations,
    )


@st.composite
def device_calls(draw: DrawFn, max_size: int = 12) -> list[DeviceCall]:
    """Sequences of calls about one device, which is enabled at first.

    A device is enabled only while it is not, and a used code is sent only after one was used; a
    pair of codes is sent late enough to be newer than the pair before.
    """
    enabled, used = True, False
    calls = []
    for _ in range(draw(st.integers(1, max_size))):
        about = ("DeactivateMFADevice", "ResyncMFADevice") if enabled else ("EnableMFADevice",)
        operation = draw(st.sampled_from(("GetSessionToken", *about)))
        code = draw(st.sampled_from(_codes(operation, used=used)))
        pair = operation in ("EnableMFADevice", "ResyncMFADevice")
        after = draw(st.integers(FOR_A_NEWER_PAIR if pair else 0, LONGEST_WAIT))
        calls.append(DeviceCall(operation, code, after))
        used |= enabled and operation == "GetSessionToken" and code == "fresh"
        if operation == "DeactivateMFADevice" or (operation, code) == ("EnableMFADevice", "fresh"):
            enabled = not enabled
    return calls


def _codes(operation: str, *, used: bool) -> tuple[str, ...]:
    if operation == "DeactivateMFADevice":
        return ("none",)
    if operation == "GetSessionToken":
        return ("fresh", "wrong", "late", *(("used",) if used else ()))
    return ("fresh", "wrong")
