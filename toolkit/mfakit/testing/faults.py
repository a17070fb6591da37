"""What tests do to calls and see of them: faults in place of answers, and the record of calls."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mfakit.testing import errors
from mfakit.testing.errors import AWSError
from mfakit.testing.keys import LongTermKey
from mfakit.testing.wire import Response, error_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing.authentication import Received
    from mfakit.testing.keys import Credentials
    from mfakit.testing.models import Call

    CarryOut = Callable[[], Response]

OPERATION = re.compile(r"(?:[a-z][a-z0-9-]*:)?(?:[A-Z][A-Za-z0-9_]*|\*)")
CODE = re.compile(r"[A-Za-z][\w.]{0,127}", re.ASCII)
LONGEST_DELAY = 3600
KEPT = 100_000
SESSION_KINDS = {"role": "role session", "federated-user": "federated session"}
# If a client confuses the id with the secret, the secret must not be recorded.
KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
ERROR_CODES = (
    re.compile(rb"<Code>([\w.]+)</Code>"),
    re.compile(rb'"__type"\s*:\s*"(?:[^"#]*#)?([\w.]+)"'),
    re.compile(rb"__type(?:[\x60-\x77]|\x78.|\x79..)(?:[\w.]*#)?([\w.]+)", re.DOTALL),
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that the next calls of an operation meet.

    Attributes:
        operation: ``GetSessionToken``, ``sts:GetSessionToken``, ``sts:*`` or ``*``.
        times: how many calls meet it.
    """

    operation: str
    times: int = 1

    def __post_init__(self) -> None:
        _check(
            isinstance(self.operation, str) and OPERATION.fullmatch(self.operation),
            "operation has to be written as AWS does: GetSessionToken, sts:GetSessionToken, *",
        )
        _check(_is_whole(self.times) and self.times > 0, "times has to be a whole number above 0")

    def concerns(self, call: Call) -> bool:
        """Whether a call meets it."""
        service, _, operation = self.operation.rpartition(":")
        fits = operation in ("*", call.operation)
        return fits and service in ("", call.service, call.action.partition(":")[0])

    def answer(self, call: Call, carry_out: CarryOut) -> Response:
        """Return the answer that the call gets; `carry_out` returns the correct one."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Failure(Fault):
    """An error in place of the answer; the call is not carried out.

    Attributes:
        code: AWS's name for the error.
        status: the HTTP status; None: the one that AWS sends with the code, or else 400.
        message: the text; None: AWS's own.
    """

    code: str = "Throttling"
    status: int | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(
            isinstance(self.code, str) and CODE.fullmatch(self.code),
            "code has to be the name of an error, such as Throttling",
        )
        _check(
            self.status is None or (_is_whole(self.status) and 400 <= self.status <= 599),
            "status has to be from 400 to 599",
        )
        _check(self.message is None or _is_text(self.message), "message has to be a text")

    def answer(self, call: Call, carry_out: CarryOut) -> Response:
        """Answer with the error."""
        usual = errors.named(self.code, call)
        status = usual.status if self.status is None else self.status
        message = usual.message if self.message is None else self.message
        return error_response(AWSError(status, self.code, message), call.protocol, call.service)


@dataclass(frozen=True, kw_only=True)
class Delay(Fault):
    """The call is carried out, and its answer comes late.

    Attributes:
        seconds: how late, in real time.
    """

    seconds: float

    def __post_init__(self) -> None:
        super().__post_init__()
        number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        _check(
            number and 0 < self.seconds <= LONGEST_DELAY,
            f"seconds has to be a number above 0, at most {LONGEST_DELAY}",
        )

    def answer(self, call: Call, carry_out: CarryOut) -> Response:
        """Carry the call out, and hold its answer back."""
        return replace(carry_out(), delay=float(self.seconds))


@dataclass(frozen=True, kw_only=True)
class Drop(Fault):
    """The connection is closed without an answer.

    Attributes:
        after: whether the call was carried out by then; a code that it brought is used up.
    """

    after: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(isinstance(self.after, bool), "after has to be true or false")

    def answer(self, call: Call, carry_out: CarryOut) -> Response:
        """Close the connection, before or after the call is carried out."""
        answer = carry_out() if self.after else Response(503, (), b"")
        return replace(answer, dropped=True)


@dataclass(frozen=True, kw_only=True)
class Garble(Fault):
    """The call is carried out, and half of the body arrives, with status 200."""

    def answer(self, call: Call, carry_out: CarryOut) -> Response:
        """Carry the call out, and cut its answer."""
        answer = carry_out()
        headers = tuple((n, v) for n, v in answer.headers if n.lower() != "content-length")
        half = answer.body[: len(answer.body) // 2] or b"<"
        return replace(answer, status=200, headers=headers, body=half)


KINDS: dict[str, type[Fault]] = {"fail": Failure, "delay": Delay, "drop": Drop, "garble": Garble}


def read_fault(text: bytes) -> Fault:
    """Read a fault from JSON: an object such as ``{"operation": "GetSessionToken"}``.

    Its member ``kind`` is ``fail`` (the default), ``delay``, ``drop`` or ``garble``; the others
    are the attributes of `Failure`, `Delay`, `Drop` or `Garble`.

    Raises:
        ValueError: it is not such an object.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the body has to be a fault in JSON") from None
    _check(isinstance(given, dict), "the body has to be a JSON object")
    kind = given.pop("kind", "fail")
    _check(isinstance(kind, str) and kind in KINDS, f"kind has to be one of {', '.join(KINDS)}")
    known = [field.name for field in fields(KINDS[kind])]
    _check(given.keys() <= set(known), f"a fault of kind {kind} has {', '.join(known)} only")
    try:
        return KINDS[kind](**given)
    except TypeError:
        needed = "operation and seconds" if kind == "delay" else "operation"
        raise ValueError(f"a fault of kind {kind} needs {needed}") from None


