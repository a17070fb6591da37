"""Extras: libraries that only some commands need."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from mfakit.errors import MFAKitError


def require_extra(extra: str, module: str) -> None:
    """Check that an extra is installed.

    Args:
        extra: its name, as in ``mfakit[testing]``.
        module: a module that only the extra brings.

    Raises:
        MFAKitError: it is missing; the hint is the command that installs it for this Python.
    """
    if find_spec(module) is None:
        raise MFAKitError(
            f"this command needs the extra {extra!r}, which is not installed",
            installing_line(extra),
        )


def installing_line(extra: str) -> str:
    """Return the command that adds an extra to what runs mfakit: pipx's, uv's, or any other."""
    return " ".join([_installer(), *_requirements(extra)])


def _installer() -> str:
    if os.path.exists(os.path.join(sys.prefix, "pipx_metadata.json")):
        return f"pipx inject {_quoted(os.path.basename(sys.prefix))}"
    python = _quoted(sys.executable)
    if find_spec("pip"):
        return f"{python} -m pip install"
    return f"uv pip install --python {python}"  # what uv makes has no pip


def _requirements(extra: str) -> list[str]:
    from importlib.metadata import requires

    marked = (line.partition(";") for line in requires("mfakit") or ())
    return [_quoted(name.strip()) for name, _, marker in marked if f"'{extra}'" in marker]


def _quoted(word: str) -> str:
    """Quote a word so that every shell understands it, even cmd."""
    return f'"{word}"' if set(word) & set(" <>[]") else word
