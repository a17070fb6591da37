"""PowerShell: a dialog of Windows Forms, which can time out, and tell no from an empty answer."""

from __future__ import annotations

from mfakit.exchange.dialogs.showing import (
    DECLINE,
    LOG_IN,
    NO,
    TIMED_OUT,
    TITLE,
    answer_by_code,
    find_program,
    show,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.exchange.dialogs.showing import Question

# What is shown comes by the environment, so that nothing in it is taken for a part of the script;
# and there is no double quote in the script, since those get lost on the way to PowerShell.
_SCRIPT = f"""\
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


def find(environ: Mapping[str, str]) -> str | None:
    """Find it; it is a part of Windows."""
    return find_program("powershell", environ)


def ask(program: str, question: Question) -> str:
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
    command = [program, "-NoProfile", "-STA", "-Command", _SCRIPT]
    code, output = show(command, question, environ=texts)
    return answer_by_code("powershell", code, output, question)
