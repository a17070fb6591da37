"""The shell that runs mfakit, found among the ancestors of this process."""

from __future__ import annotations

import os

from mfakit.environment.formats import SHELLS
from mfakit.errors import UsageError

_KINDS = {
    "bash": "sh",
    "zsh": "sh",
    "dash": "sh",
    "ash": "sh",
    "busybox": "sh",
    "ksh": "sh",
    "ksh93": "sh",
    "mksh": "sh",
    "lksh": "sh",
    "yash": "sh",
    "sh": "sh",
    "csh": "csh",
    "tcsh": "csh",
    "bsd-csh": "csh",
    "fish": "fish",
    "elvish": "elvish",
    "nu": "nu",
    "xonsh": "xonsh",
    "pwsh": "powershell",
    "powershell": "powershell",
    "cmd": "cmd",
}
_MOST_ANCESTORS = 32


def detect_shell() -> str:
    """Find the kind of the nearest shell that this process was started from.

    Returns:
        Its name, as ``render_environment`` takes it.

    Raises:
        UsageError: it cannot be found, or mfakit cannot write for it.
    """
    kind = _nearest_kind()
    if kind is None:
        import shellingham

        try:
            name = shellingham.detect_shell()[0]
        except (shellingham.ShellDetectionFailure, OSError):
            name = "unknown"
        kind = _KINDS.get(name)
        if kind is None:
            raise UsageError(
                f"the shell that asked is {name}", f"name one: --shell {'|'.join(SHELLS)}"
            )
    return kind


def likely_shell() -> str:
    """Return the kind of shell that lines are pasted into; ``sh`` if it cannot be found."""
    try:
        return detect_shell()
    except UsageError:
        return "sh"


def _nearest_kind() -> str | None:
    """Look in Linux's /proc; shellingham works everywhere, but takes long to load."""
    pid = os.getppid()
    for _ in range(_MOST_ANCESTORS):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = os.fsdecode(file.read()).split("\0")
            with open(f"/proc/{pid}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return None
        if kind := _kind_of(words):
            return kind
        pid = parent
    return None


def _kind_of(words: list[str]) -> str | None:
    """Return the kind of shell that a command line starts, if it starts one."""
    name = _name(words[0])
    if name.startswith("python") and "xonsh" in map(_name, words[1:3]):
        name = "xonsh"  # a script, or `-m xonsh`
    return _KINDS.get(name)


def _name(word: str) -> str:
    """Return a program's name; a login shell has a dash before its own."""
    return os.path.basename(word).removeprefix("-").lower().removesuffix(".exe")
