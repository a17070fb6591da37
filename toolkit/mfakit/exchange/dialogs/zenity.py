"""zenity: the dialog of Linux desktops, in its versions 3 and 4."""

from __future__ import annotations

from mfakit.exchange.dialogs.showing import (
    DECLINE,
    LOG_IN,
    NO,
    TITLE,
    answer_by_code,
    find_program,
    show,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.exchange.dialogs.showing import Question

# It exits with 1 for no, and also where there is no display; so no is given a code of its own.
_CODES = {"ZENITY_CANCEL": str(NO), "ZENITY_ESC": str(NO)}


def find(environ: Mapping[str, str]) -> str | None:
    """Find it, if there is a desktop to show something on."""
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    return find_program("zenity", environ)


def ask(program: str, question: Question) -> str:
    """Ask; give what was typed.

    Raises:
        DeclinedError: the person said no.
        NotAnsweredError: nobody answered.
        NotShownError: it did not show the question.
    """
    command = [
        program,
        "--entry",
        f"--title={TITLE}",
        f"--text={_escaped(question.whole_text)}",
        f"--ok-label={LOG_IN}",
        f"--cancel-label={DECLINE}",
        f"--timeout={question.whole_seconds}",
    ]
    code, output = show(command, question, environ=_CODES)
    return answer_by_code("zenity", code, output, question)


def _escaped(text: str) -> str:
    """Keep it from reading escapes, and from taking an underscore for a key to jump by."""
    return text.replace("\\", "\\\\").replace("_", "__")
