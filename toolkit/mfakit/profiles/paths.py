"""Where AWS keeps its files."""

from __future__ import annotations

import os

from mfakit.errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def credentials_path(environ: Mapping[str, str]) -> str:
    """Locate the credentials file: ``AWS_SHARED_CREDENTIALS_FILE``, else in ``~/.aws``."""
    return expand_path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials", environ)


def config_path(environ: Mapping[str, str]) -> str:
    """Locate the config file: ``AWS_CONFIG_FILE``, else in ``~/.aws``."""
    return expand_path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config", environ)


def expand_path(path: str, environ: Mapping[str, str]) -> str:
    """Expand variables, then the home, in botocore's order."""
    path = os.path.expandvars(path)
    home = environ.get("USERPROFILE" if os.name == "nt" else "HOME")
    if home and path.startswith(("~/", "~\\")):
        return os.path.normpath(home + path[1:])
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise FileError(f"there is no home to look for {path} in", "set HOME, and try again")
    return expanded
