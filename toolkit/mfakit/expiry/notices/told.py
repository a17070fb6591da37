"""What people were told of a session already, kept beside the credentials file.

It counts only for the session that it names, so that a new one in the same profile is told of
anew; and it is written after the telling, so that nobody is left untold by a crash in between.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from mfakit.errors import FileError
from mfakit.expiry.rule import UNKNOWN
from mfakit.profiles.files import about_to_write, replace_text
from mfakit.profiles.own_files import as_pairs, own_file, pairs_of
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mfakit.expiry.status import SessionStatus

# A little more than the slowest way may take.
_PATIENCE_SECONDS = 90
# Longer than any session lives: one that is not seen for a while may only be in another shell.
_GONE_SECONDS = 2 * 86400


class Told:
    """The marks of one session: who was told what, or what its person has said.

    Args:
        credentials_path: our own files stand beside it.
        status: the session.
        complain: is given what keeps a mark from being kept.
    """

    def __init__(
        self,
        credentials_path: str,
        status: SessionStatus,
        complain: Callable[[FileError], object],
    ) -> None:
        self._complain = complain
        self._path = _path(credentials_path, status)
        self._session = {
            "access_key_id": status.access_key_id or "",
            "expiration": format_timestamp(status.expiration) if status.expiration else "",
        }

    def has(self, mark: str) -> bool:
        """Tell whether the session has a mark; a file that cannot be read holds none."""
        return mark in self._marks()

    def add(self, mark: str) -> None:
        """Give the session a mark: any text without a line break or an equals sign."""
        kept = {**self._session, **self._marks(), mark: format_timestamp(datetime.now(UTC))}
        try:
            replace_text(self._path, as_pairs(kept))
        except FileError as error:
            self._complain(error)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep others from telling of this session, or from marking it, meanwhile.

        Raises:
            BusyError: another process has been at it all the while.
            FileError: there can be no lock.
        """
        with about_to_write(self._path, _PATIENCE_SECONDS):
            yield

    def _marks(self) -> dict[str, str]:
        try:  # at once: who writes it replaces it whole
            with open(self._path, encoding="utf-8") as file:
                kept = pairs_of(file.read())
        except (OSError, UnicodeDecodeError):
            return {}
        session = {key: kept.pop(key, None) for key in self._session}
        return kept if session == self._session else {}


def forget_gone(credentials_path: str, statuses: Iterable[SessionStatus]) -> None:
    """Remove what is kept of sessions that are no more.

    Args:
        credentials_path: our own files stand beside it.
        statuses: every session that there is.
    """
    there = {os.path.basename(_path(credentials_path, status)) for status in statuses}
    folder = os.path.dirname(own_file(credentials_path, "told", ""))
    with suppress(OSError):
        for entry in os.scandir(folder):
            age = time.time() - entry.stat().st_mtime
            if entry.name.partition(".")[0] not in there and age > _GONE_SECONDS:
                os.unlink(entry.path)


def trouble(message: str) -> SessionStatus:
    """Give what stands for the sessions where none can be looked at."""
    from mfakit.expiry.status import SessionStatus

    return SessionStatus("", "trouble", UNKNOWN, None, None, access_key_id=message)


def forget_trouble(credentials_path: str) -> None:
    """Remove what is kept of sessions that could not be looked at: now they can."""
    with suppress(OSError):
        os.unlink(_path(credentials_path, trouble("")))


def _path(credentials_path: str, status: SessionStatus) -> str:
    return own_file(credentials_path, "told", f"{status.source} {status.profile}")
