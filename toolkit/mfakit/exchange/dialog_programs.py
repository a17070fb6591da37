"""What all dialogs have in common: the question, the program that shows it, what may come of it."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from mfakit.errors import ExchangeError
from mfakit.programs import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from subprocess import Popen


TITLE = "mfakit"
DECLINE = "Not this time"
LOG_IN = "Log in"
# What a program exits with that tells by its exit code how it was answered.
NO = 10
TIMED_OUT = 5
_OVERTIME_SECONDS = 1  # a program that knows its time-out is given the time to keep it
_ENDING_SECONDS = 1


class DeclinedError(ExchangeError):
    """The person said no."""


class NotAnsweredError(ExchangeError):
    """Nobody answered in time."""


class NotShownError(ExchangeError):
    """The dialog could not be shown."""


class Question:
    """A question, and how it is to be shown.

    Args:
        text: what is asked, a few lines.
        reason: why the answer before would not do; empty if there was none.
        seconds: how long to wait for an answer.
        environ: the environment of the program that shows it.
        when_shown: what to do as soon as that program runs.
    """

    def __init__(
        self,
        text: str,
        reason: str,
        seconds: float,
        environ: Mapping[str, str],
        when_shown: Callable[[], object],
    ) -> None:
        self.text = text
        self.reason = reason
        self.seconds = seconds
        self.environ = environ
        self.when_shown = when_shown

    @property
    def whole_text(self) -> str:
        """The text, below the reason if there is one, for dialogs with one place for both."""
        return f"{self.reason}\n\n{self.text}" if self.reason else self.text

    @property
    def whole_seconds(self) -> int:
        """The time to wait, for programs that count whole seconds and take 0 for ever."""
        return max(1, round(self.seconds))


def show(
    command: list[str],
    question: Question,
    *,
    commands: str = "",
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run the program that shows a question, and wait for its end.

    Args:
        command: the program and its arguments.
        question: what it shows.
        commands: what it is told on its standard input.
        environ: what its environment has besides the question's.

    Returns:
        Its exit code, and what it wrote.

    Raises:
        NotAnsweredError: it did not end in time, and was ended.
        NotShownError: it cannot be run.
    """
    import subprocess

    with _running(command, {**question.environ, **(environ or {})}) as process:
        question.when_shown()
        try:
            output, _ = process.communicate(
                commands.encode(), timeout=question.seconds + _OVERTIME_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise not_answered(question) from None
    return process.returncode, output.decode("utf-8", "replace")


def declined() -> DeclinedError:
    """Return the error for a person who said no."""
    return DeclinedError("the dialog was answered with no", "log in when you like: mfakit login")


def not_answered(question: Question) -> NotAnsweredError:
    """Return the error for a dialog that nobody answered."""
    return NotAnsweredError(
        f"nobody answered the dialog within {question.seconds:g} s", "log in: mfakit login"
    )


def not_shown(program: str, why: str) -> NotShownError:
    """Return the error for a program that did not show the question."""
    return NotShownError(f"{program} showed no dialog: {why}", "log in: mfakit login")


def answer_by_code(program: str, code: int, output: str, question: Question) -> str:
    """Return what was typed into a program whose exit code says how it was answered.

    Raises:
        DeclinedError, NotAnsweredError, NotShownError: nothing was.
    """
    if code == NO:
        raise declined()
    if code == TIMED_OUT:
        raise not_answered(question)
    if code:
        raise not_shown(program, f"it failed ({code})")
    return output.strip()


@contextmanager
def _running(command: list[str], environ: Mapping[str, str]) -> Iterator[Popen[bytes]]:
    """Run a program; if it is not waited for to the end, it is ended with all that it started."""
    import subprocess

    try:
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows: no console
        )
    except OSError as error:
        raise not_shown(os.path.basename(command[0]), error.strerror or str(error)) from None
    with process:
        try:
            yield process
        except BaseException:
            _end(process)
            raise


def _end(process: Popen[bytes]) -> None:
    """End a program, first so that it can leave a terminal as it was."""
    import signal
    import subprocess

    for harder in (False, True):
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL if harder else signal.SIGTERM)
        else:
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)
            return


# It exits with 1 for no, and also where there is no display; so no is given a code of its own.
_ZENITY_CODES = {"ZENITY_CANCEL": str(NO), "ZENITY_ESC": str(NO)}


def find_zenity(environ: Mapping[str, str]) -> str | None:
    """Find it, if there is a desktop to show something on."""
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    return find_program("zenity", environ)


