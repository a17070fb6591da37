"""Replacing the file that was read by its edited version, unless another program has changed it.

The new file and the old one are swapped, and then the old one is checked. If it is not the file
that was read, or a program has it open for writing, the two are swapped back immediately. So the
text of another program always has a name, even after a kill: the next process finds it beside the
file. For systems that cannot swap files, ``swapping`` says what can be lost.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress

from mfakit.errors import FileError
from mfakit.profiles.own_files import digest, make_own_folder, own_place
from mfakit.profiles.reading import (
    MARK,
    QUIET_SECONDS,
    Snapshot,
    has_writer_now,
    is_untouched,
    open_at_once,
    read_now,
    still_has,
    version,
    version_of,
)
from mfakit.profiles.replacing import (
    Temporary,
    filled_beside,
    flush,
    flush_folder,
    is_trusted,
    leftovers,
    remove_leftovers,
    remove_with_text,
    swap_name,
    texts_of,
)
from mfakit.profiles.swapping import HeldError, load, put_new, swap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# A program that reads a file has it open for less than that; one who looks at it, for longer.
_PATIENCE_SECONDS = 2
_PAUSE_SECONDS = 0.05


def put(
    path: str, real: str, before: Snapshot, content: bytes, note: Callable[[str], object]
) -> bool:
    """Replace the text that was read by a new one.

    Args:
        path: the file as the user names it.
        real: the file itself, whose lock is held.
        before: the text that was read; without a version there was no file.
        content: the new text.
        note: called with messages for the user that are no errors.

    Returns:
        Whether the new text is in place. If not, another program has changed the old file, or what
        the path leads to, and the edit has to start again.

    Raises:
        FileError: another program's text was moved; the message says where.
        OSError: it failed. The old file is in place.
    """
    if before.version is not None:
        # after a loss of power the replaced file must have the text by which it is recognized
        flush(real)
    # older than the quiet time, so that readers do not wait for a writer
    with filled_beside(real, content, age_seconds=2 * QUIET_SECONDS) as (temporary, notes):
        ours = Snapshot(content, version(os.lstat(temporary.path)))
        temporary.rename(_swap_name(real, before, ours))
        temporary.shown = content
        try:
            if before.version is None:
                put_new(temporary.path, real)
                flush_folder(real)
            elif not _replaced(temporary, path, real, before, ours, note):
                return False
        except (FileNotFoundError, FileExistsError):
            return False
        for line in notes:
            note(line)
        _remove_old(temporary, note)
        # as long as it is open, no other file can get its number
        return _leads_to(path, ours)


def _leads_to(path: str, ours: Snapshot) -> bool:
    """Whether a path leads to the file that was just written, and has maybe been changed since.

    If not, the file was replaced or removed, or a symlink was changed. If the path cannot be read,
    the file is in place anyway.
    """
    try:
        return (version_of(path) or ())[:2] == (ours.version or ())[:2]
    except OSError:
        return True


def settle_leftovers(path: str, real: str, note: Callable[[str], object]) -> None:
    """Remove the files of killed processes beside a file, or restore another program's text.

    Args:
        path: the file as the user names it.
        real: the file itself, whose lock is held.
        note: called with what was found.
    """
    found = leftovers(real, note)
    if os.path.islink(path):  # which may be newer than the leftovers
        remove_leftovers(path)
        found += leftovers(path)
    for left in found:
        texts = texts_of(left) if os.path.lexists(left) else None
        if texts is not None and not is_trusted(left, os.path.dirname(left)):
            note(
                f"{left} may be another user's, and stays: look whether a program wrote it to"
                f" {path} when an mfakit was killed"
            )
        elif texts is not None:
            try:
                _settle(left, texts, path, real, note)
            except OSError as error:
                problem = error.strerror or error
                note(f"{left} may be what another program wrote to {path}, and stays: {problem}")
            except MemoryError:
                note(f"{left} may be what another program wrote to {path}, and stays: too large")


def keep_if_torn(read: Snapshot, now: Snapshot, path: str, note: Callable[[str], object]) -> None:
    """Keep a text that was read, if another program has left a part of it in the same file.

    It may have been killed while it wrote, so that mfakit alone has the rest.

    Args:
        read: the file as it was read before.
        now: the file now.
        path: the file as the user names it.
        note: called with the place of the copy.
    """
    is_same = read.version is not None and now.version and now.version[:2] == read.version[:2]
    whole = read.content
    if is_same and (_is_part(now.content, whole) or _lacks_keys(now.content, whole)):
        try:
            kept = f"is in {_kept(whole, path)}"
        except OSError as error:
            kept = f"mfakit cannot keep ({error.strerror})"
        note(
            f"another program has just written {path}, and left out what {kept}; if it did not mean"
            " to, put that back"
        )


def name_kept(path: str, note: Callable[[str], object]) -> None:
    """Name the kept files: text of other programs, or what stood in the place of that.

    The process that moved one may have been killed before it said so. What a killed process has not
    finished is removed.
    """
    folder, start = os.path.split(_kept_name(path, ""))
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        note(f"{folder} cannot be listed ({error.strerror}), and may hold files named {start}*")
        return
    for name in names:
        kept = os.path.join(folder, name)
        if name.startswith(f".{start}"):
            remove_leftovers(os.path.join(folder, name[1:].partition(MARK)[0]), all_of_them=True)
        elif name.startswith(start):
            note(
                f"{kept} was in {path} or written to it, and may have what is missing there: put"
                " that back, and remove it"
            )


def _replaced(
    temporary: Temporary,
    path: str,
    real: str,
    before: Snapshot,
    ours: Snapshot,
    note: Callable[[str], object],
) -> bool:
    """Swap the new file and the old one, and swap back if the old one was changed."""
    spare, known = _swap_name(real, before, ours), (digest(before.content),)
    load()
    # Other programs may act between here and the end of a swap back, so keep that time short.
    if version_of(real) != before.version:
        return False
    is_swapped = False

    def put_back() -> None:
        copy = _Copy(temporary.path, path, known)
        temporary.path = _swap_back(temporary.path, path, real, ours, copy, note)

    try:
        temporary.path = _swapped(temporary, path, real, spare, before)
        is_swapped = True
        # twice: another program may have resolved the path before the swap, and open it after
        if _came_out(temporary.path, before):
            flush_folder(real)
            if _came_out(temporary.path, before):
                return True
        put_back()
    except FileError:  # which says where the other file is
        raise
    except BaseException:  # also Ctrl-C, which may come right after the swap
        if _is_another(temporary, default=is_swapped):
            put_back()
        raise
    return False


def _is_another(temporary: Temporary, *, default: bool) -> bool:
    """Whether the name of our file belongs to another one, which was swapped with it."""
    try:
        os.lstat(temporary.path)
        return not temporary.is_at(temporary.path)
    except FileNotFoundError:
        return False
    except OSError:  # of the whole disk, or it may not be looked at
        return default


def _swapped(temporary: Temporary, path: str, real: str, spare: str, before: Snapshot) -> str:
    """Swap the new file and the old one; return the name of the old one, which it may not have."""

    def is_still_there() -> bool:
        # compare versions again: the file may have been replaced while it was read
        return is_untouched(real, before) and version_of(real) == before.version

    try:
        return swap(temporary.path, real, spare, is_still_there)
    except HeldError:
        kept = _kept_before(before, path, spare)
        left = _put_when_closed(temporary.path, path, real, spare, kept, is_still_there)
        with suppress(OSError):
            os.unlink(kept)
        return left


def _kept_before(before: Snapshot, path: str, spare: str) -> str:
    """Keep the text of a file that may vanish, with all its names; return where."""
    try:
        kept = _kept(before.content, path)
    except OSError:
        return _keep_aside(spare, path)
    with suppress(OSError):
        os.unlink(spare)
    return kept


def _put_when_closed(
    new: str, path: str, real: str, spare: str, kept: str, is_still_there: Callable[[], bool]
) -> str:
    """Put the new file in place as soon as no program has the old one open, or that has vanished.

    Returns:
        The name of the old one, which it may not have.

    Raises:
        FileNotFoundError: another file is in its place.
        FileError: it is open all that time. The message says where its text is.
    """
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        time.sleep(_PAUSE_SECONDS)
        try:
            if version_of(real) is None:
                put_new(new, real)
                return spare
            if not is_still_there():
                break
            return swap(new, real, spare, is_still_there)
        except HeldError:  # its text is kept; of its names one may be gone at any moment
            with suppress(OSError):
                os.unlink(spare)
        except OSError:  # it is about to vanish
            continue
    else:
        raise FileError(
            f"another program has {path} open, and it may be gone when that ends; what was there is"
            f" in {kept}",
            f"end that program; if {path} is gone then, move {kept} there; and try again",
        )
    os.unlink(kept)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), real)


def _swap_name(real: str, before: Snapshot, after: Snapshot) -> str:
    return swap_name(real, digest(before.content), digest(after.content))


def _came_out(new: str, before: Snapshot) -> bool:
    """Whether the file that a swap replaced is the one that was read."""
    try:
        return is_untouched(new, before, patience_seconds=0)
    except BlockingIOError:  # another program holds a lease on it, which is waited for later
        return False
    except FileNotFoundError:
        return True  # without swaps and hard links, it has no name any more


def _swap_back(
    left: str,
    path: str,
    real: str,
    ours: Snapshot,
    copy: _Copy,
    note: Callable[[str], object],
) -> str:
    """Put the replaced file back in its place; return the name of our file after that.

    A copy of its text is kept: a program that has read our file in its place may write our text
    over it.

    Args:
        left: the path of the replaced file.
        path: the file as the user names it.
        real: the file itself.
        ours: the file that is in its place.
        copy: the copy of its text.
        note: called with the place of the copy.

    Raises:
        FileError: another program has changed our file meanwhile, or the system refuses. What is
            not in place then is kept elsewhere; the message says where.
    """
    failed, text = None, digest(ours.content)
    spare = swap_name(real, text, text)
    try:
        # where only a rename is possible, not over what another program has written
        left = swap(left, real, spare, lambda: still_has(real, ours.content))
    except FileNotFoundError:  # a program has removed our file, or another mfakit has swapped back
        if not os.path.lexists(left):
            return left
    except OSError as error:
        failed = error.strerror
    else:
        copy.name(real, note)
        if _is_unchanged(left, ours):
            return left
    kept = _keep_aside(left, path)
    copy.drop_beside(kept)
    raise FileError(
        f"others changed {path} while mfakit wrote it; what one of them wrote is in {kept}"
        if failed is None
        else f"the text from before could not be put back into {path}: {failed}; it is in {kept}",
        f"compare it with {path}, put back what is missing there, and remove it",
    )


def _is_unchanged(left: str, ours: Snapshot) -> bool:
    """Whether a file that came out of a swap is ours, with our text, or has been removed as such.

    Its version has to do if it cannot be opened, as where a process has used up its descriptors.
    """
    try:
        return still_has(left, ours.content)
    except FileNotFoundError:
        return True
    except OSError:
        return version(os.lstat(left)) == ours.version


class _Copy:
    """The copy of a file that a swap replaced, unless its text is known.

    It is made before the file is put back, so that a kill in between cannot prevent it, and flushed
    after that, so that the file is out of its place for less than a millisecond. What was written
    meanwhile by a program that has the file open is copied then, too.

    Args:
        left: the replaced file.
        path: the file as the user names it.
        known: the digests of texts of which no copy is needed.

    Attributes:
        problem: why a copy that is needed could not be made; None if none.
    """

    def __init__(self, left: str, path: str, known: tuple[str, ...]) -> None:
        self._path = path
        self._known = {*known, digest(b"")}
        self._kept: list[str] = []
        self.problem: str | None = None
        self._keep(left, patience_seconds=0)

    def _keep(self, file: str, *, patience_seconds: float) -> None:
        self.problem = None
        try:
            if stat.S_ISREG(os.stat(file).st_mode):
                with open(open_at_once(file, os.O_RDONLY, patience_seconds), "rb") as opened:
                    content = opened.read()
                if digest(content) not in self._known:
                    self._kept.append(_kept(content, self._path, flushed=False))
                    self._known.add(digest(content))
        except FileNotFoundError:  # also of a link that leads nowhere
            pass
        except OSError as error:
            self.problem = error.strerror or str(error)
        except MemoryError:
            self.problem = "it is too large"

    def name(self, real: str, note: Callable[[str], object]) -> None:
        """Write the copy of a file that is in its place again to disk, and name it.

        If there is none, say why.
        """
        self._keep(real, patience_seconds=_PATIENCE_SECONDS)
        for kept in self._kept:
            flush(kept)
            flush_folder(kept)
            note(
                f"another program wrote {self._path} at the same moment; should anything be missing"
                f" there, it is in {kept}"
            )
        if self.problem is not None:
            note(
                f"what is in {self._path} was out of its place for a moment, and no copy could be"
                f" kept: {self.problem}"
            )

    def drop_beside(self, moved: str) -> None:
        """Remove each copy that has the same text as the file itself, which was moved elsewhere."""
        for kept in self._kept:
            with suppress(OSError), open(kept, "rb") as copy, open(moved, "rb") as file:
                if copy.read() == file.read():
                    os.unlink(kept)


def _remove_old(temporary: Temporary, note: Callable[[str], object]) -> None:
    """Remove the replaced file, whose text the new one was made from."""
    try:
        os.unlink(temporary.path)
    except FileNotFoundError:
        pass
    except OSError as error:
        note(f"{temporary.path} has keys, and could not be removed: {error.strerror}")


def _settle(
    left: str, texts: tuple[str, str], path: str, real: str, note: Callable[[str], object]
) -> None:
    content, is_written = _look_at(left)
    text = None if content is None else digest(content)
    ours = read_now(real)
    is_ours = ours.version is not None and digest(ours.content) == texts[1]
    # another program may have been killed since then, while it wrote
    is_last = text == texts[0] and not is_ours and _lacks_keys(ours.content, content or b"")
    if _is_second_name(left, real):
        os.unlink(left)
    elif is_written:
        note(f"another program is writing {left}, which a killed mfakit has left")
    elif content is not None and text in texts and not is_last:
        if not remove_with_text(left, content):
            note(f"{left} may be what another program wrote to {path}, and stays")
    elif is_ours and (content is None or not _is_part(content, ours.content)):
        copy = _Copy(left, path, texts)
        if copy.problem is not None:
            raise OSError(copy.problem)
        if _lacks_keys(content or b"", ours.content):
            note(f"{_kept(ours.content, path)} is what was in {path} until now")
        _put_left_back(left, path, real, ours, copy, note)
    else:
        kept = _keep_aside(left, path)
        what = "was in" if is_last else "another program wrote to"
        note(f"{kept} is what {what} {path} when an mfakit was killed")


def _put_left_back(
    left: str, path: str, real: str, ours: Snapshot, copy: _Copy, note: Callable[[str], object]
) -> None:
    """Put a file back that a killed process has left, and remove ours, which is in its place."""
    with suppress(FileNotFoundError):
        came_out = _swap_back(left, path, real, ours, copy, note)
        # once more: another program may have resolved the path before, and open it after
        if _is_unchanged(came_out, ours):
            os.unlink(came_out)
        else:
            note(f"{_keep_aside(came_out, path)} is what was in {path} until now")
    note(f"{path} is now what another program wrote to it when an mfakit was killed")


def _is_second_name(left: str, real: str) -> bool:
    return os.path.exists(real) and os.path.samestat(os.lstat(left), os.lstat(real))


def _is_part(content: bytes, whole: bytes) -> bool:
    """Whether a text is what a loss of power, or a killed program, has left of another one."""
    is_start = len(content) < len(whole) and whole.startswith(content)
    return is_start or (b"\0" in content and b"\0" not in whole)


def _lacks_keys(content: bytes, whole: bytes) -> bool:
    """Whether a text lacks a section, or a part of a long-term key, of another one.

    Other tools spell and order what they write in their own way.
    """
    now, before = (
        b"\n" + text.lower().translate(None, b" \t\r").replace(b":", b"=")
        for text in (content, whole)
    )
    sections = before.split(b"\n[")
    wanted = {b"[" + section.partition(b"\n")[0] for section in sections[1:]}
    for section in sections:
        if b"\naws_access_key_id=asia" not in section:
            wanted |= {line for line in section.split(b"\n") if b"aws_" in line or b"akia" in line}
    return not wanted <= set(now.split(b"\n"))


def _look_at(path: str) -> tuple[bytes | None, bool]:
    """Return the content of a file, and whether a program has it open for writing.

    The content of a link or a folder is None.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None, False
    with open(path, "rb") as file:
        is_written = has_writer_now(file.fileno())
        return file.read(), is_written


