"""What is mounted where, as Linux tells it."""

from __future__ import annotations

import os
from contextlib import suppress

_REMOTE = {"nfs", "nfs4", "cifs", "smb3"}
# The kernel writes these as octal numbers; the backslash first, which the others bring in.
_ESCAPES = {"\\": r"\134", " ": r"\040", "\t": r"\011", "\n": r"\012"}


def is_mount_point(path: str, mounts: str | None = None) -> bool:
    """Tell whether something is mounted on a path itself.

    Args:
        path: absolute, and no link.
        mounts: what ``/proc/self/mountinfo`` says; read there by default.
    """
    for character, number in _ESCAPES.items():
        path = path.replace(character, number)
    return any(fields[4] == path for fields in _mounts(mounts))


def is_remote(device: int, mounts: str | None = None) -> bool:
    """Tell whether a device, as ``stat`` numbers it, is a file system of another machine.

    Args:
        device: ``st_dev`` of a file.
        mounts: what ``/proc/self/mountinfo`` says; read there by default.
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    return any(
        fields[2] == number and fields[fields.index("-") + 1] in _REMOTE
        for fields in _mounts(mounts)
    )


def _mounts(text: str | None) -> list[list[str]]:
    if text is None:
        text = ""
        with suppress(OSError), open("/proc/self/mountinfo", errors="surrogateescape") as file:
            text = file.read()
    return [line.split(" ") for line in text.split("\n") if line]
