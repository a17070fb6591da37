"""The stores for the session of a profile: the credentials file and the session cache.

The cache is used if mfakit is the profile's `credential_process`, since keys in the credentials
file would shadow that process for every SDK. Another store is another class, in `STORES`.
"""

from __future__ import annotations

import os

from mfakit import debug
from mfakit.errors import ProfileError
from mfakit.profiles.document import Document
from mfakit.profiles.own_files import (
    OwnFile,
    as_pairs,
    digest,
    pairs_of,
    read_digests,
    read_record,
)
from mfakit.profiles.section import (
    KEYS,
    SESSION_KEYS,
    is_long_term,
    is_protected,
    is_session,
    section_of,
    session_of,
    session_token,
)
from mfakit.session import SESSION_KEY_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.own_files import SessionRecord
    from mfakit.profiles.section import Values
    from mfakit.session import SessionCredentials

    Note = Callable[[str], object]

CREDENTIALS_FILE = "credentials-file"


class Store:
    """A store for the session of one profile.

    Args:
        profile: its name.
        files: the AWS files, as they were read.
    """

    kind: str

    def __init__(self, profile: str, files: AWSFiles) -> None:
        self.profile = profile
        self._files = files

    @staticmethod
    def is_for(settings: Values) -> bool:
        """Whether the settings of a profile let its session be kept here."""
        raise NotImplementedError

    def read(self) -> Values:
        """Return the session as the keys of a section; empty if there is none."""
        raise NotImplementedError

    def check_writable(self) -> None:
        """Raise a FileError if no session can be written."""
        raise NotImplementedError

    def write(self, session: SessionCredentials, note: Note) -> None:
        """Write a session, and replace an old one."""
        raise NotImplementedError

    def remove(self, note: Note, only: str | None = None) -> None:
        """Remove the session; only the one of a key id, if that is given."""
        raise NotImplementedError

    def session(self, now: datetime | None = None) -> SessionCredentials | None:
        """Return the session; None if there is none.

        Args:
            now: the time to judge by, for an end without a zone; by default the present.

        Raises:
            InvalidSessionError: it cannot be used.
            FileError: it cannot be read.
        """
        values = self.read()
        return session_of(values, now) if self.holds_session(values) else None

    def has_session(self) -> bool:
        """Whether a session is here, even one with a part that is missing or in quotes.

        Raises:
            FileError: that cannot be read.
        """
        return self.holds_session(self.read())

    def holds_session(self, values: Values) -> bool:
        """Whether a section of the profile is a session: by its id, or by mfakit's own files.

        The ids of moto's and LocalStack's sessions do not tell.
        """
        if is_session(values):
            return True
        key = values.get("aws_access_key_id", "")
        is_whole = bool(key and session_token(values))
        return is_whole and (self.record(key) is not None or key in self._digests())

    def holds_keys(self, values: Values) -> bool:
        """Whether a section of the profile holds a key that does not belong to a session."""
        return is_protected(values) and not self.holds_session(values)

    def refuse_protected(self, values: Values) -> None:
        """Refuse to overwrite keys that do not belong to a session.

        One is a secret that was written into a session's section before its id: only the digest of
        the session's own shows that. What is indented below a key may be a whole section with keys:
        botocore takes it for a part of the value above, other SDKs do not.

        Raises:
            ProfileError: the values hold such keys.
        """
        if self.holds_keys(values):
            raise self.protected()
        for key in SESSION_KEYS:
            if "\n" in values.get(key, ""):
                raise nested(key, self.profile, self._files.place(self.profile, key))
        if self.has_other_secret(values):
            import shlex

            raise ProfileError(
                f"another program has put another secret beside the session's key id in profile"
                f" {self.profile!r}; it is never overwritten",
                "complete it with its id, or if nobody needs it: aws configure set"
                f" aws_secret_access_key '' --profile {shlex.quote(self.profile)}",
            )

    def has_other_secret(self, values: Values) -> bool:
        """Whether another secret stands beside a session's id than the one that mfakit has written.

        The session's own may be in quotes, which people put round it, and a comment behind its id.
        """
        import re

        key_id, secret = (values.get(key, "") for key in KEYS)
        digests = self._digests() if secret else {}
        known = digests.get(key_id) or digests.get(re.sub(r"\W.*", "", key_id))
        ours = {digest(text.encode()) for text in (secret, secret.strip("'\""))}
        return known is not None and known not in ours

    def protected(self) -> ProfileError:
        """Return the error for a session that would go where a long-term key is.

        A session profile of the name in its hint is made from that key.
        """
        import shlex

        other = shlex.quote(self._files.its_session(self.profile))
        hint = f"name another profile for the session: --profile {other}"
        if is_long_term(self._files.keys(self.profile)):
            of_keys = f"{self.profile}-long-term"
            hint = f"for a session in it, call the keys' profile {of_keys!r}; or {hint}"
        return ProfileError(
            f"the profile {self.profile!r} holds long-term credentials, which are never"
            " overwritten",
            hint,
        ).about(self.profile)

    def own_file(self, kind: str) -> OwnFile:
        """Return mfakit's own file of a kind, such as ``records``, for the profile."""
        return OwnFile.of(self._files.credentials_path, kind, self.profile)

    def _digests(self) -> dict[str, str]:
        """Return the digests of all profiles' sessions: a section may have been renamed since.

        Raises:
            FileError: one of them, or their folder, cannot be read.
        """
        own = self.own_file("digests")
        found = read_digests(own)
        for other in own.kindred():
            found = read_digests(other) | found  # an emulator may give one id twice
        return found

    def record(self, access_key_id: str) -> SessionRecord | None:
        """Return how a session of the profile was made; None if that is not known."""
        return read_record(self.own_file("records"), access_key_id)


