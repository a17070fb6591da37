"""Telling: each session that is due or has ended, and that none can be seen, by each way, once."""

from __future__ import annotations

from contextlib import ExitStack

from mfakit.errors import BusyError, MFAKitError
from mfakit.expiry.notices.news import news_of, news_of_trouble
from mfakit.expiry.notices.told import Told, trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mfakit.expiry.notices.news import News
    from mfakit.expiry.notices.way import Way
    from mfakit.expiry.status import SessionStatus
    from mfakit.profiles.aws_files import AWSFiles

    Receivers = list[Callable[[News], object]]
    Complain = Callable[[MFAKitError], object]


def tell(
    statuses: Iterable[SessionStatus],
    ways: Iterable[Way],
    files: AWSFiles,
    environ: Mapping[str, str],
    complain: Complain,
) -> None:
    """Tell people of the sessions that are due or have ended, if they were not told yet.

    Of each session that is once when it is due and once when it has ended, by each way. What
    could not be told is told by the next check.

    Args:
        statuses: the sessions; those that do not count are passed over.
        ways: the ways to tell.
        files: the AWS files; what was told is kept beside them.
        environ: the environment.
        complain: is given what went wrong.
    """
    items = [
        (news, Told(files.credentials_path, status, complain)) for news, status in _worth(statuses)
    ]
    _tell_by_ways(items, ways, environ, complain)


def tell_trouble(
    error: MFAKitError,
    ways: Iterable[Way],
    files: AWSFiles,
    environ: Mapping[str, str],
    complain: Complain,
) -> None:
    """Tell people that their sessions cannot be looked at: once, until they can be again.

    Args:
        error: why.
        ways: the ways to tell.
        files: the AWS files; what was told is kept beside them.
        environ: the environment.
        complain: is given what went wrong.
    """
    told = Told(files.credentials_path, trouble(error.message), complain)
    _tell_by_ways([(news_of_trouble(error), told)], ways, environ, complain)


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
    """Pick the sessions that there is news of; the environment often holds a profile's own."""
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
    """Tell of one session by one way, while no other process does."""
    with ExitStack() as turn:
        try:
            turn.enter_context(told.turn())
        except BusyError as error:
            complain(error)
            return
        except MFAKitError as error:
            complain(error)  # where nothing can be kept, people are told all the same
        if not told.has(mark):
            _tell(news, told, mark, receivers, complain)


def _tell(news: News, told: Told, mark: str, receivers: Receivers, complain: Complain) -> None:
    """Tell each receiver that was not told yet, and take down at once who knows by now."""
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
