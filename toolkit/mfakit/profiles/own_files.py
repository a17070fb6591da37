"""Files of our own, beside the credentials file in use: where they are, and how they are written.

Each holds little about one profile, a line for each thing: to load `json` takes longer than to
read it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def own_file(credentials_path: str, kind: str, profile: str) -> str:
    """Locate a file of our own for a profile: a ``sessions`` or ``records`` entry."""
    name = _sha256(profile.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return os.path.join(os.path.dirname(credentials_path), "mfakit", kind, name)


def _sha256(content: bytes) -> Any:
    """Hash; by the module below hashlib if it is there, since hashlib loads OpenSSL for 2 ms."""
    for name in ("_sha2", "_sha256"):  # of Python 3.12 and later, and of 3.11
        try:
            return __import__(name).sha256(content)
        except ImportError:
            continue
    return __import__("hashlib").sha256(content)


def pairs_of(text: str) -> dict[str, str]:
    """Read the lines ``key=value``; others are left out."""
    pairs = (line.partition("=") for line in text.split("\n"))
    return {key: value for key, sign, value in pairs if sign}


def as_pairs(values: Mapping[str, str]) -> str:
    """Write values as lines ``key=value``; there are no line breaks in them."""
    return "".join(f"{key}={value}\n" for key, value in values.items())
