"""A profile, as AWS tools see it, and the session that it holds."""

from __future__ import annotations

from mfakit import debug
from mfakit.errors import (
    BusyError,
    FileError,
    InvalidSessionError,
    ProfileError,
    SessionExpiredError,
    SessionNotFoundError,
    UsageError,
)
from mfakit.moments import format_timestamp, parse_timestamp
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.own_files import (
    ROLE_SESSION_MARK,
    OwnFile,
    SessionRecord,
    keep_digest,
    keep_record,
    pairs_of,
)
from mfakit.profiles.section import DEFAULT, SESSION_KEYS, has_access_key, is_long_term
from mfakit.profiles.stores import (
    CREDENTIALS_FILE,
    STORES,
    CredentialsFile,
    SessionCache,
    exports_key,
    is_own_process,
    nested,
    store_for,
)
from mfakit.session import SESSION_KEY_PREFIX, has_ended

DEFAULT_SESSION_PROFILE = "mfa"
SERVED_PROFILE = "mfakit-served"  # programs that ask the endpoint of `serve` have it as AWS_PROFILE
# Settings of a source profile: where its long-term key lives, if not in the files.
KEY_STORE = "mfakit_key_store"
KEY_COMMAND = "mfakit_key_command"
_BY_PROGRAM = "gets its credentials from a program: credential_process"
_LOCK_SECONDS = 30
_OLD_SECONDS = 24 * 3600  # a role's session lasts an hour, if it is assumed from a session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack
    from datetime import datetime

    from mfakit.profiles.section import Values
    from mfakit.profiles.stores import Store
    from mfakit.session import SessionCredentials, State


class Held:
    """A session that a profile holds, expired or not.

    Args:
        profile: the profile.
        session: the session.
        store: the store that it was read from.
    """

    def __init__(self, profile: Profile, session: SessionCredentials, store: Store) -> None:
        self.profile = profile
        self.session = session
        self.store = store
        self._record: list[SessionRecord | None] = []

    @property
    def key_id(self) -> str:
        """The id of the session's key."""
        return self.session.access_key_id

    @property
    def record(self) -> SessionRecord | None:
        """How the session was made, read when it is first needed; None if that is unknown."""
        if not self._record:
            self._record.append(self.store.record(self.key_id))
        return self._record[0]

    @property
    def role_arn(self) -> str | None:
        """The role whose session mfakit made; None if it is a user's, or not known."""
        return self.record.role_arn if self.record else None

    @property
    def made_at(self) -> datetime | None:
        """When the session was made; None if that is unknown."""
        return self.record.made_at if self.record else None

    def state(self, now: datetime, warn: float | None = None) -> State:
        """Return the session's state, by ``warn`` seconds instead of the rule if that is given."""
        from mfakit.session import judge

        return judge(self.session.expiration, now, self.record, warn)

    def is_made_from(self, other: Held) -> bool:
        """Whether the session was made with another one, as a role's session is."""
        return self.record is not None and self.record.source_access_key_id == other.key_id

    def has_ended(self, now: datetime) -> bool:
        """Whether the session is known to have ended."""
        return has_ended(self.session.expiration, now)


