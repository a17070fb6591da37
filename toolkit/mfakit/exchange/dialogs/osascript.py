"""osascript: the dialog of macOS, by AppleScript's `display dialog`."""

from __future__ import annotations

from mfakit.exchange.dialogs.showing import (
    DECLINE,
    LOG_IN,
    TITLE,
    declined,
    find_program,
    not_answered,
    not_shown,
    show,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.exchange.dialogs.showing import Question

# What is shown comes as arguments, so that nothing in it is taken for a part of the script.
_SCRIPT = f"""\
on run {{question, seconds}}
    tell me to activate
    try
        set answer to display dialog question default answer "" with title "{TITLE}" \
buttons {{"{DECLINE}", "{LOG_IN}"}} default button 2 cancel button 1 \
giving up after (seconds as integer)
    on error number -128
        return "no"
    end try
    if gave up of answer then return "nobody"
    return "typed " & text returned of answer
end run"""


def find(environ: Mapping[str, str]) -> str | None:
    """Find it; it is a part of macOS."""
    return find_program("osascript", environ)


def ask(program: str, question: Question) -> str:
    """Ask; give what was typed.

    Raises:
        DeclinedError: the person said no.
        NotAnsweredError: nobody answered.
        NotShownError: nobody is logged in on the desktop.
    """
    command = [program, "-e", _SCRIPT, question.whole_text, str(question.whole_seconds)]
    code, output = show(command, question)
    kind, _, typed = output.strip().partition(" ")
    if kind == "no":
        raise declined()
    if kind == "nobody":
        raise not_answered(question)
    if code or kind != "typed":
        raise not_shown("osascript", f"it failed ({code})")
    return typed