def _keep_aside(left: str, path: str) -> str:
    """Move another program's file to where nothing removes it; return its new path."""
    kept = _kept_name(path)
    try:
        make_own_folder(kept)
        if os.path.islink(left):  # from there, a relative one would lead elsewhere
            os.symlink(os.path.realpath(left), kept)
            os.unlink(left)
        else:
            put_new(left, kept)
    except OSError:
        try:  # it may be on another file system than the folder
            with open(left, "rb") as file:
                if has_writer_now(file.fileno()):
                    return left
                kept = _kept(file.read(), path)
            os.unlink(left)
        except OSError:
            return left
    return kept


def _kept(content: bytes, path: str, *, flushed: bool = True) -> str:
    """Write a text to where nothing removes it; return its path.

    Args:
        content: the text.
        path: the file that it comes from, as the user names it.
        flushed: whether to wait until it is on disk.

    Raises:
        OSError: it cannot be written.
    """
    kept = _kept_name(path)
    make_own_folder(kept)
    with filled_beside(kept, content, flushed=flushed) as (temporary, _):
        put_new(temporary.path, kept)
    if flushed:
        flush_folder(kept)
    return kept


def _kept_name(path: str, ending: str | None = None) -> str:
    ending = os.urandom(4).hex() if ending is None else ending
    return own_place(path, f"{os.path.basename(path)}.kept-{ending}")
