"""Pictures of a terminal: the commands, their times, and the drawing."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from docs.pictures.recording import WIDTH, Machine, clock_of
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

_LONG_AGO = "2026-11-01T09:00:00Z"
_TEMPLATE = Path(__file__).with_name("terminal.svg").read_text(encoding="utf-8")
_ASPECT = 0.6  # of most monospaced fonts
_BLACK, _GREY, _WHITE = (22, 27, 34), (139, 148, 158), (230, 237, 243)
_RED, _GREEN, _YELLOW = (255, 123, 114), (86, 211, 100), (227, 179, 65)
_BLUE, _VIOLET, _CYAN = (121, 192, 255), (210, 168, 255), (86, 212, 221)
_COLOURS = [_GREY, _RED, _GREEN, _YELLOW, _BLUE, _VIOLET, _CYAN, _WHITE]
_THEME = TerminalTheme(_BLACK, _WHITE, _COLOURS, _COLOURS)


class Line(NamedTuple):
    """A command.

    Args:
        moment: when it is typed, RFC 3339.
        command: what is typed.
        is_shown: whether it is in the picture, and not only done before.
    """

    moment: str
    command: str
    is_shown: bool = True


PICTURES = {
    "login": [
        Line("2026-11-22T06:00:00Z", "mfakit login"),
        Line("2026-11-22T06:00:00Z", "aws s3 ls --profile mfa"),
    ],
    "status": [
        Line("2026-11-21T17:00:00Z", "mfakit login --profile staging-mfa", is_shown=False),
        Line("2026-11-22T06:00:00Z", "mfakit login", is_shown=False),
        Line(
            "2026-11-22T10:00:00Z",
            "mfakit login --profile developer --duration 1h"
            " --role-arn arn:aws:iam::123456789012:role/developer",
            is_shown=False,
        ),
        Line("2026-11-22T10:48:00Z", "mfakit status"),
    ],
    "check": [
        Line("2026-11-22T06:00:00Z", "mfakit login", is_shown=False),
        Line("2026-11-22T12:00:00Z", "mfakit check; echo $?"),
        Line("2026-11-22T17:40:00Z", "mfakit check; echo $?"),
        Line("2026-11-22T18:05:00Z", "mfakit check; echo $?"),
    ],
}


def draw(name: str) -> str:
    """Record a picture, and draw it.

    Returns:
        An SVG document, which loads nothing.
    """
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False
    )
    console.print(*_record(PICTURES[name]), sep="\n\n")
    text = console.export_svg(
        title="",
        theme=_THEME,
        code_format=_TEMPLATE,
        font_aspect_ratio=_ASPECT,
        unique_id=f"mfakit-{name}",
    )
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


def _record(lines: list[Line]) -> list[Text]:
    """Run the commands, and return each one that is shown with its output."""
    texts = []
    with TemporaryDirectory() as folder, Machine(Path(folder), _LONG_AGO) as machine:
        for line in lines:
            machine.move_to(line.moment)
            shown = Text.from_ansi(machine.show(line.command).rstrip("\n"))
            prompt = (f"{clock_of(line.moment)} $ ", "cyan")
            if line.is_shown:
                texts.append(Text.assemble(prompt, (line.command, "bold"), "\n", shown))
    return texts