class Profile:
    """A profile in the two AWS files.

    Args:
        name: its name, as in ``aws --profile``.
        files: the AWS files.
    """

    def __init__(self, name: str, files: AWSFiles) -> None:
        self.name = name
        self.files = files

    @property
    def merged(self) -> Values:
        """The values in both files; the credentials file wins."""
        return self.files.merged(self.name)

    @property
    def keys(self) -> Values:
        """The section that holds the profile's keys; the credentials file wins."""
        return self.files.keys(self.name)

    @property
    def is_long_term(self) -> bool:
        """Whether the profile holds complete long-term credentials."""
        return is_long_term(self.keys)

    @property
    def is_protected(self) -> bool:
        """Whether the profile has a key that does not belong to a session, here or elsewhere."""
        return self.has_key_elsewhere or self.in_file.holds_keys(self.keys)

    @property
    def has_key_elsewhere(self) -> bool:
        """Whether the profile's long-term key is in a keychain, or given by a program for it."""
        values = self.merged
        return bool(
            values.get(KEY_STORE)
            or values.get(KEY_COMMAND)
            or exports_key(values.get("credential_process", ""))
        )

    @property
    def in_file(self) -> Store:
        """The profile's section of the credentials file, as a store."""
        return CredentialsFile(self.name, self.files)

    @property
    def store(self) -> Store:
        """The store that a new session goes to."""
        return store_for(self.merged)(self.name, self.files)

    @property
    def is_kept_elsewhere(self) -> bool:
        """Whether the profile's session goes to another store than the credentials file."""
        return self.store.kind != CREDENTIALS_FILE

    def own_file(self, kind: str) -> OwnFile:
        """Return mfakit's own file of a kind, such as ``records``, for the profile."""
        return self.in_file.own_file(kind)

    @property
    def its_session(self) -> str:
        """The name of the profile for a session that is made from this one's keys."""
        return self.files.its_session(self.name)

    @property
    def holder(self) -> str:
        """The profile that can hold the session that this one cannot, quoted for a shell."""
        import shlex

        return shlex.quote(self._holder)

    @property
    def _holder(self) -> str:
        end = self.source_chain()[-1]
        if end.is_protected or (end is not self and end._has_foreign_program):
            return end.its_session
        if end is not self and end._other_way is None:
            return end.name  # as the source of a role, it holds the session
        return self.other("default").its_session

    def source_chain(self) -> list[Profile]:
        """Return the profile, and those behind it, if it has a role: its source profiles.

        A profile that is its own source ends the chain, since its section holds the keys too; so
        does a source with keys, as in botocore.

        Raises:
            ProfileError: the source profiles form a circle.
        """
        chain = [self]
        # a source with a role and keys, even a session's, counts for its keys
        while (end := chain[-1]).setting("role_arn") and (
            end is self or not has_access_key(end.keys)
        ):
            source = end.setting("source_profile")
            if not source or source == end.name:
                break
            names = [one.name for one in chain]
            if source in names:
                raise ProfileError(
                    f"the source profiles go round in a circle: {' -> '.join([*names, source])}",
                    f"mend source_profile in {self.files.config_path}",
                )
            chain.append(self.other(source))
        return chain

    def roles(self) -> list[Profile]:
        """Return the profiles with the roles that this one's role is assumed through, itself first.

        Raises:
            ProfileError: the source profiles form a circle.
        """
        chain = self.source_chain()
        ends_in_role = chain[-1].setting("role_arn") and not has_access_key(chain[-1].keys)
        return chain if len(chain) == 1 or ends_in_role else chain[:-1]

    @property
    def exists(self) -> bool:
        """Whether the profile is in one of the files."""
        return self.files.exists(self.name)

    def setting(self, key: str) -> str | None:
        """Return a setting of the profile in either file; None if it is not set."""
        return self.files.setting(key, self.name)

    def place(self, key: str) -> str:
        """Return the file and the line of a setting as text; "" if it is not set."""
        return self.files.place(self.name, key)

    def other(self, name: str) -> Profile:
        """Return another profile of the same files."""
        return Profile(name, self.files)

    def read_again(self) -> Profile:
        """Return the profile from files that are read again, as other processes may change them."""
        return Profile(self.name, self.files.read_again())

    def find(self, now: datetime | None = None) -> Held:
        """Return the session that the profile holds.

        An access key in the credentials file comes before the session cache, as in every SDK.

        Args:
            now: the time to judge by, for an end without a zone; by default the present.

        Raises:
            SessionNotFoundError: the profile does not exist, or holds no session.
            FileError: a file cannot be read.
        """
        try:
            held = self._held(now)
        except InvalidSessionError as error:
            values = self._store_in_use.read()
            above = next((key for key in SESSION_KEYS if "\n" in values.get(key, "")), None)
            hint = self.login_hint("log in again")
            if above:
                told = nested(above, self.name, self.place(above))
                hint = f"lines are indented below the {above}; {told.hint}"
            problem = f"the profile {self.name!r} can't be used: {error.message}"
            raise SessionNotFoundError(problem, hint) from None
        if held is None:
            raise self._not_found()
        return held

    @property
    def _store_in_use(self) -> Store:
        store = self.in_file
        return store if has_access_key(store.read()) else self.store

    def _held(self, now: datetime | None = None) -> Held | None:
        store = self._store_in_use
        session = store.session(now)
        if session is None:
            debug.event("profile {!r} holds no session in the {}", self.name, store.kind)
            return None
        shown, end = debug.key_id(session.access_key_id), session.expiration
        debug.event(
            "session: {} of profile {!r}, in the {}, ends {}", shown, self.name, store.kind, end
        )
        return Held(self, session, store)

    def held(self) -> Held | None:
        """Return the session that the profile holds; None if it holds none.

        Raises:
            FileError: a file cannot be read.
        """
        try:
            return self._held()
        except InvalidSessionError:
            return None

    def held_elsewhere(self) -> Held | None:
        """Return the session outside the credentials file, even if no setting leads there.

        Another program may have removed the ``credential_process``. It is None if there is none, or
        it cannot be read.
        """
        for kind in STORES:
            try:
                session = None if kind is CredentialsFile else self._session_in(kind)
            except FileError:
                session = None
            if session is not None:
                return Held(self, session, kind(self.name, self.files))
        return None

    def live(self, now: datetime) -> SessionCredentials:
        """Return the session that the profile holds, if it has not ended.

        Raises:
            SessionExpiredError: it has ended.
            SessionNotFoundError: there is none.
            FileError: a file cannot be read.
        """
        held = self.find(now)
        if (end := held.session.expiration) and held.has_ended(now):
            raise SessionExpiredError(
                f"the session of profile {self.name!r} expired at {format_timestamp(end)}",
                self.login_hint("log in again", held),
            ).of_session(self._holder if self.setting("role_arn") else self.name)
        return held.session

    def check_writable(self) -> None:
        """Check that a session can be written.

        Raises:
            FileError: it cannot.
        """
        self.store.check_writable()

    def keep(
        self,
        session: SessionCredentials,
        note: Callable[[str], object],
        record: Callable[[], SessionRecord] | None = None,
    ) -> None:
        """Write a session to the profile, in place of the one that it holds.

        Args:
            session: the session.
            note: called with messages for the user.
            record: returns how it was made. It is called after the session is written, since it may
                wait for AWS.

        Raises:
            MFAKitError: as ``write_session`` raises it.
        """
        self.check_may_hold()
        if record is None:
            check_key_id(session)
            self.store.write(session, note)
            return
        with self._changing(note):
            self._announce(session)
            self.store.write(session, note)
            try:
                # the error may have been of a moment; or without a lock another login took it out
                self._keep_digest(session, if_missing=True)
                made = record()
                there = self._session_in(type(self.store))
                # another login may have waited long enough, and replaced it
                if there is not None and there.access_key_id == session.access_key_id:
                    keep_record(self.own_file("records"), made)
            except FileError as error:
                note(f"the session is kept, but not how it was made: {error.message}")

    def _announce(self, session: SessionCredentials) -> None:
        """Write down the digest of a secret before its session is in the file, if that is possible.

        A kill in between would otherwise leave a session of which nobody can say whether its secret
        is another one by now. The id of an emulator's session does not even say that it is one.

        Raises:
            FileError: it cannot be written, and the id does not say that it is a session's.
        """
        try:
            self._keep_digest(session, if_missing=False)
        except FileError:
            if not session.access_key_id.startswith(SESSION_KEY_PREFIX):
                raise

    def _keep_digest(self, session: SessionCredentials, *, if_missing: bool) -> None:
        file, key_id = self.own_file("digests"), session.access_key_id
        keep_digest(file, key_id, session.secret_access_key, if_missing=if_missing)

    def _changing(self, note: Callable[[str], object]) -> ExitStack:
        """Return a context in which other processes neither write nor remove the session."""
        from contextlib import ExitStack

        from mfakit.profiles.editing import locked_if_possible

        lock = ExitStack()
        try:
            place = f"{self.own_file('turns').path}.record"
            lock.enter_context(locked_if_possible(place, _LOCK_SECONDS))
        except BusyError as error:
            note(f"{error.message}; it is no longer waited for")
        return lock

    def take_over(self, held: Held | None, note: Callable[[str], object]) -> bool:
        """Move a session that the profile held to the store that its settings call for now.

        A login that began before the settings were changed may still write to the old store, so
        that is read until it brings nothing new. Of two sessions, the one that ends later stays. If
        the credentials file has long-term keys for the profile, the session is removed.

        Args:
            held: the session, found before the settings were changed; None if there was none.
            note: called with messages for the user.

        Returns:
            Whether it had to be moved.

        Raises:
            ProfileError: another program has put a secret into the session, before its id.
            FileError: a file cannot be read or written.
        """
        if held is None or held.store.kind == self.store.kind:
            return False
        try:
            with self._changing(note):
                self._move(held, self.store, note)
        except FileError as error:
            what = f"the settings of profile {self.name} are changed, and its session could not"
            error.message = f"{what} be moved to where they lead: {error.message}"
            raise
        return True

    def _move(self, held: Held, store: Store, note: Callable[[str], object]) -> None:
        moved = None
        while (left := self._session_in(type(held.store))) and left.access_key_id != moved:
            moved, kept = left.access_key_id, self._session_in(type(store))
            if kept is None or not _ends_later(kept, left):
                try:
                    store.write(left, note)
                except ProfileError as error:
                    if held.store.kind == CREDENTIALS_FILE:
                        raise
                    note(f"the session of profile {self.name} is removed: {error.message}")
            held.store.remove(note, only=moved)

    def _session_in(self, kind: type[Store]) -> SessionCredentials | None:
        """Return the session that is in a store by now; None if none is."""
        try:
            return kind(self.name, self.files.read_again()).session()
        except InvalidSessionError:
            return None

    def remove(self, note: Callable[[str], object]) -> SessionCredentials | None:
        """Remove the session that the profile holds, and its record.

        One that is left in another store, to which no setting leads any more, is removed too.

        Returns:
            The session; None if it could not be used, since a part of it is missing or in quotes.

        Raises:
            SessionNotFoundError: there is none.
            ProfileError: another program has put a secret into it, before its id.
            FileError: the file cannot be written. It was not changed then.
        """
        self._forget_roles(note)
        self._stores_in_use()  # before a lock is made where there is no session
        with self._changing(note):
            return self._remove(note)

    def _stores_in_use(self) -> list[Store]:
        """Return the stores that have a session of this profile.

        Raises:
            SessionNotFoundError: there is none.
        """
        every = (kind(self.name, self.files) for kind in STORES)
        stores = [store for store in every if _has_session(store)]
        if not stores:
            self.find()  # it raises the error that says what is there
        return stores

    def _remove(self, note: Callable[[str], object]) -> SessionCredentials | None:
        from contextlib import suppress

        record, kept = self.own_file("records"), None
        with suppress(OSError):
            kept = record.read()
        stores = self._stores_in_use()
        try:
            session = stores[0].session()
        except InvalidSessionError:
            session = None
        for store in stores[:1] if self.is_kept_elsewhere else stores:
            store.remove(note)
        try:
            record.remove_if(lambda text: text == kept)
        except FileError as error:
            note(f"the session is removed, but not how it was made: {error.message}")
        return session

    def _forget_roles(self, note: Callable[[str], object], seconds: float = 0) -> None:
        """Remove the sessions of roles that were assumed from this one's, and their records.

        Args:
            note: called if it cannot be seen which ones there are.
            seconds: how old they are at least, by their records.
        """
        import os
        import time

        sessions = os.path.dirname(self.own_file("sessions").path)
        try:
            records = self.own_file("records").kindred()
        except FileError as error:
            note(f"the sessions of roles stay: {error.message}")
            return
        for record in records:
            try:
                kept = pairs_of(record.read())
            except OSError:
                continue
            made_at = parse_timestamp(kept.get("made_at", ""))
            is_old = made_at is None or made_at.timestamp() <= time.time() - seconds
            if is_old and kept.get("profile", "").startswith(f"{self.name}{ROLE_SESSION_MARK}arn:"):
                OwnFile(os.path.join(sessions, os.path.basename(record.path))).remove()
                record.remove()

    def check_may_hold(self) -> None:
        """Refuse a profile that cannot hold a session.

        Raises:
            UsageError: its name could not be read back from a section's header.
            ProfileError: it holds keys that are no session, or gets credentials from a program.
        """
        check_profile_name(self.name)
        if self.name == SERVED_PROFILE:
            raise ProfileError(
                f"the profile {SERVED_PROFILE!r} has to be empty for programs that ask mfakit's"
                " endpoint",
                "name another profile for the session: --profile mfa",
            )
        if self.has_key_elsewhere:
            raise self.in_file.protected()
        self.in_file.refuse_protected(self.keys)
        if self.is_kept_elsewhere and self.in_file.has_session():
            import shlex

            raise ProfileError(
                f"a session in {self.files.credentials_path} shadows the credential_process of"
                f" {self.name!r}",
                f"remove it first: mfakit logout --profile {shlex.quote(self.name)}",
            )
        if self._has_foreign_program:
            self._refuse_session_before_program(f"the profile {self.name!r}")
            raise ProfileError(
                f"the profile {self.name!r} gets its credentials from another program",
                self._source_line(),
            )

    def refuse_foreign(self, named_by: str) -> None:
        """Refuse a profile in which AWS tools would ignore a session's keys.

        Args:
            named_by: how the profile was named, for the error, such as ``AWS_PROFILE is``.

        Raises:
            ProfileError: a role, SSO, a web identity, a console login or another program wins.
        """
        import shlex

        why = self._other_way
        if why is None:
            return
        hint = f"name another profile for the session: --profile {self.holder}"
        given_by = self.setting("credential_source")
        if given_by and given_by != "Environment":
            hint = f"{given_by} gives its keys, which need no login; for a user's session, {hint}"
        elif self.is_protected and not self.setting("source_profile"):
            name = shlex.quote(self.name)
            hint = f"give the role a source: mfakit configure --role-profile {name}"
        if why == _BY_PROGRAM:
            hint = self._source_line()
            self._refuse_session_before_program(f"{named_by} {self.name!r}, which")
        raise ProfileError(
            f"{named_by} {self.name!r}, which {why}; a session there would not be used", hint
        )

    @property
    def _other_way(self) -> str | None:
        """How AWS tools get credentials of the profile, if not from keys or mfakit; else None."""
        values = self.merged
        if any(key.startswith("sso_") for key in values):
            return "signs in through IAM Identity Center: aws sso login"
        if "web_identity_token_file" in values:
            return "signs in with a web identity"
        if "login_session" in values:
            return "signs in through the console: aws login"
        if "role_arn" in values:
            return f"assumes the role {values['role_arn']}"
        process = values.get("credential_process")
        return _BY_PROGRAM if process is not None and not is_own_process(process) else None

    def _not_found(self) -> SessionNotFoundError:
        if self.is_protected:
            error = SessionNotFoundError(
                f"the profile {self.name!r} holds long-term credentials, no session",
                self._kept_beside() or f"log in first: mfakit login --profile {self.holder}",
            )
            is_whole = self.is_long_term or self.has_key_elsewhere
            return error if is_whole else error.about(self.name)
        log_in = self._kept_beside() or self.login_hint("log in first")
        if self.exists:
            problem, meant = f"the profile {self.name!r} holds no session", None
        else:
            problem = f"there is no profile {self.name!r} in {self.files.credentials_path}"
            meant = self._meant()
        return SessionNotFoundError(
            problem, f"is it the profile {meant}? --profile {meant}" if meant else log_in
        ).of_session(self._holder if self.setting("role_arn") else self.name)

    def _kept_beside(self) -> str:
        """Return where the session is that AWS tools would not use here; "" if it is here."""
        import shlex

        can_hold = not self.is_protected and self._other_way is None
        end = self.source_chain()[-1]
        name = end.its_session if end._has_foreign_program else self._holder
        if can_hold or name == self.name or self.other(name).held() is None:
            return ""
        return f"name the profile that the session is kept in: --profile {shlex.quote(name)}"

    def _meant(self) -> str | None:
        """Return a profile of a similar name, or the one for its session, quoted for a shell."""
        import shlex
        from difflib import get_close_matches

        name = self.files.like(self.name)
        if name is None:
            return None
        meant = self.other(name)
        cannot_hold = meant.is_protected or meant.setting("role_arn")
        if not cannot_hold:
            return shlex.quote(name)
        holder = meant._holder
        is_meant = meant.other(holder).exists or bool(get_close_matches(self.name, [holder]))
        return shlex.quote(holder) if is_meant and holder != self.name else None

    @property
    def _has_foreign_program(self) -> bool:
        return "credential_process" in self.merged and not self.is_kept_elsewhere

    def _refuse_session_before_program(self, who: str) -> None:
        """Refuse a profile whose session AWS tools use, ended or not, in place of its program.

        Raises:
            ProfileError: the credentials file holds one.
        """
        if self.in_file.has_session():
            raise ProfileError(
                f"{who} gets its credentials from the session in {self.files.credentials_path},"
                " and its credential_process is never run",
                self._source_line(),
            )

    def _source_line(self) -> str:
        import shlex

        session, source = shlex.quote(self.its_session), shlex.quote(self.name)
        if kept := self._kept_beside():
            return kept
        if self.in_file.has_session():
            return f"if the session has ended, remove it: mfakit logout --profile {source}"
        line = f"mfakit login --profile {session} --source-profile {source}"
        return f"if it gives long-term keys, log in with them: {line}"

    def login_hint(self, what: str, held: Held | None = None) -> str:
        """Return what to do about a session that is missing or has ended, with the command."""
        if self._has_foreign_program:
            return self._source_line()
        return f"{what}: {self._login_command(held)}"

    def login_command(self, option: str = "") -> str:
        """Return the command that renews the profile's session; one of a role as the role's."""
        return self._login_command(None if self.setting("role_arn") else self.held(), option)

    def _login_command(self, held: Held | None, option: str = "") -> str:
        import shlex

        cannot_hold = self.setting("role_arn") or self.is_protected
        session = self.other(self._holder) if cannot_hold else self
        role = held.role_arn if held else None
        of_role = f" --role-arn {shlex.quote(role)}" if role else ""
        return f"mfakit login{option} --profile {shlex.quote(session.name)}{of_role}"


