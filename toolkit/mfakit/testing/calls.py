"""The record of calls: what was called, by whom, and what it answered. No secret is in it."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfakit.testing.keys import LongTermKey

if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.testing.actions import Call
    from mfakit.testing.keys import Credentials
    from mfakit.testing.signature import Claim
    from mfakit.testing.wire import Response

KEPT = 100_000
KINDS = {"role": "role session", "federated-user": "federated session"}
# Who mixes up the id and the secret shows a secret where the id belongs.
KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
ERROR_CODES = (
    re.compile(rb"<Code>([\w.]+)</Code>"),
    re.compile(rb'"__type"\s*:\s*"(?:[^"#]*#)?([\w.]+)"'),
    re.compile(rb"__type(?:[\x60-\x77]|\x78.|\x79..)(?:[\w.]*#)?([\w.]+)", re.DOTALL),
)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call.

    Attributes:
        time: when it was answered, by the simulator's clock, in UTC.
        service: the name that its requests are signed for: ``sts``, ``s3``.
        operation: such as ``GetSessionToken``; empty if it cannot be told.
        caller: the ARN of whose key was used; None if the key is unknown or there was none.
        access_key_id: the id of that key; None if there was none, or what came was no such id.
        credentials: ``long-term key``, ``session``, ``MFA session``, ``role session`` or
            ``federated session``; None if the key is unknown.
        status: the HTTP status; None if no answer was given.
        error: AWS's name for the error; None if it was done, or no answer was given.
    """

    time: datetime
    service: str
    operation: str
    caller: str | None
    access_key_id: str | None
    credentials: str | None
    status: int | None
    error: str | None


class CallLog:
    """The latest calls, in the order of their answers."""

    def __init__(self) -> None:
        self._records: deque[CallRecord] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(
        self,
        at: datetime,
        call: Call,
        claim: Claim | None,
        credentials: Credentials | None,
        response: Response | None,
    ) -> None:
        """Take down a call and its answer, None if it ended in an exception."""
        given = None if response is None or response.dropped else response
        record = CallRecord(
            at,
            call.service,
            call.operation,
            credentials.arn if credentials else None,
            claim.access_key_id if claim and KEY_ID.fullmatch(claim.access_key_id) else None,
            _kind(credentials) if credentials else None,
            given.status if given else None,
            error_code(given) if given else None,
        )
        with self._lock:
            self._records.append(record)

    def records(self) -> list[CallRecord]:
        """Return a copy of what was taken down so far."""
        with self._lock:
            return list(self._records)


def error_code(response: Response) -> str | None:
    """Return AWS's name for the error that an answer tells of, in any of its protocols."""
    if response.status < 400:
        return None
    for name, value in response.headers:
        if name.lower() == "x-amzn-errortype":
            return value.partition(":")[0].rpartition("#")[2]
    found = next(filter(None, (p.search(response.body) for p in ERROR_CODES)), None)
    return found[1].decode() if found else None


def _kind(credentials: Credentials) -> str:
    if isinstance(credentials, LongTermKey):
        return "long-term key"
    if credentials.owner.kind in KINDS:
        return KINDS[credentials.owner.kind]
    return "MFA session" if credentials.with_mfa else "session"
