"""Statements that set and unset environment variables, in the syntax of each shell.

Every value is quoted so that the shell takes it as it is: nothing in it is expanded or run. Where
a shell's syntax cannot hold a value, that is an error, never a guess.
"""

from __future__ import annotations

import re

from mfakit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Shell:
    """How one shell sets a variable, unsets one, and fails without changing anything.

    Args:
        assign: makes the statement that sets a variable; raises ValueError if it cannot.
        unset: the statement that unsets ``{name}``.
        failure: a statement that fails, so that ``eval`` of a failed command fails too.
    """

    __slots__ = ("assign", "failure", "unset")

    def __init__(self, assign: Callable[[str, str], str], unset: str, failure: str) -> None:
        self.assign = assign
        self.unset = unset
        self.failure = failure


def _sh(name: str, value: str) -> str:
    quoted = value.replace("'", "'\\''")
    return f"export {name}='{quoted}'"


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str) -> str:
    # PowerShell takes typographic single quotes for plain ones; doubled, each stands for itself.
    quoted = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value)
    return f"$Env:{name} = '{quoted}'"


def _cmd(name: str, value: str) -> str:
    # Inside the quotes only % and " still mean something to cmd, and ! where delayed expansion
    # is on; a batch file and the prompt would need different escapes for %, so there is none.
    if any(character in value for character in '%"!'):
        raise ValueError('cmd cannot take a value with %, " or ! in it')
    return f'set "{name}={value}"'


SHELLS = {
    "sh": Shell(_sh, "unset {name}", "false"),
    "fish": Shell(_fish, "set -e {name}; or true", "false"),
    "powershell": Shell(
        _powershell,
        "Remove-Item Env:{name} -ErrorAction SilentlyContinue",
        "Write-Error 'mfakit: no session'",
    ),
    "cmd": Shell(_cmd, 'set "{name}="', "cmd /c exit 1"),
}

_KINDS = {
    "bash": "sh",
    "zsh": "sh",
    "dash": "sh",
    "ash": "sh",
    "ksh": "sh",
    "mksh": "sh",
    "sh": "sh",
    "fish": "fish",
    "pwsh": "powershell",
    "powershell": "powershell",
    "cmd": "cmd",
}


def detect_shell() -> str:
    """Find the kind of shell that started this process.

    Returns:
        A key of ``SHELLS``.

    Raises:
        UsageError: it cannot be told, or is one that has no statements here.
    """
    import shellingham

    try:
        name = shellingham.detect_shell()[0]
    except shellingham.ShellDetectionFailure:
        name = "unknown"
    if name not in _KINDS:
        raise UsageError(f"the shell that asked is {name}", f"name one: --shell {'|'.join(SHELLS)}")
    return _KINDS[name]