class RoleSession(Profile):
    """The place in the session cache for a role's session; no AWS tool sees it as a profile.

    Args:
        base: the profile with the session that the role is assumed from.
        role_arn: the role.
        policies_digest: the session policies, as a record knows them.
    """

    def __init__(self, base: Profile, role_arn: str, policies_digest: str | None) -> None:
        limits = f" with {policies_digest}" if policies_digest else ""
        super().__init__(f"{base.name}{ROLE_SESSION_MARK}{role_arn}{limits}", base.files)
        self._made_of = (base, role_arn, policies_digest)

    @property
    def store(self) -> Store:
        """The session cache."""
        return SessionCache(self.name, self.files)

    def read_again(self) -> RoleSession:
        """Return the same place, from files that are read again."""
        base, role_arn, policies_digest = self._made_of
        return RoleSession(base.read_again(), role_arn, policies_digest)

    def _keep_digest(self, session: SessionCredentials, *, if_missing: bool) -> None:
        """Do nothing: no other program writes there."""

    def keep(
        self,
        session: SessionCredentials,
        note: Callable[[str], object],
        record: Callable[[], SessionRecord] | None = None,
    ) -> None:
        """Write a session, and remove those of the same profile that ended long ago."""
        super().keep(session, note, record)
        self._made_of[0]._forget_roles(note, _OLD_SECONDS)


