"""Notify people of each session once per way: when it is due, when it has ended, or is unreadable.

What was sent is kept beside the credentials file. It counts only for the session that it names, so
that a new one in the same profile is notified anew; and it is written after the sending, so that a
crash in between leaves nobody uninformed.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager, suppress

from mfakit.errors import BusyError, FileError, MFAKitError
from mfakit.moments import format_timestamp, utc_now
from mfakit.notices import news_of, news_of_key, news_of_trouble
from mfakit.profiles.editing import about_to_write
from mfakit.profiles.own_files import OwnFile, as_pairs, pairs_of
from mfakit.session import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mfakit.expiry import SessionStatus
    from mfakit.keys import KeyAge
    from mfakit.notices import News
    from mfakit.notices.ways import Way
    from mfakit.profiles.aws_files import AWSFiles

    Receivers = list[Callable[[News], object]]
    Complain = Callable[[MFAKitError], object]


# A little more than the slowest way may take to send.
_PATIENCE_SECONDS = 90
# Longer than any session lives: one that is not found may only be in another shell's environment.
_GONE_SECONDS = 2 * 86400


def tell(
    statuses: Iterable[SessionStatus], ways: Iterable[Way], files: AWSFiles, complain: Complain
) -> None:
    """Send the notifications of sessions that are due or have ended, if they were not sent yet.

    For each session that is once when it is due and once when it has ended, by each way. What
    could not be sent is sent by the next check.

    Args:
        statuses: the sessions; those that do not count are left out.
        ways: the ways to notify people.
        files: the AWS files; the marks are kept beside them, and the ways get their environment.
        complain: gets each error.
    """
    items = [
        (news, Told(files.credentials_path, status, complain)) for news, status in _worth(statuses)
    ]
    _tell_by_ways(items, ways, files.environ, complain)


def tell_trouble(
    error: MFAKitError, ways: Iterable[Way], files: AWSFiles, complain: Complain
) -> None:
    """Send the notification that sessions are unreadable: once, until they can be read again."""
    told = Told(files.credentials_path, trouble(error.message), complain)
    _tell_by_ways([(news_of_trouble(error), told)], ways, files.environ, complain)


def tell_keys(
    ages: Iterable[KeyAge], ways: Iterable[Way], files: AWSFiles, complain: Complain
) -> None:
    """Send the notifications of old keys, once for each key by each way."""
    items = [
        (news_of_key(age, utc_now()), Told(files.credentials_path, key_mark(age), complain))
        for age in ages
    ]
    _tell_by_ways(items, ways, files.environ, complain)


def key_mark(age: KeyAge) -> SessionStatus:
    """Return the placeholder under which it is remembered that a key was told of."""
    from mfakit.expiry import SessionStatus

    key = age.place.access_key_id
    return SessionStatus(age.profile, "key", UNKNOWN, None, None, access_key_id=key)


def _tell_by_ways(
    items: list[tuple[News, Told]],
    ways: Iterable[Way],
    environ: Mapping[str, str],
    complain: Complain,
) -> None:
    for way in ways:
        untold = [(news, told) for news, told in items if not told.has(_mark(way, news))]
        if not untold:
            continue
        try:
            receivers = way.receivers(environ)
        except MFAKitError as error:
            complain(error)
            continue
        for news, told in untold:
            _tell_in_turn(news, told, _mark(way, news), receivers, complain)


def _worth(statuses: Iterable[SessionStatus]) -> Iterator[tuple[News, SessionStatus]]:
    """Yield the sessions that there is news of; the environment often repeats a profile's."""
    keys = set()
    for status in statuses:
        news = news_of(status) if status.counts else None
        if news and (not status.access_key_id or status.access_key_id not in keys):
            keys.add(status.access_key_id)
            yield news, status


def _mark(way: Way, news: News) -> str:
    return f"{news.state} {way.mark}"


def _tell_in_turn(
    news: News, told: Told, mark: str, receivers: Receivers, complain: Complain
) -> None:
    """Send one notification by one way, while no other process does."""
    with ExitStack() as turn:
        try:
            turn.enter_context(told.turn())
        except BusyError as error:
            complain(error)
            return
        except MFAKitError as error:
            complain(error)  # people are notified even where no mark can be kept
        if not told.has(mark):
            _tell(news, told, mark, receivers, complain)


def _tell(news: News, told: Told, mark: str, receivers: Receivers, complain: Complain) -> None:
    """Send to each receiver that has not got it yet, and record each success at once."""
    if len(receivers) == 1:
        _tell_one(news, told, mark, receivers[0], complain)
        return
    marks = [f"{mark} {number}" for number in range(1, len(receivers) + 1)]
    for own_mark, receiver in zip(marks, receivers, strict=True):
        _tell_one(news, told, own_mark, receiver, complain)
    if all(map(told.has, marks)):
        told.add(mark)


def _tell_one(
    news: News, told: Told, mark: str, receiver: Callable[[News], object], complain: Complain
) -> None:
    if told.has(mark):
        return
    try:
        receiver(news)
    except MFAKitError as error:
        complain(error)
    else:
        told.add(mark)


class Told:
    """The marks of one session: which notifications were sent, or that its person declined.

    Args:
        credentials_path: the marks are kept beside it.
        status: the session.
        complain: gets the error if a mark cannot be kept.
    """

    def __init__(
        self, credentials_path: str, status: SessionStatus, complain: Callable[[FileError], object]
    ) -> None:
        self._complain = complain
        self._file = _file(credentials_path, status)
        self._session = {
            "access_key_id": status.access_key_id or "",
            "expiration": format_timestamp(status.expiration) if status.expiration else "",
        }

    def has(self, mark: str) -> bool:
        """Whether the session has a mark; a file that cannot be read holds none."""
        return mark in self._marks()

    def add(self, mark: str) -> None:
        """Add a mark to the session: any text without a line break or an equals sign."""
        kept = {**self._session, **self._marks(), mark: format_timestamp(utc_now())}
        try:
            self._file.replace(as_pairs(kept))
        except FileError as error:
            self._complain(error)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other processes from notifying of this session, or marking it, meanwhile.

        Raises:
            BusyError: another process did not finish in time.
            FileError: the lock cannot be made.
        """
        with about_to_write(self._file.path, _PATIENCE_SECONDS):
            yield

    def _marks(self) -> dict[str, str]:
        try:
            kept = pairs_of(self._file.read())
        except OSError:
            return {}
        session = {key: kept.pop(key, None) for key in self._session}
        return kept if session == self._session else {}


def forget_gone(credentials_path: str, statuses: Iterable[SessionStatus]) -> None:
    """Remove the marks of sessions that are not among these, which are all that there are."""
    there = {os.path.basename(_file(credentials_path, status).path) for status in statuses}
    folder = os.path.dirname(OwnFile.of(credentials_path, "told", "").path)
    with suppress(OSError):
        for entry in os.scandir(folder):
            age = time.time() - entry.stat().st_mtime
            if entry.name.partition(".")[0] not in there and age > _GONE_SECONDS:
                os.unlink(entry.path)


def trouble(message: str) -> SessionStatus:
    """Return the placeholder under which "files unreadable" is remembered."""
    from mfakit.expiry import SessionStatus

    return SessionStatus("", "trouble", UNKNOWN, None, None, access_key_id=message)


def forget_trouble(credentials_path: str) -> None:
    """Remove the mark of "files unreadable": now they can be read."""
    with suppress(OSError):
        os.unlink(_file(credentials_path, trouble("")).path)


def _file(credentials_path: str, status: SessionStatus) -> OwnFile:
    return OwnFile.of(credentials_path, "told", f"{status.source} {status.profile}")
