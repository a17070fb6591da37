"""A session: what AWS gives for a code; the rule for when it is due, and the table of states."""

from __future__ import annotations

from mfakit.errors import InvalidSessionError
from mfakit.moments import parse_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Protocol

    class Record(Protocol):
        """What `judge` reads of the record of a session."""

        @property
        def made_at(self) -> datetime:
            """When it was made."""


SESSION_KEY_PREFIX = "ASIA"

_WARN_SECONDS = 30 * 60
_WARN_PART_OF_LIFE = 4
_PROCESS_WARN_SECONDS = 16 * 60

# For each state, from best to worst, which is the rank: its `exit_code`, `word`, `colour`,
# `sentence`, `end` and `short`. As in the monitoring plugins, whose codes these are (0 fine,
# 1 warning, 2 critical, 3 unknown), "unknown" is better than every state that is known to be bad.
_STATES = {
    "valid": (0, "valid", "green", "valid, it", "ends in {}", "{}"),
    "unknown": (3, "unknown", "", "unknown whether valid,", "ends in {}", "{}"),
    "expiring": (1, "due", "yellow", "due for renewal, it", "ends in {}", "{}!"),
    "expired": (2, "expired", "red", "expired, it", "ended {} ago", "expired"),
}


class SessionCredentials:
    """Temporary credentials, as STS issues them. Frozen; ``repr`` shows no secret.

    Args:
        access_key_id: the key's id; STS gives ids that start with ``ASIA``.
        secret_access_key: its secret.
        session_token: the token that goes with both.
        expiration: when the session ends, with a time zone; None if that is not known.

    Raises:
        InvalidSessionError: a part is empty, has a control character, or the expiration has no
            time zone. (A line break in a value would add lines of its own to a credentials file
            or a shell script.)
    """

    __slots__ = ("access_key_id", "expiration", "secret_access_key", "session_token")

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime | None

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        session_token: str,
        expiration: datetime | None = None,
    ) -> None:
        for name, value in (
            ("access key id", access_key_id),
            ("secret access key", secret_access_key),
            ("session token", session_token),
        ):
            if not value:
                raise InvalidSessionError(f"the session has no {name}", _FROM_AWS)
            if not value.isprintable():
                raise InvalidSessionError(
                    f"the session's {name} has a control character", _FROM_AWS
                )
        if expiration is not None and expiration.tzinfo is None:
            raise InvalidSessionError(
                "the session's expiration has no time zone", "write it as 2026-11-22T18:00:00Z"
            )
        put = object.__setattr__
        put(self, "access_key_id", access_key_id)
        put(self, "secret_access_key", secret_access_key)
        put(self, "session_token", session_token)
        put(self, "expiration", expiration)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"SessionCredentials is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"SessionCredentials is frozen: {name} cannot be deleted")

    def __reduce__(self) -> tuple[type, tuple[str, str, str, datetime | None]]:
        return type(self), self._parts()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionCredentials) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return (
            f"SessionCredentials(access_key_id={self.access_key_id!r}, expiration="
            f"{self.expiration and self.expiration.isoformat()!r})"
        )

    def _parts(self) -> tuple[str, str, str, datetime | None]:
        return self.access_key_id, self.secret_access_key, self.session_token, self.expiration


_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_FROM_AWS = "give the output of: aws sts get-session-token"


def session_from_json(text: str) -> SessionCredentials:
    """Read a session; ``Credentials`` around it, as STS has it, may be there or not.

    Raises:
        InvalidSessionError: the text is not JSON, or holds no session. It is not in the message.
    """
    import json

    try:
        found = json.loads(text.removeprefix("\ufeff"))  # PowerShell writes this mark
        found = found.get("Credentials", found)
        key, secret, token = (found[name] for name in _PARTS)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise InvalidSessionError("this is no session in JSON", _FROM_AWS) from None
    expiration = found.get("Expiration")
    moment = parse_timestamp(expiration) if isinstance(expiration, str) else None
    if moment is None or not all(isinstance(part, str) for part in (key, secret, token)):
        raise InvalidSessionError("this session has no proper expiration or keys", _FROM_AWS)
    return SessionCredentials(key, secret, token, moment)


class State(str):
    """The state of a session. It is its name, which is what JSON and metrics show.

    Attributes:
        exit_code: the exit code of `check`.
        word: its name in the table of `status`.
        colour: its colour in that table; empty for the terminal's own.
        sentence: the begin of a sentence that the end completes: ``expired, it`` (ended 3m ago).
        end: what is said of an end that is known; the braces stand for the time until or since it.
        short: the same in the one word that `status --short` has for it.
        rank: its place among the states; the worst has the highest.
    """

    __slots__ = ("colour", "end", "exit_code", "rank", "sentence", "short", "word")

    exit_code: int
    word: str
    colour: str
    sentence: str
    end: str
    short: str
    rank: int

    def __new__(cls, name: str) -> State:
        """Return the state of this name.

        Raises:
            KeyError: there is none.
        """
        self = super().__new__(cls, name)
        row = _STATES[name]
        self.exit_code, self.word, self.colour, self.sentence, self.end, self.short = row
        self.rank = list(_STATES).index(name)
        return self

    @property
    def is_due(self) -> bool:
        """Whether a session in this state should be renewed: it is a warning, or critical."""
        return self.exit_code in (1, 2)


VALID = State("valid")
EXPIRING = State("expiring")
EXPIRED = State("expired")
UNKNOWN = State("unknown")
STATES = tuple(map(State, _STATES))


def warn_seconds(expiration: datetime, made_at: datetime | None) -> float:
    """Return how long before its end a session is due: 30 minutes, or a quarter of a shorter life.

    Args:
        expiration: when the session ends.
        made_at: when it was made; None if that is not known, which counts as long ago.

    Returns:
        Seconds.
    """
    if made_at is None:
        return _WARN_SECONDS
    life = (expiration - made_at).total_seconds()
    return max(0.0, min(_WARN_SECONDS, life / _WARN_PART_OF_LIFE))


def process_warn_seconds(expiration: datetime, made_at: datetime | None) -> float:
    """Return how long before its end `credential-process` renews a session.

    SDKs ask again when 15 minutes are left, and at each call after that. So the session that they
    get has to last longer than that; one made for less than 32 minutes is due by the usual rule.

    Returns:
        Seconds.
    """
    life = None if made_at is None else (expiration - made_at).total_seconds()
    if life is None or life >= 2 * _PROCESS_WARN_SECONDS:
        return _PROCESS_WARN_SECONDS
    return warn_seconds(expiration, made_at)


def has_ended(expiration: datetime | None, now: datetime) -> bool:
    """Whether a session is known to have ended."""
    return judge(expiration, now) == EXPIRED


def judge(
    expiration: datetime | None,
    now: datetime,
    record: Record | None = None,
    warn: float | None = None,
) -> State:
    """Return the state of a session: every session is judged here.

    Args:
        expiration: when it ends; None if that is not known.
        now: the time to judge by.
        record: how it was made, if that is known.
        warn: seconds before the end from which it is due, instead of the rule.
    """
    if expiration is None:
        return UNKNOWN
    left = (expiration - now).total_seconds()
    if left <= 0:
        return EXPIRED
    if warn is None:
        warn = warn_seconds(expiration, record.made_at if record else None)
    return EXPIRING if left < warn else VALID
