"""The access keys of a user at AWS, as IAM lists, makes and deletes them."""

from __future__ import annotations

import time
from contextlib import suppress

from mfakit.errors import ExchangeError, MFAKitError, ProfileError
from mfakit.exchange.aws import DENIED, asking_aws, make_client
from mfakit.exchange.iam import IAM
from mfakit.exchange.source import Source, find_source
from mfakit.keys import LongTermKey, ago
from mfakit.profiles.selection import source_option
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from mfakit.profiles.profile import Profile

_UNKNOWN = ("InvalidClientTokenId", "SignatureDoesNotMatch")
NO_SUCH_KEY = "NoSuchEntity"  # IAM's code for a key that was deleted
_TIMES_TAKEN = 3
_PAUSE_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 120


class KeyInfo(Value):
    """What AWS tells of an access key.

    Args:
        access_key_id: its id.
        is_active: whether AWS takes it.
        created_at: when it was made.
        used_at: when it was used last; None if never.
    """

    access_key_id: str
    is_active: bool
    created_at: datetime
    used_at: datetime | None

    @property
    def last_use(self) -> str:
        """When it was used last, in words."""
        return f"last used {ago(self.used_at)}" if self.used_at else "never used"


class Hands(Value):
    """What a rotation needs from the user's side.

    Args:
        confirm: asks the user a question; returns whether the answer is yes. The second argument
            is whether an answer that was given in advance does not count.
        note: called with messages for the user.
        log_in: returns a session's credentials where IAM wants MFA.
        sleep: waits for some seconds.
    """

    confirm: Callable[[str, bool], bool]
    note: Callable[[str], object]
    log_in: Callable[[], Source]
    sleep: Callable[[float], object] = staticmethod(time.sleep)

    def ask(self, question: str, *, in_person: bool = False) -> None:
        """Ask the user; raise a ProfileError unless the answer is yes.

        Args:
            question: what to ask.
            in_person: whether an answer that was given in advance does not count, since the
                question is about a key that the user may not think of.
        """
        if not self.confirm(question, in_person):
            raise ProfileError(
                "nothing was changed, since the answer was not yes",
                "say yes" if in_person else "say yes, or --yes",
            )


class Keys:
    """The access keys of a profile's user at AWS.

    Args:
        profile: the source profile.
        hands: asked for a session if IAM does not answer to the long-term key alone.
        signer: the key to sign with, in place of the profile's own.
    """

    def __init__(self, profile: Profile, hands: Hands, signer: LongTermKey | None = None) -> None:
        self._hands = hands
        self.iam = IAM(find_source(profile.name, profile), hands.log_in)
        if signer is not None:
            self.sign_with(signer)
        self.user = self.iam.user_arn("whose keys can be rotated").rpartition("/")[2]
        self._named = source_option(profile)

    def list(self) -> list[KeyInfo]:
        """Return the user's keys."""
        listed = self.call("list_access_keys")["AccessKeyMetadata"]
        return [self._info(key) for key in listed]

    def call(self, operation: str, *, once: bool = False, **parameters: Any) -> Any:
        """Call IAM; with a session of the user's if the long-term key is denied.

        Args:
            operation: botocore's name of the operation.
            once: whether it must not be sent again when its answer is lost.
            **parameters: of the call. ``UserName`` is added.
        """
        return self.iam.call(operation, once=once, UserName=self.user, **parameters)

    def delete(self, access_key_id: str) -> None:
        """Delete a key, which may have been deleted already."""
        try:
            self.call("delete_access_key", AccessKeyId=access_key_id)
        except ExchangeError as error:
            if NO_SUCH_KEY not in error.message:
                raise

    def sign_with(self, key: LongTermKey) -> None:
        """Sign with another key of the user from now on, unless a session signs."""
        if not self.iam.signer.is_session:
            self.iam.signer = self.iam.signer.replace(
                access_key_id=key.access_key_id, secret_access_key=key.secret_access_key
            )

    def wait_for(self, key: LongTermKey) -> None:
        """Wait until STS and IAM take a new key, three times in a row.

        Raises:
            ExchangeError: they do not within two minutes.
        """
        signer = self.iam.signer.replace(
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
            session_token="",
        )
        sts = make_client("sts", signer, retries=True)
        iam = make_client("iam", signer, retries=True)
        taken, waited = 0, 0.0
        while taken < _TIMES_TAKEN:
            is_known = is_taken(signer, sts.get_caller_identity) and is_taken(
                signer, lambda: iam.list_access_keys(UserName=self.user)
            )
            taken = taken + 1 if is_known else 0
            if taken < _TIMES_TAKEN:
                if waited >= _LONGEST_WAIT_SECONDS:
                    raise self.not_taken(key.access_key_id)
                self._hands.sleep(_PAUSE_SECONDS)
                waited += _PAUSE_SECONDS

    def not_taken(self, access_key_id: str) -> ExchangeError:
        """Return the error for a new key that AWS does not know everywhere yet."""
        return ExchangeError(
            f"AWS does not take the key {access_key_id} yet",
            f"run it again, and it goes on from there: mfakit keys rotate{self._named};"
            f" or go back: mfakit keys rotate --undo{self._named}",
        )

    def _info(self, key: dict[str, Any]) -> KeyInfo:
        name = key["AccessKeyId"]
        used = None
        with suppress(MFAKitError):
            answer = self.iam.call("get_access_key_last_used", AccessKeyId=name)
            used = answer["AccessKeyLastUsed"].get("LastUsedDate")
        return KeyInfo(name, key["Status"] == "Active", key["CreateDate"], used)


def is_taken(signer: Source, call: Callable[[], object]) -> bool:
    """Whether AWS knows the key that signs a call, even if it denies the call."""
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _UNKNOWN:
            return False
        if code not in DENIED:
            with asking_aws(signer):
                raise
    except Exception:
        with asking_aws(signer):
            raise
    return True
