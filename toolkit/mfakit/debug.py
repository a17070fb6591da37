"""What ``--debug`` tells: one line an event, with the milliseconds since the start, and no secret.

Decisions are told where they are made, by ``event``. Files, programs and connections are told by
an audit hook of the interpreter, so that none can be forgotten. While it is off, an event costs a
call that returns at once, and nothing is loaded.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Variables whose values help, and are no secret. Of all others only the names are shown.
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

_write: Callable[[str], object] | None = None
_last_audited = ""


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the variable ``MFAKIT_DEBUG`` turns it on; ``0`` and nothing do not."""
    return environ.get("MFAKIT_DEBUG", "0") not in ("", "0")


def is_on() -> bool:
    """Whether events are told; for those whose text takes work to make."""
    return _write is not None


def turn_on(write: Callable[[str], object], environ: Mapping[str, str]) -> None:
    """Tell each event from now on, beginning with what every report of a bug needs.

    Args:
        write: is given each line. It escapes what could steer a terminal, and never raises.
        environ: the environment, of which the AWS and mfakit variables are told.
    """
    import time
    from importlib.metadata import version

    global _write  # noqa: PLW0603 - there is one standard error, and one --debug
    is_first = _write is None
    began = time.monotonic()
    _write = lambda text: write(f"debug {(time.monotonic() - began) * 1000:8.1f} ms  {text}")  # noqa: E731
    if is_first:
        sys.addaudithook(_audit)
    python = "Python {}.{}.{}".format(*sys.version_info)
    release = os.uname().release if sys.platform != "win32" else ""
    event("mfakit {}, {}, {} {}", version("mfakit"), python, sys.platform, release)
    for name in sorted(environ):
        if name in _SHOWN_VARIABLES:
            event("variable {}={}", name, environ[name])
        elif name.startswith(_PREFIXES):
            event("variable {} is set", name)


def event(template: str, *values: object) -> None:
    """Tell something, if it is on.

    Args:
        template: what happened, in the form of ``str.format``. No value in it may be a secret;
            the id of a key goes through ``key_id``.
        values: what stands in its braces.
    """
    if _write is not None:
        _write(template.format(*values))


def key_id(access_key_id: str) -> str:
    """Shorten the id of an access key to what tells it from others: ``AKIA...MPLE``."""
    return f"{access_key_id[:4]}...{access_key_id[-4:]}" if len(access_key_id) > 8 else "(short)"


def _audit(name: str, arguments: tuple[object, ...]) -> None:
    """Tell what the interpreter is about to do, as far as it is one of these things."""
    describe = _AUDITED.get(name)
    if describe is not None and _write is not None:
        try:
            text = describe(*arguments)
        except Exception:  # an error in a hook would become one of the program
            text = name
        global _last_audited  # noqa: PLW0603
        if text and text != _last_audited:  # who waits for a file opens it again and again
            event("{}", text)
        _last_audited = text or _last_audited


def _opened(path: object, _: object, flags: int) -> str:
    if not isinstance(path, (str, bytes, os.PathLike)) or flags & getattr(os, "O_DIRECTORY", 0):
        return ""  # a file that is open already, or a folder
    named = os.fsdecode(path)
    if named.startswith(_pythons_own()) or _is_code(named):
        return ""
    purpose = "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read"
    return f"open {named} to {purpose}"


def _pythons_own() -> tuple[str, ...]:
    """Return the folders whose files say nothing: the interpreter's, and what the system shows."""
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__))
    shown = (f"{folder}{os.sep}" for folder in (*own, "/proc", "/sys", "/usr/share"))
    return (*shown, os.devnull)


def _is_code(path: str) -> bool:
    return ".pyc" in path or path.endswith(".py")


def _moved(source: object, target: object, *_: object) -> str:
    return "" if _is_code(str(target)) else f"rename {source} to {target}"


def _removed(path: object, *_: object) -> str:
    return f"remove {path}"


def _started(program: object, *_: object) -> str:
    """Name a program; its arguments might hold a secret."""
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