def ask_zenity(program: str, question: Question) -> str:
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
    code, output = show(command, question, environ=_ZENITY_CODES)
    return answer_by_code("zenity", code, output, question)


def _escaped(text: str) -> str:
    """Keep it from reading escapes, and from taking an underscore for a key to jump by."""
    return text.replace("\\", "\\\\").replace("_", "__")


# What is shown comes as arguments, so that nothing in it is taken for a part of the script.
_OSASCRIPT_SCRIPT = f"""\
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


def find_osascript(environ: Mapping[str, str]) -> str | None:
    """Find it; it is a part of macOS."""
    return find_program("osascript", environ)


def ask_osascript(program: str, question: Question) -> str:
    """Ask; give what was typed.

    Raises:
        DeclinedError: the person said no.
        NotAnsweredError: nobody answered.
        NotShownError: nobody is logged in on the desktop.
    """
    command = [program, "-e", _OSASCRIPT_SCRIPT, question.whole_text, str(question.whole_seconds)]
    code, output = show(command, question)
    kind, _, typed = output.strip().partition(" ")
    if kind == "no":
        raise declined()
    if kind == "nobody":
        raise not_answered(question)
    if code or kind != "typed":
        raise not_shown("osascript", f"it failed ({code})")
    return typed


# What is shown comes by the environment, so that nothing in it is taken for a part of the script;
# and there is no double quote in the script, since those get lost on the way to PowerShell.
_POWERSHELL_SCRIPT = f"""\
$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Windows.Forms
Add-Type -AssemblyName System.Drawing
$form = New-Object System.Windows.Forms.Form -Property @{{
    Text = '{TITLE}'; TopMost = $true; StartPosition = 'CenterScreen'; AutoSize = $true
    AutoSizeMode = 'GrowAndShrink'; FormBorderStyle = 'FixedDialog'; MaximizeBox = $false
    MinimizeBox = $false; Padding = '12, 12, 12, 12'
}}
$rows = New-Object System.Windows.Forms.FlowLayoutPanel -Property @{{
    AutoSize = $true; FlowDirection = 'TopDown'
}}
$label = New-Object System.Windows.Forms.Label -Property @{{
    Text = $Env:MFAKIT_DIALOG_TEXT; AutoSize = $true; UseMnemonic = $false
    MaximumSize = New-Object System.Drawing.Size 480, 0
}}
$box = New-Object System.Windows.Forms.TextBox -Property @{{ Width = 200 }}
$buttons = New-Object System.Windows.Forms.FlowLayoutPanel -Property @{{ AutoSize = $true }}
$ok = New-Object System.Windows.Forms.Button -Property @{{
    Text = '{LOG_IN}'; AutoSize = $true; DialogResult = 'OK'
}}
$no = New-Object System.Windows.Forms.Button -Property @{{
    Text = '{DECLINE}'; AutoSize = $true; DialogResult = 'Cancel'
}}
$buttons.Controls.AddRange(@($ok, $no))
$rows.Controls.AddRange(@($label, $box, $buttons))
$form.Controls.Add($rows)
$form.AcceptButton = $ok
$form.CancelButton = $no
$timer = New-Object System.Windows.Forms.Timer -Property @{{
    Interval = 1000 * $Env:MFAKIT_DIALOG_SECONDS
}}
$timer.Add_Tick({{ $form.DialogResult = 'Abort' }})
$timer.Start()
$form.Add_Shown({{ $form.Activate(); $box.Focus() }})
$result = $form.ShowDialog()
if ($result -eq 'Cancel') {{ exit {NO} }}
if ($result -ne 'OK') {{ exit {TIMED_OUT} }}
[Console]::Out.Write($box.Text)"""


def find_powershell(environ: Mapping[str, str]) -> str | None:
    """Find it; it is a part of Windows."""
    return find_program("powershell", environ)


def ask_powershell(program: str, question: Question) -> str:
    """Ask; give what was typed.

    Raises:
        DeclinedError: the person said no.
        NotAnsweredError: nobody answered.
        NotShownError: it did not show the question.
    """
    texts = {
        "MFAKIT_DIALOG_TEXT": question.whole_text,
        "MFAKIT_DIALOG_SECONDS": str(question.whole_seconds),
    }
    command = [program, "-NoProfile", "-STA", "-Command", _POWERSHELL_SCRIPT]
    code, output = show(command, question, environ=texts)
    return answer_by_code("powershell", code, output, question)
