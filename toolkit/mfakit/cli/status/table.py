"""Sessions as a table with bars of the time left, for terminals."""

from __future__ import annotations

import sys

from mfakit.cli.status.sentences import (
    NO_SESSION,
    account,
    identity,
    name,
    place,
    say_end,
    stand_in,
)
from mfakit.state import EXPIRED, EXPIRING, UNKNOWN, VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

    from mfakit.expiry.status import SessionStatus

_NAME, _WHOSE, _TIME, _BAR, _GAP = 16, 20, 38, 28, 2  # columns: they fit into 80
_STATES = {
    VALID: ("valid", "green"),
    EXPIRING: ("due", "yellow"),
    EXPIRED: ("expired", "red"),
    UNKNOWN: ("unknown", ""),
}
_PENS = ("━", "─", "┄")  # what is left, what is gone, and where it is not known how long it was
_ASCII_PENS = ("=", "-", ".")
_OTHERS = "Of other tools, which renew them themselves:"


def make_console() -> Console:
    """Make the console of a terminal. It heeds NO_COLOR, and takes no text for markup."""
    from rich.console import Console

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    return Console(force_terminal=True, highlight=False, markup=False, emoji=False)


def draw(console: Console, statuses: list[SessionStatus], now: datetime) -> Group:
    """Draw the sessions as it suits a terminal."""
    return as_table(statuses, now, width=console.width, ascii_only=console.options.ascii_only)


def as_table(
    statuses: list[SessionStatus],
    now: datetime,
    zone: tzinfo | None = None,
    *,
    width: int = 80,
    ascii_only: bool = False,
) -> Group:
    """Draw the sessions, two lines for each (more where it is narrow); then, dim, other tools'.

    Args:
        statuses: the sessions.
        now: the time that they were looked at.
        zone: the time zone to tell times in; by default that of this machine.
        width: how many columns there are.
        ascii_only: draw bars of what every encoding has.
    """
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
    """Share out the room for names and for owners; what is longer goes on in the next line."""
    from rich.cells import cell_len

    lines = [line for status in statuses for line in _whose(status).plain.split("\n")]
    owners = min(max([_WHOSE, *map(cell_len, lines)]), max(_WHOSE, room - _NAME))
    names = max([_NAME, *(cell_len(name(status)) for status in statuses)])
    return min(names, max(_NAME, room - owners)), owners


def _grid(width: int, *columns: int) -> Table:
    """Make a table of columns so wide, or of a single one where there is no room for them."""
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
    """Add a row of cells with gaps between them; a single column has them one below another."""
    if len(grid.columns) == 1:
        for cell in filter(None, cells):
            grid.add_row(cell, style=style)
    else:
        spaced = [part for cell in cells for part in ("", cell)]
        grid.add_row(*spaced[1:], style=style)


def _name(status: SessionStatus, style: str = "") -> Text:
    """Write the profile, and below it where the session is kept."""
    from rich.text import Text

    return Text.assemble((name(status), style), "\n", (place(status.source), "dim"))


def _whose(status: SessionStatus) -> Text:
    """Write whose the session is, as far as that is known."""
    from rich.text import Text

    record = status.record
    more = filter(None, [account(record), stand_in(record)])
    return Text.assemble(identity(record), *((f"\n{line}", "dim") for line in more))


def _time(
    status: SessionStatus, now: datetime, zone: tzinfo | None, pens: tuple[str, str, str]
) -> Text:
    """Draw the bar and write the state beside it, and below them when the session ends."""
    from rich.text import Text

    state, colour = _STATES[status.state]
    left, gone, unknown = pens
    part = _part_left(status)
    full = 0 if part is None else -int(-part * _BAR // 1)  # rounded up: what is not over shows
    return Text.assemble(
        (left * full, colour),
        ((unknown if part is None else gone) * (_BAR - full), f"dim {colour}"),
        "  ",
        (state, f"bold {colour}"),
        f"\n{say_end(status, now, zone)}",
    )


def _part_left(status: SessionStatus) -> float | None:
    """Return how much of a session's life is left, 0 to 1; None if its length is not known."""
    if status.state == EXPIRED:
        return 0
    if status.record is None or status.expiration is None or status.seconds_left is None:
        return None
    life = (status.expiration - status.record.made_at).total_seconds()
    return min(1, status.seconds_left / life) if life > 0 else None
