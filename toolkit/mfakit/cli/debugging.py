"""The lines of ``--debug``: time stamps, the environment, and what the interpreter itself does.

Files, programs and connections are reported by an audit hook of the interpreter, so that the code
that opens or starts them need not do it.
"""

from __future__ import annotations

import os
import sys
import time

from mfakit import debug
from mfakit.cli.output import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Variables whose values help and are no secret. Of other AWS and mfakit variables only the names
# are shown.
_SHOWN_VARIABLES = (
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "MFAKIT_PROFILE",
)
_PREFIXES = ("AWS_", "MFAKIT_")

# Folders of files that are not reported: the interpreter's own, and the system's.
_PYTHONS_OWN = (
    *(
        f"{folder}{os.sep}"
        for folder in (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__))
    ),
    *("/proc/", "/sys/", "/usr/share/", os.devnull),
)

_last_audited = ""


def start_debugging(environ: Mapping[str, str]) -> None:
    """Write each event to standard error from now on, first what a bug report needs."""
    from importlib.metadata import version

    began = time.monotonic()

    def write(text: str) -> None:
        note(f"debug {(time.monotonic() - began) * 1000:8.1f} ms  {text}")

    debug.turn_on(write)
    sys.addaudithook(_audit)
    python = "Python {}.{}.{}".format(*sys.version_info)
    release = os.uname().release if sys.platform != "win32" else ""
    debug.event("mfakit {}, {}, {} {}", version("mfakit"), python, sys.platform, release)
    for name in sorted(environ):
        if name in _SHOWN_VARIABLES:
            debug.event("variable {}={}", name, environ[name])
        elif name.startswith(_PREFIXES):
            debug.event("variable {} is set", name)


def _audit(name: str, arguments: tuple[object, ...]) -> None:
    """Report what the interpreter is about to do, if it is one of the audited events."""
    describe = _AUDITED.get(name)
    if describe is not None:
        try:
            text = describe(*arguments)
        except Exception:  # an error in a hook would become one of the program
            text = name
        global _last_audited  # noqa: PLW0603
        if text and text != _last_audited:  # a process that waits for a file opens it repeatedly
            debug.event("{}", text)
        _last_audited = text or _last_audited


def _opened(path: object, _: object, flags: int) -> str:
    if not isinstance(path, (str, bytes, os.PathLike)) or flags & getattr(os, "O_DIRECTORY", 0):
        return ""  # a descriptor of an open file, or a folder
    named = os.fsdecode(path)
    if named.startswith(_PYTHONS_OWN) or _is_code(named):
        return ""
    purpose = "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read"
    return f"open {named} to {purpose}"


def _is_code(path: str) -> bool:
    return ".pyc" in path or path.endswith(".py")


def _moved(source: object, target: object, *_: object) -> str:
    return "" if _is_code(str(target)) else f"rename {source} to {target}"


def _removed(path: object, *_: object) -> str:
    return f"remove {path}"


def _started(program: object, *_: object) -> str:
    """Return a program's name without its arguments, which might hold a secret."""
    return f"start the program {os.fsdecode(program)}"  # type: ignore[arg-type]


def _connected(_: object, address: object) -> str:
    return f"connect to {address}"


_AUDITED: dict[str, Callable[..., str]] = {
    "open": _opened,
    "os.rename": _moved,
    "os.remove": _removed,
    "subprocess.Popen": _started,
    "socket.connect": _connected,
}
