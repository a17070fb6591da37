"""The system's keychain, by the library keyring, in a child process.

Calls of keyring have no time-outs, and load much; a child process can be given up. It gets and
gives secrets through pipes, never as arguments. The backend that would store an entry is judged,
not the one that chains all: plain text and the null backend, which keeps nothing, are refused.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress

from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

SERVICE = "mfakit"  # the name of an entry is an access key id
_SECONDS = 60  # a question for the keychain's password may have to be answered
_UNSAFE = "UnsafeBackend"
_UNLOADABLE = "UnloadableBackend"
_TOO_LONG = "TooLong"
_OTHER = "OtherSecret"
_FORGOTTEN = "ForgottenSecret"
_KEPT = "KeptSecret"
_LONGEST_ON_WINDOWS = 1280  # characters: the Credential Manager takes 2,560 bytes of UTF-16
_SERVE = "-P", "-m", "mfakit.keychain"  # -P: never a module of the current folder


# Descriptors that the child process keeps, too: if this process is killed, that one goes on.
_locks: set[int] = set()


class KeychainError(MFAKitError):
    """The keychain cannot be reached, is locked, or refused."""


@contextmanager
def shared_lock(descriptor: int) -> Iterator[None]:
    """Let a lock be held until a change of the keychain has ended, even if this process is killed.

    Args:
        descriptor: the open file that is locked by ``flock``, which its duplicates hold as well.
    """
    _locks.add(descriptor)
    try:
        yield
    finally:
        _locks.discard(descriptor)


def get_secret(access_key_id: str) -> str | None:
    """Return the secret of an access key; None if the keychain has no entry for it.

    Raises:
        KeychainError: the keychain cannot be used.
    """
    found: str | None = _ask("get", access_key_id)
    return found


def put_secret(access_key_id: str, secret: str) -> None:
    """Store the secret of an access key, of 1,280 characters at most, and read it back.

    It never replaces another secret: delete that first.

    Raises:
        KeychainError: the keychain cannot be used, holds another secret of the key, which stays,
            or gives back something else.
    """
    _ask("put", access_key_id, secret)
    # by another process, since a keychain may have it in the memory of the first one alone
    if get_secret(access_key_id) != secret:
        raise _explained(_FORGOTTEN)


def delete_secret(access_key_id: str) -> None:
    """Delete an entry, if it exists.

    Raises:
        KeychainError: the keychain cannot be used, or has the entry still.
    """
    _ask("delete", access_key_id)


def keychain_name() -> str:
    """Return the name of the keychain that stores entries here.

    Raises:
        KeychainError: there is none that is safe.
    """
    return str(_ask("name", ""))


def _ask(operation: str, name: str, secret: str = "") -> Any:
    import json
    import logging
    import subprocess

    from mfakit.programs import require_extra, run_within

    require_extra("keychain", "keyring")
    request = json.dumps({"operation": operation, "name": name, "secret": secret})
    try:
        done = run_within(
            _SECONDS,
            [sys.executable, *_SERVE],
            request.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(_locks) if os.name == "posix" else (),
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise KeychainError(
            f"the keychain did not answer within {_SECONDS} s",
            "unlock it on the desktop, and try again",
        ) from None
    except (OSError, ValueError):
        raise KeychainError(
            "the program that asks the keychain ended without an answer",
            "see whether the library works: python -m keyring diagnose",
        ) from None
    for note in answer["notes"]:
        logging.getLogger("mfakit").warning(note)
    if "problem" in answer:
        raise KeychainError(*answer["problem"])
    if "error" in answer:
        raise _explained(answer["error"])
    return answer["value"]


def _explained(kind: str) -> KeychainError:
    """Return the error for the name of an exception of keyring, a backend or ours."""
    if os.environ.get("PYTHON_KEYRING_BACKEND") and kind == _UNLOADABLE:
        return KeychainError(
            "PYTHON_KEYRING_BACKEND names a keychain that cannot be loaded",
            "unset PYTHON_KEYRING_BACKEND, or install what it names",
        )
    unknown = (
        f"the keychain failed ({kind})",
        "try again; if it goes on, see with its own program whether the entry of mfakit can be"
        " read, and delete it there if not",
    )
    message, hint = _ERRORS.get(kind, unknown)
    return KeychainError(message, hint)


_DESKTOP = "where there is no desktop session, as in cron or ssh, no keychain can be reached"
_UNLOCK = "unlock it on the desktop, and try again"
_ERRORS = {
    "NoKeyringError": (
        "there is no keychain that can be used here",
        f"install gnome-keyring or KWallet, or pass with keyring-pass; {_DESKTOP}",
    ),
    _UNSAFE: (
        "the only keychain here stores plain text, or nothing",
        f"install gnome-keyring or KWallet, or pass with keyring-pass; {_DESKTOP}",
    ),
    _UNLOADABLE: (
        "the keychain that keyring is to use cannot be loaded",
        "see which one is used: python -m keyring diagnose",
    ),
    _TOO_LONG: ("the secret is too long for this keychain", "it is no secret of an AWS key"),
    _OTHER: (
        "the keychain holds another secret of this key, which stays",
        "see which profile has it: mfakit keys; if that secret is the wrong one, delete it first:"
        " mfakit keys remove",
    ),
    _FORGOTTEN: (
        "the keychain does not give back what was stored in it",
        "see which one is used: python -m keyring diagnose",
    ),
    _KEPT: (
        "the keychain did not delete the entry",
        "delete it with the keychain's own program; see which one is used: python -m keyring"
        " diagnose",
    ),
    "ValueError": ("the keychain did not open: its password may be wrong", "try again"),
    "KeyringLocked": ("the keychain is locked", _UNLOCK),
    "PromptDismissedException": ("the question to unlock the keychain was dismissed", _UNLOCK),
    "InitError": (
        "the keychain has nothing to store entries in yet",
        "open it once with the desktop's own program for passwords, and try again",
    ),
    "PasswordSetError": ("the keychain did not store the entry", _UNLOCK),
}


def _serve() -> None:
    """Answer one request from standard input: the child process."""
    import json

    notes: list[str] = []
    answer: dict[str, Any] = {"notes": notes}
    try:
        answer["value"] = _carry_out(**json.load(sys.stdin), notes=notes)
    except MFAKitError as error:
        answer["problem"] = error.message, error.hint
    except BaseException as error:
        answer["error"] = type(error).__name__
    json.dump(answer, sys.stdout)


def _carry_out(operation: str, name: str, secret: str, notes: list[str]) -> str | None:
    backend = _storing_backend()
    if operation == "name":
        return str(backend.name)
    if operation == "get":
        found: str | None = backend.get_password(SERVICE, name)
        return found
    _change(backend, operation, name, secret, notes)
    _flush()
    return None


def _change(backend: Any, operation: str, name: str, secret: str, notes: list[str]) -> None:
    """Change an entry; of a keychain in a file, in a copy of it, which takes the file's place then.

    Those of keyrings.alt empty their file before they write it, so that all its entries would be
    lost where there is no room, or to a kill, or to another program that reads it at that moment.

    Raises:
        KeychainError: another program has made the keychain while its password was asked for.
        Exception: any other problem. The file was not changed then.
    """
    path = getattr(backend, "file_path", "")
    if not path:
        _store_or_delete(backend, operation, name, secret)
        return
    from mfakit.profiles.editing import edit_text
    from mfakit.profiles.replacing import temporary_name

    before = _text_of(path)
    # named as other new files are, so that what a killed process leaves is removed later
    backend.file_path = copy = temporary_name(os.path.realpath(path))

    def changed(text: str) -> str:
        if asked != before and text != before:
            raise KeychainError("another program has just changed the keychain", "try again")
        _write_copy(copy, text if asked == before else asked)
        _store_or_delete(backend, operation, name, secret)
        return _text_of(copy)

    try:
        _write_copy(copy, before)
        if operation == "put":  # no lock waits for the password, which may be one for a new file
            getattr(backend, "keyring_key", None)
        asked = _text_of(copy)
        edit_text(path, changed, had_text=bool(before), note=notes.append)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(copy)


def _text_of(path: str) -> str:
    """Return the text of a file; "" if there is none."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write_copy(path: str, text: str) -> None:
    """Write the copy of a keychain's file, or remove it if there is no text to copy."""
    from mfakit.profiles.replacing import make_private_folder, open_new

    make_private_folder(os.path.dirname(path))
    with suppress(FileNotFoundError):
        os.unlink(path)
    if text:
        descriptor = open_new(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)


