"""Calls of IAM, signed by a long-term key, or by a session where IAM wants MFA for them."""

from __future__ import annotations

from mfakit.errors import ProfileError
from mfakit.exchange.aws import DENIED, SERVER_ERROR, asking_aws, make_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mfakit.exchange.source import Source


class IAM:
    """IAM, as the user of some credentials.

    Args:
        signer: the long-term credentials that sign, until a session does.
        log_in: returns a session's credentials if IAM denies a call to the long-term key; None if
            the user can have no session.

    Attributes:
        signer: the credentials that sign now.
        was_refused: whether AWS answered the last call, and so did nothing.
    """

    def __init__(self, signer: Source, log_in: Callable[[], Source] | None) -> None:
        self.signer = signer
        self._log_in = log_in
        self._clients: dict[tuple[str, bool], Any] = {}
        self.was_refused = False

    def call(self, operation: str, *, once: bool = False, **parameters: Any) -> Any:
        """Call IAM; with a session of the user's if the long-term key is denied.

        Args:
            operation: botocore's name of the operation.
            once: whether it must not be sent again when its answer is lost.
            **parameters: of the call.

        Raises:
            ExchangeError: AWS refused, or could not be reached.
        """
        from botocore.exceptions import ClientError

        self.was_refused = False
        try:
            return getattr(self._client(once=once), operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            self.was_refused = _did_nothing(error)
            if code not in DENIED or self.signer.is_session or self._log_in is None:
                with asking_aws(self.signer):
                    raise
        except Exception:
            with asking_aws(self.signer):
                raise
        self.sign_with_session()
        self.was_refused = False
        with asking_aws(self.signer):
            try:
                return getattr(self._client(once=once), operation)(**parameters)
            except ClientError as error:
                self.was_refused = _did_nothing(error)
                raise

    def sign_with_session(self) -> None:
        """Sign with a session of the user's from now on, if there can be one."""
        if self._log_in is not None and not self.signer.is_session:
            self.signer = self._log_in()

    def without_session(self) -> IAM:
        """Return the same, for a user who can have no session."""
        return IAM(self.signer, None)

    def user_arn(self, purpose: str) -> str:
        """Return the ARN of the IAM user, whose name is its last part.

        Args:
            purpose: what a user is needed for, for the error.

        Raises:
            ProfileError: the credentials are not those of an IAM user.
        """
        with asking_aws(self.signer):
            client = make_client("sts", self.signer, retries=True)
            arn: str = client.get_caller_identity()["Arn"]
        if ":user/" not in arn:
            raise ProfileError(
                f"{arn} is no IAM user, {purpose}",
                "a root user should have no key at all: delete it in the console",
            )
        return arn

    def _client(self, *, once: bool) -> Any:
        key = self.signer.access_key_id, once
        if key not in self._clients:
            self._clients[key] = make_client("iam", self.signer, retries=not once)
        return self._clients[key]


def _did_nothing(refusal: Any) -> bool:
    """Whether AWS refused a call, and did not fail at it."""
    status: int = refusal.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return 0 < status < SERVER_ERROR
