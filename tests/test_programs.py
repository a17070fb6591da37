"""The desktop session is found from outside of it; sockets and folders are real."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mfakit.programs import desktop_environment

pytestmark = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="only X11 and Wayland need to be looked for"
)
UID = os.getuid() if hasattr(os, "getuid") else 0


class Session:
    """The places of a desktop session's sockets and keys."""

    def __init__(self, folder: Path, sockets: ExitStack) -> None:
        self.runtime_folders = folder / "run"
        self.runtime = self.runtime_folders / str(UID)
        self.x11 = folder / "x"
        self.home = folder / "home"
        for made in (self.runtime, self.x11, self.home):
            made.mkdir(parents=True)
        self._sockets = sockets

    def listen(self, path: Path) -> str:
        """Make a socket, from within its folder, since the path of a socket must be short."""
        listening = self._sockets.enter_context(socket.socket(socket.AF_UNIX))
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            listening.bind(path.name)
        finally:
            os.chdir(before)
        return str(path)

    def find(self, uid: int | None = None, **environ: str) -> dict[str, str]:
        return desktop_environment(
            {"HOME": str(self.home), **environ},
            uid,
            runtime_folders=str(self.runtime_folders),
            x11_folder=str(self.x11),
        )


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with ExitStack() as sockets:
        yield Session(tmp_path, sockets)


def test_the_variables_of_the_desktop_session_are_found(session: Session) -> None:
    """Like cron, the test gives nothing but the user's number."""
    bus = session.listen(session.runtime / "bus")
    session.listen(session.runtime / "wayland-1")
    session.listen(session.x11 / "X0")
    key = session.runtime / "xauth_AbC"
    key.touch()
    assert session.find() == {
        "XDG_RUNTIME_DIR": str(session.runtime),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}",
        "WAYLAND_DISPLAY": "wayland-1",
        "DISPLAY": ":0",
        "XAUTHORITY": str(key),
    }


def test_variables_that_are_set_stay(session: Session) -> None:
    """The display may be a forwarded one."""
    session.listen(session.runtime / "bus")
    session.listen(session.x11 / "X0")
    found = session.find(DISPLAY="far:10", DBUS_SESSION_BUS_ADDRESS="unix:path=/mine")
    assert found == {"XDG_RUNTIME_DIR": str(session.runtime)}


def test_the_runtime_folder_that_is_set_is_searched(session: Session, tmp_path: Path) -> None:
    """The address in it is escaped by D-Bus's rules."""
    own = tmp_path / "own, mine"
    own.mkdir()
    session.listen(own / "bus")
    found = session.find(XDG_RUNTIME_DIR=str(own))
    assert found == {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/own%2C%20mine/bus"}


def test_only_sockets_of_the_user_count(session: Session) -> None:
    """This holds whoever owns the folder."""
    session.listen(session.runtime / "bus")
    session.listen(session.x11 / "X0")
    (session.runtime_folders / str(UID + 1)).symlink_to(session.runtime)
    assert session.find(UID + 1) == {}


def test_locks_and_other_files_are_no_displays(session: Session) -> None:
    (session.runtime / "bus").touch()
    (session.runtime / "wayland-0.lock").touch()
    (session.x11 / "X0").touch()
    session.listen(session.x11 / "Xorg")
    assert session.find() == {"XDG_RUNTIME_DIR": str(session.runtime)}


@pytest.mark.parametrize(
    "place", ["gdm/Xauthority", ".mutter-Xwaylandauth.XY", "xauth_Z", "../../home/.Xauthority"]
)
def test_the_key_of_the_screen_is_found_where_each_desktop_puts_it(
    session: Session, place: str
) -> None:
    """These are GNOME, Xwayland, SDDM and the classical place, and a key counts only for an
    existing screen.
    """
    key = session.runtime / place
    key.parent.mkdir(exist_ok=True)
    key.touch()
    assert "XAUTHORITY" not in session.find()
    assert os.path.samefile(session.find(DISPLAY=":1")["XAUTHORITY"], key)


def test_without_a_desktop_session_there_are_no_variables(tmp_path: Path) -> None:
    gone = str(tmp_path / "none")
    assert desktop_environment({}, runtime_folders=gone, x11_folder=gone) == {}
