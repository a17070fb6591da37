"""What commands print, and what they read besides the AWS files.

Standard output carries only what a program consumes; notes and errors go to standard error.
"""

from __future__ import annotations

import io
import os
import sys

from mfakit.errors import FileError, MFAKitError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

# What reads a report runs as a user of its own, and there is no secret in it.
_ALL_MAY_READ = 0o644


def write(text: str) -> None:
    """Write what a program consumes, as it is.

    Raises:
        BrokenPipeError: nobody reads it any more.
        MFAKitError: standard output is closed, full, or of an encoding without these letters.
    """
    if sys.stdout is None:
        raise MFAKitError("standard output is closed", "leave it open, or send it to a file")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except UnicodeEncodeError as error:
        raise MFAKitError(
            f"standard output cannot show {error.object[error.start]!a} in {error.encoding}",
            "set the variable PYTHONUTF8=1, or a locale with UTF-8",
        ) from None
    except OSError as error:
        _give_up(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise MFAKitError(
            f"cannot write to standard output: {error.strerror}", "see where it is sent to"
        ) from None


def write_utf8(text: str) -> None:
    """Write what is UTF-8 in any locale, as ``write`` does."""
    _configure_stdout("utf-8")
    write(text)


def show(text: str) -> None:
    """Write what people read: a letter that their locale lacks is escaped."""
    _configure_stdout()
    write(text)


def _configure_stdout(encoding: str | None = None) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def note(text: str) -> None:
    """Write a note to standard error; if that is closed or full, nothing is raised."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"mfakit: {escape(text)}\n")
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def show_verbs(lines: str) -> None:
    """Show on a terminal what else a command can be told to do."""
    if sys.stdout is not None and sys.stdout.isatty():
        show(f"\n{lines}")


def complain(error: MFAKitError) -> None:
    """Write what failed to standard error, and what to do about it."""
    note(error.message)
    if error.hint:
        note(f"try: {error.hint}")


def escape(text: str) -> str:
    """Make control characters visible: text from a file must not control the terminal."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def write_report(path: str, text: str) -> None:
    """Replace a file, whole or not at all, by one that all users may read.

    node_exporter's textfile collector never sees it half written, nor the new one before it has
    its name, since it looks at ``*.prom`` alone.

    Args:
        path: the file; of a link, what it leads to.
        text: its new content.

    Raises:
        UsageError: it is something other than a file, or one of the AWS files.
        MFAKitError: it cannot be written. It is then as it was.
    """
    from mfakit.profiles.aws_files import config_path, credentials_path
    from mfakit.profiles.replacing import temporary_beside
    from mfakit.profiles.swapping import rename

    try:
        real = os.path.realpath(path)
        if os.path.exists(real) and not os.path.isfile(real):
            raise UsageError(f"{path} is no regular file", "leave --output out for standard output")
        places = map(os.path.realpath, (credentials_path(os.environ), config_path(os.environ)))
        if real in places or _is_like_one_of_aws(real):
            raise UsageError(f"{path} is an AWS file, which a report would replace", "name another")
        with temporary_beside(real) as temporary:
            os.chmod(temporary.path, _ALL_MAY_READ)
            with open(temporary.path, "wb") as file:
                file.write(text.encode("utf-8", "backslashreplace"))
            temporary.close()
            rename(temporary.path, real)
    except OSError as error:
        import shlex

        folder = shlex.quote(os.path.dirname(real) or ".")
        hint = f"see who may write there: ls -ld {folder}"
        if not os.path.isdir(os.path.dirname(real)):
            hint = f"make its folder: mkdir -p {folder}"
        raise MFAKitError(f"cannot write {path}: {error.strerror}", hint) from None


def _is_like_one_of_aws(path: str) -> bool:
    """Whether a file has keys or a section, maybe as an AWS file that nothing names here."""
    import re

    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        text = file.read().lower()
    return b"aws_secret_access_key" in text or bool(re.search(rb'^\[[^]"{]+\]', text, re.MULTILINE))


def write_private(path: str, text: str) -> None:
    """Write a new file that only its owner can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def read_input(name: str) -> str:
    """Read a file, or standard input for ``-``.

    It may be in UTF-16, as PowerShell writes what is redirected.

    Raises:
        UsageError: there is no such file.
        FileError: it cannot be read.
    """
    from mfakit.profiles.reading import decode, file_error, read_quiet

    if name == "-":
        content = sys.stdin.buffer.read() if sys.stdin else b""
        return _from_utf16(content) or content.decode("utf-8", "replace")
    if not os.path.exists(name):
        raise UsageError(f"there is no file {name}", "name one, or - for standard input")
    try:
        content = read_quiet(name).content
        return _from_utf16(content) or decode(content, name)
    except (OSError, FileError) as error:
        if isinstance(error, OSError):
            error = file_error("read", name, error)
        # the hints for the AWS files do not fit here
        hint = "name a file that you can read, of UTF-8 text, or - for standard input"
        raise FileError(error.message, hint) from None


def _from_utf16(content: bytes) -> str | None:
    """Decode text with a byte-order mark of UTF-16; return None for other text."""
    is_utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16", "replace") if is_utf16 else None


def _give_up(stream: TextIO) -> None:
    """Discard what is left in its buffer, or Python tries to write it again when it ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