class FaultQueue:
    """The pending faults. Each call meets one at most: the oldest that matches."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a fault at the end."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all pending faults."""
        with self._lock:
            self._faults.clear()

    def left(self) -> list[Fault]:
        """Return the pending faults; `Fault.times` says how many calls each is for."""
        with self._lock:
            return list(self._faults)

    def answer(self, call: Call, carry_out: CarryOut) -> Response:
        """Return the answer to a call, with the first fault that matches it, if there is one."""
        fault = self._take(call) if self._faults else None
        return carry_out() if fault is None else fault.answer(call, carry_out)

    def _take(self, call: Call) -> Fault | None:
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.concerns(call):
                    rest = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._faults[place : place + 1] = rest
                    return fault
        return None


class Faulty:
    """The methods that let calls fail. Faults are met in the order in which they were added."""

    def __init__(self) -> None:
        self._faults = FaultQueue()

    def fail_next(
        self,
        operation: str,
        code: str = "Throttling",
        *,
        times: int = 1,
        status: int | None = None,
        message: str | None = None,
    ) -> None:
        """Answer the next calls with an error, in the protocol of the service; carry none out.

        Args:
            operation: ``GetSessionToken``, ``sts:GetSessionToken``, ``sts:*`` or ``*``.
            code: AWS's name for the error.
            times: how many calls; an SDK's own retries count.
            status: the HTTP status; None: the one that AWS sends with the code, or else 400.
            message: the text; None: AWS's own.

        Raises:
            ValueError: an argument is not of this form.
        """
        self._faults.add(
            Failure(operation=operation, code=code, times=times, status=status, message=message)
        )

    def delay_next(self, operation: str, seconds: float, *, times: int = 1) -> None:
        """Carry the next calls out, and answer that many real seconds later.

        A client whose read time-out is shorter sees its time-out.

        Raises:
            ValueError: an argument is not of this form.
        """
        self._faults.add(Delay(operation=operation, seconds=seconds, times=times))

    def drop_next(self, operation: str, *, times: int = 1, after: bool = False) -> None:
        """Close the connection on the next calls without an answer.

        Args:
            operation: as of `fail_next`.
            times: how many calls; an SDK's own retries count.
            after: carry the call out first, as when the answer is lost on its way.

        Raises:
            ValueError: an argument is not of this form.
        """
        self._faults.add(Drop(operation=operation, times=times, after=after))

    def garble_next(self, operation: str, *, times: int = 1) -> None:
        """Carry the next calls out, and answer status 200 with half of the body.

        Raises:
            ValueError: an argument is not of this form.
        """
        self._faults.add(Garble(operation=operation, times=times))

    @property
    def faults_left(self) -> list[Fault]:
        """The faults that no call has met yet; `Fault.times` says how many calls are to."""
        return self._faults.left()


def _is_text(value: object) -> bool:
    """Whether it can be sent: half of a surrogate pair cannot."""
    return isinstance(value, str) and value.isprintable()


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check(holds: object, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call; no secret is in it.

    Attributes:
        time: when it was answered, by the simulator's clock, in UTC.
        service: the name that its requests are signed for: ``sts``, ``s3``.
        operation: such as ``GetSessionToken``; empty if it is not known.
        caller: the ARN of the key's owner; None if the key is unknown or there was none.
        access_key_id: the id of the key; None if there was none, or it was malformed.
        credentials: ``long-term key``, ``session``, ``MFA session``, ``role session`` or
            ``federated session``; None if the key is unknown.
        status: the HTTP status; None if no answer was given.
        error: AWS's name for the error; None if the call succeeded, or no answer was given.
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
        self._records: deque[tuple[float, tuple[Any, ...]]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, at: float, received: Received) -> None:
        """Record a call and its answer, if it has one, at a time in seconds since 1970."""
        call, claim, credentials = received.named_call(), received.claim, received.caller
        response = received.response
        given = None if response is None or response.dropped else response
        about = (
            call.service,
            call.operation,
            credentials.arn if credentials else None,
            claim.access_key_id if claim and KEY_ID.fullmatch(claim.access_key_id) else None,
            _kind(credentials) if credentials else None,
            given.status if given else None,
            error_code(given) if given else None,
        )
        with self._lock:
            self._records.append((at, about))

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._records.clear()

    def records(self) -> list[CallRecord]:
        """Return the records so far."""
        with self._lock:
            kept = list(self._records)
        return [CallRecord(datetime.fromtimestamp(at, UTC), *about) for at, about in kept]


def error_code(response: Response) -> str | None:
    """Return AWS's name for the error in a response, in any of its protocols."""
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
    if credentials.owner.kind in SESSION_KINDS:
        return SESSION_KINDS[credentials.owner.kind]
    return "MFA session" if credentials.with_mfa else "session"
