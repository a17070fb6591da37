"""How a session stands: the one rule that says when it is due, and the one table of its states."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Protocol

    class Record(Protocol):
        """How a session was made, as far as its state depends on that."""

        @property
        def made_at(self) -> datetime:
            """When it was made."""


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


class State(str):
    """The state of a session. It is its name, which is what JSON and metrics show.

    Attributes:
        exit_code: the exit code of `check`.
        word: its name in the table of `status`.
        colour: its colour in that table; empty for the terminal's own.
        sentence: its words in a sentence that goes on with the end: ``expired, it`` (ended 3m ago).
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