def _store_or_delete(backend: Any, operation: str, name: str, secret: str) -> None:
    if operation == "put":
        _store(backend, name, secret)
    else:
        _delete(backend, name)


def _store(backend: Any, name: str, secret: str) -> None:
    """Store an entry that is not there yet.

    To store it again would remove what its user has added to it, such as lines below the secret in
    `pass`.
    """
    if len(secret) > _LONGEST_ON_WINDOWS:
        raise type(_TOO_LONG, (Exception,), {})
    found = backend.get_password(SERVICE, name)
    if found == secret:
        return
    if found is not None:
        raise type(_OTHER, (Exception,), {})
    problem = _problem_of(backend, lambda: backend.set_password(SERVICE, name, secret))
    if backend.get_password(SERVICE, name) != secret:
        with suppress(Exception):  # whatever was stored in its place
            backend.delete_password(SERVICE, name)
        raise problem or type(_FORGOTTEN, (Exception,), {})


def _flush() -> None:
    """Write to disk what a keychain may have only handed to the system, as `pass` does.

    The secret is removed elsewhere next, so after a loss of power it would be in neither place.
    Only the file systems that can hold the entry are flushed: on another one, such as a slow
    memory stick, that can take minutes.
    """
    import ctypes
    from glob import escape, glob

    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    store = os.environ.get("PASSWORD_STORE_DIR") or os.path.expanduser("~/.password-store")
    places = [os.path.expanduser("~"), data]
    # each of them, and each folder in it, may be a mount, or a link to one
    for folder in (store, os.path.join(data, "python_keyring")):
        places += [folder, *glob(f"{escape(folder)}/*"), *glob(f"{escape(folder)}/*/*")]
    flush_file_system = getattr(ctypes.CDLL(None), "syncfs", None) if os.name == "posix" else None
    if flush_file_system is None:
        getattr(os, "sync", int)()
        return
    flushed = set()
    for place in places:
        with suppress(OSError):
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
            try:
                if (device := os.fstat(descriptor).st_dev) not in flushed:
                    flush_file_system(descriptor)
                    flushed.add(device)
            finally:
                os.close(descriptor)


