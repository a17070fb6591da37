"""`mfakit status --watch`: the files are read every second, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager, suppress

from mfakit.cli.output import escape, show
from mfakit.cli.status.views import as_line, draw, make_console, place
from mfakit.errors import MFAKitError
from mfakit.moments import utc_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Any

    from rich.console import Console, RenderableType
    from rich.live import Live

    from mfakit.expiry.status import SessionStatus

    Look = Callable[[datetime], list[SessionStatus]]

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
