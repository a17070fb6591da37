"""Sessions as people read them: as a table with bars of the time left, or in sentences.

Control characters are escaped. The sentences are for screen readers, pipes and simple terminals.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial

from mfakit.cli.output import escape, show
from mfakit.errors import MFAKitError
from mfakit.expiry.report import ends_in
from mfakit.moments import format_duration, utc_now
from mfakit.session import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, tzinfo
    from typing import Any

    from rich.console import Console, Group, RenderableType
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from mfakit.expiry import SessionStatus
    from mfakit.profiles.own_files import SessionRecord

    Look = Callable[[datetime], list[SessionStatus]]


NO_SESSION = "There is no session of yours; mfakit login gets one."
_PLACES = {
    "cli-cache": "role cache of the AWS CLI",
    "sso-cache": "SSO cache of the AWS CLI",
    "login-cache": "login cache of the AWS CLI",
}
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_MINUTE = 60
_DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}
_NAME, _WHOSE, _TIME, _BAR, _GAP = 16, 20, 38, 28, 2  # columns: they fit into 80
_PENS = ("━", "─", "┄")  # time left, time gone, length not known
_ASCII_PENS = ("=", "-", ".")
_OTHERS = "Of other tools, which renew them themselves:"


def as_lines(
    statuses: list[SessionStatus], now: datetime, zone: tzinfo | None = None
) -> Iterator[str]:
    """Yield a line for each session; those of other tools come last."""
    if not any(status.counts for status in statuses):
        yield NO_SESSION
    for status in sorted(statuses, key=lambda status: not status.counts):
        yield as_line(status, now, zone)


def as_line(status: SessionStatus, now: datetime, zone: tzinfo | None = None) -> str:
    """Return how a session stands, whose it is as far as that is known, and where it is kept."""
    end = say_end(status, now, zone, in_full=True)
    where = f"kept in the {place(status.source)}"
    if not status.counts:
        where += ", by another tool that renews it itself"
    record = status.record
    whose = " in ".join(filter(None, [identity(record), account(record)]))
    made_by = stand_in(record)
    facts = filter(None, [whose and f"of {whose}", made_by and f"made by {made_by}", where])
    return f"{escape(status.profile)}: {status.state.sentence} {end}. It is {', '.join(facts)}."


def make_console() -> Console:
    """Make the console of a terminal. It respects NO_COLOR, and reads no text as markup."""
    from rich.console import Console

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    return Console(force_terminal=True, highlight=False, markup=False, emoji=False)


def draw(console: Console, statuses: list[SessionStatus], now: datetime) -> Group:
    """Draw the sessions for a terminal of this width and encoding."""
    return as_table(statuses, now, width=console.width, ascii_only=console.options.ascii_only)


def as_table(
    statuses: list[SessionStatus],
    now: datetime,
    zone: tzinfo | None = None,
    *,
    width: int = 80,
    ascii_only: bool = False,
) -> Group:
    """Draw the sessions, two lines for each (more on a narrow terminal), other tools' last."""
    from rich.console import Group
    from rich.text import Text

    own = [status for status in statuses if status.counts]
    others = [status for status in statuses if not status.counts]
    names, owners = _widths(own, width - _TIME - 2 * _GAP)
    pens = _ASCII_PENS if ascii_only else _PENS
    table = _grid(width, names, owners, _TIME)
    for status in own:
        _add(table, _name(status, "bold"), _whose(status), _time(status, now, zone, pens))
        table.add_row()
    rest = _grid(width, names + _GAP + owners, _TIME)
    for status in others:
        rest.add_row()
        _add(rest, _name(status), Text(say_end(status, now, zone)), style="dim")
    parts: list[RenderableType] = [table if own else Text(f"{NO_SESSION}\n")]
    if others:
        parts += [Text(_OTHERS, "dim"), rest, ""]
    return Group(*parts)


def _widths(statuses: list[SessionStatus], room: int) -> tuple[int, int]:
    """Return the widths for names and owners; longer text is folded."""
    from rich.cells import cell_len

    lines = [line for status in statuses for line in _whose(status).plain.split("\n")]
    owners = min(max([_WHOSE, *map(cell_len, lines)]), max(_WHOSE, room - _NAME))
    names = max([_NAME, *(cell_len(escape(status.profile)) for status in statuses)])
    return min(names, max(_NAME, room - owners)), owners


