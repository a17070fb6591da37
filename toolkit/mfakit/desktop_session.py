"""The desktop session of a user, for a program that cron or a timer started outside of it.

Such a program has none of the variables that lead to the session's bus and its screen, but what
they would name stands at places that are known (XDG Base Directory Specification, D-Bus's and
systemd's pam_systemd, X's and Wayland's manuals).
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_RUNTIME_FOLDERS = "/run/user"
_X11_FOLDER = "/tmp/.X11-unix"  # noqa: S108  where X servers put their sockets
_BUS = "DBUS_SESSION_BUS_ADDRESS"
# GNOME, Xwayland and SDDM put the key of their screen into the runtime folder.
_KEY_NAMES = ("gdm/Xauthority", ".mutter-Xwaylandauth.", "xauth_")


def desktop_environment(
    environ: Mapping[str, str],
    uid: int | None = None,
    *,
    runtime_folders: str = _RUNTIME_FOLDERS,
    x11_folder: str = _X11_FOLDER,
) -> dict[str, str]:
    """Find what leads to the user's desktop session. Only what belongs to the user counts.

    Args:
        environ: the environment so far; what is set in it stays.
        uid: the user; by default the one that this process runs as.
        runtime_folders: where the users' runtime folders are.
        x11_folder: where the sockets of X servers are.

    Returns:
        The variables that are missing and could be found, of ``XDG_RUNTIME_DIR``,
        ``DBUS_SESSION_BUS_ADDRESS``, ``WAYLAND_DISPLAY``, ``DISPLAY`` and ``XAUTHORITY``. None on
        macOS and Windows, which need none.
    """
    if sys.platform in ("win32", "darwin"):
        return {}
    owner = os.getuid() if uid is None else uid
    runtime = environ.get("XDG_RUNTIME_DIR") or os.path.join(runtime_folders, str(owner))
    if not _belongs(runtime, owner, stat.S_ISDIR):
        runtime = ""
    display = environ.get("DISPLAY") or _display(x11_folder, owner)
    found = {
        "XDG_RUNTIME_DIR": runtime,
        _BUS: _bus(runtime, owner),
        "WAYLAND_DISPLAY": _first_socket(runtime, "wayland-", owner),
        "DISPLAY": display,
        "XAUTHORITY": _key(runtime, environ.get("HOME", ""), owner) if display else "",
    }
    return {name: value for name, value in found.items() if value and not environ.get(name)}


def _bus(runtime: str, owner: int) -> str:
    """Return the address of the session's bus, escaped as the D-Bus specification has it."""
    from urllib.parse import quote

    path = os.path.join(runtime, "bus")
    return f"unix:path={quote(path)}" if runtime and _belongs(path, owner, stat.S_ISSOCK) else ""


def _display(folder: str, owner: int) -> str:
    name = _first_socket(folder, "X", owner)
    return f":{name.removeprefix('X')}" if name else ""


def _first_socket(folder: str, prefix: str, owner: int) -> str:
    """Name the first socket of the user in a folder whose name is the prefix and a number."""
    numbers = sorted(
        int(rest)
        for name in _names(folder)
        if name.startswith(prefix) and (rest := name.removeprefix(prefix)).isdecimal()
    )
    names = (f"{prefix}{number}" for number in numbers)
    sockets = (n for n in names if _belongs(os.path.join(folder, n), owner, stat.S_ISSOCK))
    return next(sockets, "")


def _key(runtime: str, home: str, owner: int) -> str:
    """Find the file with the key to the X server, as its session names it in XAUTHORITY."""
    in_runtime = [
        os.path.join(runtime, name)
        for name in ("gdm/Xauthority", *sorted(_names(runtime)))
        if name.startswith(_KEY_NAMES)
    ]
    places = [*in_runtime, *([os.path.join(home, ".Xauthority")] if home else [])]
    return next((path for path in places if _belongs(path, owner, stat.S_ISREG)), "")


def _names(folder: str) -> Iterable[str]:
    try:
        return os.listdir(folder) if folder else ()
    except OSError:
        return ()


def _belongs(path: str, owner: int, is_kind: Callable[[int], bool]) -> bool:
    """Whether a path is of that kind, no link, and the user's own."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return is_kind(found.st_mode) and found.st_uid == owner
