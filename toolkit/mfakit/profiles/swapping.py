"""Swapping two files of a folder atomically, or renaming a file to a name that must be free.

A rename destroys the file that has the new name at that moment. A swap destroys nothing: that file
has the other name afterwards. Linux has `renameat2(RENAME_EXCHANGE)`, macOS
`renamex_np(RENAME_SWAP)`; Python has neither, so they are called through ctypes, which is loaded
only when a file is written. Some file systems (FUSE, NFS), a filter of system calls and a mount on
the file itself refuse it. Then a hard link and a rename do nearly the same in two steps, or without
hard links, a rename alone.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import time
from contextlib import suppress
from functools import cache

from mfakit import debug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NOT_HERE = {errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EBUSY, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_LINKS = {*_NOT_HERE, errno.EMLINK, errno.EXDEV, errno.EACCES}
# https://man7.org/linux/man-pages/man2/rename.2.html, and `man renamex_np` on macOS.
_LINUX_KEEP, _LINUX_SWAP = 1, 2
_DARWIN_SWAP, _DARWIN_KEEP = 2, 4
_AT_FDCWD = -100
# System call numbers for a C library without the function, such as musl, by 64-bit architecture.
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "s390x": 347, "ppc64le": 357}
# A virus scanner or an indexer may hold a file open on Windows for a moment, and on SMB any reader.
_RENAME_TRIES = 20
_RENAME_PAUSE_SECONDS = 0.05
_LOAD_TRIES = 3
_LOAD_PAUSE_SECONDS = 0.05


class HeldError(PermissionError):
    """A rename over a file was refused, as on SMB while a program has that open.

    Linux' client of SMB removes the file then, at once or when it is closed.
    """


def swap(
    first: str, second: str, spare: str, is_still_there: Callable[[], bool] = lambda: True
) -> str:
    """Replace a file by another of its folder, and keep a name for the replaced one.

    If the system cannot swap names in one step, the second file gets the spare name too, and then
    the first is renamed over it: a file that another program renames into place between these steps
    is lost. A file system without hard links has only the rename: the second file then has no name,
    and changes by other programs between ``is_still_there`` and the rename are lost.

    Args:
        first: a file that no other program knows.
        second: the file to replace.
        spare: a name that is free.
        is_still_there: whether the second file is still the expected one; called only without hard
            links, just before the rename.

    Returns:
        The new name of the second file, if it has one: the first, or the spare.

    Raises:
        FileNotFoundError: the second file does not exist any more, or is another one.
        HeldError: the second file may be removed now. If it could be linked, it has the spare name.
        OSError: it failed. Neither file was changed.
    """
    debug.event("swap {} and {}", first, second)
    try:
        _rename_with(first, second, _LINUX_SWAP, _DARWIN_SWAP)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        return _swap_by_links(first, second, spare, is_still_there)
    return first


def put_new(new: str, path: str) -> None:
    """Rename a file to a name that no other file has.

    Raises:
        FileExistsError: another file has it.
        OSError: it failed.
    """
    debug.event("rename {} to {}, which must be free", new, path)
    try:
        _rename_with(new, path, _LINUX_KEEP, _DARWIN_KEEP)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        _put_new_by_link(new, path)


def rename(
    old: str,
    new: str,
    *,
    tries: int = _RENAME_TRIES,
    replace: Callable[[str, str], object] = os.replace,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Rename a file; retry while another program holds it open, on Windows and SMB.

    Args:
        old: the old name.
        new: the new name, whose file is replaced.
        tries: how often to try.
        replace: the function that renames.
        sleep: the function that waits between two tries, for this many seconds.

    Raises:
        OSError: it failed.
    """
    for left in reversed(range(tries)):
        try:
            replace(old, new)
        except PermissionError as error:
            if not left or error.errno == errno.EPERM:
                raise
            sleep(_RENAME_PAUSE_SECONDS)
        else:
            return


def _swap_by_links(first: str, second: str, spare: str, is_still_there: Callable[[], bool]) -> str:
    try:
        os.link(second, spare)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not is_still_there():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), second) from None
        _rename_over(first, second)
        return first
    try:
        _rename_over(first, second)
    except HeldError:
        raise
    except OSError:
        with suppress(OSError):
            os.unlink(spare)
        raise
    return spare


def _rename_over(first: str, second: str) -> None:
    if os.name == "nt":  # nothing is removed there
        rename(first, second)
        return
    try:
        os.replace(first, second)
    except PermissionError as error:
        if error.errno != errno.EACCES:
            raise
        raise HeldError(error.errno, error.strerror, second) from None


def _put_new_by_link(new: str, path: str) -> None:
    try:
        os.link(new, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        rename(new, path)
        return
    with suppress(OSError):
        os.unlink(new)


def _rename_with(old: str, new: str, linux: int, darwin: int) -> None:
    """Rename with a flag of the system.

    Raises:
        OSError: it failed; ENOSYS if the system or its C library has no such flags.
    """
    call = load()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), new)
    flag = darwin if sys.platform == "darwin" else linux
    for _ in range(2):  # what is never possible here fails twice, an error of a moment once
        number = call(os.fsencode(old), os.fsencode(new), flag)
        if number not in _NOT_HERE:
            break
    if number:
        raise OSError(number, os.strerror(number), new)


def load() -> Callable[[bytes, bytes, int], int] | None:
    """Return a function that renames with a flag and returns an error number, 0 for success.

    It is None if the system has no such call, or Python cannot load ctypes, which is tried again.
    The first load takes milliseconds.
    """
    for left in reversed(range(_LOAD_TRIES)):
        try:
            return _load()
        except (ImportError, OSError):  # there were too many open files, say, for a moment
            if left:
                time.sleep(_LOAD_PAUSE_SECONDS)
                importlib.invalidate_caches()
    return None


@cache
def _load() -> Callable[[bytes, bytes, int], int] | None:
    import ctypes

    if getattr(ctypes, "__file__", None) is None:  # after an error, Python takes its bare folder
        del sys.modules["ctypes"]
        raise ModuleNotFoundError("ctypes")
    try:
        library = ctypes.CDLL(None, use_errno=True)
        function = _system_function(library)
    except (AttributeError, TypeError):
        return None  # Windows, or a C library without the function
    if function is None:
        return None
    call, first, between = function

    def rename_with(old: bytes, new: bytes, flag: int) -> int:
        arguments = (*first, old, *between, new, ctypes.c_uint(flag))
        return ctypes.get_errno() if call(*arguments) else 0

    return rename_with


def _system_function(library: Any) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]] | None:
    """Return the function, and its arguments before the first path and before the second."""
    import ctypes

    if sys.platform == "darwin":
        return library.renamex_np, (), ()
    if sys.platform != "linux":
        return None
    folder = (ctypes.c_int(_AT_FDCWD),)
    if hasattr(library, "renameat2"):
        return library.renameat2, folder, folder
    number = _RENAMEAT2.get(os.uname().machine) if sys.maxsize > 2**32 else None
    return None if number is None else (library.syscall, (ctypes.c_long(number), *folder), folder)
