#!/usr/bin/env python3
"""Add one line to what a shell runs when it starts, so that it loads the functions.

Nothing else in that file changes, not a byte; a link stays a link. It needs Python 3.8 or later.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).resolve().parent
MARK = b" # {{ cookiecutter.__folder }}"
NO_END = b" (the line before had no end)"
OURS = re.compile(
    rb"^(source|\.) '.*'" + re.escape(MARK) + rb"(?P<no_end>" + re.escape(NO_END) + rb")?\r?$",
    re.MULTILINE,
)
TYPOGRAPHIC = "'\u2018\u2019\u201a\u201b"  # PowerShell takes each of these for a quote


class CannotEditError(Exception):
    """The file cannot be edited safely."""


def main() -> int:
    """Add the line, or remove it, for each shell that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shell", nargs="*", help=f"{', '.join(FILES)}; by default your own")
    parser.add_argument("--remove", action="store_true", help="take the line out again")
    options = parser.parse_args()
    for shell in options.shell:
        if shell not in FILES:
            parser.error(f"there is nothing for {shell!r}; name one of {', '.join(FILES)}")
    own = Path(os.environ.get("SHELL", "")).name
    shells = options.shell or [own if own in FILES else parser.error("name a shell")]
    return max(attempt(shell, remove=options.remove) for shell in shells)


def attempt(shell: str, *, remove: bool) -> int:
    """Add or remove the line for one shell, and print what was done."""
    line = line_for(shell)
    try:
        refuse_unwritable(line)
        path = FILES[shell]()
        before = read(path)
        if not remove:
            refuse_joining(before, b"`" if shell == "powershell" else b"\\")
        after = without(before) if remove else with_line(before, line)
        if after != before:
            write(path, after)
    except (CannotEditError, OSError) as error:
        what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        tell(f"{what}\ntry: edit it yourself; the line is: {line}", sys.stderr)
        return 1
    done = "it is" if after == before else "now it is"
    where = "not in" if remove else "in"
    tell(f"{shell}: {done} {where} {path}" + ("" if remove else "; start a new shell"))
    return 0


def line_for(shell: str) -> str:
    """Return the line that loads the functions, with the path quoted for that shell."""
    if shell == "powershell":
        path = str(HERE / "shell" / "init.ps1")
        quoted = "".join(letter * 2 if letter in TYPOGRAPHIC else letter for letter in path)
        return f". '{quoted}'{MARK.decode()}"
    path = (HERE / "shell" / f"init.{shell}").as_posix()
    if shell == "fish":
        quoted = path.replace("\\", "\\\\").replace("'", "\\'")
    else:
        quoted = path.replace("'", "'\\''")
    return f"source '{quoted}'{MARK.decode()}"


def with_line(content: bytes, line: str) -> bytes:
    """Append the line, or update it where it exists already."""
    new = line.encode()
    if OURS.search(content):
        return OURS.sub(lambda old: new + (old["no_end"] or b""), content)
    if content and not content.endswith(b"\n"):
        return content + b"\n" + new + NO_END + b"\n"
    return content + new + b"\n"


def without(content: bytes) -> bytes:
    """Remove the line; the file is then as it was before."""
    kept: list[bytes] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        found = OURS.match(line)
        if found is None:
            kept.append(line)
        elif found["no_end"] and lines[number:] == [b""]:
            break
    return b"\n".join(kept)


def read(path: Path) -> bytes:
    """Read a file, and refuse one that cannot be edited; a missing file is empty."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise CannotEditError(f"{path} is a link to what is not there") from None
        return b""
    if not stat.S_ISREG(found.st_mode):
        raise CannotEditError(f"{path} is no file")
    if found.st_nlink > 1:
        raise CannotEditError(f"{path} has other names too (hard links)")
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise CannotEditError(f"{path} is another user's")
    if not found.st_mode & stat.S_IWUSR:
        raise CannotEditError(f"{path} is not to be written")
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CannotEditError(f"{path} is UTF-16")
    return content


def write(path: Path, content: bytes) -> None:
    """Replace a file as a whole or not at all; of a link, replace its target."""
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        if path.exists():
            shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def refuse_joining(content: bytes, continued: bytes) -> None:
    """Refuse a file whose last line would continue in ours."""
    if re.search(re.escape(continued) + rb"\r?\n?\Z", content):
        raise CannotEditError(f"its last line is not over: it ends with {continued.decode()}")


def refuse_unwritable(line: str) -> None:
    """Refuse a folder whose name cannot be written in a line."""
    if not line.isprintable():
        raise CannotEditError(f"{str(HERE)!a} has a control character in it")


def powershell_profile() -> Path:
    """Return the path that PowerShell reports: on Windows its folder may be a synchronized one."""
    program = shutil.which("pwsh") or shutil.which("powershell")
    if program is None:
        raise CannotEditError("there is no PowerShell")
    command = [program, "-NoProfile", "-Command", "$PROFILE.CurrentUserAllHosts"]
    said = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
    if not said:
        raise CannotEditError("PowerShell does not say where its profile is")
    return Path(said)


def folder(variable: str, default: Path) -> Path:
    """Return the folder that a variable names, or the default."""
    return Path(os.environ.get(variable) or default)


FILES: dict[str, Callable[[], Path]] = {
    "bash": lambda: Path.home() / ".bashrc",
    "zsh": lambda: folder("ZDOTDIR", Path.home()) / ".zshrc",
    "fish": lambda: folder("XDG_CONFIG_HOME", Path.home() / ".config") / "fish" / "config.fish",
    "powershell": powershell_profile,
}


def tell(text: str, file: TextIO | None = None) -> None:
    """Print a message, each line with the program's name before it."""
    for line in text.splitlines():
        shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        print(f"install.py: {shown}", file=file or sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
