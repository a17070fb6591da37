"""Dialog programs: a question, how a program shows it, and the possible outcomes."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from mfakit.errors import ExchangeError
from mfakit.language import translate
from mfakit.programs import find_program
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from subprocess import Popen


TITLE = "mfakit"
# Exit codes of the programs that report the outcome by one.
NO = 10
TIMED_OUT = 5
_OVERTIME_SECONDS = 1  # so that a program with a timeout of its own can end by itself
_ENDING_SECONDS = 1
_running_now: set[Popen[bytes]] = set()


class DeclinedError(ExchangeError):
    """The user declined."""


class NotAnsweredError(ExchangeError):
    """The user did not answer in time."""


class NotShownError(ExchangeError):
    """The dialog could not be shown."""


class Question(Value):
    """A question, and how to show it.

    Args:
        text: the question, a few lines.
        reason: why the previous answer was refused; empty if there was none.
        seconds: how long to wait for an answer.
        environ: the environment of the program that shows it.
        when_shown: called as soon as that program runs.
    """

    text: str
    reason: str
    seconds: float
    environ: Mapping[str, str]
    when_shown: Callable[[], object]

    @property
    def whole_text(self) -> str:
        """The reason, if there is one, and the text, for dialogs with one field for both."""
        return f"{self.reason}\n\n{self.text}" if self.reason else self.text

    @property
    def whole_seconds(self) -> int:
        """The time to wait, for programs with whole seconds, to which 0 means forever."""
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
        commands: the text for its standard input.
        environ: variables to add to the question's environment.

    Returns:
        Its exit code and its output.

    Raises:
        NotAnsweredError: it did not end in time, and was killed.
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
    """Return the error for a declined dialog."""
    return DeclinedError("the dialog was answered with no", "log in when you like: mfakit login")


def not_answered(question: Question) -> NotAnsweredError:
    """Return the error for an unanswered dialog."""
    return NotAnsweredError(
        f"nobody answered the dialog within {question.seconds:g} s", "log in: mfakit login"
    )


def not_shown(program: str, why: str) -> NotShownError:
    """Return the error for a program that did not show the question."""
    return NotShownError(f"{program} showed no dialog: {why}", "log in: mfakit login")


def answer_by_code(program: str, code: int, output: str, question: Question) -> str:
    """Return what was typed into a program that reports the outcome by its exit code.

    Raises:
        DeclinedError, NotAnsweredError, NotShownError: the outcome was another.
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
    """Run a program; if the block raises, end it with all of its child processes."""
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
    _running_now.add(process)
    try:
        with process:
            try:
                yield process
            except BaseException:
                _end(process)
                raise
    finally:
        _running_now.discard(process)


def kill_dialogs() -> None:
    """Kill the programs that show questions of this process, which is about to end."""
    import signal

    for process in list(_running_now):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _end(process: Popen[bytes]) -> None:
    """Terminate a program, so that it can restore the terminal; kill it if it goes on."""
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


# Without these, zenity exits with 1 both for no and for a missing display.
_ZENITY_CODES = {"ZENITY_CANCEL": str(NO), "ZENITY_ESC": str(NO)}


def find_zenity(environ: Mapping[str, str]) -> str | None:
    """Find zenity, if there is a display."""
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    return find_program("zenity", environ)


def ask_zenity(program: str, question: Question) -> str:
    """Ask the question; return what was typed, or raise as ``answer_by_code`` does."""
    command = [
        program,
        "--entry",
        f"--title={TITLE}",
        f"--text={_escaped(question.whole_text)}",
        f"--ok-label={translate('Log in')}",
        f"--cancel-label={translate('Not this time')}",
        f"--timeout={question.whole_seconds}",
    ]
    code, output = show(command, question, environ=_ZENITY_CODES)
    return answer_by_code("zenity", code, output, question)


def _escaped(text: str) -> str:
    """Escape backslashes and mnemonic underscores."""
    return text.replace("\\", "\\\\").replace("_", "__")


# The texts are passed as arguments, so that they never become part of the script.
_OSASCRIPT_SCRIPT = f"""\
on run {{question, seconds, logIn, decline}}
    tell me to activate
    try
        set answer to display dialog question default answer "" with title "{TITLE}" \
buttons {{decline, logIn}} default button 2 cancel button 1 \
giving up after (seconds as integer)
    on error number -128
        return "no"
    end try
    if gave up of answer then return "nobody"
    return "typed " & text returned of answer
end run"""


def ask_osascript(program: str, question: Question) -> str:
    """Ask the question; return what was typed, or raise as ``answer_by_code`` does."""
    texts = [
        question.whole_text,
        str(question.whole_seconds),
        translate("Log in"),
        translate("Not this time"),
    ]
    command = [program, "-e", _OSASCRIPT_SCRIPT, *texts]
    code, output = show(command, question)
    kind, _, typed = output.strip().partition(" ")
    if kind == "no":
        raise declined()
    if kind == "nobody":
        raise not_answered(question)
    if code or kind != "typed":
        raise not_shown("osascript", f"it failed ({code})")
    return typed


# The texts are passed by the environment, so that they never become part of the script. The script
# has no double quotes, since they get lost on the command line of PowerShell.
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
    Text = $Env:MFAKIT_DIALOG_OK; AutoSize = $true; DialogResult = 'OK'
}}
$no = New-Object System.Windows.Forms.Button -Property @{{
    Text = $Env:MFAKIT_DIALOG_CANCEL; AutoSize = $true; DialogResult = 'Cancel'
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


def ask_powershell(program: str, question: Question) -> str:
    """Ask the question; return what was typed, or raise as ``answer_by_code`` does."""
    texts = {
        "MFAKIT_DIALOG_TEXT": question.whole_text,
        "MFAKIT_DIALOG_SECONDS": str(question.whole_seconds),
        "MFAKIT_DIALOG_OK": translate("Log in"),
        "MFAKIT_DIALOG_CANCEL": translate("Not this time"),
    }
    command = [program, "-NoProfile", "-STA", "-Command", _POWERSHELL_SCRIPT]
    code, output = show(command, question, environ=texts)
    return answer_by_code("powershell", code, output, question)
