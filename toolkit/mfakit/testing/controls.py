"""What tests in any language ask of the simulator over HTTP."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from mfakit.testing.faults import read_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing.clock import Clock
    from mfakit.testing.faults import FaultQueue
    from mfakit.testing.users import Device
    from mfakit.testing.wire import Request

    Answer = tuple[int, dict[str, Any]]


USER_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


class Controls:
    """The control calls. Each takes a request, and gives the status and the JSON of its answer.

    Args:
        device_of: finds the MFA device of the user of that name.
        clock: the simulator's.
        faults: where faults go.

    Attributes:
        by_name: the calls, by what follows ``/_mfakit/`` in their path.
    """

    def __init__(
        self, device_of: Callable[[str], Device], clock: Clock, faults: FaultQueue
    ) -> None:
        self._device_of = device_of
        self._clock = clock
        self._faults = faults
        self.by_name = {"code": self.code, "clock": self.clock, "fault": self.fault}

    def code(self, request: Request) -> Answer:
        """Hand out a code: ``code?user=NAME``.

        When none is left: status 409 and how long to wait; with ``&advance=true`` the clock moves.

        Raises:
            ValueError: no user of IAM could be called that.
            LookupError: there is no such user, or no device.
        """
        name = request.query.get("user", "")
        if not USER_NAME.fullmatch(name):
            raise ValueError("user has to be the name of an IAM user")
        device = self._device_of(name)
        code, seconds = device.next_code()
        while code is None and request.query.get("advance") == "true":
            self._clock.advance(seconds=seconds)
            code, seconds = device.next_code()
        if code is None:
            return 409, {"retry_after_seconds": math.ceil(seconds)}
        return 200, {"code": code, "valid_for_seconds": int(seconds)}

    def clock(self, request: Request) -> Answer:
        """Move the clock: ``clock?advance=SECONDS``, negative ones too.

        Raises:
            ValueError: that is no number, or too far.
        """
        self._clock.advance(seconds=float(request.query.get("advance", "0")))
        return 200, {"now": self._clock.now().isoformat()}

    def fault(self, request: Request) -> Answer:
        """Let calls fail: ``fault``, with a JSON object as the body.

        Examples::

            {"operation": "GetSessionToken", "code": "Throttling", "times": 2}
            {"operation": "sts:*", "kind": "fail", "code": "X", "status": 500, "message": "text"}
            {"operation": "*", "kind": "delay", "seconds": 2.5}
            {"operation": "s3:GetObject", "kind": "drop", "after": true}
            {"operation": "AssumeRole", "kind": "garble"}

        Raises:
            ValueError: it is no such object.
        """
        self._faults.add(read_fault(request.body))
        return 200, {"faults_left": len(self._faults.left())}
