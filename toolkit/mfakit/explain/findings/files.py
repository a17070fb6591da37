"""The files themselves."""

from __future__ import annotations

import os
import stat

from mfakit.explain.findings.finding import Finding, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.explain.situation import Situation


def readable_by_others(situation: Situation) -> Iterator[Finding]:
    """Everybody on the machine can read the keys."""
    path = situation.files.credentials_path
    if os.name != "posix":
        return
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return
    if mode & 0o077:
        yield Finding(
            "readable-by-others",
            f"{path} has mode {mode:04o}",
            "other users of this machine can read your keys",
            f"chmod 600 {quoted(path)}",
        )


RULES = (readable_by_others,)