class CredentialsFile(Store):
    """The profile's section of the credentials file.

    If the file had text when it was read, and is empty when the session is written, another program
    may be writing it: that is an error.
    """

    kind = CREDENTIALS_FILE

    @staticmethod
    def is_for(settings: Values) -> bool:
        """Return True: it is the one for all profiles that no other store is for."""
        return True

    def read(self) -> Values:
        """Return the keys of the section."""
        return self._files.credentials(self.profile)

    def check_writable(self) -> None:
        """Check that the file can be replaced.

        Raises:
            FileError: it cannot.
        """
        from mfakit.profiles.editing import check_writable

        check_writable(self._files.credentials_path)

    def write(self, session: SessionCredentials, note: Note) -> None:
        """Write the session's keys, unless the section holds keys that are no session.

        Raises:
            ProfileError: the section holds such keys.
            FileError: the file cannot be written. It was not changed then.
        """

        def put(document: Document) -> None:
            before = document.section(self.profile)
            self.refuse_protected(before)
            document.update(self.profile, section_of(session, before))

        debug.event("the session goes to {}", self._files.credentials_path)
        edit_credentials(self._files, put, note)

    def remove(self, note: Note, only: str | None = None) -> None:
        """Remove the session's keys, and a section that is left empty.

        Raises:
            ProfileError: the section holds keys that are no session.
            FileError: the file cannot be written. It was not changed then.
        """

        def cut(document: Document) -> None:
            values = document.section(self.profile)
            if not self.holds_session(values):
                return  # another program has already removed it
            if only not in (None, values[KEYS[0]]):
                return  # another program has written another one
            self.refuse_protected(values)
            document.remove_keys(self.profile, SESSION_KEYS)

        edit_credentials(self._files, cut, note)


class SessionCache(Store):
    """A file for this profile alone, in the folder `mfakit` beside the credentials file."""

    kind = "session-cache"

    @staticmethod
    def is_for(settings: Values) -> bool:
        """Whether the `credential_process` of a profile is mfakit."""
        return is_own_process(settings.get("credential_process", ""))

    @property
    def _file(self) -> OwnFile:
        return self.own_file("sessions")

    def read(self) -> Values:
        """Return the keys in the file.

        Raises:
            FileError: the file was not written by mfakit, or cannot be read.
        """
        text = self._file.read_secret()
        kept = pairs_of(text or "")
        if text is not None and not kept:
            raise self._file.not_ours()
        return kept

    def check_writable(self) -> None:
        """Check that the file can be written; the credentials file need not be.

        Raises:
            FileError: it cannot, or mfakit did not write the old one.
        """
        self.read()
        self._file.check_writable()

    def write(self, session: SessionCredentials, note: Note) -> None:
        """Write the file.

        Raises:
            ProfileError: the section of the credentials file holds keys that are no session.
            FileError: it cannot be written, or mfakit did not write the old one.
        """
        if debug.is_on():
            place = self._files.place(self.profile, "credential_process")
            debug.event("the session goes to the session cache, by credential_process in {}", place)
        self.read()  # it refuses a file that mfakit did not write
        self.refuse_protected(self._files.credentials(self.profile))
        kept = {key: value for key, value in section_of(session, {}).items() if value is not None}
        self._file.replace(as_pairs(kept))

    def remove(self, note: Note, only: str | None = None) -> None:
        """Remove the file."""
        if only is None:
            self._file.remove()
        elif self.read():
            self._file.remove_if(lambda text: pairs_of(text).get(KEYS[0]) in (None, only))


