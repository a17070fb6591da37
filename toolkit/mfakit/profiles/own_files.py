"""mfakit's own files beside the credentials file in use, and the record of a session, one of them.

Each holds a few lines ``key=value`` about one profile, since loading `json` takes longer than
reading such a file. A record holds what the credentials file has no place for, and no secrets: when
and how a session was made. It counts only for the session whose key id it names, so that it is not
applied to a session that another tool has written over ours.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from mfakit.errors import FileError
from mfakit.moments import format_timestamp, parse_timestamp
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any


_FOLDER = "mfakit"
_OF_PROFILES = ("sessions", "records", "digests", "configured", "rotations", "told", "keys")
_MUCH_BYTES = 256 * 1024  # above this size, OpenSSL is faster, including its loading
# Opening must not block if something has put a named pipe in the file's place.
_ALL_BITS = 0o777
_ROOM_BYTES = 4096  # more than a session needs
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | _NONBLOCK


class OwnFile:
    """A file that only mfakit writes, always as a whole, so that it can be read at any time.

    Args:
        path: its path.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def of(cls, credentials_path: str, kind: str, name: str) -> OwnFile:
        """Return the file of a kind, such as ``records``, for a profile or another name.

        The files about a profile are kept apart for each credentials file in a folder.
        """
        hashed = _sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        file = os.path.basename(credentials_path)
        if kind in _OF_PROFILES and file != "credentials":
            kind = f"{kind}-of-{file}"
        return cls(own_place(credentials_path, kind, hashed))

    def read(self) -> str:
        """Read the file without waiting for writers.

        Raises:
            OSError: it cannot be read, is no regular file, or is another user's, who may have put
                it there for us to believe.
        """
        with open(os.open(self.path, os.O_RDONLY | _NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if _is_of_another(found) and not self._looks_new(found.st_uid):
                raise OSError(errno.EPERM, "it belongs to another user", self.path)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{self.path} is no regular file")
            return file.read().decode("utf-8", "replace")

    def read_secret(self) -> str | None:
        """Read a file that holds a secret; return None if it does not exist.

        Raises:
            FileError: it is a link, belongs or is open to other users, or cannot be read.
        """
        try:
            with open(os.open(self.path, _FLAGS), "rb") as file:
                found = os.fstat(file.fileno())
                is_file = stat.S_ISREG(found.st_mode)
                looks = found.st_uid, found.st_mode & _ALL_BITS
                if not _is_private(found) and not (is_file and self._looks_new(*looks)):
                    raise self.not_ours()
                return file.read().decode("utf-8")
        except FileNotFoundError:
            return None
        except FileError:
            raise
        except UnicodeDecodeError as error:
            raise self.not_ours() from error
        except OSError as error:
            if error.errno == errno.ELOOP:  # it is a link
                raise self.not_ours() from error
            from mfakit.profiles.reading import file_error

            raise file_error("read", self.path, error) from error

    def _looks_new(self, owner: int, mode: int | None = None) -> bool:
        """Whether even a new file, of this user and with mode 0600, has this owner and mode here.

        Some mounts say so of each file: drives of Windows in WSL, NTFS, CIFS, sshfs.
        """
        from contextlib import suppress

        from mfakit.profiles.replacing import temporary_beside

        with suppress(OSError), temporary_beside(self.path) as new:
            if new.descriptor is not None:
                found = os.fstat(new.descriptor)
                return found.st_uid == owner and mode in (None, found.st_mode & _ALL_BITS)
        return False

    def replace(self, text: str) -> None:
        """Write the file atomically; it may not exist yet.

        Raises:
            FileError: it cannot be written. It was not changed then.
        """
        from mfakit.profiles.reading import file_error
        from mfakit.profiles.replacing import refuse_other_owners, replace_file

        try:
            refuse_other_owners(self.path)
            make_own_folder(self.path)
            replace_file(self.path, text.encode("utf-8"), private=True)
        except OSError as error:
            raise file_error("write", self.path, error) from error

    def make(self, text: str) -> None:
        """Write a file that does not exist yet, as one of thousands; a kill may leave it empty.

        To replace a file, its folder is listed for what killed processes have left.

        Raises:
            FileError: it cannot be written.
        """
        from mfakit.profiles.reading import file_error
        from mfakit.profiles.replacing import open_new, refuse_other_owners

        try:
            refuse_other_owners(self.path)
            make_own_folder(self.path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(open_new(self.path, flags), "w", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            self.replace(text)
        except OSError as error:
            raise file_error("write", self.path, error) from error

    def check_writable(self) -> None:
        """Check that the file could be replaced.

        Raises:
            FileError: it could not.
        """
        from mfakit.profiles.reading import file_error
        from mfakit.profiles.replacing import refuse_other_owners, temporary_beside, write_all

        try:
            refuse_other_owners(self.path)
            make_own_folder(self.path)
            with temporary_beside(self.path) as new:
                assert new.descriptor is not None
                write_all(new.descriptor, bytes(_ROOM_BYTES))
        except OSError as error:
            raise file_error("write", self.path, error) from error

    def remove(self) -> None:
        """Remove the file, if it exists, and temporary files of killed processes.

        Raises:
            FileError: it cannot be removed.
        """
        from mfakit.profiles.replacing import remove_leftovers

        remove_leftovers(self.path)
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(
                f"cannot remove {self.path}: {error.strerror}", "see who owns it"
            ) from error

    def remove_if(self, is_meant: Callable[[str], bool]) -> None:
        """Remove the file if it is the one that is meant, and not one that has just replaced it.

        Raises:
            FileError: it cannot be removed.
        """
        from mfakit.profiles.reading import file_error
        from mfakit.profiles.replacing import remove_leftovers, temporary_name
        from mfakit.profiles.swapping import put_new

        remove_leftovers(self.path)
        aside = OwnFile(temporary_name(self.path))
        try:
            if not is_meant(self.read()):
                return
            os.rename(self.path, aside.path)
            if not is_meant(aside.read()):
                put_new(aside.path, self.path)
        except (FileNotFoundError, FileExistsError):
            pass  # somebody has removed it, or written the next one
        except OSError as error:
            raise file_error("remove", self.path, error) from error
        aside.remove()

    def kindred(self) -> list[OwnFile]:
        """Return the files of the same kind, by their names, without locks and what is unfinished.

        Raises:
            FileError: their folder cannot be listed.
        """
        from mfakit.profiles.reading import file_error

        folder = os.path.dirname(self.path)
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError as error:
            for place in (folder, os.path.dirname(folder)):
                if os.path.islink(place) and not os.path.exists(place):  # to a disk that is away
                    raise file_error("read", place, error) from error
            return []
        except OSError as error:
            raise file_error("read", folder, error) from error
        paths = [os.path.join(folder, name) for name in names if "." not in name]
        return [OwnFile(path) for path in paths if not os.path.isdir(path)]

    def not_ours(self) -> FileError:
        """Return the error for a file that mfakit cannot have written."""
        return FileError(
            f"{self.path} is not a file that mfakit has made",
            f"if you let others read it: chmod 600 {self.path}; else remove it, and log in again",
        )


def _is_private(found: os.stat_result) -> bool:
    others = _is_of_another(found) or (os.name == "posix" and found.st_mode & 0o077)
    return stat.S_ISREG(found.st_mode) and not others


def _is_of_another(found: os.stat_result) -> bool:
    return os.name == "posix" and found.st_uid != os.geteuid()


def own_place(path: str, *names: str) -> str:
    """Return the path of an own file beside another, whose links are not followed."""
    return os.path.join(os.path.dirname(path), _FOLDER, *names)


def make_own_folder(path: str) -> None:
    """Make the folder of an own file, private to its owner and ignored by git.

    Raises:
        OSError: it cannot be made.
    """
    from mfakit.profiles.replacing import make_private_folder

    folder = os.path.dirname(path)
    make_private_folder(folder)
    _refuse_another(folder)
    _make_private(folder)
    if os.path.basename(folder) != _FOLDER:
        folder = os.path.dirname(folder)
        _refuse_another(folder)
        _make_private(folder)
    _hide_from_git(folder)


def _refuse_another(folder: str) -> None:
    """Refuse root a folder of another user, who may remove or replace what is in it."""
    if os.name == "posix" and os.geteuid() == 0 and os.stat(folder).st_uid != 0:
        raise PermissionError(errno.EPERM, "the folder belongs to another user", folder)


def _hide_from_git(folder: str) -> None:
    """Make git ignore a folder by the last pattern of its `.gitignore`; other lines stay.

    A link is replaced, since git reads none (`gitignore(5)`).

    Raises:
        OSError: the file cannot be read or written.
    """
    from mfakit.profiles.replacing import flush

    path = os.path.join(folder, ".gitignore")
    if os.path.islink(path):
        os.unlink(path)
    try:
        with open(os.open(path, os.O_RDONLY | _NONBLOCK), "rb") as file:
            found = file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except FileNotFoundError:
        found = b""
    patterns = [line for line in found.split(b"\n") if line.strip() and line[:1] != b"#"]
    if patterns[-1:] != [b"*"]:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NONBLOCK
        with open(os.open(path, flags, 0o600), "ab") as file:
            file.write((b"" if found.endswith(b"\n") or not found else b"\n") + b"*\n")
        if not found:
            os.chmod(path, 0o600)  # against the umask
        flush(path)  # before files with secrets are


def _make_private(folder: str) -> None:
    if os.name == "posix" and os.stat(folder).st_mode & 0o077:
        os.chmod(folder, 0o700)  # another program may have made it


def digest(content: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file's content."""
    return str(_sha256(content).hexdigest())[:16]


def _sha256(content: bytes) -> Any:
    """Hash short content without hashlib if possible: loading OpenSSL takes 2 ms."""
    if len(content) > _MUCH_BYTES:
        return __import__("hashlib").sha256(content)
    # by version, since a failing import would search every folder again at each call
    name = "_sha2" if sys.version_info >= (3, 12) else "_sha256"
    try:
        return __import__(name).sha256(content)
    except ImportError:
        return __import__("hashlib").sha256(content)


def pairs_of(text: str) -> dict[str, str]:
    """Parse the lines ``key=value``; ignore others."""
    pairs = (line.partition("=") for line in text.split("\n"))
    return {key: value for key, sign, value in pairs if sign}


def as_pairs(values: Mapping[str, str]) -> str:
    """Return values, which have no line breaks, as lines ``key=value``."""
    return "".join(f"{key}={value}\n" for key, value in values.items())


ROLE_SESSION_MARK = " as "  # in the name of a place for a role's session: `mfa as arn:...`
ROLE_SESSION_NAME = "mfakit"  # the name of a role's session, unless the user names it
# The parameters of AssumeRole that are a text, each with the name of its option of `login`. With a
# new one here, and its form in `Role`, only the option itself is to be added.
ROLE_TEXTS = {"ExternalId": "external_id", "SourceIdentity": "source_identity"}


class SessionRecord(Value):
    """How a session was made; unknown values are None.

    Args:
        made_at: when the session was made, by this machine's clock.
        profile: the session profile.
        access_key_id: the id of the session's key.
        source_profile: the profile with the keys that it was made from; None for the environment.
        source_access_key_id: the id of those keys; None if mfakit did not make the session.
        serial_number: the device whose code was sent.
        role_arn: the role that was assumed.
        role_options: the other parameters of AssumeRole, as ``as_role_options`` returns them.
        policies_digest: the SHA-256 of the session policies that were sent.
        endpoint_url: the endpoint of STS; None for AWS's own.
        account: the account of the session.
        arn: the identity of the session.
        mfa: ``yes`` or ``no``, if AWS was asked whether the session carries MFA.
    """

    made_at: datetime
    profile: str
    access_key_id: str
    source_profile: str | None = None
    source_access_key_id: str | None = None
    serial_number: str | None = None
    role_arn: str | None = None
    role_options: str | None = None
    policies_digest: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    arn: str | None = None
    mfa: str | None = None

    @property
    def role_session_name(self) -> str | None:
        """The name of a role's session, which is the end of its ARN."""
        return (self.arn or "").rpartition("/")[2] or None

    def options_of_role(self) -> dict[str, Any]:
        """Return the other parameters: ``ExternalId``, ``SourceIdentity``, ``Tags``.

        It is empty if mfakit did not write them: there is more than texts, or half a tag.
        """
        import json

        try:
            options = json.loads(self.role_options or "{}")
            are_whole = all({*tag} == {"Key", "Value"} for tag in options.get("Tags", ()))
        except (ValueError, AttributeError, TypeError):
            return {}
        return options if are_whole and _is_of_texts(options) else {}


def _is_of_texts(value: object) -> bool:
    """Whether a value from JSON is a text, or holds nothing but texts at any depth."""
    if isinstance(value, dict):
        value = [*value.values()]
    return all(map(_is_of_texts, value)) if isinstance(value, list) else isinstance(value, str)


_TEXTS = tuple(name for name in SessionRecord.__annotations__ if name != "made_at")


def as_role_options(options: dict[str, Any]) -> str | None:
    """Return the other parameters of AssumeRole as a record stores them; None if empty."""
    import json

    return json.dumps(options, sort_keys=True) if options else None


def read_record(file: OwnFile, access_key_id: str) -> SessionRecord | None:
    """Return the record of a session; None if it is missing, or another session's."""
    try:
        kept = pairs_of(file.read())
    except OSError:
        return None
    made_at = parse_timestamp(kept.get("made_at", ""))
    if made_at is None or kept.get("access_key_id") != access_key_id:
        return None
    texts = {name: value for name in _TEXTS if (value := kept.get(name))}
    return SessionRecord(made_at=made_at, **{"profile": "", **texts})


def keep_record(file: OwnFile, record: SessionRecord) -> None:
    """Write a record to the file for its profile.

    Raises:
        FileError: it cannot be written.
    """
    kept = {"made_at": format_timestamp(record.made_at)}
    kept |= {name: value for name in _TEXTS if (value := getattr(record, name))}
    file.replace(as_pairs(kept))


_MOST_DIGESTS = 100  # logins that failed count, too


def keep_digest(file: OwnFile, access_key_id: str, secret: str, *, if_missing: bool) -> None:
    """Write down the digest of a session's secret.

    It is random, and cannot be guessed from its digest. Those of the profile's last sessions stay,
    since another program may write one of them back into the credentials file.

    Args:
        file: the file of the profile's digests.
        access_key_id: the id of the session's key.
        secret: its secret.
        if_missing: whether to do nothing if it is there; it becomes the latest one otherwise.

    Raises:
        FileError: it cannot be written, or the others cannot be read.
    """
    known, own = read_digests(file), digest(secret.encode())
    if known.pop(access_key_id, None) == own and if_missing:
        return
    last = [*known.items(), (access_key_id, own)][-_MOST_DIGESTS:]
    file.replace("".join(f"{value} {name}\n" for name, value in last))


def read_digests(file: OwnFile) -> dict[str, str]:
    """Return the digests of sessions' secrets, by the ids of their keys; the oldest first.

    Raises:
        FileError: they cannot be read.
    """
    from mfakit.profiles.reading import file_error

    try:
        lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise file_error("read", file.path, error) from error
    return {name: value for value, _, name in (line.partition(" ") for line in lines)}
