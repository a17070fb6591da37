"""Write the files of schedule/ anew: what mfakit prints for the options in people.options."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / "schedule"
# Where mfakit is installed on machines that a team manages.
PYTHON = "/opt/mfakit/bin/python"
WINDOWS_PYTHON = r"C:\Program Files\mfakit\Scripts\pythonw.exe"
HEADER = re.compile(r"^# .*(mfakit-check\.(?:service|timer))\n", re.MULTILINE)


def options(name: str) -> list[str]:
    """Read the options of a file, which has one in each line."""
    return (HERE / name).read_text("utf-8").split()


def printed(scheduler: str, python: str = PYTHON) -> str:
    """Return what mfakit would give to a scheduler on another machine."""
    install = [sys.executable, "-m", "mfakit", "schedule", "install", *options("people.options")]
    elsewhere = ["--dry-run", "--python", python, "--using", scheduler]
    done = subprocess.run([*install, *elsewhere], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode("utf-8").replace("\r\n", "\n")


def files() -> dict[str, str]:
    """Return the files by name; systemd has two, each printed below a line that names it."""
    _, *units = HEADER.split(printed("systemd"))
    texts = (text.rstrip("\n") + "\n" for text in units[1::2])
    return dict(zip(units[::2], texts, strict=True)) | {
        "crontab": printed("cron"),
        "mfakit.check.plist": printed("launchd"),
        "mfakit-check.xml": printed("schtasks", WINDOWS_PYTHON),
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8", newline="\n")