def _grid(width: int, *columns: int) -> Table:
    """Make a table of columns of these widths, or of a single one if they do not fit."""
    from rich.table import Table

    grid = Table.grid()
    if sum(columns) + _GAP * (len(columns) - 1) > width:
        columns = (width,)
    for column in columns:
        if grid.columns:
            grid.add_column(width=_GAP)  # not padding, which not every rich measures alike
        grid.add_column(width=column, overflow="fold")
    return grid


def _add(grid: Table, *cells: Text, style: str = "") -> None:
    """Add a row of cells with gaps between them; in a single column, one below the other."""
    if len(grid.columns) == 1:
        for cell in filter(None, cells):
            grid.add_row(cell, style=style)
    else:
        spaced = [part for cell in cells for part in ("", cell)]
        grid.add_row(*spaced[1:], style=style)


def _name(status: SessionStatus, style: str = "") -> Text:
    """Write the profile, and below it where the session is kept."""
    from rich.text import Text

    return Text.assemble((escape(status.profile), style), "\n", (place(status.source), "dim"))


def _whose(status: SessionStatus) -> Text:
    """Write whose the session is, as far as that is known."""
    from rich.text import Text

    record = status.record
    more = filter(None, [account(record), stand_in(record)])
    return Text.assemble(identity(record), *((f"\n{line}", "dim") for line in more))


def _time(
    status: SessionStatus, now: datetime, zone: tzinfo | None, pens: tuple[str, str, str]
) -> Text:
    """Draw the bar with the state beside it, and the end of the session below."""
    from rich.text import Text

    state, colour = status.state.word, status.state.colour
    left, gone, unknown = pens
    part = _part_left(status)
    full = 0 if part is None else -int(-part * _BAR // 1)  # rounded up, so that some is left
    return Text.assemble(
        (left * full, colour),
        ((unknown if part is None else gone) * (_BAR - full), f"dim {colour}"),
        "  ",
        (state, f"bold {colour}"),
        f"\n{say_end(status, now, zone)}",
    )


def _part_left(status: SessionStatus) -> float | None:
    """Return the part of a session's life that is left, 0 to 1; None if it is not known."""
    if status.state == EXPIRED:
        return 0
    if status.record is None or status.expiration is None or status.seconds_left is None:
        return None
    life = (status.expiration - status.record.made_at).total_seconds()
    return min(1, status.seconds_left / life) if life > 0 else None


def place(source: str) -> str:
    """Return the name of the place that a session is kept in."""
    return _PLACES.get(source, source.replace("-", " "))


def identity(record: SessionRecord | None) -> str:
    """Return whose a session is, as far as its record shows; "" if it does not."""
    if record is None:
        return ""
    if record.role_arn:
        return f"role {_last_of(record.role_arn)}"
    if record.arn:
        return "root user" if record.arn.endswith(":root") else f"user {_last_of(record.arn)}"
    return f"device {_last_of(record.serial_number)}" if record.serial_number else ""


def account(record: SessionRecord | None) -> str:
    """Return the account of a session; "" if it is not known."""
    return f"account {escape(record.account)}" if record and record.account else ""


def stand_in(record: SessionRecord | None) -> str:
    """Return the endpoint that made a session, such as a simulator; "" if AWS made it."""
    from mfakit.exchange.source import is_of_aws

    url = record.endpoint_url if record else None
    return "" if url is None or is_of_aws(url) else escape(url)


def say_duration(seconds: float, *, in_full: bool = False) -> str:
    """Return a duration in its two largest units, rounded down: ``3h12m``.

    With ``in_full`` it is ``3 hours 12 minutes``. It has seconds only if it is below a minute.
    """
    left = int(abs(seconds))
    left -= left % _MINUTE if left >= _MINUTE else 0
    if not in_full:
        return format_duration(left)
    parts: list[str] = []
    for unit, word in _UNITS:
        count, left = divmod(left, unit)
        if count or (unit == 1 and not parts):
            parts.append(f"{count} {word}" if count == 1 else f"{count} {word}s")
    return " ".join(parts[:2])


def say_moment(
    moment: datetime, now: datetime, zone: tzinfo | None = None, *, in_full: bool = False
) -> str:
    """Return a time by the local clock and calendar: ``tomorrow 09:10``, in full with an "at"."""
    try:
        there, here = moment.astimezone(zone), now.astimezone(zone)
    except (OverflowError, ValueError, OSError):  # at the edges of the calendar
        there, here = moment, now
    year = "" if there.year == here.year else f" {there.year}"
    day = _DAYS.get((there.date() - here.date()).days)
    day = day or f"{there:%a} {there.day} {there:%b}{year}"
    return f"{day} at {there:%H:%M}" if in_full else f"{day} {there:%H:%M}"


def say_end(
    status: SessionStatus, now: datetime, zone: tzinfo | None = None, *, in_full: bool = False
) -> str:
    """Return when a session ends or ended: ``ends in 3h12m, today 18:10``."""
    if status.expiration is None:
        return status.fault or "its end is not known"
    when = ends_in(status, partial(say_duration, in_full=in_full))
    return f"{when}, {say_moment(status.expiration, now, zone, in_full=in_full)}"


def _last_of(arn: str) -> str:
    return escape(arn.rpartition("/")[2])


_SECONDS = 1.0  # between two looks: the last minute is counted down
_SUSPEND = getattr(signal, "SIGTSTP", None)  # Windows has none


def watch_table(look: Look) -> int:
    """Keep the table in view until Ctrl-C, on a screen of its own, which leaves no trace."""
    from rich.live import Live

    console = make_console()
    with _until_ended(), Live(console=console, screen=True, auto_refresh=False) as live:
        if _SUSPEND:
            signal.signal(_SUSPEND, lambda *_: _suspend(live))
        while True:
            live.update(_picture(console, look), refresh=True)
            time.sleep(_SECONDS)
    return 0


def watch_lines(look: Look) -> int:
    """Print a line for every session once, and then a line for each change, until Ctrl-C."""
    shown: dict[tuple[Any, ...], str] = {}
    with _until_ended():
        while True:
            found = _sentences(look)
            show("".join(f"{line}\n" for line in _news(shown, found)))
            shown = found
            time.sleep(_SECONDS)
    return 0


@contextmanager
def _until_ended() -> Iterator[None]:
    """End on Ctrl-C, and restore the terminal on SIGTERM, too."""
    signal.signal(signal.SIGTERM, _end)
    with suppress(KeyboardInterrupt):
        yield


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)  # as shells have it


