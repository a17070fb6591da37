"""The files themselves."""

from __future__ import annotations

import os
import stat

from mfakit.explain.findings.finding import Finding, quoted
from mfakit.profiles.section import has_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.explain.situation import Situation


def readable_by_others(situation: Situation) -> Iterator[Finding]:
    """Everybody on the machine can read the keys."""
    files = situation.files
    paths = [files.credentials_path]
    if any(has_keys(files.config(profile)) for profile in files.profiles()):
        paths.append(files.config_path)
    for path in paths:
        mode = _mode(path)
        if mode & 0o007:  # bits for the group alone are a choice
            yield Finding(
                "readable-by-others",
                f"{path} has mode {mode:04o}",
                "other users of this machine can read your keys",
                f"chmod 600 {quoted(os.path.realpath(path))}",
            )


def _mode(path: str) -> int:
    """Give a file's mode; 0 for what is no file, such as ``/dev/null``."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return 0
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) and os.name == "posix" else 0


def byte_order_mark(situation: Situation) -> Iterator[Finding]:
    """An editor put a mark before the first line, which the AWS CLI and boto3 cannot read."""
    files = situation.files
    for document in (files.credentials_file, files.config_file):
        if situation.sdk != "js" and document.text.startswith("\ufeff"):
            path = os.path.realpath(document.path)
            yield Finding(
                "byte-order-mark",
                f"{document.path} begins with a byte-order mark",
                "boto3 and the AWS CLI cannot read the file (ConfigParseError)",
                f"""LC_ALL=C sed -i.bak "1s/^$(printf '\\357\\273\\277')//" {quoted(path)}""",
            )


RULES = (byte_order_mark, readable_by_others)
