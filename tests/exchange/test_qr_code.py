"""The QR code of `devices add` is read by a program that reads QR codes, from the terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyotp
import pyte
import pytest
from tests.exchange.conftest import TerminalProcess
from tests.exchange.test_enrolment import Phone, be, serial_numbers, type_two_codes

from mfakit.testing import REQUIRE_MFA_POLICY

COLOURS = {"000000": 0, "ffffff": 255}
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
PIXELS = 4  # of a module, in each direction


def in_window(columns: int, lines: int, *arguments: str) -> list[str]:
    """Return a command line that sets the window's size first."""
    mfakit = f"{sys.executable} -m mfakit {' '.join(arguments)}"
    return ["sh", "-c", f"stty cols {columns} rows {lines}; exec {mfakit}"]


def picture(screen: pyte.Screen, paper: int) -> bytes:
    """Draw a screen as PGM, with the ink and the paper of a theme where no colour is set."""
    ink = 255 - paper
    rows = []
    for line in range(screen.lines):
        upper, lower = [], []
        for column in range(screen.columns):
            cell = screen.buffer[line][column]
            front = COLOURS.get(cell.fg, ink)
            back = COLOURS.get(cell.bg, paper)
            marks = HALVES.get(cell.data, (1, 0))  # a letter is some ink
            upper += [front if marks[0] else back] * PIXELS
            lower += [front if marks[1] else back] * PIXELS
        rows += [bytes(upper)] * PIXELS + [bytes(lower)] * PIXELS
    size = f"P5 {screen.columns * PIXELS} {len(rows)} 255\n"
    return size.encode() + b"".join(rows)


def read_back(path: Path) -> str:
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", str(path)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


@pytest.mark.parametrize("paper", [0, 255], ids=["dark", "light"])
@pytest.mark.parametrize("name", ["al", "alice", "twenty-letters-long-"], ids=len)
def test_the_qr_code_is_read_from_the_window_and_its_seed_enrols(
    home, aws, endpoint, tmp_path, name: str, paper: int
) -> None:
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg is not installed")
    be(home, aws.create_user(name, policy=REQUIRE_MFA_POLICY))
    terminal = TerminalProcess(in_window(80, 24, "devices", "add"), home.environ)
    try:
        terminal.read_until("MFA code for ")
        terminal.read_until(": ")
        screen = pyte.Screen(80, 24)
        pyte.Stream(screen).feed(terminal.screen)
        (tmp_path / "screen.pgm").write_bytes(picture(screen, paper))
        uri = read_back(tmp_path / "screen.pgm")
        parsed = pyotp.parse_uri(uri)
        assert (parsed.name, parsed.issuer) == (f"{name}@123456789012", "AWS")
        type_two_codes(terminal, Phone(parsed.secret))
        terminal.read_until("is enabled")
        assert serial_numbers(aws, name)[0].endswith(f":mfa/{name}")
    finally:
        terminal.close()


@pytest.mark.parametrize("why", ["window", "locale"])
def test_where_no_qr_code_can_be_drawn_two_lines_name_the_other_ways(
    home, aws, endpoint, why: str
) -> None:
    be(home, aws.create_user("alice", policy=REQUIRE_MFA_POLICY))
    environ = home.environ | ({"LC_ALL": "C"} if why == "locale" else {})
    size = (80, 24) if why == "locale" else (60, 20)
    terminal = TerminalProcess(in_window(*size, "devices", "add"), environ)
    try:
        assert terminal.wait() == 1
        first, second = terminal.screen.strip().splitlines()
        assert ("60x20" if why == "window" else "encoding") in first
        assert "--png FILE" in second
        assert "--show-seed" in second
        assert [call.operation for call in aws.calls] == ["GetCallerIdentity"]
    finally:
        terminal.close()
