"""The calls to STS, on a client that is made while the person still types.

Loading boto3 takes ten times as long as all the rest, so it begins in the background.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from mfakit.exchange.client import make_client
from mfakit.exchange.refusals import asking_aws
from mfakit.session import SessionCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

    from mfakit.exchange.source import Source


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
        self._identity: dict[str, Any] = {}
        self._error: BaseException | None = None
        self._making: threading.Thread | None = None

    def begin(self) -> None:
        """Begin to load, if that has not begun."""
        if self._making is None:
            self._making = threading.Thread(target=self._make, daemon=True)
            self._making.start()

    @property
    def account(self) -> str | None:
        """The account that the source's keys belong to, if AWS told."""
        self._wait()
        return self._identity.get("Account")

    @property
    def arn(self) -> str | None:
        """Whose the source's keys are, if AWS told."""
        self._wait()
        return self._identity.get("Arn")

    def get_session_token(self, token_code: str, duration: timedelta) -> SessionCredentials:
        """Get a session for a code. Raises as `asking_aws` does."""
        with asking_aws(self._source, self._serial_number):
            answer = self._ready().get_session_token(
                SerialNumber=self._serial_number,
                TokenCode=token_code,
                DurationSeconds=int(duration.total_seconds()),
            )
            return _session(answer)

    def assume_role(
        self, role: dict[str, Any], token_code: str | None = None
    ) -> SessionCredentials:
        """Get a session of a role. Raises as `asking_aws` does.

        Args:
            role: ``RoleArn``, ``RoleSessionName`` and what else AssumeRole takes of it.
            token_code: the code, if the role's trust policy wants one.
        """
        with asking_aws(self._source, self._serial_number):
            if token_code is not None:
                role = role | {"SerialNumber": self._serial_number, "TokenCode": token_code}
            return _session(self._ready().assume_role(**role))

    def _make(self) -> None:
        try:
            self._client = make_client(
                "sts", self._source, retries=False, serial_number=self._serial_number
            )
        except BaseException as error:
            self._error = error
            return
        import filelock  # noqa: F401 - keeping the session needs it, and it takes as long to load

        with suppress(Exception):  # what is wrong with the keys, the exchange itself tells better
            self._identity = self._client.get_caller_identity()

    def _wait(self) -> None:
        self.begin()
        assert self._making is not None
        self._making.join()

    def _ready(self) -> Any:
        self._wait()
        if self._error is not None:
            raise self._error
        return self._client


def _session(answer: dict[str, Any]) -> SessionCredentials:
    given = answer["Credentials"]
    parts = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    return SessionCredentials(*parts, given["Expiration"])
