"""The calls to STS, on a client that is made while the person still types.

Loading boto3 takes ten times as long as all the rest, so it begins in the background.
"""

from __future__ import annotations

import time
from contextlib import suppress

from mfakit.exchange.aws import asking_aws, make_client
from mfakit.session import SessionCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from datetime import timedelta
    from typing import Any

    from mfakit.exchange.recipe import Role
    from mfakit.exchange.source import Source

_IDENTITY_SECONDS = 3.0


class STS:
    """STS, as the source's credentials reach it. Each call is sent once: it may carry a code.

    Args:
        source: the credentials that sign.
        serial_number: the device whose codes are sent; tells the partition where nothing else does.
    """

    def __init__(self, source: Source, serial_number: str | None) -> None:
        self._source = source
        self._serial_number = serial_number
        self._client: Any = None
        self._role_arn: str | None = None
        self._identity: dict[str, Any] = {}
        self._error: BaseException | None = None
        self._loaded: threading.Event | None = None
        self._identified: threading.Event | None = None
        self._asked_at = 0.0

    def begin(self) -> None:
        """Begin to load and to ask whose the keys are, if that has not begun."""
        # Python 3.13.0 may hand out an empty one where two threads import it at once (gh-125245).
        import collections.abc  # noqa: F401
        import threading

        if self._loaded is None:
            self._loaded, self._identified = threading.Event(), threading.Event()
            waiting = self._loaded, self._identified
            threading.Thread(target=self._prepare, args=waiting, daemon=True).start()

    @property
    def account(self) -> str | None:
        """The account that the source's keys belong to, if AWS has told in time."""
        return self._known_identity().get("Account")

    @property
    def arn(self) -> str | None:
        """Whose the session is: the role's, or else whose the source's keys are, if AWS told."""
        return self._role_arn or self._known_identity().get("Arn")

    def get_session(
        self, role: Role | None, duration: timedelta | None, token_code: str | None = None
    ) -> SessionCredentials:
        """Get a session of the user's own, or of a role. Raises as `asking_aws` does.

        Args:
            role: the role; None for the user's own session.
            duration: how long it is to last; None leaves it to AWS, for a role.
            token_code: the code; a role's session needs none if its source is an MFA session.
        """
        code = {"SerialNumber": self._serial_number, "TokenCode": token_code} if token_code else {}
        with asking_aws(self._source, self._serial_number if token_code else None):
            if role is not None:
                answer = self._ready().assume_role(**role.parameters(duration), **code)
                self._role_arn = answer.get("AssumedRoleUser", {}).get("Arn")
            else:
                assert duration is not None
                seconds = int(duration.total_seconds())
                answer = self._ready().get_session_token(DurationSeconds=seconds, **code)
            return _session(answer)

    def _prepare(self, loaded: threading.Event, identified: threading.Event) -> None:
        """Load, then ask whose the keys are: a question that must not hold up the exchange."""
        try:
            self._make()
        except BaseException as error:
            self._error = error
        self._asked_at = time.monotonic()
        loaded.set()
        with suppress(Exception):  # what is wrong with the keys, the exchange itself tells better
            self._identity = self._client.get_caller_identity()
        identified.set()

    def _make(self) -> None:
        self._client = make_client(
            "sts", self._source, retries=False, serial_number=self._serial_number
        )

    def _known_identity(self) -> dict[str, Any]:
        """Return what AWS answered; it has three seconds for it, most of them while one types."""
        if self._loaded is not None and self._identified is not None:
            self._loaded.wait()
            left = self._asked_at + _IDENTITY_SECONDS - time.monotonic()
            self._identified.wait(max(0, left))
        return self._identity

    def _ready(self) -> Any:
        if self._loaded is not None:
            self._loaded.wait()
        elif self._client is None:
            self._make()
        if self._error is not None:
            raise self._error
        return self._client


def _session(answer: dict[str, Any]) -> SessionCredentials:
    given = answer["Credentials"]
    parts = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    return SessionCredentials(*parts, given["Expiration"])