def _has_session(store: Store) -> bool:
    """Whether a store has a session, even one with a part that is missing or in quotes."""
    try:
        return store.has_session()
    except FileError:
        return False


def check_key_id(session: SessionCredentials) -> None:
    """Refuse what may be no session, since its key id is not one of STS.

    Raises:
        InvalidSessionError: it is not.
    """
    if not session.access_key_id.startswith(SESSION_KEY_PREFIX):
        raise InvalidSessionError(
            f"a session's key id starts with {SESSION_KEY_PREFIX}; this one does not",
            "give the output of: aws sts get-session-token",
        )


def check_profile_name(name: str) -> None:
    """Refuse a name that could not be read back from a section's header.

    Raises:
        UsageError: it has brackets, control characters, spaces at its ends, is empty, or is
            ``DEFAULT``, whose keys configparser reads into every profile.
    """
    if not may_name_profile(name):
        raise UsageError(
            f"{name!r} cannot be a profile's name",
            "use letters, digits, spaces within, and the characters - _ . @ +",
        )


def may_name_profile(name: str) -> bool:
    """Whether a name can be read back from a section's header."""
    return not (
        not name
        or name != name.strip()
        or not name.isprintable()
        or name.startswith("profile ")
        or name == DEFAULT
        or any(bracket in name for bracket in "[]")
    )


