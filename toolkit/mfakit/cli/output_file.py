"""A report in a file, for programs that look at it whenever they like."""

from __future__ import annotations

import os

from mfakit.errors import MFAKitError, UsageError
from mfakit.profiles.swapping import rename
from mfakit.profiles.temporary import temporary_beside

# The collector that reads it runs as a user of its own, and there is no secret in it.
_ALL_MAY_READ = 0o644


def write_report(path: str, text: str) -> None:
    """Replace a file, whole or not at all, by one that all users may read.

    node_exporter's textfile collector never sees it half written, nor the new one before it has
    its name, since it looks at ``*.prom`` alone.

    Args:
        path: the file; of a link, what it leads to.
        text: all that is to be in it.

    Raises:
        UsageError: it is something other than a file.
        MFAKitError: it cannot be written. It is then as it was.
    """
    try:
        real = os.path.realpath(path)
        if os.path.exists(real) and not os.path.isfile(real):
            raise UsageError(f"{path} is no regular file", "leave --output out for standard output")
        with temporary_beside(real) as temporary:
            os.chmod(temporary.path, _ALL_MAY_READ)
            with open(temporary.path, "wb") as file:
                file.write(text.encode("utf-8", "backslashreplace"))
            temporary.close()
            rename(temporary.path, real)
    except OSError as error:
        raise MFAKitError(
            f"cannot write {path}: {error.strerror}", "see who may write in its folder: ls -ld"
        ) from None
