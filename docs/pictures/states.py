"""The states of a session and the moves between them, and the picture drawn from that."""

from __future__ import annotations

from typing import NamedTuple
from xml.sax.saxutils import escape

from mfakit.session import EXPIRED, EXPIRING, UNKNOWN, VALID, State

NONE = "none"


class Move(NamedTuple):
    """A move of a session from one state to another by a command.

    Args:
        before: the state that it finds.
        command: the command.
        after: the state that it leaves.
    """

    before: str
    command: str
    after: str


RENEWING = ("login", "exec", "check --renew")
MOVES = [
    *(Move(NONE, command, VALID) for command in ("login", "exec")),
    *(Move(VALID, command, VALID) for command in RENEWING),
    *(Move(state, command, VALID) for state in (EXPIRING, EXPIRED) for command in RENEWING),
    *(Move(state, "logout", NONE) for state in (VALID, EXPIRING, EXPIRED)),
]
# By language: what a state is called and what is to be known of it; then what time does.
WORDS = {
    "en": {
        NONE: ("none", "no session"),
        VALID: ("valid", "login keeps it"),
        EXPIRING: ("due", "it still works"),
        EXPIRED: ("expired", "AWS refuses it"),
        "due": ("30 min left,", "or a quarter"),
        "end": ("its end",),
        "title": ("The states of a session",),
    },
    "zh-CN": {
        NONE: ("无", "没有会话"),
        VALID: ("有效", "login 会保留它"),
        EXPIRING: ("待续期", "仍然可用"),
        EXPIRED: ("已过期", "AWS 会拒绝它"),
        "due": ("剩 30 分钟", "或有效期的 1/4"),
        "end": ("到期",),
        "title": ("会话的状态",),
    },
}

_WIDTH, _HEIGHT = 520, 372
_TOP, _BOX, _STEP = 16, 84, 128  # the column of states: where it begins, one's height, the next
_NONE, _NONE_WIDTH = 16, 100
_LEFT, _RIGHT, _MIDDLE, _TRUNK = 196, 366, 236, 398
_COLOURS = {NONE: "#8b949e", VALID: "#56d364", EXPIRING: "#e3b341", EXPIRED: "#ff7b72"}
_COLUMN = (VALID, EXPIRING, EXPIRED)
_STYLE = """
text { font: 14px system-ui, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", sans-serif; fill: #e6edf3; }
.command { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 13px; fill: #56d4dd; }
.state { font-size: 17px; font-weight: bold; }
.dim { fill: #8b949e; }
path { fill: none; stroke: #8b949e; stroke-width: 1.5; }
.time { stroke-dasharray: 5 4; }
marker path { fill: #8b949e; stroke: none; }
"""


def name(language: str) -> str:
    """Return the name of the picture in a language."""
    return "session-states" if language == "en" else f"session-states.{language}"


def draw(language: str) -> str:
    """Draw the states and the moves; moves by time are dashed.

    Returns:
        An SVG document, which loads nothing.
    """
    words = WORDS[language]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(words['title'][0])}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="#161b22"/>',
        *_box(NONE, words[NONE], (_NONE, _TOP, _NONE_WIDTH, 2 * _STEP + _BOX)),
    ]
    for row, state in enumerate(_COLUMN):
        y = _TOP + row * _STEP
        parts += _box(state, words[state], (_LEFT, y, _RIGHT - _LEFT, _BOX))
        parts += _logout(y + (62 if state == VALID else _BOX / 2 + 4))
    parts += [*_first_login(), *_time(0, words["due"]), *_time(1, words["end"]), *_renewals()]
    return "\n".join([*parts, "</svg>\n"])


def _box(state: str, words: tuple[str, ...], place: tuple[int, int, int, int]) -> list[str]:
    """Draw a state: its name, the exit code of `check`, and a remark."""
    x, y, width, height = place
    middle, at = x + width / 2, y + height / 2
    colour = _COLOURS[state]
    code = UNKNOWN.exit_code if state == NONE else State(state).exit_code
    return [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{colour}"'
        f' fill-opacity="0.1" stroke="{colour}" stroke-width="1.5"/>',
        f'<text x="{middle:g}" y="{at - 16:g}" class="state" text-anchor="middle"'
        f' style="fill: {colour}">{escape(words[0])}</text>',
        _label(middle, at + 6, f"check → {code}", "command", "middle"),
        _label(middle, at + 28, words[1], "", "middle"),
    ]


def _first_login() -> list[str]:
    """Draw the move from no session to one."""
    above, below = (move.command for move in MOVES if move.before == NONE)
    start, middle, y = _NONE + _NONE_WIDTH, (_NONE + _NONE_WIDTH + _LEFT) / 2, _TOP + 22
    return [
        _path(f"M{start} {y}H{_LEFT}"),
        _label(middle, y - 7, above, "command", "middle"),
        _label(middle, y + 15, below, "command", "middle"),
    ]


def _logout(y: float) -> list[str]:
    end = _NONE + _NONE_WIDTH
    return [
        _path(f"M{_LEFT} {y:g}H{end}"),
        _label((_LEFT + end) / 2, y + 15, "logout", "command", "middle"),
    ]


def _time(row: int, words: tuple[str, ...]) -> list[str]:
    """Draw the moves by time alone."""
    start = _TOP + row * _STEP + _BOX
    end = start + _STEP - _BOX
    first = (start + end) / 2 + 5 - 8 * (len(words) - 1)
    return [
        _path(f"M{_MIDDLE} {start}V{end}", "time"),
        *(_label(_MIDDLE + 12, first + 16 * at, word, "dim") for at, word in enumerate(words)),
    ]


def _renewals() -> list[str]:
    """Draw the moves back to a fresh session."""
    top, due, expired = (_TOP + row * _STEP + _BOX / 2 for row in range(len(_COLUMN)))
    curve = 10
    up = f"a{curve} {curve} 0 0 0 {curve} -{curve}"
    lines = [
        _path(
            f"M{_RIGHT} {expired:g}H{_TRUNK - curve}{up}V{top + curve:g}"
            f"a{curve} {curve} 0 0 0 -{curve} -{curve}H{_RIGHT}"
        ),
        f'<path d="M{_RIGHT} {due:g}H{_TRUNK - curve}{up}"/>',
    ]
    first = (top + due) / 2 - 10
    return lines + [
        _label(_TRUNK + 10, first + 20 * at, command, "command")
        for at, command in enumerate(RENEWING)
    ]


def _path(way: str, kind: str = "") -> str:
    known = f' class="{kind}"' if kind else ""
    return f'<path d="{way}" marker-end="url(#tip)"{known}/>'


def _label(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    known = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{known} text-anchor="{anchor}">{escape(text)}</text>'