def read_session(profile: str, *, environ: Mapping[str, str] | None = None) -> SessionCredentials:
    """Read the session of a profile, expired or not.

    Args:
        profile: the session profile, as in ``aws --profile``.
        environ: the environment with the paths of the files; by default the process's own.

    Returns:
        The session; its expiration is None if the tool that wrote it did not write one.

    Raises:
        SessionNotFoundError: the profile does not exist, or holds no session.
        FileError: a file cannot be read.
    """
    return open_profile(profile, environ).find().session


def write_session(
    profile: str,
    credentials: SessionCredentials,
    *,
    environ: Mapping[str, str] | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> None:
    """Write a session to a profile; all else in the files stays as it is.

    Args:
        profile: the session profile.
        credentials: the session.
        environ: the environment with the paths of the files; by default the process's own.
        note: called with messages for the user, such as permissions that were removed.

    Raises:
        UsageError: the profile's name cannot be written to the file.
        InvalidSessionError: the key id is not that of a session.
        ProfileError: the profile holds keys that are no session, which are never overwritten, or
            gets its credentials from another program.
        FileError: the file cannot be written. It was not changed then.
    """
    open_profile(profile, environ).keep(credentials, note)


def remove_session(
    profile: str,
    *,
    environ: Mapping[str, str] | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> None:
    """Remove the session of a profile, and its record.

    If the section of the credentials file is empty then, it is removed too.

    Args:
        profile: the session profile.
        environ: the environment with the paths of the files; by default the process's own.
        note: called with messages for the user, as by ``write_session``.

    Raises:
        SessionNotFoundError: the profile holds no session.
        ProfileError: another program has put a secret into it, before its id.
        FileError: the file cannot be written. It was not changed then.
    """
    open_profile(profile, environ).remove(note)


def open_profile(name: str, environ: Mapping[str, str] | None = None) -> Profile:
    """Return a profile of the AWS files that an environment names; by default the process's."""
    return Profile(name, AWSFiles(environ))


def _ends_later(session: SessionCredentials, than: SessionCredentials) -> bool:
    """Whether a session is known to end later; one whose end is unknown may have ended."""
    from mfakit.moments import utc_now

    return session.expiration is not None and session.expiration > (than.expiration or utc_now())