# In the order in which AWS tools look. A session goes to the last whose `is_for` says yes.
STORES: tuple[type[Store], ...] = (CredentialsFile, SessionCache)
STORE_KINDS = tuple(store.kind for store in STORES)


def store_for(settings: Values) -> type[Store]:
    """Return the store that a profile's settings, of one file or of both, lead to."""
    return next(store for store in reversed(STORES) if store.is_for(settings))


def edit_credentials(
    files: AWSFiles, change: Callable[[Document], None], note: Note, *, keep_copy: bool = True
) -> None:
    """Change the credentials file, of which a copy is kept first if it holds keys.

    Args:
        files: the files.
        change: changes the document, or leaves it as it is.
        note: called with messages for the user.
        keep_copy: whether there may be such a copy; not where keys are to be in fewer places.

    Raises:
        FileError: the file cannot be written. It was not changed then.
    """
    from mfakit.profiles.editing import edit_text

    path = files.credentials_path

    def parsed(text: str) -> Document:
        known = files.credentials_file
        return known if known.text == text else Document(text, path)

    def changed(text: str) -> str:
        document = parsed(text).copy()
        change(document)
        return document.text

    edit_text(
        path,
        changed,
        backup=(lambda text: holds_keys(parsed(text))) if keep_copy else None,
        had_text=bool(files.credentials_file.text),
        note=note,
    )


def is_own_process(command: str) -> bool:
    """Whether a `credential_process` runs mfakit, by any path or wrapper."""
    return {"mfakit", "credential-process"} <= _programs(command)


def exports_key(command: str) -> bool:
    """Whether a `credential_process` runs `mfakit keys export`, and so gives a long-term key."""
    return {"mfakit", "keys", "export"} <= _programs(command)


def export_line(profile: str) -> str:
    """Return the `credential_process` that `keys import --plain-use process` writes."""
    return f"mfakit keys export --format process --source-profile {profile}"


def _programs(command: str) -> set[str]:
    words = command.replace('"', " ").replace("'", " ").replace("\\", "/").split()
    return {os.path.basename(word).lower().removesuffix(".exe") for word in words}


def nested(key: str, profile: str, place: str) -> ProfileError:
    """Return the error for a value that cannot be replaced, since there are lines below it."""
    return ProfileError(
        f"lines are indented below the {key} of profile {profile!r}, which makes them a part of it;"
        " they are never removed",
        f"remove them, or the spaces before a setting: below {place or 'the AWS files'}",
    )


def holds_keys(document: Document) -> bool:
    """Whether any section is protected; most files hold none, which often shows without parsing."""
    return not _holds_only_sessions(document) and any(
        is_protected(values) for _, values in document.sections()
    )


def _holds_only_sessions(document: Document) -> bool:
    """Whether each access key is a session's, written as mfakit and most other tools write it.

    If so, no section is protected. If not, there may be sessions that are written in another way.
    """
    key_id, token = "aws_access_key_id =", "aws_session_token ="
    kinds = [keys for keys in document.kinds() if "aws_access_key_id" in keys]
    others = {keys.lower() for keys in set(document.kinds()).difference(kinds)}
    text = document.text
    tokens = text.split(f"\n{token} ")[1:]
    return (
        bool(kinds)
        and all(
            f"{token}" in keys.split("\n") and key_id in keys.split("\n") for keys in set(kinds)
        )
        and not any(key in keys for keys in others for key in KEYS)
        and text.count(f"\n{key_id} {SESSION_KEY_PREFIX}") == len(kinds)
        and len(tokens) >= len(kinds)
        and not any(value[:1].isspace() or not value for value in tokens)
    )