def _suspend(live: Live) -> None:
    """Restore the terminal for as long as the job is stopped."""
    live.stop()
    signal.raise_signal(signal.SIGSTOP)
    live.start(refresh=True)


def _picture(console: Console, look: Look) -> RenderableType:
    from rich.console import Group
    from rich.segment import SegmentLines
    from rich.text import Text

    now = utc_now()
    shown: RenderableType
    try:
        statuses = look(now)
        shown = draw(console, statuses, now)
    except MFAKitError as error:
        shown = Text(f"{_complaint(error)}\n")
    foot = f"{now.astimezone():%H:%M:%S}  Ctrl-C ends this"
    lines = console.render_lines(shown, pad=False)
    room = console.height - 1
    if len(lines) > room:
        foot += "; there is more than fits: mfakit status shows it"
    shown = SegmentLines(lines[:room], new_lines=True)
    return Group(shown, Text(foot, "dim", no_wrap=True, overflow="ellipsis"))


def _sentences(look: Look) -> dict[tuple[Any, ...], str]:
    """Return the sentences to print, each under the facts whose change makes it news."""
    now = utc_now()
    try:
        statuses = look(now)
    except MFAKitError as error:
        return {("", "", error.message): _complaint(error)}
    return {
        (s.profile, s.source, s.state, s.expiration, s.access_key_id): as_line(s, now)
        for s in statuses
    }


def _news(shown: dict[tuple[Any, ...], str], found: dict[tuple[Any, ...], str]) -> Iterator[str]:
    """Yield the sentences that were not printed before, and which sessions are gone."""
    there = {facts[:2] for facts in found}
    for profile, source in dict.fromkeys(facts[:2] for facts in shown):
        if profile and (profile, source) not in there:
            yield f"{escape(profile)}: there is no session in the {place(source)} any more."
    yield from (line for facts, line in found.items() if facts not in shown)


def _complaint(error: MFAKitError) -> str:
    hint = f" Try: {error.hint}." if error.hint else ""
    return escape(f"{error.message[:1].upper()}{error.message[1:]}.{hint}")