def _delete(backend: Any, name: str) -> None:
    """Delete an entry, which may be missing."""
    problem = _problem_of(backend, lambda: backend.delete_password(SERVICE, name))
    if backend.get_password(SERVICE, name) is not None:
        raise problem or type(_KEPT, (Exception,), {})


def _problem_of(backend: Any, change: Callable[[], object]) -> Exception | None:
    """Return the error of a change, which may have been made all the same, and the other way round.

    Raises:
        KeyringLocked: nobody has unlocked the keychain; who looks into it would be asked again.
        Exception: a keychain in a file could not write it, so that a part of it may be missing.
    """
    import keyring.errors

    try:
        change()
    except keyring.errors.KeyringLocked:
        raise
    except keyring.errors.PasswordDeleteError as error:
        return error
    except Exception as error:
        if hasattr(backend, "file_path"):
            raise
        return error
    return None


def _storing_backend() -> Any:
    """Return the backend that stores entries, unless it is unsafe.

    Raises:
        NoKeyringError: there is none.
    """
    import keyring
    import keyring.errors

    try:
        backend: Any = keyring.get_keyring()
        chained = getattr(backend, "backends", None)
        if chained is not None:
            backend = next(iter(chained), None)
    except keyring.errors.KeyringError:
        raise
    except Exception:
        raise type(_UNLOADABLE, (Exception,), {}) from None
    kind = f"{type(backend).__module__}.{type(backend).__qualname__}"
    if backend is None or kind.startswith("keyring.backends.fail."):
        raise keyring.errors.NoKeyringError
    is_plain = kind.startswith("keyrings.alt.") and "Encrypted" not in kind
    is_plain = is_plain or any("Plaintext" in base.__name__ for base in type(backend).__mro__)
    if is_plain or kind.startswith("keyring.backends.null."):
        raise type(_UNSAFE, (Exception,), {})
    return backend


if __name__ == "__main__":
    _serve()
