"""Finding the desktop session from outside of it, with real sockets in folders of the test's."""

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
    """The places where a desktop session leaves what leads to it."""

    def __init__(self, folder: Path, sockets: ExitStack) -> None:
        self.runtime_folders = folder / "run"
        self.runtime = self.runtime_folders / str(UID)
        self.x11 = folder / "x"
        self.home = folder / "home"
        for made in (self.runtime, self.x11, self.home):
            made.mkdir(parents=True)
        self._sockets = sockets

    def listen(self, path: Path) -> str:
        """Make a socket; the name of one must be short, so it is made from within its folder."""
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


def test_all_that_leads_to_the_session_is_found(session: Session) -> None:
    """From nothing but the user's number, as cron has it."""
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


def test_what_is_set_stays(session: Session) -> None:
    """A forwarded display, say; only what is missing is given."""
    session.listen(session.runtime / "bus")
    session.listen(session.x11 / "X0")
    found = session.find(DISPLAY="far:10", DBUS_SESSION_BUS_ADDRESS="unix:path=/mine")
    assert found == {"XDG_RUNTIME_DIR": str(session.runtime)}


def test_the_runtime_folder_that_is_set_is_looked_into(session: Session, tmp_path: Path) -> None:
    """And the address in it is escaped as D-Bus wants it."""
    own = tmp_path / "own, mine"
    own.mkdir()
    session.listen(own / "bus")
    found = session.find(XDG_RUNTIME_DIR=str(own))
    assert found == {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/own%2C%20mine/bus"}


def test_only_what_belongs_to_the_user_counts(session: Session) -> None:
    """Another's screen is not ours, whoever's folder its socket is in."""
    session.listen(session.runtime / "bus")
    session.listen(session.x11 / "X0")
    (session.runtime_folders / str(UID + 1)).symlink_to(session.runtime)
    assert session.find(UID + 1) == {}


def test_only_sockets_count(session: Session) -> None:
    """Neither their locks, nor what else has such a name."""
    (session.runtime / "bus").touch()
    (session.runtime / "wayland-0.lock").touch()
    (session.x11 / "X0").touch()
    session.listen(session.x11 / "Xorg")
    assert session.find() == {"XDG_RUNTIME_DIR": str(session.runtime)}


@pytest.mark.parametrize(
    "place", ["gdm/Xauthority", ".mutter-Xwaylandauth.XY", "xauth_Z", "../../home/.Xauthority"]
)
def test_the_key_of_the_screen_is_found_where_desktops_put_it(session: Session, place: str) -> None:
    """GNOME's, Xwayland's, SDDM's, and the classical one; each only for a screen that is there."""
    key = session.runtime / place
    key.parent.mkdir(exist_ok=True)
    key.touch()
    assert "XAUTHORITY" not in session.find()
    assert os.path.samefile(session.find(DISPLAY=":1")["XAUTHORITY"], key)


def test_no_session_is_no_error(tmp_path: Path) -> None:
    """On a server there is none."""
    gone = str(tmp_path / "none")
    assert desktop_environment({}, runtime_folders=gone, x11_folder=gone) == {}
